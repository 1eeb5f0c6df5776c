# SPDX-License-Identifier: Apache-2.0
"""A host dies for real: nothing is rebuilt before that is proven, and nothing comes back too early.

Its nova-compute is killed, its power is told by a program like `ipmitool`, and its management
address is a port whose queue is full: nobody answers there.
"""

import socket
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from day2.model.outcome import Ending
from day2.model.run import Run, State
from lab.cloud import Cloud
from lab.parts.galera import Galera
from lab.parts.nodes_ansible import ansible
from lab.parts.tls import Tls
from lab.place import Place
from lab.processes import wait_for
from tests.conftest import fresh
from tests.lab.hands import Hands
from tests.lab.program import Program
from tests.lab.upset import Upset, by_name

HOST = "compute04"
COMPUTE = f"nova-compute-{HOST}"
# bfv01 boots from a volume; app02 and those of this test have local disks; dev02 is suspended.
LOCAL, VOLUME, SUSPENDED, STOPPED = "app02", "bfv01", "dev02", "mean-stopped"
BMC = """#!/bin/sh
[ "$1" = status ] || exit 2
echo "Chassis Power is $(cat "$0-$2")"
"""


class Dead:
    """The host, what tells of its death, and an operator."""

    def __init__(self, upset: Upset, bmc: Path) -> None:
        self.upset = upset
        self.hands = upset.hands
        self._power = bmc.with_name(f"{bmc.name}-{HOST}")
        self.switch("on")
        named = self.hands.api.compute.servers(all_projects=True)
        upset.ids |= {s.name: s.id for s in named if s.compute_host == HOST}

    def switch(self, power: str) -> None:
        self._power.write_text(power)

    def plan(self, *words: str) -> dict[str, Any]:
        ended = self.upset.operator.run("host", *words, "--plan-only", "-f", "json")
        assert ended.code == 0, ended.stderr
        return ended.document

    def applied(self, plan: dict[str, Any]) -> Run:
        """Run it to its end."""
        operator = self.upset.operator
        assert operator.run("plan", "approve", plan["id"]).code == 0
        operator.run("plan", "apply", plan["id"])
        return self.upset.run(plan["id"])

    def service(self) -> tuple[str, str, bool]:
        row = self.hands.service(HOST)
        return row.status, row.state, row.is_forced_down


def blockers(plan: dict[str, Any]) -> dict[str, str]:
    return {row["kind"]: row["why"] for row in plan["refused"] if row["blocker"]}


@contextmanager
def nobody() -> Iterator[int]:
    """Yield a port behind which nobody is: its queue is full, and never emptied."""
    with ExitStack() as stack:
        port = stack.enter_context(socket.socket())
        port.bind(("127.0.0.1", 0))
        port.listen(0)
        for _ in range(3):
            link = stack.enter_context(socket.socket())
            link.setblocking(False)
            link.connect_ex(port.getsockname())
        yield int(port.getsockname()[1])


@pytest.fixture(scope="module")
def dead(cloud: Cloud, place: Place, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dead]:
    folder = tmp_path_factory.mktemp("operator")
    bmc, inventory = folder / "bmc", folder / "inventory"
    bmc.write_text(BMC)
    bmc.chmod(0o700)
    inventory.write_text(f"[compute]\n{HOST} ansible_host=127.0.0.1\n")
    account = {"cloud": "lab", "clouds_file": str(cloud.describe()["clouds_yaml"])}
    fresh(cloud, place)
    with ExitStack() as stack:
        port = stack.enter_context(nobody())
        operator = Program(
            cloud,
            folder,
            access="act",
            writing=account,
            kolla={"inventory": str(inventory), "virtualenv": str(ansible(place).parent)},
            fencing={
                "power_command": [str(bmc), "status", "{host}"],
                "management_port": port,
                "seconds_max": 2,
                "down_seconds": 10,
            },
            drain={"start_seconds": 5, "per_source_max": 4},
        )
        hands = stack.enter_context(closing(Hands(cloud, galera=Galera(place), tls=Tls(place))))
        upset = Upset(hands, operator)
        upset.boot(STOPPED, "m1.tiny", HOST)
        upset.wait_booted()
        hands.api.compute.stop_server(upset.ids[STOPPED])
        upset.wait_server(STOPPED, lambda s: s.status == "SHUTOFF", "to stop")
        yield Dead(upset, bmc)


def test_a_host_that_lives_is_refused(dead: Dead) -> None:
    plan = dead.plan("evacuate", HOST)
    assert "nova-compute is up" in blockers(plan)["alive"]
    refused = dead.upset.operator.run("plan", "apply", plan["id"], "--yes")
    assert refused.code == 24
    assert dead.service() == ("enabled", "up", False)


