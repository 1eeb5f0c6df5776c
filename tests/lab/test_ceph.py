# SPDX-License-Identifier: Apache-2.0
"""What day2 reads of a real Ceph, and the flag that a drain sets there."""

import os
from collections.abc import Iterator
from typing import Any

import pytest

from day2.adapters import ceph
from day2.adapters.ceph import CephFlags, CephSettings
from day2.adapters.clock import SystemClock
from day2.errors import NotDeployed, Unreachable
from day2.model.finding import Subject
from day2.model.outcome import Ending
from day2.model.plan import Step
from day2.model.tables.storage import CephPool
from day2.operations.hosts.actions.protections import Noout, UnsetNoout
from day2.survey.ceph import KIND, ceph_jobs
from lab.parts.ceph import POOLS, Ceph
from lab.processes import wait_for
from tests.lab.plane import surveyed
from tests.scenarios.hosts.direct import Direct

HOST, OSD, NUMBER = "compute02", "ceph-osd1", 1


@pytest.fixture
def part(ceph_part: Ceph) -> Iterator[Ceph]:
    yield ceph_part
    ceph_part.restore()


def settings(part: Ceph, account: str = "day2", **more: Any) -> CephSettings:
    told: dict[str, Any] = dict(part.describe())
    return CephSettings(command=[*told["ceph"], "--id", account], **more)


def flags(part: Ceph) -> CephFlags:
    told: dict[str, Any] = dict(part.describe())
    writing = [*told["ceph"], "--id", "day2-flags"]
    return CephFlags(settings(part, writing_command=writing), os.environ)


def pools(part: Ceph) -> dict[str, CephPool]:
    return {pool.name: pool for pool in ceph.look(settings(part), os.environ)}


def is_in(part: Ceph) -> bool:
    told = part.cluster.ask("osd dump")
    return bool(next(row["in"] for row in told["osds"] if row["osd"] == NUMBER))


def held(part: Ceph) -> dict[str, list[str]]:
    """Return the flags of each host, by the monitors' own word."""
    found: dict[str, list[str]] = part.cluster.ask("osd dump")["crush_node_flags"]
    return found


def noout(action: str) -> Step:
    subject = Subject(type="host", id=HOST, host=HOST)
    names = {"names": [f"{HOST}.example", HOST]}
    return Step(n=1, action=action, subject=subject, why="a test", arguments=names, undo="…")


def test_a_read_only_account_reads_pools_and_devices(part: Ceph) -> None:
    survey = surveyed(ceph_jobs(settings(part), [KIND], os.environ))
    assert survey.gaps == []
    found = {pool.name: pool for pool in survey.tables.ceph_pools}
    assert {"ceph", *POOLS} <= set(found)
    assert found["ceph"].raw
    # Three copies of everything: what a pool may take is a third of what the devices have.
    assert found["volumes"].free_bytes < found["ceph"].free_bytes / 2


def test_what_is_written_is_counted(part: Ceph) -> None:
    before = pools(part)["volumes"].used_bytes
    run = part.cluster
    run("rbd", "create", "volumes/counted", "--size", "16M")
    try:
        words = ["--io-type", "write", "--io-size", "1M", "--io-total", "8M"]
        run("rbd", "bench", "volumes/counted", *words)
        wait_for(
            # What is kept about an image is estimated by Ceph, and may count less than before.
            lambda: pools(part)["volumes"].used_bytes > before + (7 << 20),
            "the pool to have grown",
            seconds=20,
        )
    finally:
        run("rbd", "rm", "volumes/counted", "--no-progress")


def test_a_lowered_full_ratio_leaves_the_pools_no_room(part: Ceph) -> None:
    assert pools(part)["volumes"].free_bytes > 0
    for name in ("nearfull", "backfillfull", "full"):
        part.cluster.ask(f"osd set-{name}-ratio", ratio=0.01)
    wait_for(lambda: pools(part)["volumes"].free_bytes == 0, "the pools to be full", seconds=20)
    assert pools(part)["ceph"].free_bytes > 0
    wait_for(lambda: "OSD_FULL" in part.health(), "Ceph to call its OSDs full", seconds=30)


