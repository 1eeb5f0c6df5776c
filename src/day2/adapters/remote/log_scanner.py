# SPDX-License-Identifier: Apache-2.0
"""Find the errors in the bytes of one log: nearly all lines are passed over undecoded."""

import collections
import re

from day2.adapters.remote.log_groups import Event, Groups
from day2.adapters.remote.log_times import Times

WINDOW_BYTES = 1 << 20
LINE_BYTES_MAX = 16 << 10
OPEN_MAX = 32
LOOK_BACK_BYTES = 8 << 10

# A line that is to be looked at has one of these; searching for bytes passes over gigabytes in a
# second, which no pattern does.
TOKENS = (
    b"ERROR", b"CRITICAL", b"FATAL", b"Traceback (most", b"rror]", b"rror : ", b"|ERR|", b"|EMER|",
    b" is DOWN", b"no server available", b"[ALERT]", b"=error", b"=eror", b"=fatal", b'"error"',
    b'"fatal"', b'"panic"', b" -1 ", b"!!! ", b"ritical]", b"crit]", b"lert]", b"merg]",
    b"mergency]",
)  # fmt: skip
ISO = rb"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?:Z|[+-]\d\d:?\d\d)?"
APACHE = rb"\[[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d(?:\.\d+)? \d{4}\]"
SYSLOG = rb"[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d "
# What a record begins with; a line without it goes on with the record before it.
STAMP = re.compile(
    rb"\[?(?:<\d+>)?(?:" + ISO + rb")|" + APACHE + rb"|(?:<\d+>)?" + SYSLOG
    + rb"|\d{6} [ \d]\d:\d\d:\d\d "
    rb"|\d+:[A-Z] \d\d [A-Z][a-z]{2} \d{4} |\[pid: |\*\*\* |\{\"|(?:ts|time|t|level|lvl|logger)="
    rb"|(?:ERROR|CRITICAL|FATAL|WARNING|INFO|DEBUG)(?: *\[|:)|\[(?:NOTICE|WARNING|ALERT)\]"
    rb"|\+ |!!! "
)  # fmt: skip
OSLO = re.compile(
    rb"(" + ISO + rb") (?:(\d+) )?"
    rb"(ERROR|CRITICAL|FATAL|WARNING|WARN|INFO|DEBUG|TRACE|AUDIT) +([\w.\-/:<>]+)(?: |$)"
)  # fmt: skip
CONTEXT = re.compile(rb"\[(?:-\]|[^\]]*\breq-|None\b)")
FRAGMENT = re.compile(
    rb"(?:\[instance: [^\]]*\] ?)?(?:Traceback \(most|\s|$|[\^~]+$|During handling|The above exc"
    rb"|[A-Za-z_][\w.]*(?:Error|Exception|Timeout|NotFound|Failed|Failure|Exit|Conflict)\b)"
)
RABBIT = re.compile(
    rb"(" + ISO + rb") \[(debug|info|notice|warning|error|critical|alert|emergency)\] (<[\d.]+>)"
)
MOD_APACHE = re.compile(
    APACHE + rb" \[([\w-]*):(\w+)\] (\[pid [^\]]*\])?(?: \[(?:client|remote) [^\]]*\])? ?"
)
GRAVE = re.compile(
    rb"(?:" + ISO + rb")(?: (?:\d+ )?(?:ERROR|CRITICAL|FATAL) |[^\[\n]{0,160}\[ERROR\]"
    rb"|\]?\[(?:ERROR|FATAL) *\]| \[(?:error|critical|alert|emergency)\] |: \d+: error : "
    rb"|\|\d+\|[^|\n]{1,80}\|(?:ERR|EMER)\|| [0-9a-f]{6,} -1 |[^\n]{0,80}haproxy\[)"
    rb"|\[" + ISO + rb"\]\[(?:ERROR|FATAL) *\]"
    rb"|\d{6} [ \d]\d:\d\d:\d\d [^\[\n]{0,80}\[ERROR\]"
    rb"|(?:<\d+>)?" + SYSLOG + rb"[^\n]{0,80}haproxy\["
    rb"|\[ALERT\]|(?:ERROR|CRITICAL|FATAL)(?: *\[|:| )|!!! "
    rb"|\{[^\n]*\"(?:level|severity)\": *\"(?:error|fatal|panic|dpanic)\""
    rb"|(?:ts|time|t|level|lvl|logger)=[^\n]*\b(?:level|lvl)=\"?(?:error|eror|fatal|crit)\b"
)  # fmt: skip
DOWN = re.compile(rb"Server \S+ is DOWN|has no server available|\[ALERT\]")


