# SPDX-License-Identifier: Apache-2.0
"""A dead host: proven, fenced, and let back only when its old copies are gone."""

import os
import socket
from pathlib import Path
from typing import Any

import pytest

from day2.adapters.fencing import Fence, FencingSettings
from day2.engine.action import Result
from day2.model.finding import Subject
from day2.model.outcome import Ending
from day2.model.plan import Step
from day2.operations.hosts.actions.death import ProveDead
from day2.sandbox.hosts import kolla
from tests.scenarios.hosts.direct import Direct, Killed
from tests.scenarios.hosts.guests import Guests, scenario

DEAD, ALIVE = "dead01", "compute04"
ADDRESSES = kolla.addresses(host["name"] for host in scenario()["hosts"])


def settings(guests: Guests) -> FencingSettings:
    return guests.site.section("fencing", FencingSettings)


def prove(guests: Guests, host: str = DEAD, **given: Any) -> Step:
    port = settings(guests).management_port
    arguments = {"address": ADDRESSES[host], "port": port, "stated_by": "", **given}
    subject = Subject(type="host", id=host, host=host)
    return Step(n=1, action=ProveDead.name, subject=subject, why="a test", arguments=arguments)


def proven(guests: Guests, step: Step, **own: Any) -> Result:
    """Prove with the sandbox's own fencing, or with another in its place."""
    given = settings(guests)
    fields = {name: getattr(given, name) for name in given.__struct_fields__}
    fence = Fence(FencingSettings(**fields | own), os.environ)
    return ProveDead(guests.cloud, fence).perform(step, Direct(guests.clock))


def says(folder: Path, words: str) -> list[str]:
    program = folder / "power"
    program.write_text(f"#!/bin/sh\n{words}\n")
    program.chmod(0o755)
    return [str(program), "{host}"]


def force(guests: Guests, *, down: bool) -> None:
    row = guests.service(DEAD)
    assert guests.cloud.compute.update_service(str(row["id"]), forced_down=down).ok


def test_a_dead_host_is_proven_by_three_witnesses(guests: Guests) -> None:
    result, _do = guests.perform(prove(guests))
    assert result.ending is Ending.DONE, result
    proofs = result.facts["proofs"]
    assert proofs["service"]["is_so"]
    assert "does not answer within" in proofs["address"]["said"]
    assert proofs["power"] == {"is_so": True, "said": "Chassis Power is off"}
    assert proofs["blocklist"]["is_so"] is None
    assert result.facts["missing"] == []


def test_a_host_that_lives_is_told_everything_that_speaks_against_it(guests: Guests) -> None:
    result, _do = guests.perform(prove(guests, ALIVE, stated_by="ana"))
    assert result.ending is Ending.FAILED
    service, address, power = result.facts["missing"]
    assert service.startswith("nova-compute is up")
    assert address.endswith(" answers")
    assert power == "its power is not off (Chassis Power is on)"


def test_a_port_that_answers_outweighs_everybody(guests: Guests) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        address, port = listening.getsockname()[:2]
        result = proven(guests, prove(guests, address=address, port=port, stated_by="ana"))
    assert result.ending is Ending.FAILED
    assert result.facts["missing"] == [f"127.0.0.1 port {port} answers"]


@pytest.mark.parametrize(
    ("power", "blocklist", "stated", "missing"),
    [
        ("echo power is on", "", "", ["its power is not off (power is on)"]),
        ("echo power is on", "", "ana", ["its power is not off (power is on)"]),
        ("echo power is on", "echo blocklisted", "", []),
        ("echo no BMC >&2; exit 1", "", "", ["nothing confirms that it is off"]),
        ("echo no BMC >&2; exit 1", "", "ana", []),
        ("", "", "", ["nothing confirms that it is off"]),
        ("", "", "ana", []),
        ("", "echo blocklisted", "", []),
        ("", "echo none", "", ["nothing confirms that it is off"]),
    ],
)
def test_power_or_storage_or_a_word_where_nobody_can_tell(
    guests: Guests, tmp_path: Path, power: str, blocklist: str, stated: str, missing: list[str]
) -> None:
    for name in ("p", "b"):
        (tmp_path / name).mkdir()
    own = {
        "power_command": says(tmp_path / "p", power) if power else [],
        "blocklist_command": says(tmp_path / "b", blocklist) if blocklist else [],
    }
    result = proven(guests, prove(guests, stated_by=stated), **own)
    assert len(result.facts["missing"]) == len(missing), result
    assert all(told in result.detail for told in missing)
    assert result.ending is (Ending.FAILED if missing else Ending.DONE)
    if stated and not missing:
        assert result.detail.endswith("ana says that it is off")


@pytest.mark.parametrize("address", ["", "no-such-host.invalid"])
def test_an_address_that_nobody_knows_is_no_proof(guests: Guests, address: str) -> None:
    step = prove(guests, address=address)
    assert proven(guests, step).ending is Ending.FAILED
    assert proven(guests, prove(guests, address=address, stated_by="ana")).ending is Ending.DONE


