# SPDX-License-Identifier: Apache-2.0
"""A host is drained for real: every way of moving, every rung of the ladder, and the proofs."""

import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import msgspec
import pytest

from day2.adapters.clock import SystemClock
from day2.engine.action import Action, Result
from day2.model.finding import Subject
from day2.model.outcome import Ending
from day2.model.plan import Step
from day2.settings import Settings
from day2.wiring.actions import actions, host_cloud
from day2.wiring.sections import SCHEMA
from day2.wiring.site import Site
from lab.cloud import Cloud
from lab.place import Place
from tests.conftest import fresh
from tests.scenarios.hosts.direct import Direct

# The drain of a full host, in every run, goes the same ways; here each rung is looked at alone.
pytestmark = pytest.mark.full

HOST = "compute01"
REASON = "day2: drain of a test"
# A busy machine prepares a migration for half a minute; only one that runs can be forced.
SECONDS, PATIENCE = 40, 300


class Lab:
    """The actions wired to the lab, and its scripts of migrations."""

    def __init__(self, cloud: Cloud) -> None:
        self.lab = cloud
        account = {"cloud": "lab", "clouds_file": str(cloud.describe()["clouds_yaml"])}
        own = {"access": "act", "openstack": account, "writing": account}
        settings = Settings(schema=SCHEMA, tree={"clouds": {"lab": own}})
        site = Site(settings, cloud="lab", environment={}, clock=SystemClock())
        self.actions: Mapping[str, Action] = actions(site)
        self.cloud = host_cloud(site)
        self._scripts: dict[str, dict[str, object]] = {}
        self._lock = threading.Lock()
        hosts = (f"compute0{number}" for number in range(1, 6))
        rows = [row for host in hosts for row in self.cloud.compute.servers_on(host)]
        self.ids = {row.name: row.id for row in rows}

    def script(self, name: str, row: dict[str, object] | None) -> None:
        """Script one guest's migrations, or end its script."""
        with self._lock:
            self._scripts.pop(name, None)
            if row is not None:
                self._scripts[name] = row
            self.lab.script("migrations", self._scripts)

    def step(self, action: str, own: str, **given: Any) -> Step:
        subject = Subject(type="server", id=own, name=own[:8])
        step = Step(n=1, action=action, subject=subject, why="a test", arguments=given)
        facts = self.actions[action].look(step).facts
        return msgspec.structs.replace(step, fingerprint=facts)

    def perform(self, step: Step) -> Result:
        do = Direct(SystemClock(), answers=["leave"])
        return self.actions[step.action].perform(step, do)

    def statuses(self, name: str) -> list[str]:
        rows = self.cloud.compute.moves_of(self.ids[name])
        return [row.status for row in sorted(rows, key=lambda row: row.id)]


@dataclass(frozen=True)
class Guest:
    """How one guest leaves, and what must be true of it then."""

    source: str
    targets: list[str]
    detail: str
    moves: list[str]
    status: str = "ACTIVE"
    cold: bool = False
    script: dict[str, object] | None = None
    force: bool = False
    volumes: int = 0


GUESTS = {
    "app01": Guest(HOST, ["compute02"], "compute01 → compute02", ["completed"]),
    "web01": Guest(
        HOST, ["compute03"], "compute01 → compute03", ["completed"],
        script={"hang": True}, force=True,
    ),
    "report01": Guest(
        HOST, ["compute04"], "compute01 → compute04", ["confirmed"], status="SHUTOFF", cold=True
    ),
    "app02": Guest(
        "compute04", ["compute02"], "compute04 → compute02; the guest was restarted",
        ["confirmed"], cold=True,
    ),
    "bfv01": Guest("compute04", ["compute02"], "compute04 → compute02", ["completed"], volumes=1),
    "dev01": Guest(
        "compute03", ["compute04"], "compute03 → compute04", ["completed"], status="PAUSED"
    ),
    "db01": Guest("compute03", ["compute04"], "compute03 → compute04", ["completed"], volumes=2),
}  # fmt: skip


