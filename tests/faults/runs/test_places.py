# SPDX-License-Identifier: Apache-2.0
"""Places hold over all runs: also those of one that stands half-done and nobody carries on."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec import structs

from day2.model.outcome import Ending
from day2.model.plan import Plan
from day2.model.run import State, Wanted
from tests.faults.runs.nursery import Nursery, Stand, nursery
from tests.faults.runs.toy import plan


@pytest.fixture(scope="module")
def engines() -> Iterator[Nursery]:
    with nursery() as made:
        yield made


def alone(name: str, server: int) -> Plan:
    """Plan the move of one server, of which one at a time may move."""
    made = plan(name, server)
    move = structs.replace(made.steps[server], n=1, stage=0, limits={"alone": 1})
    return structs.replace(made, steps=[move])


@pytest.fixture
def killed(engines: Nursery, tmp_path: Path) -> Stand:
    """A run that was killed in its move, and another one that wants to move, too."""
    stand = Stand(tmp_path, 2)
    stand.file(alone("toy-killed", 1))
    assert engines.engine(stand, "acted 1/start")[0] == -9
    stand.file(alone("toy-next", 2))
    assert engines.engine(stand) == (0, "-")
    return stand


def test_a_killed_step_keeps_its_place_from_runs_that_were_filed_since(
    engines: Nursery, killed: Stand
) -> None:
    assert killed.moves() == Counter({"move 1 b": 1}), "the move goes on, whoever watches it"
    waits = killed.run("toy-next")
    assert (waits.state, waits.engine, waits.steps) == (State.PAUSED, "", [])
    assert waits.detail.startswith("waits for what toy-killed holds, which stands still")
    killed.want("toy-killed", Wanted.RUN)
    assert engines.engine(killed) == (0, "-")
    assert {killed.run(name).state for name in ("toy-killed", "toy-next")} == {State.DONE}
    assert killed.moves() == Counter({"move 1 b": 1, "move 2 b": 1})


def test_a_run_that_waits_for_a_place_can_be_cancelled(engines: Nursery, killed: Stand) -> None:
    killed.want("toy-next", Wanted.CANCEL)
    assert engines.engine(killed) == (0, "-")
    run = killed.run("toy-next")
    assert (run.state, run.steps[0].outcome) == (State.CANCELLED, Ending.SKIPPED)
    assert killed.moves() == Counter({"move 1 b": 1})