class Scanner:
    """Finds the errors in the bytes of one file, window by window."""

    def __init__(
        self, groups: Groups, times: Times, marks: "collections.abc.Iterable[bytes]" = ()
    ) -> None:
        """Begin; a line with one of `marks` in it counts as well, whatever its level."""
        self._groups = groups
        self._marks = tuple(marks)
        self._times = times
        self._open = collections.OrderedDict()  # type: collections.OrderedDict[object, Event]
        self._last = None  # type: Event | None
        self._rest = b""
        self._before = b""
        self.lines = 0

    def feed(self, data: bytes) -> None:
        """Take the next bytes; a line that is not complete waits for the next ones."""
        self.lines += data.count(b"\n")
        whole = self._rest + data if self._rest else data
        end = whole.rfind(b"\n") + 1
        if not end and len(whole) < WINDOW_BYTES:
            self._rest = whole
            return
        end = end or len(whole)
        self._rest = whole[end:]
        window = whole[:end]
        self._window(window)
        self._before = window[-LOOK_BACK_BYTES:]

    def close(self) -> None:
        """Take what is left."""
        if self._rest:
            self.lines += 1
            self._window(self._rest + b"\n")
        for event in self._open.values():
            self._groups.add(event)
        self._open.clear()
        self._last = None

    def _window(self, window: bytes) -> None:
        at = self._follow(window, 0) if self._last is not None else 0
        for start, end in self._candidates(window):
            if start < at:
                continue
            at = self._take(window, start, end)

    def _candidates(self, window: bytes) -> "list[tuple[int, int]]":
        """Return where the lines lie that have one of the tokens, in order."""
        found = {}  # type: dict[int, int]
        for token in TOKENS + self._marks:
            hit = window.find(token)
            while hit >= 0:
                end = window.find(b"\n", hit)
                end = len(window) if end < 0 else end
                start = window.rfind(b"\n", 0, hit) + 1
                found[start] = end
                hit = window.find(token, end)
        return sorted(found.items())

    def _take(self, window: bytes, start: int, end: int) -> int:
        """Begin an event at this line if it is grave; return where to go on."""
        line = window[start : min(end, start + LINE_BYTES_MAX)].rstrip(b"\r")
        event = self._event(line, window, start)
        if event is None:
            return end + 1
        self._last = event
        return self._follow(window, end + 1)

    def _event(self, line: bytes, window: bytes, start: int) -> "Event | None":
        oslo = OSLO.match(line)
        if oslo:
            return self._of_oslo(line, oslo, window, start)
        rabbit = RABBIT.match(line)
        if rabbit:
            return self._of_rabbit(line, rabbit)
        apache = MOD_APACHE.match(line)
        if apache:
            return self._of_apache(line, apache)
        if GRAVE.match(line):
            if b"haproxy[" in line[:200] and not DOWN.search(line) and not self._marked(line):
                return None
            return self._opened(Event(line, self._times.of(line), ("line", start, id(window))))
        if line.startswith(b"Traceback (most"):
            return self._opened(Event(line, None, ("bare", start, id(window))))
        if self._marked(line):
            return self._opened(Event(line, self._times.of(line), ("line", start, id(window))))
        return None

    def _marked(self, line: bytes) -> bool:
        return any(mark in line for mark in self._marks)

    def _of_oslo(
        self, line: bytes, oslo: "re.Match[bytes]", window: bytes, start: int
    ) -> "Event | None":
        stamp, pid, level, module = oslo.groups()
        key = (stamp, pid, module)
        rest = line[oslo.end() :]
        known = self._open.get(key)
        if not CONTEXT.match(rest) and (known is not None or FRAGMENT.match(rest)):
            if known is None:
                known = Event(line, self._times.of(line), key)
                known.wanted = level in (b"ERROR", b"CRITICAL", b"FATAL") and not self._warned(
                    window, start, stamp + (b" " + pid if pid else b""), module
                )
                return self._opened(known)
            known.add(line)
            return known
        if level not in (b"ERROR", b"CRITICAL", b"FATAL") and not self._marked(line):
            return None
        return self._opened(Event(line, self._times.of(line), key))

    def _warned(self, window: bytes, start: int, prefix: bytes, module: bytes) -> bool:
        """Tell whether a traceback belongs to a line that only warned: oslo.log calls all ERROR."""
        before = window[max(0, start - LOOK_BACK_BYTES) : start]
        if start < LOOK_BACK_BYTES:
            before = self._before[-(LOOK_BACK_BYTES - start) :] + before
        for level in (b"WARNING", b"INFO", b"DEBUG"):
            if prefix + b" " + level + b" " + module + b" [" in before:
                return True
        return False

    def _of_rabbit(self, line: bytes, rabbit: "re.Match[bytes]") -> "Event | None":
        grave = rabbit.group(2) in (b"error", b"critical", b"alert", b"emergency")
        if not grave and not self._marked(line):
            return None
        known = self._open.get(rabbit.groups())
        if known is not None:
            known.add(line)
            return known
        return self._opened(Event(line, self._times.of(line), rabbit.groups()))

    def _of_apache(self, line: bytes, apache: "re.Match[bytes]") -> "Event | None":
        module, level, pid = apache.groups()
        if self._marked(line):
            return self._opened(Event(line, self._times.of(line), ("apache", pid)))
        if level not in (b"error", b"crit", b"alert", b"emerg"):
            return None
        rest = line[apache.end() :]
        inner = OSLO.match(rest)
        if inner and inner.group(3) not in (b"ERROR", b"CRITICAL", b"FATAL"):
            return None
        if (
            not inner
            and module in (b"wsgi", b"")
            and not re.match(
                rb"mod_wsgi|Traceback|CRITICAL|ERROR|[\w.]+(?:Error|Exception)\b", rest
            )
        ):
            return None
        known = self._open.get(("apache", pid))
        if known is not None and not known.ended and rest.startswith(b"Traceback"):
            known.add(rest)
            return known
        event = Event(line, self._times.of(line), ("apache", pid))
        if known is not None:
            self._groups.add(self._open.pop(("apache", pid)))
        return self._opened(event)

    def _opened(self, event: Event) -> Event:
        old = self._open.pop(event.key, None)
        if old is not None:
            self._groups.add(old)
        self._open[event.key] = event
        if len(self._open) > OPEN_MAX:
            self._groups.add(self._open.popitem(last=False)[1])
        return event

    def _follow(self, window: bytes, at: int) -> int:
        """Add the lines that go on with the last event; return where the first other one begins."""
        event = self._last
        if event is None:
            return at
        size = len(window)
        while at < size:
            end = window.find(b"\n", at)
            end = size if end < 0 else end
            line = window[at : min(end, at + LINE_BYTES_MAX)].rstrip(b"\r")
            if not self._goes_on(event, line):
                self._last = None
                return at
            at = end + 1
        return size

    def _goes_on(self, event: Event, line: bytes) -> bool:
        kind = event.key[0]
        if kind == "bare":
            return self._bare_goes_on(event, line)
        if kind == "apache":
            found = MOD_APACHE.match(line)
            rest = line[found.end() :] if found else b""
            if found is None or found.group(3) != event.key[1] or found.group(1) != b"wsgi":
                return False
            return self._bare_goes_on(event, rest)
        if not STAMP.match(line):
            event.add(line)
            return True
        oslo = OSLO.match(line)
        same = False
        if oslo:
            stamp, pid, _level, module = oslo.groups()
            same = (stamp, pid, module) == event.key and not CONTEXT.match(line[oslo.end() :])
        else:
            rabbit = RABBIT.match(line)
            same = rabbit is not None and rabbit.groups() == event.key
        if same:
            event.add(line)
        return same

    @staticmethod
    def _bare_goes_on(event: Event, line: bytes) -> bool:
        """Follow a traceback that has no prefix: it ends with the line that names the exception."""
        more = (
            not line
            or line[:1] in b" \t"
            or line.startswith((b"Traceback (most", b"During handling", b"The above exception"))
        )
        if more:
            if line:
                event.ended = False
                event.add(line)
            return True
        if event.ended or STAMP.match(line):
            return False
        event.ended = True
        event.add(line)
        return True
