# SPDX-License-Identifier: Apache-2.0
"""A drain by whole commands: planned, approved, run by an engine that is killed, and undone."""

import json
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from day2.adapters.clock import SystemClock
from day2.adapters.openstack import clouds
from day2.adapters.openstack.clouds import OpenStackSettings
from day2.adapters.openstack.limits import LoadSettings
from day2.adapters.openstack.listing import find_service
from day2.adapters.openstack.session import Session
from day2.memory import plans, runs
from day2.memory.store import open_memory
from day2.model.finding import Subject
from day2.model.outcome import Ending
from day2.model.run import Run, RunStep, State, Wanted
from tests.scenarios.sandboxes import Ended, Home
from tests.unit.builders import HOSTILE

# Whole runs, one after the other; a machine may have more to do.
pytestmark = pytest.mark.timeout(400)

GUESTS = 8
FULL = bool(os.environ.get("TEST_FULL"))
SEEDS, KILLS = (range(40), 8) if FULL else (range(1), 6)
MOVE_SECONDS = 6


def scenario() -> dict[str, Any]:
    hosts: list[dict[str, Any]] = [
        {"name": "control01", "roles": ["control", "network", "storage"]}
    ]
    hosts += [
        {"name": f"compute0{n}", "roles": ["compute"], "vcpus": 64, "memory_mib": 1 << 18}
        for n in (1, 2, 3)
    ]
    guest = {"project": "acme", "flavor": "m1.small", "image": "debian", "network": "acme-net"}
    return {
        "description": "A host to be drained",
        "timers": {"live_migration": f"{MOVE_SECONDS}s"},
        "hosts": hosts,
        "projects": [{"name": "acme"}],
        "flavors": [{"name": "m1.small", "vcpus": 1, "ram_mib": 512, "disk_gib": 1}],
        "images": [{"name": "debian"}],
        "networks": [
            {"name": "public", "cidr": "203.0.113.0/24", "external": True},
            {"name": "acme-net", "project": "acme", "cidr": "10.10.0.0/16", "router": "acme-r"},
        ],
        "servers": [
            {**guest, "name": "web", "count": GUESTS, "host": ["compute01"]},
            {**guest, "name": "off", "host": ["compute01"], "status": "SHUTOFF"},
        ],
    }


class Operator:
    """Somebody at a shell, in front of a sandbox of one full host."""

    def __init__(self, folder: Path) -> None:
        self.home = Home(folder)
        file = folder / "drain.yaml"
        file.write_text(json.dumps(scenario()))
        started = self.home.run("sandbox", "up", "--scenario", str(file))
        assert started.code == 0, started.err
        self.home.more = {"DAY2_DRAIN__PER_SOURCE_MAX": "2", "DAY2_DRAIN__CLOUD_MAX": "4"}

    def day2(self, *words: str) -> Ended:
        return self.home.run("--cloud", "sandbox", *words)

    def plan(self, *words: str) -> dict[str, Any]:
        ended = self.day2(*words, "--plan-only", "-f", "json")
        assert ended.code == 0, ended.err
        return ended.document

    def run(self, name: str) -> Run:
        return runs.load(open_memory(self.home.state), name)

    def kill_engine(self) -> bool:
        """End the engine as `kill -9` does; False when none was at work."""
        try:
            who = json.loads((self.home.state / "engine.json").read_text())
            os.kill(who["pid"], signal.SIGKILL)
        except (FileNotFoundError, ProcessLookupError):
            return False
        return True

    def until_ended(self, name: str, seconds: float = 90) -> Run:
        end = time.monotonic() + seconds
        while not (found := self.run(name)).state.ended:
            assert time.monotonic() < end, found
            time.sleep(0.3)
        return found

    def ask(self, path: str) -> Any:
        """Ask Nova as the administrator."""
        account = OpenStackSettings(
            cloud="sandbox", clouds_file=str(self.home.place() / "clouds.yaml")
        )
        session = Session(clouds.find(account, {}), limits=LoadSettings(), clock=SystemClock())
        answer = find_service(session, "compute").ask("GET", path, what=path)
        return msgspec.json.decode(answer.require_ok(path))

    def moves(self) -> Counter[str]:
        """Count the moves of each server that Nova knows."""
        return Counter(row["instance_uuid"] for row in self.ask("/os-migrations")["migrations"])

    def hosts(self) -> Counter[str]:
        rows = self.ask("/servers/detail?all_tenants=1")["servers"]
        return Counter(row["OS-EXT-SRV-ATTR:host"] for row in rows)


