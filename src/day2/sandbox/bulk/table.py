# SPDX-License-Identifier: Apache-2.0
"""A table whose rows are made of their number when they are asked for.

Kept are only rows that were put in as they are, those that were changed, and the numbers of those
that were deleted. The rows that were put in are listed first, then the others by number.
"""

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Protocol

from day2.sandbox.tables import Row, Rows


class Plane(Protocol):
    """One kind of thing: how many, and everything about each as a function of its number.

    `finders` say by field which numbers have a value there; each is a superset that costs no more
    than its answer.
    """

    count: int
    finders: Mapping[str, Callable[[Any], Iterable[int]]]

    def row(self, number: int) -> Row:
        """Make the row of a number."""

    def id_of(self, number: int) -> str:
        """Return the id of a number."""

    def number_of(self, key: str) -> int | None:
        """Return the number that has this id; None when none has."""


class BulkRows:
    """Made rows behind the rows that were put in."""

    def __init__(self, own: Rows, plane: Plane) -> None:
        self._own = own
        self._plane = plane
        self._changed: dict[int, Row] = {}
        self._gone: set[int] = set()
        self._changes = 0

    @property
    def changes(self) -> int:
        """How often the table was changed."""
        return self._own.changes + self._changes

    @property
    def finders(self) -> frozenset[str]:
        """The fields by which rows are found without a search."""
        return frozenset(self._plane.finders)

    def get(self, key: str) -> Row | None:
        """Return a row; None when there is none."""
        number = self._plane.number_of(key)
        return self._own.get(key) if number is None else self._row(number)

    def put(self, row: Row) -> None:
        """Add a row, or replace the one with its id."""
        number = self._plane.number_of(str(row["id"]))
        if number is None:
            self._own.put(row)
            return
        self._changed[number] = row
        self._gone.discard(number)
        self._changes += 1

    def change(self, key: str, **fields: Any) -> Row:  # noqa: ANN401 - what JSON holds
        """Change fields of a row and return it."""
        row = self.get(key)
        if row is None:
            raise KeyError(key)
        changed = {**row, **fields}
        self.put(changed)
        return changed

    def delete(self, key: str) -> None:
        """Take a row away."""
        number = self._plane.number_of(key)
        if number is None:
            self._own.delete(key)
        elif number not in self._gone:
            self._changed.pop(number, None)
            self._gone.add(number)
            self._changes += 1

    def after(self, marker: str | None = None) -> Iterator[Row]:
        """Yield the rows behind a marker, or all of them."""
        number = None if marker is None else self._plane.number_of(marker)
        if number is None:
            return itertools.chain(self._own.after(marker), self._made(0))
        if number in self._gone:
            raise KeyError(marker)
        return self._made(number + 1)

    def find(self, **fields: Any) -> Iterator[Row]:  # noqa: ANN401 - what JSON holds
        """Yield the rows whose fields have these values; a search without a finder reads all."""
        yield from self._own.find(**fields)
        wanted = fields.items()
        changed = list(self._changed.values())
        for number in self._candidates(fields):
            if number in self._gone or number in self._changed:
                continue
            row = self._plane.row(number)
            if all(row.get(name) == value for name, value in wanted):
                yield row
        for row in changed:
            if all(row.get(name) == value for name, value in wanted):
                yield row

    def __len__(self) -> int:
        return len(self._own) + self._plane.count - len(self._gone)

    def __iter__(self) -> Iterator[Row]:
        return self.after()

    def _candidates(self, fields: Mapping[str, Any]) -> Iterable[int]:
        if "id" in fields:
            number = self._plane.number_of(str(fields["id"]))
            return () if number is None else (number,)
        for name, finder in self._plane.finders.items():
            if name in fields:
                return finder(fields[name])
        return range(self._plane.count)

    def _made(self, start: int) -> Iterator[Row]:
        for number in range(start, self._plane.count):
            row = self._row(number)
            if row is not None:
                yield row

    def _row(self, number: int) -> Row | None:
        if number in self._gone:
            return None
        return self._changed.get(number) or self._plane.row(number)