def test_a_killed_osd_is_answered_for_by_the_others(part: Ceph) -> None:
    before = pools(part)["ceph"]
    part.kill(OSD)
    wait_for(lambda: "OSD_DOWN" in part.health(), "the OSD to be missed", seconds=20)
    now = pools(part)["ceph"]
    assert now.used_bytes + now.free_bytes <= before.used_bytes + before.free_bytes
    part.cluster.ask("osd out", ids=[str(NUMBER)])
    total = before.used_bytes + before.free_bytes

    def smaller() -> bool:
        found = pools(part)["ceph"]
        return found.used_bytes + found.free_bytes < total * 3 // 4

    wait_for(smaller, "the devices to be fewer", seconds=20)


def test_a_dead_monitor_is_told_in_time(part: Ceph) -> None:
    part.kill("ceph-mon")
    with pytest.raises(Unreachable, match="did not end within 1 s"):
        ceph.look(settings(part, seconds_max=1), os.environ)


def test_an_unknown_account_is_told_in_ceph_s_words(part: Ceph) -> None:
    with pytest.raises(Unreachable, match=r"ceph df failed: .*permission denied"):
        ceph.look(settings(part, account="nobody"), os.environ)


def test_noout_keeps_a_dead_osd_in_and_its_absence_does_not(part: Ceph) -> None:
    flag = flags(part)
    assert flag.bucket([f"{HOST}.example", HOST]) == HOST
    flag.change(HOST, on=True)
    flag.change(HOST, on=True)
    assert held(part) == {HOST: ["noout"]}
    part.cluster.ask("config set", who="mon", name="mon_osd_down_out_interval", value="2")
    part.kill(OSD)
    wait_for(lambda: "OSD_DOWN" in part.health(), "the OSD to be missed", seconds=20)
    with pytest.raises(TimeoutError):
        wait_for(lambda: not is_in(part), "an OSD that must stay in", seconds=4, every=0.5)
    flag.change(HOST, on=False)
    wait_for(lambda: not is_in(part), "Ceph to give the OSD up", seconds=20)


def test_the_drain_sets_noout_and_takes_back_its_own(part: Ceph) -> None:
    on, off = Noout(flags(part)), UnsetNoout(flags(part))
    step, clock = noout("ceph.noout"), SystemClock()
    assert on.look(step).facts == {"noout": False}
    result = on.perform(step, Direct(clock))
    assert (result.ending, result.facts["changed"]) == (Ending.DONE, True)
    assert held(part) == {HOST: ["noout"]}
    back = on.undo(step, result.facts)
    assert back is not None
    assert off.perform(back, Direct(clock)).ending is Ending.DONE
    assert held(part) == {}


def test_noout_that_somebody_set_before_stays(part: Ceph) -> None:
    part.cluster.ask("osd set-group", flags="noout", who=[HOST])
    on, step = Noout(flags(part)), noout("ceph.noout")
    assert on.look(step).already
    result = on.perform(step, Direct(SystemClock()))
    assert on.undo(step, result.facts) is None
    assert held(part) == {HOST: ["noout"]}


def test_a_read_only_account_cannot_set_it(part: Ceph) -> None:
    reading = CephFlags(settings(part), os.environ)
    with pytest.raises(Unreachable, match=r"ceph osd set-group failed: .*(EACCES|denied)"):
        reading.change(HOST, on=True)
    assert reading.bucket(["nowhere"]) == ""
    assert held(part) == {}


def test_no_command_is_no_ceph() -> None:
    with pytest.raises(NotDeployed):
        CephFlags(CephSettings(), os.environ).is_set(HOST)
