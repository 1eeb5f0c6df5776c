# SPDX-License-Identifier: Apache-2.0
"""One drain on the lab, and what owners, machines and services do to it meanwhile.

The first movers hang by script and hold every place, so that what comes after them is changed
before its turn; then they are let go, each to its own end.
"""

import time
from collections.abc import Callable, Collection
from typing import Any

from day2.memory import runs
from day2.memory.store import open_memory
from day2.model.run import Run, RunStep
from lab.facts import MAIN_ZONE
from lab.processes import listening, wait_for
from tests.lab.hands import Hands
from tests.lab.program import Program

PLACES = 4
BIG, SMALL, TINY = "mean-big", "mean-small", "mean-tiny"
HANG: dict[str, object] = {"hang": True}
NETWORKED = frozenset({"mean-big-1", "mean-plain-1"})


class Upset:
    """The servers `mean-…` of the project admin, and the drain of their host."""

    def __init__(self, hands: Hands, operator: Program) -> None:
        self.hands = hands
        self.operator = operator
        self.lab = hands.cloud
        self.compute = hands.api.compute
        self.ids: dict[str, str] = {}
        self._scripts: dict[str, dict[str, object]] = {}

    def boot(self, name: str, flavor: str, host: str) -> None:
        """Ask for a server on a host; does not wait."""
        net = self.hands.api.network.find_network("acme-net").id
        made = self.compute.create_server(
            name=name,
            flavor_id=self.compute.find_flavor(flavor).id,
            image_id=self.hands.api.image.find_image("cirros").id,
            networks=[{"uuid": net}] if name in NETWORKED else "none",
            availability_zone=f"{MAIN_ZONE}:{host}",
        )
        self.ids[name] = made.id

    def flavor(self, name: str, *, ram: int, disk: int = 1) -> str:
        """Make a flavor with so many MiB of memory and GiB of disk; return its name."""
        self.compute.create_flavor(name=name, vcpus=1, ram=ram, disk=disk)
        return name

    def wait_booted(self) -> None:
        """Wait until all that were asked for are ACTIVE."""

        def there() -> bool:
            found = [s for s in self.compute.servers(all_projects=True) if s.id in own]
            return len(found) == len(own) and all(s.status == "ACTIVE" for s in found)

        own = set(self.ids.values())
        wait_for(there, "the servers to be ACTIVE", seconds=120, every=1.0)

    def leave_others(self, host: str, movers: Collection[str]) -> None:
        """Let the other servers of a host stop with it: this drain is not about them."""
        for server in self.compute.servers(all_projects=True, compute_host=host):
            if server.name not in movers:
                self.compute.add_tag_to_server(server, "day2:maintenance=leave")

    def script(self, name: str, row: dict[str, object] | None) -> None:
        """Script one server's migrations, or end its script."""
        self._scripts.pop(name, None)
        if row is not None:
            self._scripts[name] = row
        self.lab.script("migrations", self._scripts)

    def plan(self, host: str, *words: str) -> dict[str, Any]:
        """Plan a drain, and approve it."""
        ended = self.operator.run("host", "drain", host, *words, "--plan-only", "-f", "json")
        assert ended.code == 0, ended.stderr
        plan = ended.document
        assert plan["totals"]["blockers"] == 0, [r for r in plan["refused"] if r["blocker"]]
        approved = self.operator.run("plan", "approve", plan["id"])
        assert approved.code == 0, approved.stderr
        return plan

    def begin(self, plan: dict[str, Any]) -> None:
        """Begin its run, and do not follow it."""
        begun = self.operator.run("plan", "apply", plan["id"], "--no-follow")
        assert begun.code == 0, begun.stderr

    def run(self, name: str) -> Run:
        """Read a run as it is."""
        memory = open_memory(self.operator.folder / "state")
        try:
            return runs.load(memory, name)
        finally:
            memory.close()

    def ended(self, name: str, *, seconds: float = 240) -> Run:
        """Wait until a run has ended."""
        wait_for(lambda: self.run(name).state.ended, f"the end of {name}", seconds=seconds, every=1)
        return self.run(name)

    def ended_by_retrying(self, name: str, *, seconds: float = 240) -> Run:
        """Wait until a run has ended, and say at each gate that it shall try again."""

        def over() -> bool:
            run = self.run(name)
            for gate in run.gates:
                words = ("run", "approve", name, "--gate", gate.name, "--answer", "retry")
                said = self.operator.run(*words)
                assert said.code == 0, said.stderr
            return run.state.ended

        wait_for(over, f"the end of {name}", seconds=seconds, every=1)
        return self.run(name)

    def kill_engine(self, name: str) -> None:
        """`kill -9` the engine, and let another one carry the run on."""
        assert self.operator.kill_engine()
        resumed = self.operator.run("run", "resume", name)
        assert resumed.code == 0, resumed.stderr

    def migrations(self, name: str) -> list[dict[str, Any]]:
        """Return a server's migrations, the oldest first."""
        path = f"/os-migrations?instance_uuid={self.ids[name]}"
        rows = self.compute.get(path, microversion="2.80").json()["migrations"]
        return sorted(rows, key=lambda row: int(row["id"]))

    def wait_running(self, name: str) -> None:
        """Wait until a server is on its way: a busy machine prepares it for half a minute."""

        def there() -> bool:
            return [row["status"] for row in self.migrations(name)][-1:] == ["running"]

        wait_for(there, f"{name} to be on its way", seconds=120, every=0.5)

    def wait_server(self, name: str, fits: Callable[[Any], bool], what: str) -> None:
        """Wait until a server is as wanted; `fits` gets None once it is gone."""

        def there() -> bool:
            found = [s for s in self.compute.servers(all_projects=True) if s.id == self.ids[name]]
            return fits(found[0] if found else None)

        wait_for(there, f"{name} {what}", seconds=90, every=0.5)

    def where(self) -> dict[str, tuple[str, str | None]]:
        """Return status and host of each as Nova has them, by name; those that are gone are not."""
        names = {own: name for name, own in self.ids.items()}
        return {
            names[s.id]: (s.status, s.compute_host)
            for s in self.compute.servers(all_projects=True)
            if s.id in names
        }

    def fill(self, host: str) -> None:
        """Take all the memory of a host that is left."""
        provider = self.hands.provider(host)
        whole = self.hands.placement("GET", f"/resource_providers/{provider}/inventories")
        used = self.hands.placement("GET", f"/resource_providers/{provider}/usages")
        memory = whole["inventories"]["MEMORY_MB"]["total"] - used["usages"]["MEMORY_MB"]
        assert memory > 0, used
        self.boot("mean-fill", self.flavor("mean-fill", ram=memory), host)
        self.wait_server("mean-fill", lambda s: s and s.status == "ACTIVE", "to be ACTIVE")

    def without_api(self, seconds: float) -> None:
        """Take Nova's API away for a while."""
        self.lab.kill("nova-api")
        time.sleep(seconds)
        self.lab.start("nova-api")
        port = self.lab.facts.port("nova-api")
        wait_for(lambda: listening(port), "nova-api", seconds=60)

    def quota(self) -> None:
        """Let the project have many servers."""
        project = self.hands.api.identity.find_project("admin").id
        body = {"quota_set": {"instances": 200, "cores": 200, "ram": 1 << 20, "force": True}}
        answer = self.compute.put(f"/os-quota-sets/{project}", json=body)
        assert answer.status_code == 200, answer.text


def by_name(run: Run) -> dict[str, RunStep]:
    """Return the steps about servers, by the server's name."""
    return {step.subject.name: step for step in run.steps if step.subject.type == "server"}
