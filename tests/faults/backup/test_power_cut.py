# SPDX-License-Identifier: Apache-2.0
"""What a power cut would leave: each file and folder is really flushed before the next act counts.

The calls themselves are watched, not the points around them: a flush that is taken out is missed.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

from day2.model.backup import Told
from tests.unit.backup.stand import SQL, Stand, record, take

SET = "database-20261126-060000-1a2b"
Acts = list[tuple[str, str]]


@contextmanager
def watched() -> Iterator[Acts]:
    """Write down each flush, rename, link and removal of this thread, with what it is of."""
    acts: Acts = []

    def watch(frame: FrameType, event: str, called: Any) -> None:
        if event != "c_call":
            return
        act = getattr(called, "__name__", "")
        here = frame.f_locals
        if act == "fsync":
            handle = here.get("handle")
            assert isinstance(handle, int), frame
            target = Path(f"/proc/self/fd/{handle}").readlink()
            acts.append(("flush", target.name))
        elif act == "rename":
            acts.append(("rename", Path(here["target"]).name))
        elif act == "link":
            acts.append(("link", here["name"]))
        elif act == "rmdir":
            acts.append(("rmdir", ""))

    sys.setprofile(watch)
    try:
        yield acts
    finally:
        sys.setprofile(None)


def follow(acts: Acts, *wanted: tuple[str, str]) -> None:
    """See that these acts happened in this order, whatever else did in between."""
    at = 0
    for one in wanted:
        found = [n for n, act in enumerate(acts) if n >= at and _same(act, one)]
        assert found, (one, acts[at:])
        at = found[0] + 1


def _same(act: tuple[str, str], wanted: tuple[str, str]) -> bool:
    """Files that were written beside their name are flushed under that one."""
    return act[0] == wanted[0] and act[1].startswith(wanted[1])


def test_a_set_has_its_name_only_after_all_of_it_is_on_the_disk(stand: Stand) -> None:
    vault = stand.vault()
    take(vault, "database-20261125-060000-0000")
    with watched() as acts:
        take(vault, SET, content={"dump": SQL, "accounts": b"x"})
    partial = f".{SET}.partial"
    follow(
        acts,
        ("flush", ".database.token"),
        ("rename", "database.token"),
        ("flush", ".locks"),
        ("flush", "dump.sql.zst.age"),
        ("flush", "accounts.sql.zst.age"),
        ("flush", ".sequence"),
        ("rename", "sequence"),
        ("flush", ".locks"),
        ("flush", ".HOWTO.txt"),
        ("rename", "HOWTO.txt"),
        ("flush", ".SHA256SUMS"),
        ("rename", "SHA256SUMS"),
        ("flush", ".manifest.json"),
        ("rename", "manifest.json"),
        ("flush", partial),
        ("rename", SET),
        ("flush", "prod"),
    )


def test_a_record_has_its_name_only_after_it_is_on_the_disk(stand: Stand) -> None:
    vault = stand.vault()
    found = take(vault, SET)
    with watched() as acts:
        vault.record(record(found))
    follow(
        acts,
        ("flush", "prod"),
        ("flush", ".0001-verified.json"),
        ("link", "0001-verified.json"),
        ("flush", f"{SET}.records"),
    )


def test_a_set_loses_its_name_on_the_disk_before_its_files_go(stand: Stand) -> None:
    vault = stand.vault()
    found = take(vault, SET)
    vault.record(record(found, Told.CONDEMNED))
    with watched() as acts:
        vault.remove(found)
    follow(
        acts, ("rename", f".{SET}.removing"), ("flush", "prod"), ("rmdir", ""), ("flush", "prod")
    )


def test_what_is_fetched_is_on_the_disk_before_it_is_handed_out(stand: Stand) -> None:
    vault = stand.vault()
    found = take(vault, SET)
    with watched() as acts:
        vault.fetch(found, found.manifest.artefacts[0], stand.into)
    follow(acts, ("flush", ".dump.sql.partial"), ("rename", "dump.sql"), ("flush", "into"))