def test_what_somebody_forced_down_is_watched_for_life(guests: Guests) -> None:
    row = guests.service(ALIVE)
    guests.cloud.compute.update_service(str(row["id"]), forced_down=True)
    step = prove(guests, ALIVE, address=ADDRESSES[DEAD])
    result, do = guests.perform(step)
    guests.cloud.compute.update_service(str(row["id"]), forced_down=False)
    assert "nova-compute is forced down, and reports all the time" in result.facts["missing"]
    assert any("watching 60 s" in text for text in do.said)
    force(guests, down=True)
    result, _do = guests.perform(prove(guests))
    force(guests, down=False)
    assert result.ending is Ending.DONE
    assert "silent for 60 s" in result.detail


def test_a_host_that_came_back_behind_its_fence_is_not_evacuated(guests: Guests) -> None:
    """Nova shows it down as long as it is forced down: its reports tell that it lives again."""
    row = guests.service(ALIVE)
    own = guests.fresh("plain")
    given = {"host": ALIVE, "block_migration": "auto"}
    guests.acts(own, "os-migrateLive", given, seconds=10)
    guests.cloud.compute.update_service(str(row["id"]), forced_down=True)
    try:
        assert guests.service(ALIVE)["state"] == "down"
        evacuate: dict[str, Any] = {
            "source": ALIVE,
            "targets": ["compute02"],
            "was": "ACTIVE",
            "seconds_max": 60,
        }
        result, _do = guests.perform(guests.step("server.evacuate", own, **evacuate))
    finally:
        guests.cloud.compute.update_service(str(row["id"]), forced_down=False)
    assert (result.ending, guests.host(own)) == (Ending.FAILED, ALIVE)
    assert result.detail.startswith(
        f"refused: {ALIVE} is forced down, and its nova-compute reports"
    )
    assert [kind for kind, _status in guests.moves(own)] == ["live-migration"]


def test_silence_is_not_proven_while_nova_does_not_answer(guests: Guests) -> None:
    """Not read is never taken for not there."""
    force(guests, down=True)

    def dead_nova() -> None:
        guests.faults({"kind": "status", "service": "compute", "status": 503})

    result, _do = guests.perform(prove(guests), meanwhile={"heartbeat": dead_nova})
    guests.faults()
    force(guests, down=False)
    assert result.ending is Ending.FAILED
    assert result.facts["missing"] == [
        "nova-compute is forced down, and Nova did not tell whether it reports"
    ]


def test_a_name_that_no_service_has_is_not_dead(guests: Guests) -> None:
    step = prove(guests)
    nobody = Step(
        n=1,
        action=step.action,
        subject=Subject(type="host", id="dead02", host="dead02"),
        why="a test",
        arguments=step.arguments,
    )
    result, _do = guests.perform(nobody)
    assert result.facts["missing"][0] == "dead02 has no nova-compute service"


def forcing(guests: Guests, action: str, host: str = DEAD) -> Step:
    return guests.step(action, host, service_id=str(guests.service(host)["id"]))


@pytest.mark.parametrize("kill", [None, 0, 1])
def test_a_dead_host_is_forced_down_once_and_let_up_again(guests: Guests, kill: int | None) -> None:
    step = forcing(guests, "compute.force-down")
    assert step.fingerprint["forced_down"] is False
    do = Direct(guests.clock, kill_after=kill)
    if kill is not None:
        with pytest.raises(Killed):
            guests.actions[step.action].perform(step, do)
        do = Direct(guests.clock, given=do.records)
    result = guests.actions[step.action].perform(step, do)
    assert (result.ending, result.detail) == (Ending.DONE, "forced down")
    assert guests.service(DEAD)["forced_down"]
    assert guests.actions[step.action].look(step).already == "is forced down already"
    back = guests.back(step, result)
    assert back.action == "compute.unforce-down"
    guests.look(back)
    result, _do = guests.perform(back)
    assert result.ending is Ending.FAILED, "it is let up, and nobody is there"
    assert "its nova-compute is down after 180 s" in result.detail
    assert not guests.service(DEAD)["forced_down"]


def test_a_host_that_lives_is_not_forced_down(guests: Guests) -> None:
    result, _do = guests.perform(forcing(guests, "compute.force-down", ALIVE))
    assert (result.ending, result.detail) == (
        Ending.FAILED,
        "refused: its nova-compute is up again",
    )
    assert not guests.service(ALIVE)["forced_down"]


def test_a_host_stays_fenced_until_its_old_copies_are_deleted(guests: Guests) -> None:
    guests.perform(forcing(guests, "compute.force-down"))
    own = guests.fresh("lost")
    given: dict[str, Any] = {"source": DEAD, "targets": [ALIVE], "was": "ACTIVE"}
    moved, _do = guests.perform(guests.step("server.evacuate", own, seconds_max=60, **given))
    assert moved.ending is Ending.DONE, moved
    step = forcing(guests, "compute.unforce-down")
    result, _do = guests.perform(step)
    assert result.ending is Ending.FAILED
    assert "start nova-compute there, it deletes them" in result.detail
    assert guests.actions[step.action].undo(step, result.facts) is None
    guests.home.control("POST", "revive", {"host": DEAD})
    assert guests.moves(own) == [("evacuation", "completed")]
    assert guests.cloud.placement.providers_of(own) == [ALIVE]
    result, _do = guests.perform(step)
    assert (result.ending, result.detail) == (Ending.DONE, "up again")
    assert guests.service(DEAD)["state"] == "up"
