# SPDX-License-Identifier: Apache-2.0
"""Requests followed through the logs: one timeline, and the story of one request."""

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime

import msgspec

from day2.model.explanation import Cause, Event, Explanation, Link
from day2.model.finding import Subject
from day2.model.logs import Followed, LogLine
from day2.operations.explain.picture import few

GRAVE = frozenset({"ERROR", "CRITICAL", "FATAL"})
LINES_MAX = 200
TEXT_MAX = 400
CAUSES_MAX = 3
Named = Callable[[str, str], tuple[str, str, str] | None]
"""Gives id, title and advice of a known problem by the service and the words of a line."""


def merge(found: Explanation, followed: Followed) -> Explanation:
    """Put the lines of its requests among the moments of a story."""
    every = timed(followed.found)
    lines = chosen(every)
    left = len(every) - len(lines)
    unknown = [f"{left} more lines of its requests: day2 explain REQUEST-ID"] if left else []
    return msgspec.structs.replace(
        found,
        events=sorted([*found.events, *map(event, lines)], key=lambda one: one.at),
        unknown=[*found.unknown, *unknown],
        gaps=[*found.gaps, *followed.gaps],
    )


def explain(request: str, followed: Followed, named: Named) -> Explanation:
    """Tell what became of one request: who touched it, in order, and where it failed first."""
    lines = timed(followed.found)
    grave = [line for line in lines if line.level in GRAVE]
    causes = [_cause(line, named) for line in _first_of_each(grave)][:CAUSES_MAX]
    hosts = {line.host for line in lines}
    services = list(dict.fromkeys(line.service for line in lines))
    shown = chosen(lines)
    return Explanation(
        subject=Subject(type="request", id=request),
        state=f"{len(lines)} lines of {len(services)} services on {len(hosts)} hosts"
        if lines
        else "no line names it",
        summary=_summary(lines, grave, followed),
        causes=causes,
        links=_touched(lines),
        events=[event(line) for line in shown],
        unknown=[f"{len(lines) - len(shown)} more lines are not shown"]
        if len(shown) < len(lines)
        else [],
        gaps=followed.gaps,
    )


def timed(lines: Iterable[LogLine]) -> list[LogLine]:
    """Leave out lines that say no time: they have no place among the others."""
    return [line for line in lines if line.at is not None]


def event(line: LogLine) -> Event:
    """Make a line a moment of a story."""
    text = line.text if len(line.text) <= TEXT_MAX else f"{line.text[: TEXT_MAX - 1]}…"
    return Event(
        at=_at(line),
        what=text,
        detail=line.level if line.level in {*GRAVE, "WARNING"} else "",
        request_id=line.request_id,
        failed=line.level in GRAVE,
        service=line.service,
        host=line.host,
    )


def chosen(lines: Sequence[LogLine], most: int = LINES_MAX) -> list[LogLine]:
    """Choose what is shown of many: what is grave, and the first and last of each service."""
    if len(lines) <= most:
        return list(lines)
    ends: dict[tuple[str, str], list[int]] = {}
    for number, line in enumerate(lines):
        place = ends.setdefault((line.service, line.host), [number, number])
        place[1] = number
    grave = [n for n, line in enumerate(lines) if line.level in {*GRAVE, "WARNING"}]
    edges = [n for pair in ends.values() for n in pair]
    wanted = list(dict.fromkeys([*grave[: most // 2], *edges, *range(len(lines))]))[:most]
    return [lines[number] for number in sorted(wanted)]


def _first_of_each(grave: Sequence[LogLine]) -> list[LogLine]:
    """Return the first failure of each service: what follows repeats it."""
    found: dict[str, LogLine] = {}
    for line in grave:
        found.setdefault(line.service, line)
    return list(found.values())


def _cause(line: LogLine, named: Named) -> Cause:
    known = named(line.service, line.text)
    said = f"{line.service} on {line.host} at {_at(line):%H:%M:%S}: {line.text[:TEXT_MAX]}"
    if known is not None:
        own, title, advice = known
        return Cause(code=own, text=title, speaks_for=[said], advice=advice)
    return Cause(
        code="first-error",
        text=f"{line.service} on {line.host} failed: {line.text[:TEXT_MAX]}",
        speaks_for=[f"the first error that it logged for this request, at {_at(line):%H:%M:%S}"],
        advice="An error of a service that is called comes before that of its caller",
    )


def _summary(lines: Sequence[LogLine], grave: Sequence[LogLine], followed: Followed) -> str:
    if not lines:
        if followed.gaps:
            return "No line that was read names it, and not everything was read."
        return (
            f"None of {followed.lines:,} lines of {len(followed.hosts)} hosts names it: it is "
            "older than what was looked through, or of another cloud."
        )
    order = few(dict.fromkeys(line.service for line in lines), 8)
    if grave:
        first = grave[0]
        return (
            f"It went through {order}; the first error is that of {first.service} on "
            f"{first.host} at {_at(first):%H:%M:%S}."
        )
    return f"It went through {order}, and nothing failed on its way."


def _touched(lines: Sequence[LogLine]) -> list[Link]:
    """List who touched it, in the order of the first line."""
    counted: dict[tuple[str, str], list[LogLine]] = {}
    for line in lines:
        counted.setdefault((line.service, line.host), []).append(line)
    return [
        Link(
            relation="touched by",
            subject=Subject(type="service", id=f"{service}@{host}", name=service, host=host),
            state=f"{len(mine)} lines, {_at(mine[0]):%H:%M:%S} to {_at(mine[-1]):%H:%M:%S}",
            bad=any(line.level in GRAVE for line in mine),
        )
        for (service, host), mine in counted.items()
    ]


def _at(line: LogLine) -> datetime:
    """Return when a line was written; those that do not say are left out by `timed` before."""
    return line.at or datetime.min.replace(tzinfo=UTC)
