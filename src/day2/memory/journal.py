# SPDX-License-Identifier: Apache-2.0
"""The journal: append-only, one row for each intent and each outcome, chained by hashes.

The chain proves that nothing between two rows was changed, taken out or put in. That nothing was
cut off its end is proven by a head that was copied elsewhere (`journal.head_file`).
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert

from day2.errors import JournalBroken
from day2.memory.schema import journal
from day2.memory.store import Memory

BEGINNING = "0" * 64
_LAST = sa.select(journal.c.n, journal.c.hash).order_by(journal.c.n.desc()).limit(1)
# `run`, `step` and `kind` are said once: a second time adds nothing.
_APPEND = insert(journal).on_conflict_do_nothing(index_elements=["run", "step", "kind"])


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One row. `step` is empty for what concerns a run or plan as a whole."""

    n: int
    at: datetime
    cloud: str
    region: str
    run: str
    step: str
    kind: str
    by: str
    body: dict[str, Any]
    previous: str
    hash: str


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """The end of the chain: how many rows there are, and the hash of the last."""

    n: int
    hash: str

    @property
    def text(self) -> str:
        """Write it as one word, which `journal verify --head` takes."""
        return f"{self.n}:{self.hash}"


class Journalist:
    """Writes the rows of one cloud, in the transaction of its caller."""

    def __init__(self, cloud: str, region: str) -> None:
        self._cloud = cloud
        self._region = region

    def append(
        self,
        connection: sa.Connection,
        *,
        at: datetime,
        run: str,
        step: str = "",
        kind: str,
        by: str,
        body: Mapping[str, Any],
    ) -> Entry:
        """Append one row, or return the one that is there already for this run, step and kind.

        The connection must hold the write lock (`Memory.writing`). `body` is kept for ever and
        shown to people: nothing secret belongs there.
        """
        last = connection.execute(_LAST).first()
        text = _canonical(body)
        row = {
            "n": 1 if last is None else last.n + 1,
            "at": at,
            "cloud": self._cloud,
            "region": self._region,
            "run": run,
            "step": step,
            "kind": kind,
            "by": by,
            "body": text,
            "previous": BEGINNING if last is None else last.hash,
        }
        row["hash"] = _hash(row)
        added = connection.execute(_APPEND, row)
        if added.rowcount == 1:
            return Entry(**{**row, "body": json.loads(text)})
        known = find(connection, run, step, kind)
        if known is None:  # pragma: no cover - what conflicts is there
            raise JournalBroken(f"the journal refuses a row for {run}, {step}, {kind}")
        return known


def find(connection: sa.Connection, run: str, step: str, kind: str) -> Entry | None:
    """Return the row of this run, step and kind; None when there is none."""
    query = sa.select(journal).where(
        journal.c.run == run, journal.c.step == step, journal.c.kind == kind
    )
    row = connection.execute(query).first()
    return None if row is None else _entry(row)


def entries(
    memory: Memory,
    cloud: str,
    region: str,
    *,
    run: str = "",
    count: int | None = None,
    kinds: Sequence[str] = (),
) -> list[Entry]:
    """Return the rows of one cloud, oldest first; of one run, or the newest `count` of them."""
    query = sa.select(journal).where(journal.c.cloud == cloud, journal.c.region == region)
    if run:
        query = query.where(journal.c.run == run)
    if kinds:
        query = query.where(journal.c.kind.in_(kinds))
    query = query.order_by(journal.c.n.desc()).limit(count)
    with memory.reading() as connection:
        return [_entry(row) for row in reversed(connection.execute(query).all())]


def head(memory: Memory) -> Head:
    """Return the end of the chain; 0 and the beginning's hash while it is empty."""
    with memory.reading() as connection:
        last = connection.execute(_LAST).first()
    return Head(n=0, hash=BEGINNING) if last is None else Head(n=last.n, hash=last.hash)


def verify(memory: Memory, heads: Sequence[Head] = ()) -> Head:
    """Walk the whole chain, and hold it against heads that were copied elsewhere.

    Returns:
        The end of the chain.

    Raises:
        JournalBroken: naming the first row that does not hold, or the head that is not in it.

    """
    # Of a journal that was cut and has grown again, two copies have the same number: each counts.
    wanted: dict[int, set[str]] = {}
    for given in heads:
        if given.n > 0:
            wanted.setdefault(given.n, set()).add(given.hash)
    number, previous = 0, BEGINNING
    with memory.reading() as connection:
        for row in connection.execute(sa.select(journal).order_by(journal.c.n)):
            number += 1
            if row.n != number:
                raise _broken(number, f"row {number} is missing: {row.n} comes next")
            if row.previous != previous:
                raise _broken(number, f"row {number} does not follow row {number - 1}")
            if row.hash != _hash(dict(row._mapping)):  # noqa: SLF001 - its public name
                raise _broken(number, f"row {number} was changed after it was written")
            if wanted.pop(number, set()) - {row.hash}:
                raise _broken(number, f"row {number} is not the one whose hash was copied")
            previous = row.hash
    if wanted:
        cut = min(wanted)
        raise _broken(cut, f"it ends at row {number}, but a copied head names row {cut}")
    return Head(n=number, hash=previous)


def read_head(text: str) -> Head | None:
    """Read a head as `Head.text` writes it; None when it is not one."""
    number, _colon, digest = text.strip().rpartition(" ")[2].partition(":")
    if not number.isdigit() or len(digest) != len(BEGINNING):
        return None
    return Head(n=int(number), hash=digest)


def _broken(row: int, said: str) -> JournalBroken:
    return JournalBroken(
        f"the journal does not hold: {said}",
        hint="keep a copy of memory.sqlite as it is, and compare it with a backup; rows before "
        f"{row} are intact",
    )


def _canonical(body: Mapping[str, Any]) -> str:
    return msgspec.json.encode(dict(body), order="sorted").decode()


def _hash(row: Mapping[str, Any]) -> str:
    """Hash a row with the one before it."""
    parts = [
        row["previous"],
        str(row["n"]),
        row["at"].isoformat(timespec="microseconds"),
        *(row[name] for name in ("cloud", "region", "run", "step", "kind", "by", "body")),
    ]
    # JSON keeps the parts apart: no two rows are written alike.
    return hashlib.sha256(json.dumps(parts, ensure_ascii=True).encode()).hexdigest()


def _entry(row: Any) -> Entry:  # noqa: ANN401 - a row of SQLAlchemy
    return Entry(**{**row._mapping, "body": json.loads(row.body)})  # noqa: SLF001
