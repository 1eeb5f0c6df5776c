# SPDX-License-Identifier: Apache-2.0
"""Read the moment of a log line: DATED, syslog, Apache, old MariaDB."""

import calendar
import re
import time

MONTHS = {
    name: number + 1
    for number, name in enumerate(b"Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split())
}
# Right behind the time; after a blank, as gunicorn and PostgreSQL write it, only what must be one.
ZONE = re.compile(rb"(?:Z| UTC\b)|(?:(?= [+-]\d{4}\b) )?([+-])(\d\d):?(\d\d)")
DATED = re.compile(rb"20\d\d-\d\d-\d\d[ T]\d\d:\d\d:\d\d")


class Times:
    """Moments of log lines; a time without a zone is the host's own."""

    def __init__(self, now: float) -> None:
        self._now = now
        self._year = time.localtime(now).tm_year
        self._known = {}  # type: dict[bytes, float | None]

    def of(self, line: bytes) -> "float | None":
        """Return when a line was written; None where it does not say so."""
        start = line.find(b"20", 0, 12)
        text = line[max(start, 0) :][:19]
        zone = line[max(start, 0) + 19 :][:16]
        found = self._second(text)
        if found is not None:
            return self._with_zone(found, text, zone)
        return self._other(line)

    def _second(self, text: bytes) -> "float | None":
        if text in self._known:
            return self._known[text]
        if len(self._known) > 4096:  # noqa: PLR2004 - bounded
            self._known.clear()
        found = None  # type: float | None
        try:
            if text[4:5] == b"-" and text[13:14] == b":":
                parts = [
                    int(text[a:b])
                    for a, b in ((0, 4), (5, 7), (8, 10), (11, 13), (14, 16), (17, 19))
                ]
                found = time.mktime(
                    (parts[0], parts[1], parts[2], parts[3], parts[4], parts[5], 0, 1, -1)
                )
        except (ValueError, OverflowError):
            found = None
        self._known[text] = found
        return found

    @staticmethod
    def _with_zone(local: float, text: bytes, rest: bytes) -> "float | None":
        fraction = 0.0
        digits = re.match(rb"[.,](\d{1,9})", rest)
        if digits:
            fraction = float(b"0." + digits.group(1))
            rest = rest[digits.end() :]
        zone = ZONE.match(rest)
        if not zone:
            return local + fraction
        try:
            parts = time.strptime(
                text.decode("ascii", "replace").replace("T", " "), "%Y-%m-%d %H:%M:%S"
            )
        except ValueError:
            # There was no such moment; `mktime` takes the 30th of February for one.
            return None
        exact = calendar.timegm(parts) + fraction
        if zone.group(1):
            offset = int(zone.group(2)) * 3600 + int(zone.group(3)) * 60
            exact -= offset if zone.group(1) == b"+" else -offset
        return exact

    def _other(self, line: bytes) -> "float | None":
        """Read the time of syslog, Apache and old MariaDB."""
        try:
            found = re.search(
                rb"([A-Z][a-z]{2}) ([ \d]\d) (\d\d):(\d\d):(\d\d)(?:\.\d+)?(?: (\d{4}))?", line[:60]
            )
            if found and found.group(1) in MONTHS:
                year = int(found.group(6) or self._year)
                moment = (
                    year, MONTHS[found.group(1)], int(found.group(2)), int(found.group(3)),
                    int(found.group(4)), int(found.group(5)), 0, 1, -1,
                )  # fmt: skip
                at = time.mktime(moment)
                # Syslog has no year: December read in January is last year's.
                late = at > self._now + 86400 and not found.group(6)
                return time.mktime((year - 1,) + moment[1:]) if late else at  # noqa: RUF005
            inside = DATED.search(line[:200])
            if inside:
                return self.of(line[inside.start() :])
            old = re.match(rb"(\d\d)(\d\d)(\d\d) ([ \d]\d):(\d\d):(\d\d)", line)
            if old:
                numbers = [int(part) for part in old.groups()]
                return time.mktime((2000 + numbers[0], *numbers[1:], 0, 1, -1))  # type: ignore[arg-type]
        except (ValueError, OverflowError):
            return None
        return None
