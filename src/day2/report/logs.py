# SPDX-License-Identifier: Apache-2.0
"""A log review as plain text: new errors first, known ones, noise last and only counted."""

import re
from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from day2.model.logs import LogReview, LogTemplate
from day2.model.severity import Severity
from day2.report.terminal import Text, colour_of, plain

EXAMPLE_LINES = 3
LINE_LENGTH = 220
WORD_LENGTH = 60
INSTALLED = re.compile(r"[^\s\"]*/(?:site|dist)-packages/")
SHOWN_MAX = 12
DIM = "\x1b[2m"


def render(
    review: LogReview,
    severities: dict[str, Severity],
    titles: dict[str, str],
    *,
    colour: bool = False,
    details: bool = False,
) -> str:
    """Render a review; `severities` by template key, `titles` of known problems by id."""
    text = Text(colour=colour)
    new = [one for one in review.templates if one.new and not one.noise]
    known = [one for one in review.templates if not one.new and not one.noise]
    noise = [one for one in review.templates if one.noise]
    _head(text, review, new=len(new), known=len(known), noise=len(noise))
    for title, listed in (("New", new), ("Known from earlier reviews", known)):
        if not listed:
            continue
        text.add()
        text.add(title, style=colour_of(Severity.WARNING if title == "New" else Severity.INFO))
        told = [[one] for one in listed] if details else _together(listed)
        shown = told if details else told[:SHOWN_MAX]
        for some in shown:
            text.add()
            severity = severities.get(some[0].key, Severity.INFO)
            _template(text, some, severity, titles, details=details or some[0].new)
        if len(shown) < len(told):
            text.add()
            text.add(f"and {len(told) - len(shown)} more; all of them: --details", indent=2)
    _noise(text, noise)
    _gaps(text, review)
    return text.render()


def _head(text: Text, review: LogReview, *, new: int, known: int, noise: int) -> None:
    hours = (review.until - review.since).total_seconds() / 3600
    where = f"{review.cloud}{f' ({review.region})' if review.region else ''}"
    text.add(f"logs of {where}, {hours:.4g} h until {review.until:%Y-%m-%d %H:%M:%S} UTC")
    worst = Severity.WARNING if new else Severity.OK
    word = f"{new} new, {known} known, {noise} noise"
    if review.gaps:
        word += ", NOT ALL READ"
        worst = Severity.UNKNOWN
    text.add(f"kinds of errors: {word}", style=colour_of(worst))
    hosts = f"{len(review.hosts)} host{'' if len(review.hosts) == 1 else 's'}"
    source = {"opensearch": "OpenSearch"}.get(review.source, review.source or "nothing")
    text.add(
        f"{review.events:,} errors in {review.lines:,} lines of {hosts}, from {source}, "
        f"in {review.seconds:.1f} s",
        style=DIM,
    )


def _together(listed: Sequence[LogTemplate]) -> list[list[LogTemplate]]:
    """Put what one known problem explains behind its first template."""
    groups: dict[str, list[LogTemplate]] = {}
    for one in listed:
        groups.setdefault(f"problem {one.problem}" if one.problem else one.key, []).append(one)
    return list(groups.values())


def _template(
    text: Text,
    some: Sequence[LogTemplate],
    severity: Severity,
    titles: dict[str, str],
    *,
    details: bool,
) -> None:
    one = some[0]
    text.line(
        f"{one.level}  {plain(one.service)}  {one.count:,} x  {_hosts(one.hosts)}  {_when(one)}",
        style=colour_of(severity),
    )
    text.add(one.template, indent=4, hanging=6)
    if one.problem:
        text.add(f"known problem: {titles.get(one.problem, one.problem)}", indent=4, hanging=6)
    if some[1:]:
        counts: Counter[str] = Counter()
        for other in some[1:]:
            counts[other.service] += other.count
        also = ", ".join(f"{name} {count:,} x" for name, count in counts.most_common(8))
        more = f" and {len(counts) - 8} more" if len(counts) > 8 else ""  # noqa: PLR2004
        text.add(f"also: {also}{more}", indent=4, hanging=6)
    if details:
        _example(text, one)
    key = f"problem:problem:{one.problem}" if one.problem else f"template:template:{one.key}"
    text.add(f"key: logs.{key}", indent=4, style=DIM)


def _example(text: Text, one: LogTemplate) -> None:
    """Show one event: its beginning, and the end of a traceback, which names the exception."""
    lines = [line for line in one.example.split("\n") if line.strip()]
    if not lines:
        return
    request = f" ({one.request_id})" if one.request_id else ""
    text.add(f"example{request}:", indent=4, style=DIM)
    _line(text, lines[0], indent=6)
    if len(lines) > 1 + EXAMPLE_LINES:
        text.add(f"… {len(lines) - 1 - EXAMPLE_LINES} lines", indent=6, style=DIM)
    for line in lines[1:][-EXAMPLE_LINES:]:
        _line(text, line, indent=6 + min(len(line) - len(line.lstrip()), 8))


def _line(text: Text, line: str, *, indent: int) -> None:
    """Add one line of an example; a path says where in the service, not where that is installed."""
    said = _cut(INSTALLED.sub("", line.strip()))
    if max(map(len, said.split()), default=0) > WORD_LENGTH:
        text.line(" " * indent + said, style=DIM)
    else:
        text.add(said, indent=indent, hanging=indent + 2, style=DIM)


def _cut(line: str) -> str:
    return line if len(line) <= LINE_LENGTH else f"{line[: LINE_LENGTH - 1]}…"


def _hosts(hosts: dict[str, int]) -> str:
    names = sorted(hosts, key=lambda name: (-hosts[name], name))
    if len(names) == 1:
        return plain(names[0])
    return f"{len(names)} hosts ({', '.join(map(plain, names[:2]))}{', …' if names[2:] else ''})"


def _when(one: LogTemplate) -> str:
    first, last = one.first_seen_at, one.last_seen_at
    if first is None or last is None:
        return "at an unknown time"
    if first == last:
        return _moment(first)
    same = first.date() == last.date()
    return f"{_moment(first)} - {f'{last:%H:%M}' if same else _moment(last)}"


def _moment(at: datetime) -> str:
    return f"{at:%m-%d %H:%M}"


def _noise(text: Text, noise: Sequence[LogTemplate]) -> None:
    if not noise:
        return
    counts: Counter[str] = Counter()
    for one in noise:
        counts[one.noise] += one.count
    text.add()
    text.add("Known noise", style=DIM)
    for name, count in counts.most_common():
        text.add(f"{count:>9,} x  {name}", style=DIM)


def _gaps(text: Text, review: LogReview) -> None:
    if not review.gaps:
        return
    text.add()
    text.add("Not read", style=colour_of(Severity.UNKNOWN))
    hints: dict[str, list[str]] = {}
    for gap in review.gaps:
        hints.setdefault(gap.hint, []).append(f"{gap.message} [{gap.error}]")
    for hint, messages in hints.items():
        for message in messages[:SHOWN_MAX]:
            text.add(f"- {message}", indent=2, hanging=4)
        if len(messages) > SHOWN_MAX:
            text.add(f"- and {len(messages) - SHOWN_MAX} more", indent=2)
        if hint:
            text.add(f"do: {hint}", indent=4, hanging=8)