@pytest.fixture
def operator(tmp_path: Path) -> Iterator[Operator]:
    made = Operator(tmp_path)
    yield made
    made.kill_engine()
    made.home.run("sandbox", "down")


@pytest.mark.parametrize("seed", SEEDS)
def test_a_drain_whose_engine_is_killed_moves_each_server_once(
    seed: int, operator: Operator
) -> None:
    chance = random.Random(seed)  # noqa: S311 - which moments, not which secrets
    plan = operator.plan("host", "drain", "compute01")
    name = plan["id"]
    assert operator.day2("plan", "approve", name).code == 0
    assert operator.day2("plan", "apply", name, "--no-follow").code == 0
    killed = 0
    for _turn in range(KILLS):
        time.sleep(chance.uniform(0.1, 2.5))
        if operator.run(name).state.ended:
            break
        killed += operator.kill_engine()
        assert operator.day2("run", "resume", name).code == 0
    run = operator.until_ended(name)
    assert run.state is State.DONE, run
    assert killed >= 3
    assert operator.hosts()["compute01"] == 1
    assert set(operator.moves().values()) == {1}
    assert len(operator.moves()) == GUESTS
    rows = operator.day2("journal", "list", "--run", name, "--count", "1000", "-f", "json").document
    kinds = Counter((row["step"], row["kind"]) for row in rows["entries"] if row["step"])
    answered = {key: count for key, count in kinds.items() if key[1] in {"intent", "outcome"}}
    assert set(answered.values()) == {1}
    assert operator.day2("journal", "verify").code == 0


def test_what_plan_apply_ends_with(operator: Operator) -> None:
    """A plan runs once, on its own cloud, and only when somebody has approved it."""
    name = operator.plan("host", "drain", "compute01")["id"]
    nobody = operator.day2("plan", "apply", name)
    assert (nobody.code, nobody.err.splitlines()[0]) == (
        2,
        "day2: there is no terminal to ask on",
    )
    assert operator.day2("plan", "apply", name, "--yes", "--no-follow").code == 0
    second = operator.day2("plan", "apply", name)
    assert (second.code, f"the plan {name} runs now" in second.err) == (23, True)
    early = operator.day2("host", "enable", "compute01", "--plan-only")
    assert (early.code, f"{name} is at work on compute01" in early.err) == (24, True)
    assert operator.plan("host", "enable", "compute02")["steps"] == []
    undo = operator.day2("run", "undo", name)
    assert (undo.code, "has not ended" in undo.err) == (24, True)
    assert operator.day2("run", "cancel", name).code == 0
    assert operator.until_ended(name).state is State.CANCELLED
    expired = operator.plan("run", "undo", name)
    again = operator.day2("plan", "apply", name)
    assert (again.code, "ran already: cancelled" in again.err) == (24, True)
    back = operator.plan("run", "undo", name)
    assert back["id"] == f"{expired['id']}-2"
    assert operator.day2("plan", "apply", back["id"], "--yes").code == 0
    assert operator.run(name).state is State.UNDONE
    more = operator.day2("run", "undo", name)
    assert (more.code, "was undone already" in more.err) == (24, True)
    assert operator.hosts()["compute01"] == GUESTS + 1


def test_a_whole_drain_is_taken_back(operator: Operator) -> None:
    """Nova sends no server to a host that is disabled: it is enabled before they come back."""
    name = operator.plan("host", "drain", "compute01")["id"]
    assert operator.day2("plan", "apply", name, "--yes").code == 0
    assert operator.hosts()["compute01"] == 1
    back = operator.plan("run", "undo", name)
    assert operator.day2("plan", "apply", back["id"], "--yes", "--no-follow").code == 0
    run = operator.until_ended(back["id"])
    assert run.state is State.DONE, run
    assert operator.run(name).state is State.UNDONE
    assert operator.hosts()["compute01"] == GUESTS + 1
    service = operator.ask("/os-services?binary=nova-compute&host=compute01")["services"][0]
    assert service["status"] == "enabled"


