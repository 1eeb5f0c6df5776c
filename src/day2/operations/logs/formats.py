# SPDX-License-Identifier: Apache-2.0
"""The first lines of the formats that Kolla's services write: who says what, and how grave."""

import re
from collections.abc import Callable

import msgspec

ISO = r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?:Z|[+-]\d\d:?\d\d)?"
OSLO = re.compile(
    rf"^{ISO} (?:\d+ )?(ERROR|CRITICAL|FATAL|WARNING|INFO|DEBUG|TRACE) +([\w.\-/:<>]+)(?: |$)(.*)",
    re.DOTALL,
)
CONTEXT = re.compile(r"\[(-|None[^\]]*|[^\]]*\breq-[^\]]*)\] ?")
INSTANCE = re.compile(r"\[instance: [^\]]*\] ?")
REQUEST = re.compile(r"req-[0-9a-f]{8}-[0-9a-f-]{27}|req-[\w-]+")
# What stands before each further line of an event.
CONTINUED = re.compile(
    rf"^(?:{ISO} (?:\d+ )?(?:ERROR|CRITICAL|FATAL) +[\w.\-/:<>]+ ?(?:\[instance: [^\]]*\] ?)?"
    rf"|{ISO} \[\w+\] <[\d.]+> ?"
    r"|\[[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d [^\]]*\] \[[\w-]*:\w+\](?: \[[^\]]*\]){0,2} ?)"
)
# Only marked lines are read below the level of an error.
BELOW = re.compile(
    r"\[(?:warn(?:ing)?|note|notice|info|debug)\]|\|(?:WARN|INFO|DBG)\|", re.IGNORECASE
)
LEVELS = {
    **dict.fromkeys(("WARNING", "WARN", "NOTICE", "INFO", "DEBUG", "TRACE"), "WARNING"),
    "FATAL": "CRITICAL",
    "CRIT": "CRITICAL",
    "EMER": "CRITICAL",
    "EMERG": "CRITICAL",
    "EMERGENCY": "CRITICAL",
    "ALERT": "CRITICAL",
    "PANIC": "CRITICAL",
    "DPANIC": "CRITICAL",
}


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """What the first line of an event says."""

    level: str = "ERROR"
    module: str = ""
    request_id: str = ""
    message: str = ""


def head(line: str) -> Head:
    """Read a first line in whatever format it is; the whole line is the message in none."""
    oslo = OSLO.match(line)
    if oslo:
        return _oslo(oslo)
    for pattern, make in _FORMATS:
        found = pattern.match(line)
        if found:
            return make(found)
    return Head(level="WARNING" if BELOW.search(line[:200]) else "ERROR", message=line)


def level(word: str) -> str:
    """Return ERROR, CRITICAL, or WARNING for all that is less, whatever a service calls it."""
    return LEVELS.get(word.upper(), "ERROR")


def _oslo(found: re.Match[str]) -> Head:
    rest = found[3]
    context = CONTEXT.match(rest)
    request = REQUEST.findall(context[1]) if context else []
    rest = rest[context.end() :] if context else rest
    return Head(
        level=level(found[1]),
        module=found[2],
        request_id=request[-1] if request else "",
        message=INSTANCE.sub("", rest, count=1) if rest.startswith("[instance") else rest,
    )


def _plain(found: re.Match[str]) -> Head:
    groups = found.groupdict()
    return Head(
        level=level(groups.get("level") or "ERROR"),
        module=groups.get("module") or "",
        message=groups["message"],
    )


def _haproxy(found: re.Match[str]) -> Head:
    message = found["message"]
    # Nothing behind a name answers any more: that is no single server's trouble.
    grave = "no server available" in message
    return Head(level="CRITICAL" if grave else "ERROR", module="haproxy", message=message)


def _apache(found: re.Match[str]) -> Head:
    inner = OSLO.match(found["message"])
    if inner:
        return _oslo(inner)
    return Head(level=level(found["level"]), module=found["module"], message=found["message"])


