# SPDX-License-Identifier: Apache-2.0
"""`kill -9` of the engine before and after each kind of step, and at random points of a drain."""

import os
import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec import structs

from day2.memory import journal
from day2.model.outcome import Ending
from day2.model.run import State, Wanted
from tests.faults.runs.nursery import Nursery, Stand, nursery
from tests.faults.runs.toy import plan

SERVERS = 6
FULL = bool(os.environ.get("TEST_FULL"))
RUNS, KILLS_PER_RUN = (84, 6) if FULL else (4, 6)
"""Random kills: 24 here, and 504 with TEST_FULL."""
POINTS = (
    *("before 0/preflight", "after 0/preflight", "before 1/begin", "after 1/begin"),
    *("after 1/look", "before 1/switch", "intent 1/switch", "acted 1/switch", "after 1/switch"),
    *("after 1/end", "before 2/start", "intent 2/start", "acted 2/start", "after 2/start"),
    *("before 2/arrive", "after 2/arrive", "after 2/proof", "before 2/end", "after 2/end"),
    *("before 0/end", "after 0/end"),
)


@pytest.fixture(scope="module")
def engines() -> Iterator[Nursery]:
    with nursery() as made:
        yield made


def require_whole(stand: Stand, name: str, servers: int = SERVERS) -> None:
    """See that every server was moved once, and every step has one intent and one outcome."""
    run = stand.run(name)
    assert run.state is State.DONE, (run.state, run.detail)
    assert stand.moves() == Counter({f"move {n} b": 1 for n in range(1, servers + 1)})
    assert [stand.toy.read(n)["host"] for n in range(1, servers + 1)] == ["b"] * servers
    assert stand.toy.effects().count("disabled") == 1
    assert [step.outcome for step in run.steps] == [Ending.DONE] * (servers + 1)
    rows = stand.rows(name)
    assert set(rows.values()) == {1}
    for number in range(1, servers + 2):
        assert rows[str(number), "intent"] == rows[str(number), "outcome"] == 1
        act = f"{number}/switch" if number == 1 else f"{number}/start"
        assert rows[act, "intent"] == rows[act, "outcome"] == 1
    journal.verify(stand.memory)


def carry_on(stand: Stand, engines: Nursery, name: str, kills: list[int | str]) -> list[str]:
    """Run engines, killed at these points, and one that is not; say where they were killed."""
    where = []
    for kill in kills:
        code, point = engines.engine(stand, kill)
        if code == 0:
            break
        assert code == -9, (code, point)
        where.append(point)
        if stand.run(name).state.ended:
            break
        stand.want(name, Wanted.RUN)
    if not stand.run(name).state.ended:
        assert engines.engine(stand) == (0, "-")
    return where


@pytest.mark.parametrize("seed", range(RUNS))
def test_random_kills_repeat_and_forget_nothing(
    seed: int, engines: Nursery, tmp_path: Path
) -> None:
    chance = random.Random(seed)  # noqa: S311 - which points, not which secrets
    stand = Stand(tmp_path, SERVERS)
    name = f"toy-a-{seed}"
    stand.file(plan(name, SERVERS))
    kills: list[int | str] = [chance.randrange(1, 60) for _ in range(KILLS_PER_RUN)]
    carry_on(stand, engines, name, kills)
    require_whole(stand, name)


@pytest.mark.parametrize("group", range(3))
def test_kills_before_and_after_each_kind_of_step(
    group: int, engines: Nursery, tmp_path: Path
) -> None:
    """The points in three runs, so that each kill but the first meets a run that was resumed."""
    stand = Stand(tmp_path, SERVERS)
    name = f"toy-points-{group}"
    stand.file(plan(name, SERVERS))
    wanted: list[int | str] = list(POINTS[group::3])
    assert carry_on(stand, engines, name, wanted) == wanted
    require_whole(stand, name)


@pytest.mark.parametrize("point", ["before 3/begin", "acted 3/start", "before 3/end"])
def test_steps_of_one_chain_share_a_place_also_after_a_kill(
    point: str, engines: Nursery, tmp_path: Path
) -> None:
    """A step that has ended wants no place again: the one after it has it."""
    stand = Stand(tmp_path, 2)
    made = plan("toy-chain", 2)
    steps = [
        structs.replace(step, chain="one", limits={"alone": 1}) if step.n > 1 else step
        for step in made.steps
    ]
    stand.file(structs.replace(made, steps=steps))
    assert engines.engine(stand, point) == (-9, point)
    stand.want("toy-chain", Wanted.RUN)
    assert engines.engine(stand) == (0, "-")
    require_whole(stand, "toy-chain", 2)


def test_an_engine_does_not_leave_before_what_it_carries_on_has_begun(
    engines: Nursery, tmp_path: Path
) -> None:
    """On a loaded machine the queue is looked at late; here the engine leaves early instead."""
    stand = Stand(tmp_path, SERVERS)
    stand.file(plan("toy-late", SERVERS))
    assert engines.engine(stand, "acted 3/start")[0] == -9
    (stand.state / "leave").write_text("0.3")
    stand.want("toy-late", Wanted.RUN)
    assert engines.engine(stand) == (0, "-")
    require_whole(stand, "toy-late")


def test_a_run_at_a_gate_is_not_revived_by_an_engine_for_another(
    engines: Nursery, tmp_path: Path
) -> None:
    stand = Stand(tmp_path, SERVERS)
    stand.file(plan("toy-waits", SERVERS, gate=True))
    assert engines.engine(stand) == (0, "-")
    waiting = stand.run("toy-waits")
    assert (waiting.state, waiting.engine) == (State.WAITING, "")
    before = stand.rows("toy-waits")
    stand.file(plan("toy-other", 0))
    assert engines.engine(stand) == (0, "-")
    assert stand.run("toy-other").state is State.DONE
    assert stand.run("toy-waits").state is State.WAITING
    assert stand.rows("toy-waits") == before
    stand.answer("toy-waits", "approve")
    assert engines.engine(stand) == (0, "-")
    assert stand.run("toy-waits").state is State.DONE


def test_a_gate_is_answered_after_the_engine_was_killed_at_it(
    engines: Nursery, tmp_path: Path
) -> None:
    stand = Stand(tmp_path, 2)
    stand.file(plan("toy-gate", 2, gate=True))
    assert engines.engine(stand, "before 4/go")[0] == -9
    stand.want("toy-gate", Wanted.RUN)
    assert engines.engine(stand) == (0, "-")
    stand.answer("toy-gate", "reject")
    assert engines.engine(stand) == (0, "-")
    run = stand.run("toy-gate")
    assert (run.state, run.steps[-1].detail) == (State.PARTIAL, "answered: reject")
    assert stand.rows("toy-gate")["4:go", "asked"] == 1
    assert stand.rows("toy-gate")["4:go", "answered"] == 1
