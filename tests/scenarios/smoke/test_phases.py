# SPDX-License-Identifier: Apache-2.0
"""What becomes of a smoke run when a phase fails: the failure is its result, and nothing stays."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from day2.engine.action import Result
from day2.errors import BadUsage
from day2.model.outcome import Ending
from day2.model.plan import Step
from day2.operations.smoke.actions.server import SmokeServer
from day2.sandbox.faults import Rule
from day2.wiring import smoke
from day2.wiring.smoke import smoke_cloud
from tests.faults.sandbox_site import CLOCK, Bench, running
from tests.faults.smoke.test_kills import rows
from tests.scenarios.hosts.direct import Direct

HOST = "compute01"
HOUR = timedelta(hours=1)
SHORT = {"boot_seconds_max": 4.0, "network_seconds_max": 3.0, "clean_seconds_max": 4.0}


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with running(tmp_path_factory.mktemp("smoke") / "sandbox") as found:
        yield found


def step_of(bench: Bench, host: str = "", **changed: Any) -> Step:
    made = smoke.plan(bench.site, host=host, ticket="").steps[0]
    return msgspec.structs.replace(made, arguments={**made.arguments, **SHORT, **changed})


def perform(bench: Bench, step: Step, *rules: Rule, run: str = "run-of-a-test") -> Result:
    do = Direct(CLOCK)
    do.run = run
    bench.app.faults.set(list(rules))
    try:
        return SmokeServer(smoke_cloud(bench.site)).perform(step, do)
    finally:
        bench.app.faults.set([])


def refused(service: str, method: str, path: str, status: int = 400) -> Rule:
    return Rule(kind="status", service=service, method=method, path=path, status=status)


def outcomes(result: Result) -> dict[str, str]:
    return {phase["name"]: phase["outcome"] for phase in result.facts["phases"]}


@pytest.mark.parametrize(
    ("rule", "phase"),
    [
        (refused("network", "POST", "^/v2.0/networks"), "network"),
        (refused("network", "PUT", "add_router_interface"), "network"),
        (refused("network", "POST", "^/v2.0/ports", 409), "port"),
        (refused("compute", "POST", r"/servers\??$"), "boot"),
        (refused("compute", "POST", r"/servers\??$", 403), "boot"),
        (refused("block-storage", "POST", "/volumes", 413), "volume"),
        (refused("compute", "POST", "os-volume_attachments"), "volume"),
        (refused("network", "POST", "^/v2.0/floatingips", 409), "floating-ip"),
    ],
)
def test_a_phase_that_fails_ends_the_run_and_nothing_stays(
    rule: Rule, phase: str, bench: Bench
) -> None:
    before = rows(bench)
    result = perform(bench, step_of(bench), rule)
    found = outcomes(result)
    assert result.ending is Ending.FAILED
    assert result.detail.startswith(f"{phase}: ")
    assert result.detail.endswith("; everything it made is deleted")
    assert [name for name, outcome in found.items() if outcome == "failed"] == [phase]
    assert list(found)[-1] == "clean"
    assert result.facts["left"] == []
    assert rows(bench) == before


def test_a_run_that_is_well_says_how_long_each_phase_took(bench: Bench) -> None:
    before = rows(bench)
    result = perform(bench, step_of(bench))
    assert result.ending is Ending.DONE, result.detail
    assert outcomes(result) == dict.fromkeys(
        ("network", "port", "boot", "volume", "floating-ip", "guest", "clean"), "done"
    )
    assert all(phase["seconds"] >= 0 for phase in result.facts["phases"])
    assert rows(bench) == before


def test_a_floating_ip_that_no_agent_sets_up_is_a_failure_or_unproven(bench: Bench) -> None:
    world: Any = bench.app.world
    agents = list(world["agents"].find(binary="neutron-l3-agent"))
    for agent in agents:
        world["agents"].change(agent["id"], dead_since=world.started_at - HOUR)
    try:
        result = perform(bench, step_of(bench))
        assert outcomes(result)["floating-ip"] == "failed"
        assert "no L3 agent has made it ACTIVE" in result.detail
        lenient = perform(bench, step_of(bench, floating_ip_active=False))
        assert lenient.ending is Ending.DONE
        assert outcomes(lenient)["floating-ip"] == "unproven"
    finally:
        for agent in agents:
            world["agents"].change(agent["id"], dead_since=None)


def test_a_guest_that_says_nothing_is_never_called_well(bench: Bench) -> None:
    silent = refused("compute", "POST", "/action", 409)
    result = perform(bench, step_of(bench, console_seconds_max=1.0), silent)
    assert result.ending is Ending.DONE
    assert outcomes(result)["guest"] == "unproven"
    assert result.detail.endswith("not proven here: guest")


def test_a_disabled_host_is_tried_and_only_when_the_settings_let_it(bench: Bench) -> None:
    world: Any = bench.app.world
    service = next(world["compute_services"].find(host=HOST, binary="nova-compute"))
    world["compute_services"].change(service["id"], status="disabled", disabled_reason="theirs")
    before = rows(bench)
    try:
        step = step_of(bench, HOST)
        assert any("stays so" in one for one in step.radius)
        result = perform(bench, step)
        assert (result.ending, result.facts["host"]) == (Ending.DONE, HOST), result.detail
        refused_ = perform(bench, step_of(bench, HOST, disabled_hosts=False))
        assert refused_.detail.startswith(f"boot: {HOST} is disabled")
        # What Nova's own compute service puts back, it finds in place.
        assert not next(world["providers"].find(name=HOST))["opened"]
        assert rows(bench) == before
    finally:
        world["compute_services"].change(service["id"], status="enabled", disabled_reason=None)


def test_a_trait_that_nova_puts_back_at_the_wrong_moment_costs_one_boot(bench: Bench) -> None:
    world: Any = bench.app.world
    service = next(world["compute_services"].find(host=HOST, binary="nova-compute"))
    provider = next(world["providers"].find(name=HOST))["id"]
    world["compute_services"].change(service["id"], status="disabled", disabled_reason="theirs")
    before = rows(bench)
    try:
        do = Direct(
            CLOCK,
            meanwhile={"make-server": lambda: world["providers"].change(provider, opened=False)},
        )
        result = SmokeServer(smoke_cloud(bench.site)).perform(step_of(bench, HOST), do)
        assert (result.ending, result.facts["host"]) == (Ending.DONE, HOST), result.detail
        assert {"make-server", "make-server-2"} <= set(do.names)
        assert rows(bench) == before
    finally:
        world["compute_services"].change(service["id"], status="enabled", disabled_reason=None)


def test_a_host_that_is_down_is_said_to_be(bench: Bench) -> None:
    world: Any = bench.app.world
    service = next(world["compute_services"].find(host=HOST, binary="nova-compute"))
    world["compute_services"].change(service["id"], dead_since=world.started_at - HOUR)
    try:
        result = perform(bench, step_of(bench, HOST))
        assert result.detail.startswith(f"boot: nova-compute on {HOST} is down")
    finally:
        world["compute_services"].change(service["id"], dead_since=None)


def test_what_does_not_go_is_named_and_the_next_run_deletes_it(bench: Bench) -> None:
    before = rows(bench)
    world: Any = bench.app.world

    def snapshot() -> None:
        """Hang a snapshot on the volume: Cinder does not delete what one hangs on."""
        name = "day2-smoke-run-of-a-test-1"
        volume = next(row["id"] for row in world["volumes"] if row["name"] == name)
        world["volume_snapshots"].put(
            {"id": "s", "volume_id": volume, "project_id": "p", "created_at": world.now()}
        )

    do = Direct(CLOCK, meanwhile={"delete-volume": snapshot})
    result = SmokeServer(smoke_cloud(bench.site)).perform(step_of(bench), do)
    world["volume_snapshots"].delete("s")
    assert (result.ending, outcomes(result)["clean"]) == (Ending.FAILED, "failed")
    (left,) = result.facts["left"]
    assert result.facts["made"]["volume"] in left
    assert rows(bench)["volumes"] == before["volumes"] + 1
    # Young things may still be in use: they are neither planned nor, should they be, deleted.
    assert step_of(bench).arguments["leftovers"] == []
    volume = {"kind": "volume", "id": result.facts["made"]["volume"], "name": "x"}
    young = perform(bench, step_of(bench, leftovers=[volume], leftover_hours=1.0), run="young")
    assert (young.ending, rows(bench)["volumes"]) == (Ending.DONE, before["volumes"] + 1)
    old = perform(bench, step_of(bench, leftovers=[volume], leftover_hours=0.00001), run="next")
    assert (old.ending, outcomes(old)["leftovers"]) == (Ending.DONE, "done")
    assert rows(bench) == before


def test_what_others_own_is_never_a_leftover_whatever_it_is_called(bench: Bench) -> None:
    world: Any = bench.app.world
    theirs = next(row for row in world["volumes"] if row["status"] == "available")
    world["volumes"].change(theirs["id"], name="day2-smoke-mine-1")
    volume = {"kind": "volume", "id": theirs["id"], "name": "day2-smoke-mine-1"}
    result = perform(bench, step_of(bench, leftovers=[volume], leftover_hours=0.00001))
    assert result.ending is Ending.DONE
    assert world["volumes"].get(theirs["id"])["status"] == "available"


def test_a_host_that_is_none_is_refused_before_anything(bench: Bench) -> None:
    with pytest.raises(BadUsage, match="no compute host 'nowhere'"):
        smoke.plan(bench.site, host="nowhere", ticket="")
