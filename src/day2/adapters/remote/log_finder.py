# SPDX-License-Identifier: Apache-2.0
"""Find the lines of one log that name a request, of any level: all other lines are passed over."""

from day2.adapters.remote.log_masks import masked
from day2.adapters.remote.log_times import Times

FOUND_LINE_BYTES_MAX = 3 << 10
FOUND_WINDOW_BYTES = 1 << 20


class Finder:
    """Finds lines in the bytes of one file, window by window; keeps no more than `lines_max`."""

    def __init__(
        self, words: "list[bytes]", times: Times, since: float, until: float, lines_max: int
    ) -> None:
        self._words = words
        self._times = times
        self._since = since
        self._until = until
        self._left = lines_max
        self._rest = b""
        self.rows = []  # type: list[dict[str, object]]
        self.lines = self.dropped = 0

    def feed(self, data: bytes) -> None:
        """Take the next bytes; a line that is not complete waits for the next ones."""
        self.lines += data.count(b"\n")
        whole = self._rest + data if self._rest else data
        end = whole.rfind(b"\n") + 1
        if not end and len(whole) < FOUND_WINDOW_BYTES:
            self._rest = whole
            return
        end = end or len(whole)
        self._rest = whole[end:]
        self._window(whole[:end])

    def close(self) -> None:
        """Take what is left."""
        if self._rest:
            self.lines += 1
            self._window(self._rest + b"\n")
            self._rest = b""

    def _window(self, window: bytes) -> None:
        places = {}  # type: dict[int, int]
        for word in self._words:
            hit = window.find(word)
            while hit >= 0:
                end = window.find(b"\n", hit)
                end = len(window) if end < 0 else end
                places[window.rfind(b"\n", 0, hit) + 1] = end
                hit = window.find(word, end)
        for start, end in sorted(places.items()):
            self._take(window[start : min(end, start + FOUND_LINE_BYTES_MAX)].rstrip(b"\r"))

    def _take(self, line: bytes) -> None:
        at = self._times.of(line)
        if at is not None and not self._since <= at < self._until:
            return
        if self._left <= 0:
            self.dropped += 1
            return
        self._left -= 1
        text = masked(line.decode("utf-8", "replace"))
        self.rows.append({"count": 1, "first": at, "last": at, "text": text})
