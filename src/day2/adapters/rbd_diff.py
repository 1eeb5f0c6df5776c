# SPDX-License-Identifier: Apache-2.0
"""Read what `rbd export-diff` says of itself while it streams by: from, to, size, and its end.

The stream has no checksum, and a cut one differs from a whole one only by its last byte.
"""

import struct

import msgspec

from day2.adapters.reasons import one_line
from day2.errors import BadAnswer

HEADER = b"rbd diff v1\n"
NAME_MAX = 4096
_U32, _U64, _EXTENT = struct.Struct("<I"), struct.Struct("<Q"), struct.Struct("<QQ")


class DiffFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What a whole stream said: `since` is empty when it begins with nothing.

    `written_bytes` are the data in it, `zeroed_bytes` what it only says to be zero.
    """

    since: str
    snapshot: str
    size_bytes: int
    written_bytes: int
    zeroed_bytes: int


class DiffReader:
    """Takes the stream part by part, as it comes; keeps no data."""

    def __init__(self) -> None:
        self._left = bytearray()
        self._skip = 0
        self._begun = False
        self._ended = False
        self._names = {"f": "", "t": ""}
        self._size = -1
        self._written = 0
        self._zeroed = 0

    def write(self, part: bytes) -> None:
        """Take the next bytes.

        Raises:
            BadAnswer: when they are no diff stream of version 1.

        """
        view = memoryview(part)
        if self._skip:
            passed = min(self._skip, len(view))
            self._skip -= passed
            view = view[passed:]
        self._left += view
        while not self._skip and self._record():
            passed = min(self._skip, len(self._left))
            del self._left[:passed]
            self._skip -= passed

    def finish(self) -> DiffFacts:
        """Return what the stream was.

        Raises:
            BadAnswer: when it did not come to its end.

        """
        if not self._ended or self._skip or self._left:
            raise BadAnswer("the stream of rbd export-diff is cut: it has no end")
        if self._size < 0:
            raise BadAnswer("the stream of rbd export-diff does not say the size of the image")
        return DiffFacts(
            since=self._names["f"],
            snapshot=self._names["t"],
            size_bytes=self._size,
            written_bytes=self._written,
            zeroed_bytes=self._zeroed,
        )

    def _record(self) -> bool:
        """Read one record if all of it is there, its data excepted."""
        if not self._begun:
            self._begun = self._taken(len(HEADER)) is not None
            return self._begun
        if not self._left:
            return False
        if self._ended:
            raise BadAnswer("the stream of rbd export-diff goes on after its end")
        tag = chr(self._left[0])
        match tag:
            case "f" | "t":
                return self._name(tag)
            case "s":
                found = self._fields(_U64)
                if found:
                    self._size = found[0]
            case "w" | "z":
                found = self._fields(_EXTENT)
                if found:
                    self._extent(tag, found[1])
            case "e":
                self._ended = True
                found = (0,)
                del self._left[0]
            case _:
                raise BadAnswer(f"rbd export-diff: no such record in a diff stream: {tag!r}")
        return found is not None

    def _extent(self, tag: str, length: int) -> None:
        if tag == "w":
            self._written += length
            self._skip = length
        else:
            self._zeroed += length

    def _name(self, tag: str) -> bool:
        if len(self._left) < 1 + _U32.size:
            return False
        (length,) = _U32.unpack_from(self._left, 1)
        if length > NAME_MAX:
            raise BadAnswer(f"rbd export-diff: a snapshot's name of {length} bytes")
        end = 1 + _U32.size + length
        if len(self._left) < end:
            return False
        name = self._left[1 + _U32.size : end].decode(errors="replace")
        self._names[tag] = name
        del self._left[:end]
        return True

    def _fields(self, shape: struct.Struct) -> tuple[int, ...] | None:
        if len(self._left) < 1 + shape.size:
            return None
        found: tuple[int, ...] = shape.unpack_from(self._left, 1)
        del self._left[: 1 + shape.size]
        return found

    def _taken(self, count: int) -> bytes | None:
        if len(self._left) < count:
            return None
        found = bytes(self._left[:count])
        if found != HEADER:
            said = one_line(found.decode(errors="replace"))
            raise BadAnswer(f"this is no stream of rbd export-diff; it begins with {said!r}")
        del self._left[:count]
        return found