def _quoted(found: re.Match[str]) -> Head:
    said = re.search(r"\b(?:msg|message|err|error)=(\"(?:[^\"\\]|\\.)*\"|\S+)", found[0])
    module = re.search(r"\b(?:logger|component|caller)=\"?([\w./:-]+)", found[0])
    return Head(
        level=level(found["level"]),
        module=re.sub(r":\d+$", "", module[1]) if module else "",
        message=said[1].strip('"') if said else found[0],
    )


def _json(found: re.Match[str]) -> Head:
    try:
        told = msgspec.json.decode(found[0])
    except (msgspec.MsgspecError, UnicodeEncodeError, RecursionError):
        told = {}
    if not isinstance(told, dict):
        told = {}
    words = [str(told[key]) for key in ("msg", "message", "error", "err") if told.get(key)]
    return Head(
        level=level(str(told.get("level") or told.get("severity") or "error")),
        module=str(told.get("logger") or ""),
        message=": ".join(words) or found[0],
    )


_FORMATS: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], Head]], ...] = tuple(
    (re.compile(pattern, re.DOTALL), make)
    for pattern, make in (
        # RabbitMQ
        (rf"^{ISO} \[(?P<level>\w+)\] <[\d.]+> ?(?P<message>.*)", _plain),
        # Open vSwitch, OVN
        (rf"^{ISO}\|\d+\|(?P<module>[^|]+)\|(?P<level>ERR|EMER)\|(?P<message>.*)", _plain),
        # libvirt
        (rf"^{ISO}: \d+: error : (?P<module>\w+)(?::\d+)? : (?P<message>.*)", _plain),
        # HAProxy, by syslog and by itself
        (r"^.{0,120}?haproxy\[\d+\]: (?P<message>.*)", _haproxy),
        (r"^\[ALERT\] *(?:[\d/]+ )?\(\d+\) : (?P<message>.*)", _haproxy),
        # MariaDB, ProxySQL
        (
            (
                rf"^(?:{ISO}|\d{{6}} [ \d]\d:\d\d:\d\d) [^\[]{{0,160}}?\[(?P<level>ERROR)\] ?"
                r"(?P<message>.*)"
            ),
            _plain,
        ),
        # OpenSearch
        (
            (
                rf"^\[{ISO}\]\[(?P<level>ERROR|FATAL) *\]\[(?P<module>[\w.]+) *\] ?"
                r"(?:\[[^\]]*\] ?)?(?P<message>.*)"
            ),
            _plain,
        ),
        # Apache and mod_wsgi
        (
            (
                r"^\[[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d [^\]]*\] "
                r"\[(?P<module>[\w-]*):(?P<level>\w+)\](?: \[pid [^\]]*\])?"
                r"(?: \[(?:client|remote) [^\]]*\])? ?(?P<message>.*)"
            ),
            _apache,
        ),
        # Ceph
        (rf"^{ISO} [0-9a-f]+ -1 (?P<message>.*)", _plain),
        # Python's logging and Alembic's, without a time
        (
            (
                r"^(?P<level>ERROR|CRITICAL|FATAL)"
                r"(?::(?P<module>[\w.\-]+):| *\[[\w.\-]+\]) ?(?P<message>.*)"
            ),
            _plain,
        ),
        (r"^(?P<level>ERROR|CRITICAL|FATAL):? (?P<message>.*)", _plain),
        (r"^!!! (?P<message>.*)", _plain),
        # etcd, Prometheus, Grafana
        (r"^\{.*", _json),
        (
            r"^(?:ts|time|t|level|lvl|logger)=.*\b(?:level|lvl)=\"?(?P<level>error|eror|fatal|crit)\b.*",
            _quoted,
        ),
        # A time and a level, and nothing else that is known
        (rf"^{ISO} (?:\d+ )?(?P<level>ERROR|CRITICAL|FATAL) (?P<message>.*)", _plain),
    )
)
