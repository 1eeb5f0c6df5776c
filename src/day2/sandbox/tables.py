# SPDX-License-Identifier: Apache-2.0
"""Where the world keeps its rows: a port, and the table of plain dicts behind it.

A row that a table returns is read only: who changes one calls `change`. So a table may hold its
rows, or make each of them from its number when it is asked for, with only the changed ones kept.
"""

from collections.abc import Callable, Hashable, Iterator, Mapping
from typing import Any, Protocol

Row = dict[str, Any]
"""One thing of the cloud, by our own field names; views make of it what an API shows."""


class Table(Protocol):
    """Rows by id, in the order in which the service lists them."""

    @property
    def changes(self) -> int:
        """How often it was changed: as long as this stands, what was read before is still so."""

    def get(self, key: str) -> Row | None:
        """Return a row; None when there is none."""

    def put(self, row: Row) -> None:
        """Add a row, or replace the one with its id."""

    def change(self, key: str, **fields: Any) -> Row:  # noqa: ANN401 - what JSON holds
        """Change fields of a row and return it; KeyError when there is none."""

    def delete(self, key: str) -> None:
        """Take a row away; nothing happens when there is none."""

    def after(self, marker: str | None = None) -> Iterator[Row]:
        """Yield the rows behind a marker, or all of them; KeyError when nothing has that id.

        Must not cost a search through the rows before the marker.
        """

    def find(self, **fields: Any) -> Iterator[Row]:  # noqa: ANN401 - what JSON holds
        """Yield the rows whose fields have these values, in no order that matters.

        Costs what it finds, not what the table holds, for the fields that services ask by.
        """

    def __len__(self) -> int: ...

    def __iter__(self) -> Iterator[Row]: ...


class Rows:
    """A table of plain dicts, sorted when it is listed."""

    def __init__(self, order: Callable[[Row], Any] | None = None, *, newest: bool = False) -> None:
        self._rows: dict[str, Row] = {}
        self._order = order
        self._newest = newest
        self._sorted: list[Row] | None = None
        self._places: dict[str, int] = {}
        self._by: dict[str, dict[Hashable, dict[str, None]]] = {}
        self.changes = 0

    def get(self, key: str) -> Row | None:
        """Return a row; None when there is none."""
        return self._rows.get(key)

    def put(self, row: Row) -> None:
        """Add a row, or replace the one with its id."""
        key = str(row["id"])
        self._forget(key)
        self._rows[key] = row
        for name, known in self._by.items():
            known.setdefault(_value(row, name), {})[key] = None
        self._sorted = None
        self.changes += 1

    def change(self, key: str, **fields: Any) -> Row:  # noqa: ANN401 - what JSON holds
        """Change fields of a row and return it."""
        changed = {**self._rows[key], **fields}
        self.put(changed)
        return changed

    def delete(self, key: str) -> None:
        """Take a row away."""
        if key in self._rows:
            self._forget(key)
            del self._rows[key]
            self._sorted = None
            self.changes += 1

    def after(self, marker: str | None = None) -> Iterator[Row]:
        """Yield the rows behind a marker, or all of them."""
        rows = self._in_order()
        start = 0 if marker is None else self._places[marker] + 1
        return (rows[place] for place in range(start, len(rows)))

    def find(self, **fields: Any) -> Iterator[Row]:  # noqa: ANN401 - what JSON holds
        """Yield the rows whose fields have these values."""
        wanted = fields.items()
        for key in self._narrowest(fields):
            row = self._rows.get(key)
            if row is not None and all(row.get(name) == value for name, value in wanted):
                yield row

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[Row]:
        return iter(self._in_order())

    def _narrowest(self, fields: Mapping[str, Any]) -> list[str]:
        """Return the keys that have one of these values: the value that the fewest rows have.

        A field is indexed when it is first asked by.
        """
        found: dict[str, None] | None = None
        for name, value in fields.items():
            if name not in self._by:
                self._index(name)
            keys = self._by[name].get(value if isinstance(value, Hashable) else None, {})
            found = keys if found is None or len(keys) < len(found) else found
        return list(self._rows if found is None else found)

    def _index(self, name: str) -> None:
        known = self._by[name] = {}
        for key, row in self._rows.items():
            known.setdefault(_value(row, name), {})[key] = None

    def _forget(self, key: str) -> None:
        row = self._rows.get(key)
        if row is not None:
            for name, known in self._by.items():
                known[_value(row, name)].pop(key, None)

    def _in_order(self) -> list[Row]:
        if self._sorted is None:
            rows = list(self._rows.values())
            if self._order is not None:
                rows.sort(key=self._order, reverse=self._newest)
            self._sorted = rows
            self._places = {str(row["id"]): place for place, row in enumerate(rows)}
        return self._sorted


def _value(row: Row, name: str) -> Hashable:
    """Return a value that rows are found by; lists and the like are looked for one by one."""
    value = row.get(name)
    return value if isinstance(value, Hashable) else None
