# SPDX-License-Identifier: Apache-2.0
"""Ids that are a function of a number, and back: no table of ids is kept."""

from day2.sandbox.ids import uuid_of

LEAD, SPAN = 8, 1 << 32


class Numbering:
    """The UUIDs of so many things of one kind; a higher number has a higher id."""

    def __init__(self, seed: str, kind: str, count: int) -> None:
        if count > SPAN:
            raise ValueError(f"{count} things are more than {LEAD} hexadecimal digits number")
        self.count = count
        self._step = SPAN // max(count, 1)
        self._tail = uuid_of(seed, "bulk", kind)[LEAD:]

    def id_of(self, number: int) -> str:
        """Return the id of a number below the count."""
        return f"{number * self._step:08x}{self._tail}"

    def number_of(self, key: str) -> int | None:
        """Return the number that has this id; None when none has."""
        if key[LEAD:] != self._tail:
            return None
        try:
            number = int(key[:LEAD], 16) // self._step
        except ValueError:
            return None
        # What Python also reads as a number (signs, underscores) is no id.
        return number if 0 <= number < self.count and self.id_of(number) == key else None
