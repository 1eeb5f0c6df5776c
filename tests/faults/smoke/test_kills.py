# SPDX-License-Identifier: Apache-2.0
"""`kill -9` of the engine in every phase of a smoke run: resumed, it leaves nothing behind."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from day2.engine import filing
from day2.memory import journal
from day2.model.outcome import Ending
from day2.model.run import State, Wanted
from day2.wiring import smoke
from day2.wiring.site import Site
from tests.faults.sandbox_site import Bench, running

ROOT = Path(__file__).parents[3]
MADE = ("network", "subnet", "router", "port", "server", "volume", "floating-ip")
POINTS = (
    # After the effect and before any record of it: the worst moment of all.
    *(f"acted 1/make-{kind}" for kind in ("network", "subnet", "router")),
    *("acted 1/plug", "acted 1/make-port", "intent 1/make-server", "acted 1/make-server"),
    *("before 1/active", "acted 1/make-volume", "acted 1/attach", "acted 1/make-floating-ip"),
    *("before 1/guest", "acted 1/detach"),
    *(f"acted 1/delete-{kind}" for kind in ("floating-ip", "server", "volume", "port")),
    *(f"acted 1/delete-{kind}" for kind in ("router", "subnet", "network")),
    *("before 1/still-there", "before 1/end"),
)
TABLES = (
    *("servers", "volumes", "ports", "networks", "subnets", "routers", "floating_ips"),
    *("volume_attachments", "allocations"),
)


class Engines:
    """Engine processes, one at a time, and how each ended."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.smoke.drive"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )

    def run(self, site: Site, config: Path, kill: str = "0") -> tuple[int, str]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{site.state}\t{config}\t{kill}\n")
        self._process.stdin.flush()
        code, _space, point = self._process.stdout.readline().partition(" ")
        return int(code), point.strip()

    def close(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(timeout=10)
        self._process.stdout.close()


@pytest.fixture
def engines() -> Iterator[Engines]:
    made = Engines()
    try:
        yield made
    finally:
        made.close()


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with running(tmp_path / "sandbox") as found:
        yield found


def rows(bench: Bench) -> dict[str, int]:
    """Count everything that there is, after what is still to come has come."""
    world: Any = bench.app.world
    world.settle()
    return {table: len(world[table]) for table in TABLES}


def filed(site: Site, host: str = "") -> str:
    saved = site.changes.save(smoke.plan(site, host=host, ticket=""))
    site.changes.approve(saved)
    filer = site.changes.filer()
    return filing.file(site.memory, saved, filer, site.changes.settings, wait=False).id


def resume(site: Site, name: str) -> None:
    filing.want(site.memory, site.changes.run(name), site.changes.filer(), Wanted.RUN)


@pytest.mark.timeout(300)
def test_killed_in_every_phase_it_leaves_nothing(bench: Bench, engines: Engines) -> None:
    """One run, so that each kill but the first meets a run that was resumed."""
    site = bench.site
    before = rows(bench)
    name = filed(site)
    for point in POINTS:
        assert engines.run(site, bench.config, point) == (-9, point)
        resume(site, name)
    assert engines.run(site, bench.config) == (0, "-")
    run = site.changes.run(name)
    assert (run.state, run.steps[0].outcome) == (State.DONE, Ending.DONE), run.steps[0].detail
    assert set(run.steps[0].facts["made"]) == set(MADE)
    assert run.steps[0].facts["left"] == []
    assert rows(bench) == before
    journal.verify(site.memory)


@pytest.mark.timeout(300)
def test_killed_while_a_disabled_host_is_open_it_closes_it(bench: Bench, engines: Engines) -> None:
    site = bench.site
    world: Any = bench.app.world
    service = next(world["compute_services"].find(host="compute01", binary="nova-compute"))
    world["compute_services"].change(service["id"], status="disabled", disabled_reason="ours")
    provider = next(world["providers"].find(name="compute01"))["id"]
    before = rows(bench)
    name = filed(site, "compute01")
    for point in ("acted 1/open", "acted 1/make-server", "before 1/close", "acted 1/close"):
        assert engines.run(site, bench.config, point) == (-9, point)
        if point != "acted 1/close":
            assert world["providers"].get(provider)["opened"], point
        resume(site, name)
    assert engines.run(site, bench.config) == (0, "-")
    run = site.changes.run(name)
    assert run.steps[0].outcome is Ending.DONE, run.steps[0].detail
    assert run.steps[0].facts["host"] == "compute01"
    assert not world["providers"].get(provider)["opened"]
    now = world["compute_services"].get(service["id"])
    assert (now["status"], now["disabled_reason"]) == ("disabled", "ours")
    assert rows(bench) == before
