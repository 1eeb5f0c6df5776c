# SPDX-License-Identifier: Apache-2.0
"""What the engine's main thread says of a run never outlives the run's own end."""

import threading
import time
from pathlib import Path

import pytest

from day2.adapters.clock import SystemClock
from day2.engine.book import Book
from day2.engine.filing import want
from day2.engine.heads import Heads
from day2.engine.process import Engine, Place
from day2.engine.settings import ChangeSettings, JournalSettings
from day2.errors import Refused
from day2.memory import plans, runs
from day2.model.run import State, Wanted
from tests.faults.runs.nursery import Stand
from tests.faults.runs.toy import plan


def test_a_run_that_ends_while_its_state_is_looked_at_stays_ended(tmp_path: Path) -> None:
    """The look and the word about it are two transactions; the run's end may come between them."""
    stand = Stand(tmp_path, 1)
    stand.file(plan("toy-ends", 1))
    clock, memory = SystemClock(), stand.memory
    heads = Heads(memory, JournalSettings(), clock)
    place = Place(actions={}, changes=ChangeSettings(), region="", foundation="toy")
    engine = Engine(memory, clock=clock, place=lambda _cloud: place, heads=heads)
    assert runs.take(memory, "toy-ends", "an engine", clock.now())
    stand.want("toy-ends", Wanted.PAUSE)
    saved = plans.load(memory, "toy-ends")
    book = Book(memory, clock, saved, stand.run("toy-ends"), outage_seconds=1)
    shows = threading.Thread(target=engine._show, args=(book,))  # noqa: SLF001
    with memory.writing() as connection:
        shows.start()
        time.sleep(0.5)  # it has looked, and waits for the lock
        runs.set_state(connection, "toy-ends", State.DONE, engine="", chosen=0)
    shows.join(20)
    assert stand.run("toy-ends").state is State.DONE


@pytest.mark.parametrize("wanted", list(Wanted))
def test_a_word_that_comes_after_the_end_is_refused(wanted: Wanted, tmp_path: Path) -> None:
    """Nobody would take the run: who waits for an engine to take it would wait in vain."""
    stand = Stand(tmp_path, 1)
    stand.file(plan("toy-ended", 1))
    read_before = stand.run("toy-ended")
    with stand.memory.writing() as connection:
        runs.set_state(connection, "toy-ended", State.DONE, engine="", chosen=0)
    with pytest.raises(Refused, match="toy-ended has ended"):
        want(stand.memory, read_before, stand.filer(), wanted)
    assert runs.chosen(stand.memory) == []
    assert stand.run("toy-ended").wanted is Wanted.RUN
    assert stand.rows("toy-ended") == {
        ("", "planned"): 1,
        ("operator", "approved"): 1,
        ("", "filed"): 1,
    }