def leave(lab: Lab, name: str) -> Result:
    """Move one guest as the table says."""
    guest, own = GUESTS[name], lab.ids[name]
    given: dict[str, Any] = {"source": guest.source, "targets": guest.targets, "tries": 2}
    if guest.cold:
        given |= {"seconds_max": PATIENCE, "status": guest.status, "confirm": True}
        return lab.perform(lab.step("server.cold-migrate", own, **given))
    seconds = SECONDS if guest.script and "hang" in guest.script else PATIENCE
    given |= {"seconds_max": seconds, "force_complete": guest.force, "memory_mib": 512}
    lab.script(name, guest.script)
    return lab.perform(lab.step("server.live-migrate", own, **given))


@pytest.fixture(scope="module")
def lab(cloud: Cloud, place: Place) -> Iterator[Lab]:
    fresh(cloud, place)
    yield Lab(cloud)
    cloud.restore()


def go_and_come_back(lab: Lab) -> Result:
    """Move a guest of another host, and take that back as an undo does."""
    given = {"source": "compute03", "targets": ["compute04"], "seconds_max": PATIENCE, "tries": 1}
    gone = lab.step("server.live-migrate", lab.ids["shop02"], **given)
    back = lab.actions["server.live-migrate"].undo(gone, lab.perform(gone).facts)
    assert back is not None
    return lab.perform(back)


@pytest.fixture(scope="module")
def drained(lab: Lab) -> dict[str, Result]:
    """Disable the host, let it settle, move everything, and look: most of it is waiting."""
    row = lab.cloud.compute.services(host=HOST, binary="nova-compute")[0]
    service = {"service_id": str(row.id), "reason": REASON}
    results = {"disable": lab.perform(lab.step("compute.disable", HOST, **service))}
    settle = lab.step("host.settle", HOST, seconds_max=PATIENCE, quiet_seconds=4)
    results["settle"] = lab.perform(settle)
    guests = [name for name, guest in GUESTS.items() if guest.source == HOST]
    early = lab.perform(lab.step("host.verify-drained", HOST, left={}))
    results["early"] = early
    with ThreadPoolExecutor(4) as pool:
        running = {name: pool.submit(leave, lab, name) for name in GUESTS}
        running["back"] = pool.submit(go_and_come_back, lab)
        results |= {name: future.result() for name, future in running.items()}
    ids = [lab.ids[name] for name in guests]
    verify = lab.step("host.verify-drained", HOST, left={}, guests=ids)
    results["verify"] = lab.perform(verify)
    results["enable"] = lab.perform(lab.step("compute.enable", HOST, **service))
    return results


@pytest.mark.parametrize("name", GUESTS)
def test_a_guest_leaves(lab: Lab, drained: dict[str, Result], name: str) -> None:
    guest, result = GUESTS[name], drained[name]
    assert (result.ending, result.detail) == (Ending.DONE, guest.detail), result
    assert lab.statuses(name)[-len(guest.moves) :] == guest.moves
    proof = result.facts["proof"]
    assert proof["missing"] == []
    assert (proof["ports"], proof["ports_by"]) == (1, "their bindings")
    assert proof["volumes"] == guest.volumes
    assert proof["providers"] == [result.facts["to"]]
    server = lab.cloud.compute.server(lab.ids[name])
    assert server is not None
    assert (server.status, server.host) == (guest.status, result.facts["to"])


def test_the_host_is_accounted_for(lab: Lab, drained: dict[str, Result]) -> None:
    assert drained["disable"].detail == f"disabled ({REASON})"
    assert drained["settle"].ending is Ending.DONE, drained["settle"]
    assert drained["early"].ending is Ending.FAILED
    assert drained["early"].detail.startswith("3 still there: ")
    assert (drained["verify"].ending, drained["verify"].detail) == (
        Ending.DONE, "compute01 is drained",
    ), drained["verify"]  # fmt: skip
    accounts = drained["verify"].facts["accounts"]
    assert accounts[lab.ids["app01"]] == "on compute02"
    assert drained["enable"].ending is Ending.DONE
    row = lab.cloud.compute.services(host=HOST, binary="nova-compute")[0]
    assert (row.status, row.disabled_reason) == ("enabled", None)


def test_the_way_back_is_the_same_way(drained: dict[str, Result]) -> None:
    back = drained["back"]
    assert (back.ending, back.detail) == (Ending.DONE, "compute04 → compute03"), back