def test_a_drain_is_known_however_many_runs_came_after_it(operator: Operator) -> None:
    """A weekend of backups comes between a drain and the day on which its host is enabled."""
    name = operator.plan("host", "drain", "compute01")["id"]
    memory = open_memory(operator.home.state)
    plan = plans.load(memory, name).plan
    drain = Run(
        id=name,
        cloud=plan.cloud,
        region=plan.region,
        plan=name,
        sha256="",
        kind=plan.kind,
        summary="",
        state=State.DONE,
        wanted=Wanted.RUN,
        by="ana",
        at=plan.at,
    )
    with memory.writing() as connection:
        runs.insert_run(connection, drain)
        for number in range(60):
            later = plan.at + timedelta(hours=number + 1)
            after = {"id": f"backup-{number}", "kind": "backup-run", "at": later}
            runs.insert_run(connection, msgspec.structs.replace(drain, **after))
        runs.set_state(connection, name, State.DONE, chosen=0)
    back = operator.day2("host", "enable", "compute01", "--back", "--plan-only")
    assert back.code == 0, back.err
    listed = operator.day2("plan", "list", "-f", "json").document["plans"]
    assert {row["id"]: row["state"] for row in listed}[name] == "done"


def test_no_name_steers_the_terminal_in_any_format(operator: Operator) -> None:
    """Neutron keeps whatever a tenant calls a router."""
    name = operator.plan("host", "drain", "compute01")["id"]
    memory = open_memory(operator.home.state)
    plan = plans.load(memory, name).plan
    router = Subject(type="router", id="r-1", name=HOSTILE)
    step = RunStep(n=1, action="agent.move-router", subject=router, detail=HOSTILE)
    run = Run(
        id=name,
        cloud=plan.cloud,
        region=plan.region,
        plan=name,
        sha256="",
        kind=plan.kind,
        summary=HOSTILE,
        state=State.DONE,
        wanted=Wanted.RUN,
        by="ana",
        at=plan.at,
    )
    with memory.writing() as connection:
        runs.insert_run(connection, run)
        runs.put_steps(connection, name, [step])
    for form in ("table", "csv", "value", "yaml", "json", "text"):
        ended = operator.day2("run", "show", name, *(() if form == "text" else ("-f", form)))
        assert "rm -rf" in ended.out, ended.err
        steers = {c for c in ended.out if not c.isprintable()} - {"\n", "\r"}
        if form == "value":
            assert len(ended.out.splitlines()) == 1
        # What programs read is what it is; a terminal obeys nothing in it.
        assert steers <= ({"\u202e"} if form in {"yaml", "json"} else set()), form


def test_a_plan_of_another_cloud_is_refused(operator: Operator) -> None:
    name = operator.plan("host", "drain", "compute01")["id"]
    assert operator.home.run("sandbox", "up", "--name", "b").code == 0
    try:
        foreign = operator.home.run("--cloud", "sandbox-b", "plan", "apply", name, "--yes")
        assert (foreign.code, "is of the cloud 'sandbox'" in foreign.err) == (24, True)
    finally:
        operator.home.run("sandbox", "down", "--name", "b")


def test_a_cloud_that_is_observed_gets_no_run(operator: Operator) -> None:
    settings = operator.home.place() / "day2.yaml"
    found = settings.read_text()
    settings.write_text(found.replace('"access": "act"', '"access": "observe"'))
    assert settings.read_text() != found
    shown = operator.day2("host", "drain", "compute01")
    assert (shown.code, "Not saved: the cloud 'sandbox' has access: observe" in shown.out) == (
        24,
        True,
    )
    assert operator.day2("plan", "list", "-f", "json").document["plans"] == []


def test_of_two_drains_of_a_zone_at_once_one_takes_its_host_out(operator: Operator) -> None:
    """Both were planned while nobody was away; the second finds out before it changes a thing."""
    names = [operator.plan("host", "drain", f"compute0{n}")["id"] for n in (2, 3)]
    for name in names:
        assert operator.day2("plan", "approve", name).code == 0
    for name in names:
        assert operator.day2("plan", "apply", name, "--no-follow").code == 0
    ended = [operator.until_ended(name) for name in names]
    assert sorted(run.state for run in ended) == [State.DONE, State.PARTIAL]
    late = next(run for run in ended if run.state is State.PARTIAL)
    disable = next(step for step in late.steps if step.action == "compute.disable")
    assert disable.outcome is Ending.FAILED
    assert "refused: compute0" in disable.detail
    assert "of the zone nova like this one: one at a time" in disable.detail
    rows = operator.ask("/os-services?binary=nova-compute")["services"]
    assert sum(row["status"] == "disabled" for row in rows) == 1
