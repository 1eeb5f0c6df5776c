# SPDX-License-Identifier: Apache-2.0
"""Hosts, services, agents, amphorae, and the servers of hosts that are dead."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from day2.model.outcome import Ending
from tests.scenarios.hosts.guests import Guests

REASON = "day2: drain run-7 by tester (T-1)"


@pytest.fixture
def host(guests: Guests) -> Iterator[dict[str, Any]]:
    row = guests.service("compute04")
    yield row
    guests.cloud.compute.update_service(str(row["id"]), status="enabled", forced_down=False)


def service(guests: Guests, action: str, row: dict[str, Any], reason: str = REASON) -> Any:
    return guests.step(action, row["host"], service_id=str(row["id"]), reason=reason)


def test_a_host_is_disabled_with_our_reason_and_enabled_by_it(
    guests: Guests, host: dict[str, Any]
) -> None:
    step = service(guests, "compute.disable", host)
    assert step.fingerprint == {
        "status": "enabled", "state": "up", "disabled_reason": None, "forced_down": False,
    }  # fmt: skip
    result, _do = guests.perform(step)
    assert (result.ending, result.detail) == (Ending.DONE, f"disabled ({REASON})")
    assert guests.service("compute04")["disabled_reason"] == REASON
    assert guests.actions["compute.disable"].look(step).already
    back = guests.back(step, result)
    assert back.action == "compute.enable"
    guests.look(back)
    assert guests.perform(back)[0].ending is Ending.DONE
    assert guests.service("compute04")["status"] == "enabled"


def test_what_somebody_else_disabled_stays_theirs(guests: Guests, host: dict[str, Any]) -> None:
    disable = service(guests, "compute.disable", host)
    enable = service(guests, "compute.enable", host)
    guests.cloud.compute.update_service(
        str(host["id"]), status="disabled", disabled_reason="bad disk"
    )
    result, _do = guests.perform(disable)
    assert result.ending is Ending.SKIPPED
    assert "somebody else has disabled it meanwhile (reason: bad disk)" in result.detail
    assert guests.actions["compute.disable"].undo(disable, result.facts) is None
    result, _do = guests.perform(enable)
    assert result.ending is Ending.SKIPPED
    assert "another reason than ours (bad disk)" in result.detail
    assert guests.service("compute04")["disabled_reason"] == "bad disk"


def test_a_host_forced_down_meanwhile_is_not_enabled(guests: Guests, host: dict[str, Any]) -> None:
    guests.perform(service(guests, "compute.disable", host))
    step = service(guests, "compute.enable", host)
    guests.cloud.compute.update_service(str(host["id"]), forced_down=True)
    result, _do = guests.perform(step)
    assert (result.ending, "forced down meanwhile" in result.detail) == (Ending.SKIPPED, True)
    result, _do = guests.perform(service(guests, "compute.enable", host))
    assert result.ending is Ending.DONE
    assert not guests.service("compute04")["forced_down"]


def test_a_host_settles_when_nothing_arrives_any_more(guests: Guests) -> None:
    own = guests.fresh("plain")
    step = guests.step("host.settle", "compute03", seconds_max=120)
    given = {"host": "compute03", "block_migration": "auto"}
    result, do = guests.perform(
        step, meanwhile={"quiet": lambda: guests.acts(own, "os-migrateLive", given)}
    )
    assert result.ending is Ending.DONE, result
    assert any("waits for 1 to arrive" in text for text in do.said)
    assert guests.host(own) == "compute03"


def test_a_host_that_does_not_settle_says_who_still_comes(guests: Guests) -> None:
    own = guests.fresh("hang")
    guests.acts(own, "os-migrateLive", {"host": "compute03", "block_migration": "auto"})
    result, _do = guests.perform(guests.step("host.settle", "compute03", seconds_max=20))
    assert result.ending is Ending.FAILED
    assert result.detail == f"not quiet after 20 s: {own}"
    row = guests.cloud.compute.moves_of(own)[0]
    assert guests.cloud.compute.abort(own, row.id).ok
    guests.clock.sleep(2)


def test_a_drained_host_is_accounted_for(guests: Guests) -> None:
    full = guests.step("host.verify-drained", "compute01", left={})
    result, _do = guests.perform(full)
    assert result.ending is Ending.FAILED
    assert "still there" in result.detail
    here = dict.fromkeys(result.facts["guests"], "by decision")
    moved = guests.fresh("plain")
    guests.perform(guests.live(moved))
    result, _do = guests.perform(
        guests.step("host.verify-drained", "compute01", left=here, guests=[moved])
    )
    assert result.ending is Ending.DONE, result
    assert result.facts["accounts"][moved] == "on compute02"
    assert moved not in result.facts["left"]
    empty, _do = guests.perform(guests.step("host.verify-drained", "compute04", left={}))
    assert (empty.ending, empty.facts["provider"]) == (Ending.DONE, "compute04")


def test_old_disks_that_wait_for_a_word_are_not_drained(guests: Guests) -> None:
    own = guests.fresh("off")
    guests.acts(own, "migrate", {"host": "compute04"}, seconds=10)
    step = guests.step("host.verify-drained", "compute01", left={})
    result, _do = guests.perform(step)
    assert f"wait for confirm or revert, their old disks are here: {own}" in result.detail
    guests.acts(own, "revertResize", seconds=3)


def test_a_host_that_may_be_alive_is_never_evacuated(guests: Guests) -> None:
    own = guests.fresh("lost")
    given: dict[str, Any] = {"source": "dead01", "targets": ["compute04"], "was": "ACTIVE"}
    given["seconds_max"] = 60
    step = guests.step("server.evacuate", own, **given)
    row = guests.service("dead01")
    guests.cloud.compute.update_service(str(row["id"]), forced_down=False)
    result, _do = guests.perform(step)
    assert result.ending is Ending.FAILED
    assert "is down, and not forced down: fence the host first" in result.detail
    up = guests.step("server.evacuate", guests.fresh("plain"), **given | {"source": "compute01"})
    result, _do = guests.perform(up)
    assert "the compute service of compute01 is up: drain it" in result.detail
    assert guests.moves(own) == []


def test_servers_of_a_dead_host_run_again_elsewhere(guests: Guests) -> None:
    row = guests.service("dead01")
    guests.cloud.compute.update_service(
        str(row["id"]), status="disabled", disabled_reason=REASON, forced_down=True
    )
    for own, was in ((guests.fresh("lost"), "ACTIVE"), (guests.ids["lost-off"], "SHUTOFF")):
        given: dict[str, Any] = {"source": "dead01", "targets": ["compute04"], "was": was}
        given["seconds_max"] = 60
        step = guests.step("server.evacuate", own, **given)
        result, _do = guests.perform(step)
        assert (result.ending, result.detail) == (Ending.DONE, "dead01 → compute04"), result
        assert guests.server(own)["status"] == was
        assert result.facts["proof"]["kept_by_source"] == ["dead01"]
        assert guests.actions[step.action].undo(step, result.facts) is None
    result, _do = guests.perform(service(guests, "compute.enable", row))
    assert result.ending is Ending.FAILED
    assert "start nova-compute there, it deletes them, and then enable again" in result.detail
    assert guests.service("dead01")["status"] == "disabled"


def agents(guests: Guests, binary: str) -> list[dict[str, Any]]:
    path = f"/v2.0/agents?binary={binary}"
    found: list[dict[str, Any]] = guests.ask("network", "GET", path)["agents"]
    return found


@pytest.mark.parametrize(
    ("action", "things", "binary", "below"),
    [
        ("agent.move-router", "routers", "neutron-l3-agent", "l3-agents"),
        ("agent.move-network", "networks", "neutron-dhcp-agent", "dhcp-agents"),
    ],
)
def test_what_agents_serve_goes_to_another(
    guests: Guests, action: str, things: str, binary: str, below: str
) -> None:
    rows = guests.ask("network", "GET", f"/v2.0/{things}")[things]
    own = next(row["id"] for row in rows if row["name"] in {"acme-r", "acme-net"})

    def serving() -> set[str]:
        found = guests.ask("network", "GET", f"/v2.0/{things}/{own}/{below}")["agents"]
        return {row["id"] for row in found}

    every = {row["id"] for row in agents(guests, binary)}
    if things == "networks":
        # Two serve it: one is taken away first, so that there is another one to go to.
        spare = min(serving())
        guests.cloud.network.remove_network(spare, own)
    here, there = next(iter(serving())), next(iter(every - serving()))
    step = guests.step(action, own, from_agent=here, to_agent=there)
    result, _do = guests.perform(step)
    assert result.ending is Ending.DONE, result
    assert serving() == {there}
    assert guests.actions[action].look(step).already
    back = guests.back(step, result)
    assert guests.perform(back)[0].ending is Ending.DONE
    assert serving() == {here}


def test_a_router_that_cannot_arrive_goes_back(guests: Guests) -> None:
    own = guests.ask("network", "GET", "/v2.0/routers")["routers"][0]["id"]
    path = f"/v2.0/routers/{own}/l3-agents"
    here = guests.ask("network", "GET", path)["agents"][0]["id"]
    there = next(row["id"] for row in agents(guests, "neutron-l3-agent") if row["id"] != here)
    step = guests.step("agent.move-router", own, from_agent=here, to_agent=there)

    def disable() -> None:
        assert guests.cloud.network.set_agent(there, up=False).ok

    result, _do = guests.perform(step, meanwhile={"join": disable})
    assert result.ending is Ending.FAILED
    assert result.detail.endswith("it is back where it was")
    assert [row["id"] for row in guests.ask("network", "GET", path)["agents"]] == [here]
    result, _do = guests.perform(step)
    assert result.detail.startswith("nothing was changed: L3 agent on ")
    assert result.detail.endswith(" is disabled")
    guests.cloud.network.set_agent(there, up=True)


@pytest.mark.parametrize("taker", ["the old one", "the old one each time", "a third"])
def test_a_free_router_that_neutron_gives_away_in_between(guests: Guests, taker: str) -> None:
    """An agent that asks for its routers is given one that nobody serves; found on the lab."""
    own = guests.ask("network", "GET", "/v2.0/routers")["routers"][0]["id"]
    path = f"/v2.0/routers/{own}/l3-agents"
    here = guests.ask("network", "GET", path)["agents"][0]["id"]
    there, third = (a["id"] for a in agents(guests, "neutron-l3-agent") if a["id"] != here)
    step = guests.step("agent.move-router", own, from_agent=here, to_agent=there)

    def given(to: str) -> Callable[[], None]:
        def give() -> None:
            assert guests.cloud.network.add_router(to, own).ok

        return give

    calls = {"join": given(third if taker == "a third" else here)}
    if taker == "the old one each time":
        calls |= {"join-2": given(here), "join-3": given(here)}
    result, _do = guests.perform(step, meanwhile=calls)
    serving = [row["id"] for row in guests.ask("network", "GET", path)["agents"]]
    if taker == "the old one each time":
        assert result.ending is Ending.FAILED
        assert result.detail.endswith("it is back where it was")
        assert serving == [here]
        return
    assert result.ending is Ending.DONE, result
    assert serving == [third if taker == "a third" else there]
    assert ("to which Neutron gave it by itself" in result.detail) == (taker == "a third")
    assert guests.perform(guests.back(step, result))[0].ending is Ending.DONE
    assert [row["id"] for row in guests.ask("network", "GET", path)["agents"]] == [here]


@pytest.mark.parametrize("comes_back", [True, False])
def test_a_router_that_has_left_while_neutron_goes_is_not_forgotten(
    guests: Guests, comes_back: bool
) -> None:
    """It serves nobody until it is back: that is said, and it is tried at once, and by the undo."""
    own = guests.ask("network", "GET", "/v2.0/routers")["routers"][0]["id"]
    path = f"/v2.0/routers/{own}/l3-agents"
    here = guests.ask("network", "GET", path)["agents"][0]["id"]
    there = next(row["id"] for row in agents(guests, "neutron-l3-agent") if row["id"] != here)
    step = guests.step("agent.move-router", own, from_agent=here, to_agent=there)
    down = {"kind": "status", "status": 503, "service": "network"}
    meanwhile: dict[str, Any] = {"join": lambda: guests.faults(down)}
    if comes_back:
        meanwhile["return"] = guests.faults
    result, _do = guests.perform(step, meanwhile=meanwhile)
    guests.faults()
    assert result.ending is Ending.FAILED
    assert "HTTP 503" in result.detail
    serving = [row["id"] for row in guests.ask("network", "GET", path)["agents"]]
    if comes_back:
        assert result.detail.endswith("it is back where it was")
        assert serving == [here]
        return
    assert "no agent serves it now: give it to one" in result.detail
    assert serving == []
    assert guests.perform(guests.back(step, result))[0].ending is Ending.DONE
    assert [row["id"] for row in guests.ask("network", "GET", path)["agents"]] == [here]


def test_an_agent_is_disabled_and_enabled(guests: Guests) -> None:
    own = agents(guests, "neutron-dhcp-agent")[0]["id"]
    step = guests.step("agent.disable", own)
    assert step.fingerprint == {"admin_state_up": True, "alive": True}
    result, _do = guests.perform(step)
    assert (result.ending, result.detail) == (Ending.DONE, "the agent is disabled")
    back = guests.back(step, result)
    assert back.action == "agent.enable"
    guests.look(back)
    assert guests.perform(back)[0].detail == "the agent is enabled"


def test_a_volume_service_is_disabled_and_enabled(guests: Guests) -> None:
    rows = guests.ask("block-storage", "GET", "/os-services?binary=cinder-volume")["services"]
    given = {"host": rows[0]["host"], "binary": "cinder-volume", "reason": REASON}
    step = guests.step("volume-service.disable", rows[0]["host"], **given)
    result, _do = guests.perform(step)
    assert result.ending is Ending.DONE, result
    foreign = guests.step("volume-service.enable", rows[0]["host"], **given | {"reason": "other"})
    assert guests.perform(foreign)[0].ending is Ending.SKIPPED
    back = guests.back(step, result)
    assert back.action == "volume-service.enable"
    guests.look(back)
    assert guests.perform(back)[0].ending is Ending.DONE


def test_an_amphora_is_replaced_elsewhere(guests: Guests) -> None:
    old = guests.ask("load-balancer", "GET", "/v2.0/octavia/amphorae")["amphorae"][0]
    row = guests.service("compute01")
    guests.cloud.compute.update_service(str(row["id"]), status="disabled")
    step = guests.step("amphora.failover", old["id"], amphora_id=old["id"], seconds_max=120)
    result, _do = guests.perform(step)
    guests.cloud.compute.update_service(str(row["id"]), status="enabled")
    assert result.ending is Ending.DONE, result
    new = guests.ask("load-balancer", "GET", "/v2.0/octavia/amphorae")["amphorae"][0]
    assert new["id"] != old["id"]
    assert guests.host(new["compute_id"]) != "compute01"
    assert guests.actions[step.action].look(step).already
