# SPDX-License-Identifier: Apache-2.0
"""A plan that has expired changes nothing any more, also when its run was filed in time."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from msgspec import structs

from day2.engine import filing
from day2.engine.settings import ChangeSettings
from day2.engine.windows import Freeze
from day2.errors import Refused
from day2.model.plan import Plan
from day2.model.run import State, Wanted
from tests.faults.runs.nursery import Nursery, Stand, nursery
from tests.faults.runs.toy import plan


@pytest.fixture(scope="module")
def engines() -> Iterator[Nursery]:
    with nursery() as made:
        yield made


@pytest.fixture
def stand(tmp_path: Path) -> Stand:
    return Stand(tmp_path, 2)


def brief(name: str, seconds: float) -> Plan:
    made = plan(name, 2)
    return structs.replace(made, expires_at=made.at + timedelta(seconds=seconds))


def wait_until_expired(made: Plan) -> None:
    time.sleep(max(0.0, (made.expires_at - datetime.now(UTC)).total_seconds()) + 0.1)


def test_a_run_that_waited_for_the_end_of_a_freeze_does_not_begin_on_an_expired_plan(
    engines: Nursery, stand: Stand
) -> None:
    """Somebody has prolonged the freeze since the run was filed."""
    made = brief("toy-waited", 2)
    stand.file(made)
    (stand.state / "frozen").write_text((made.at + timedelta(seconds=4)).isoformat())
    assert engines.engine(stand) == (0, "-")
    run = stand.run("toy-waited")
    assert (run.state, run.steps) == (State.FAILED, [])
    assert run.detail.startswith("refused before anything was changed: the plan expired ")
    assert stand.toy.effects() == []


def test_a_run_that_was_paused_before_it_began_does_not_begin_on_an_expired_plan(
    engines: Nursery, stand: Stand
) -> None:
    made = brief("toy-paused", 2)
    stand.file(made)
    stand.want("toy-paused", Wanted.PAUSE)
    assert engines.engine(stand) == (0, "-")
    assert stand.run("toy-paused").state is State.PAUSED
    wait_until_expired(made)
    stand.want("toy-paused", Wanted.RUN)
    assert engines.engine(stand) == (0, "-")
    assert stand.run("toy-paused").state is State.FAILED
    assert stand.toy.effects() == []


def test_a_run_that_begins_later_is_compared_with_the_cloud_when_it_begins(
    engines: Nursery, stand: Stand
) -> None:
    made = plan("toy-later", 2)
    stand.file(made)
    stand.want("toy-later", Wanted.PAUSE)
    assert engines.engine(stand) == (0, "-")
    for number in (1, 2):
        stand.toy.write(number, {"host": "a", "status": "SHUTOFF"})
    stand.want("toy-later", Wanted.RUN)
    assert engines.engine(stand) == (0, "-")
    assert stand.run("toy-later").detail.startswith("refused before anything was changed: 2 of 3")
    assert stand.toy.effects() == []


def test_a_run_that_has_begun_is_carried_on_past_the_expiry_of_its_plan(
    engines: Nursery, stand: Stand
) -> None:
    """It would stand half-done else; each step looks at its subject before it begins."""
    made = brief("toy-begun", 8)
    stand.file(made)
    assert engines.engine(stand, "acted 2/start")[0] == -9
    wait_until_expired(made)
    stand.want("toy-begun", Wanted.RUN)
    assert engines.engine(stand) == (0, "-")
    assert stand.run("toy-begun").state is State.DONE


def test_a_run_that_could_begin_only_after_its_plan_expires_is_not_filed(stand: Stand) -> None:
    saved = stand.save(plan("toy-far", 2))
    filing.approve(stand.memory, saved, stand.filer())
    soon, late = (saved.plan.at + timedelta(hours=hours) for hours in (1, 30))
    for until, fits in ((late, False), (soon, True)):
        frozen = ChangeSettings(freezes=[Freeze(begins="2026-01-01", ends=until.isoformat())])
        if fits:
            filing.file(stand.memory, saved, stand.filer(), frozen, wait=True)
            continue
        with pytest.raises(Refused, match="and the plan toy-far expires before"):
            filing.file(stand.memory, saved, stand.filer(), frozen, wait=True)