def test_a_host_whose_power_is_on_is_left_alone(dead: Dead, cloud: Cloud) -> None:
    """Nova has lost it, its address is silent; its BMC says that it may write all the same."""
    cloud.kill(COMPUTE)
    wait_for(lambda: dead.service()[1] == "down", "its death", seconds=40)
    plan = dead.plan("evacuate", HOST, "--allow", "lose-local-disks")
    assert blockers(plan) == {}
    before = dead.upset.where()
    run = dead.applied(plan)
    assert run.state is State.FAILED, run.detail
    (proof, *rest) = run.steps
    assert proof.outcome is Ending.FAILED
    assert "its power is not off (Chassis Power is on)" in proof.detail
    assert {step.outcome for step in rest} == {Ending.SKIPPED}
    assert dead.upset.where() == before
    assert dead.service() == ("enabled", "down", False)


def test_what_would_be_lost_is_listed_and_left_out(dead: Dead) -> None:
    plan = dead.plan("evacuate", HOST)
    left = {row["subject"]["name"]: row for row in plan["refused"]}
    assert {left[name]["kind"] for name in (LOCAL, STOPPED)} == {"local-disk"}
    assert "would be lost" in left[LOCAL]["why"]
    assert left[SUSPENDED]["kind"] == "status"
    goes = [s["subject"]["name"] for s in plan["steps"] if s["action"] == "server.evacuate"]
    assert goes == [VOLUME]


def test_a_proven_death_moves_the_volume_backed_and_fences_the_host(dead: Dead) -> None:
    dead.switch("off")
    run = dead.applied(dead.plan("evacuate", HOST))
    assert run.state is State.DONE, [(s.action, s.detail) for s in run.steps]
    step = by_name(run)[VOLUME]
    assert (step.outcome, step.facts["proof"]["volumes"]) == (Ending.DONE, 1)
    where = dead.upset.where()
    assert where[VOLUME][0] == "ACTIVE"
    assert where[VOLUME][1] not in {HOST, None}
    assert {where[name][1] for name in (LOCAL, SUSPENDED, STOPPED)} == {HOST}
    assert dead.service() == ("disabled", "down", True)
    assert dead.hands.service(HOST).disabled_reason.startswith("day2: evacuated")
    assert [row["status"] for row in dead.upset.migrations(VOLUME)] == ["done"]


def test_an_engine_killed_in_the_middle_rebuilds_nothing_twice(dead: Dead, cloud: Cloud) -> None:
    plan = dead.plan("evacuate", HOST, "--allow", "lose-local-disks")
    going = {s["subject"]["name"]: s for s in plan["steps"] if s["action"] == "server.evacuate"}
    assert set(going) == {LOCAL, STOPPED}
    assert "LOST" in going[LOCAL]["why"]
    cloud.script("spawns", {LOCAL: {"hang": True}})
    assert dead.upset.operator.run("plan", "approve", plan["id"]).code == 0
    dead.upset.begin(plan)
    wait_for(lambda: bool(dead.upset.migrations(LOCAL)), "its evacuation", seconds=60)
    dead.upset.kill_engine(plan["id"])
    cloud.script("spawns", {})
    run = dead.upset.ended(plan["id"])
    assert run.state is State.DONE, [(s.action, s.detail) for s in run.steps]
    where = dead.upset.where()
    for name, status in ((LOCAL, "ACTIVE"), (STOPPED, "SHUTOFF")):
        assert where[name][0] == status
        assert where[name][1] not in {HOST, None}
        assert len(dead.upset.migrations(name)) == 1
    assert where[SUSPENDED] == ("SUSPENDED", HOST)


def test_the_fence_is_opened_once_its_old_copies_are_gone(dead: Dead, cloud: Cloud) -> None:
    plan = dead.plan("enable", HOST, "--no-smoke")
    assert "copies of 3 evacuated servers are still on it" in blockers(plan)["stale-copies"]
    # Whether it counts as silent already depends on the clock: to force it down is a sign of life.
    assert dead.upset.operator.run("plan", "apply", plan["id"], "--yes").code == 24
    heard = dead.hands.service(HOST).updated_at
    # Servers of the golden state keep their ids, and the log outlives the lab that wrote it.
    log = cloud.place.log / f"{COMPUTE}.log"
    already = log.stat().st_size
    cloud.start(COMPUTE)
    wait_for(
        lambda: {row["status"] for name in (LOCAL, VOLUME, STOPPED)
                 for row in dead.upset.migrations(name)} == {"completed"},
        "the old copies to be deleted", seconds=60, every=0.5,
    )  # fmt: skip
    wait_for(lambda: dead.hands.service(HOST).updated_at != heard, "its report", seconds=60)
    mine = [dead.upset.ids[name] for name in (LOCAL, VOLUME, STOPPED)]
    said = log.read_bytes()[already:].decode().splitlines()
    gone = [line for line in said if "Destroying instance as it has been evac" in line]
    assert sorted(own for line in gone for own in mine if own in line) == sorted(mine)
    run = dead.applied(dead.plan("enable", HOST, "--no-smoke"))
    assert run.state is State.DONE, [(s.action, s.detail) for s in run.steps]
    assert dead.service() == ("enabled", "up", False)
    for name in (LOCAL, VOLUME, STOPPED):
        providers = dead.hands.placement("GET", f"/allocations/{dead.upset.ids[name]}")
        assert len(providers["allocations"]) == 1
