# SPDX-License-Identifier: Apache-2.0
"""Heads that were copied elsewhere: each of them must be in the chain."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from day2.engine import heads
from day2.errors import BadSettings, JournalBroken
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


@pytest.mark.parametrize("cut", [3, 15, 26, 28, 40])
def test_a_copy_that_a_power_cut_tore_spoils_none_before_or_after(tmp_path: Path, cut: int) -> None:
    memory, file = open_memory(tmp_path / "state"), tmp_path / "heads"
    say(memory, "one")
    first = journal.head(memory)
    heads.append(file, first, AT)
    whole = file.read_bytes()
    file.write_bytes(whole + whole[:cut])
    assert heads.copied(file) == [first]
    say(memory, "two")
    second = journal.head(memory)
    heads.append(file, second, AT)
    assert heads.copied(file) == [first, second]
    assert journal.verify(memory, heads.copied(file)) == second


@pytest.mark.parametrize("words", ["example.org", "2026-11-26T06:00:00+00:00 1:abc\n", "7 x"])
def test_what_is_no_copy_is_refused_also_without_an_end_of_its_line(
    tmp_path: Path, words: str
) -> None:
    file = tmp_path / "heads"
    file.write_text(words)
    with pytest.raises(BadSettings, match="line 1: not a head of the journal"):
        heads.copied(file)


def test_blocks_that_a_power_cut_left_without_their_content_are_no_heads(tmp_path: Path) -> None:
    memory, file = open_memory(tmp_path / "state"), tmp_path / "heads"
    say(memory, "one")
    first = journal.head(memory)
    heads.append(file, first, AT)
    file.write_bytes(file.read_bytes() + b"\0" * 40)
    assert heads.copied(file) == [first]
    file.write_bytes(b"\xff\xfe\n")
    with pytest.raises(BadSettings, match="line 1"):
        heads.copied(file)
