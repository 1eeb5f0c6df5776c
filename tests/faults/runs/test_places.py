# SPDX-License-Identifier: Apache-2.0
"""Places hold over all runs: also those of one that stands half-done and nobody carries on."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec import structs

from day2.engine import filing
from day2.engine.claims import Claims
from day2.memory import runs
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


def test_a_run_that_can_never_be_carried_on_gives_its_places_back_when_it_is_cancelled(
    engines: Nursery, killed: Stand
) -> None:
    """The settings name another cloud by now: nobody will finish what it began."""
    (killed.state / "foundation").write_text("http://the-copy:5000")
    killed.want("toy-killed", Wanted.CANCEL)
    killed.want("toy-next", Wanted.PAUSE)
    assert engines.engine(killed) == (0, "-")
    ended = killed.run("toy-killed")
    assert ended.state is State.CANCELLED
    assert ended.detail.startswith("left as it stood: the plan toy-killed was made for the cloud")
    (killed.state / "foundation").unlink()
    killed.want("toy-next", Wanted.RUN)
    assert engines.engine(killed) == (0, "-")
    assert killed.run("toy-next").state is State.DONE


def test_runs_at_two_clouds_are_not_in_each_others_way(tmp_path: Path) -> None:
    """Both may have a host of this name."""
    stand = Stand(tmp_path, 2)
    for name, cloud in (("here", "toy"), ("there", "other"), ("beside", "toy")):
        run = structs.replace(
            filing._run(stand.save(alone(name, 1)), stand.filer()),  # noqa: SLF001
            cloud=cloud,
        )
        with stand.memory.writing() as connection:
            assert runs.insert_run(connection, run)
            runs.claim(connection, name, 1, ["alone"] if name == "here" else [])
    claims = Claims(stand.memory)
    claims.load()

    def waits() -> None:
        raise TimeoutError

    for name in ("there", "beside"):
        claims.line_up(name)
    with claims.holding("there", 1, {"alone": 1}, idle=waits):
        pass
    with pytest.raises(TimeoutError), claims.holding("beside", 1, {"alone": 1}, idle=waits):
        pass
