# SPDX-License-Identifier: Apache-2.0
"""Events that differ in their values only, folded and counted in bounded memory."""

import collections
import re
from typing import Any

from day2.adapters.remote.log_masks import masked

# Of a long event the beginning and the end are kept: the words and the exception.
EVENT_BYTES_HEAD, EVENT_BYTES_TAIL = 3 << 10, 6 << 10
EVENT_LINES_MAX = 600
GROUPS_MAX = 400
FRAME = re.compile(rb'File "([^"\n]+)", line \d+, in ([^\n]+)')
RAISED = re.compile(
    rb"(?:^|\n)(?:[^\n]*? (?:ERROR|CRITICAL) [\w.\-]+ (?:\[instance: [^\]]*\] ?)?)?"
    rb"((?:[A-Za-z_]\w*\.)*[A-Z]\w*)(?::|\n|$)"
)
VALUE = re.compile(rb"'[^'\n]*'|\"[^\"\n]*\"|(?<![\w.:/@-])[\w.:/@-]*\d[\w.:/@-]*")


class Event:
    """One record with everything that belongs to it."""

    __slots__ = ("at", "ended", "head", "key", "lines", "size", "tail", "wanted")

    def __init__(self, line: bytes, at: "float | None", key: "tuple[Any, ...]") -> None:
        self.at = at
        self.key = key
        self.head = [line[:EVENT_BYTES_HEAD]]
        self.tail = collections.deque()  # type: collections.deque[bytes]
        self.size = len(self.head[0])
        self.lines = 1
        # What only warned is passed over together with its traceback.
        self.wanted = True
        self.ended = False

    def add(self, line: bytes) -> None:
        """Add a line; of a long event the beginning and the end stay."""
        self.lines += 1
        if not self.wanted or self.lines > EVENT_LINES_MAX:
            return
        line = line[:EVENT_BYTES_HEAD]
        if not self.tail and self.size + len(line) < EVENT_BYTES_HEAD:
            self.head.append(line)
            self.size += len(line)
            return
        self.tail.append(line)
        self.size += len(line)
        while len(self.tail) > 1 and self.size > EVENT_BYTES_HEAD + EVENT_BYTES_TAIL:
            self.size -= len(self.tail.popleft())

    @property
    def text(self) -> bytes:
        """The whole event."""
        return b"\n".join(self.head + list(self.tail))


class Groups:
    """Events that differ in their values only, counted; the first of each is kept whole."""

    def __init__(self, since: float, until: float) -> None:
        self._since = since
        self._until = until
        self._fine = {}  # type: dict[bytes, list[Any]]
        self._coarse = {}  # type: dict[bytes, list[Any]]
        self.dropped = 0

    def add(self, event: Event) -> None:
        """Count an event; one outside of the time that is reviewed is none."""
        at = event.at
        if not event.wanted or (at is not None and not self._since <= at < self._until):
            return
        text = event.text
        head, _newline, rest = text.partition(b"\n")
        raised = RAISED.findall(rest) if b'File "' in rest else []
        fine = _identity(head[:600], raised, FRAME.findall(rest))
        found = self._fine.get(fine)
        if found is None and len(self._fine) < GROUPS_MAX:
            self._fine[fine] = [1, at, at, text]
            return
        if found is None:
            # Too many kinds: from here on the first words decide, so that what is rare stays.
            coarse = _first_words(head[:600]) + b"".join(raised[-1:])
            found = self._coarse.get(coarse)
            if found is None:
                if len(self._coarse) < GROUPS_MAX:
                    self._coarse[coarse] = [1, at, at, text]
                else:
                    self.dropped += 1
                return
        found[0] += 1
        if at is not None:
            found[1] = at if found[1] is None else min(found[1], at)
            found[2] = at if found[2] is None else max(found[2], at)

    def listed(self) -> "list[dict[str, Any]]":
        """Return them: count, first and last moment, and the text of one, without secrets."""
        rows = []
        for count, first, last, text in list(self._fine.values()) + list(self._coarse.values()):
            said = masked(text.decode("utf-8", "replace"))
            rows.append({"count": count, "first": first, "last": last, "text": said})
        return rows


def _first_words(head: bytes) -> bytes:
    """Return who speaks and the first words: those behind the request in its brackets."""
    words = VALUE.sub(b"#", head).split()
    ends = [n for n, word in enumerate(words[:16]) if word.endswith(b"]")]
    start = ends[0] + 1 if ends else 5
    return b" ".join(words[:5] + words[start : start + 4])


def _identity(head: bytes, raised: "list[bytes]", frames: "list[tuple[bytes, bytes]]") -> bytes:
    """Say what makes an event the same as another: its words, its exception, its way there."""
    way = b"|".join(file + b":" + function for file, function in frames)
    return VALUE.sub(b"#", head) + b"\0" + b"".join(raised[-1:]) + b"\0" + way
