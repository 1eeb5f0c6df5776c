# SPDX-License-Identifier: Apache-2.0
"""Heads that were copied elsewhere: each of them must be in the chain."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from day2.errors import JournalBroken
from day2.memory import journal
from day2.memory.journal import Journalist
from day2.memory.schema import journal as rows
from day2.memory.store import Memory, open_memory

AT = datetime(2026, 11, 26, 6, 0, tzinfo=UTC)


def say(memory: Memory, run: str) -> None:
    with memory.writing() as connection:
        Journalist("c", "r").append(connection, at=AT, run=run, kind="filed", by="b", body={})


def test_a_journal_that_was_cut_and_grew_again_is_told_by_the_older_copy(tmp_path: Path) -> None:
    """The copies of before and after have the same number: both are held against the chain."""
    memory = open_memory(tmp_path / "state")
    for run in ("one", "two", "three"):
        say(memory, run)
    before = journal.head(memory)
    with memory.writing() as connection:
        connection.execute(rows.delete().where(rows.c.n == before.n))
    say(memory, "another")
    after = journal.head(memory)
    assert (after.n, after.hash == before.hash) == (before.n, False)
    assert journal.verify(memory, [after, after]) == after
    for copied in ([before, after], [after, before]):
        with pytest.raises(JournalBroken, match="row 3 is not the one whose hash was copied"):
            journal.verify(memory, copied)
