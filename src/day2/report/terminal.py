# SPDX-License-Identifier: Apache-2.0
"""A graded report as plain text: worst first, 80 columns, colour only where asked."""

import textwrap
from collections.abc import Iterable, Sequence

from day2.errors import Denied
from day2.model.finding import Finding
from day2.model.problem import Suspect
from day2.model.round import Report
from day2.model.severity import Severity
from day2.model.survey import Gap

WIDTH = 80
_COLOURS = {
    Severity.CRITICAL: "\x1b[1;31m",
    Severity.UNKNOWN: "\x1b[1;35m",
    Severity.WARNING: "\x1b[1;33m",
    Severity.INFO: "\x1b[36m",
    Severity.OK: "\x1b[32m",
}
_RESET = "\x1b[0m"
_DIM = "\x1b[2m"


class Text:
    """Lines of text with optional colour; what a cloud says can never steer the terminal."""

    def __init__(self, *, colour: bool, width: int = WIDTH) -> None:
        self._colour = colour
        self._width = width
        self.lines: list[str] = []

    def add(
        self, text: str = "", *, indent: int = 0, hanging: int | None = None, style: str = ""
    ) -> None:
        """Add a paragraph, wrapped; `hanging` indents its further lines."""
        clean = plain(text)
        first = " " * indent
        rest = " " * (indent if hanging is None else hanging)
        wrapped = textwrap.wrap(
            clean,
            self._width,
            initial_indent=first,
            subsequent_indent=rest,
            break_long_words=False,
            break_on_hyphens=False,
        ) or [""]
        for line in wrapped:
            self.lines.append(f"{style}{line}{_RESET}" if style and self._colour else line)

    def line(self, text: str, *, style: str = "") -> None:
        """Add one line, cut where it does not fit."""
        clean = plain(text)
        cut = clean if len(clean) <= self._width else f"{clean[: self._width - 1]}…"
        self.lines.append(f"{style}{cut}{_RESET}" if style and self._colour else cut)

    def render(self) -> str:
        """Join the lines."""
        return "\n".join(self.lines) + "\n"


def colour_of(severity: Severity) -> str:
    """Return the escape sequence of a severity."""
    return _COLOURS[severity]


def plain(text: str) -> str:
    """Replace everything that is not printable: names and messages are hostile input."""
    return "".join(c if c.isprintable() else "?" for c in text)


def report(found: Report, *, colour: bool = False, all_details: bool = False) -> str:
    """Render a whole report."""
    text = Text(colour=colour)
    _head(text, found)
    shown = [f for f in found.findings if f.severity is not Severity.INFO]
    notes = [f for f in found.findings if f.severity is Severity.INFO]
    for finding in shown:
        text.add()
        _finding(text, finding, found, all_details=all_details)
    if notes:
        text.add()
        text.add("Worth knowing", style=_COLOURS[Severity.INFO])
        for finding in notes:
            mark = " (new)" if finding.key in found.new else ""
            noise = f" [known noise: {finding.noise}]" if finding.noise else ""
            text.add(f"- {finding.summary}{mark}{noise}", indent=2, hanging=4)
    suspects(text, found.suspects)
    _gaps(text, found.gaps)
    _tail(text, found)
    if found.usage or found.usage_notes:
        from day2.report import usage  # noqa: PLC0415 - it builds on this module

        text.add()
        text.add("Usage", style=_DIM)
        usage.section(text, found.usage, notes=found.usage_notes)
    return text.render()


def _head(text: Text, found: Report) -> None:
    counts = dict.fromkeys(Severity, 0)
    for finding in found.findings:
        counts[finding.severity] += 1
    where = f"{found.cloud}{f' ({found.region})' if found.region else ''}"
    text.add(f"{found.kind} round of {where}, {found.at:%Y-%m-%d %H:%M:%S} UTC")
    said = ", ".join(
        f"{counts[s]} {s.value}"
        for s in (Severity.CRITICAL, Severity.UNKNOWN, Severity.WARNING, Severity.INFO)
        if counts[s]
    )
    word = found.severity.value.upper()
    if found.gaps and found.severity in {Severity.OK, Severity.INFO, Severity.WARNING}:
        word += ", NOT ALL SEEN"
    text.add(f"{word}: {said or 'nothing to report'}", style=_COLOURS[found.severity])
    more = [f"{found.checks} checks over {found.objects:,} objects in {found.seconds:.1f} s"]
    if found.compared_with:
        more.append(
            f"against round {found.compared_with.id} of {found.compared_with.at:%Y-%m-%d %H:%M}: "
            f"{len(found.new)} new, {len(found.gone)} gone"
        )
    if found.muted:
        more.append(f"{found.muted} muted")
    text.add("; ".join(more), style=_DIM)
    if found.not_kept:
        style = _COLOURS[Severity.UNKNOWN]
        text.add(f"NOT KEPT: {found.not_kept.message}", hanging=4, style=style)
        if found.not_kept.hint:
            text.add(f"do:  {found.not_kept.hint}", indent=4, hanging=9)


def _finding(text: Text, finding: Finding, found: Report, *, all_details: bool) -> None:
    mark = " NEW" if finding.key in found.new else ""
    known = " (acknowledged)" if finding.key in found.acknowledged else ""
    text.add(
        f"{finding.severity.value.upper()}{mark}{known}  {finding.summary}",
        hanging=4,
        style=_COLOURS[finding.severity],
    )
    text.add(f"why: {finding.why}", indent=4, hanging=9)
    if finding.advice:
        text.add(f"do:  {finding.advice}", indent=4, hanging=9)
    if finding.consequences:
        count = len(finding.consequences)
        text.add(f"explains {count} more finding{'s' if count > 1 else ''}:", indent=4)
        folded = {f.key: f for f in found.folded}
        keys = finding.consequences if all_details else finding.consequences[:3]
        for key in keys:
            text.add(f"- {folded[key].summary if key in folded else key}", indent=6, hanging=8)
        if len(keys) < count:
            text.add(f"- and {count - len(keys)} more", indent=6)
    text.add(f"key: {finding.key}", indent=4, hanging=9, style=_DIM)


def suspects(text: Text, found: Sequence[Suspect], *, details: bool = False) -> None:
    """Add known problems, likeliest first: one line each, or with all that speaks for and against.

    What another one explains is only named, unless all is asked for.
    """
    if not found:
        return
    text.add()
    text.add("Likely causes", style=_COLOURS[Severity.INFO])
    for number, one in enumerate(found, start=1):
        after = f" (follows from {', '.join(one.explained_by)})" if one.explained_by else ""
        text.add(f"{number}. {one.title}{after} [{one.id}]", indent=2, hanging=5)
        if not details:
            if number == 1:
                text.add(f"do: {one.advice}", indent=5, hanging=9)
            continue
        for line in one.speaks_for:
            text.add(f"+ {line}", indent=5, hanging=7)
        for line in one.speaks_against:
            text.add(f"- {line}", indent=5, hanging=7)
        for label, said in (
            ("do", one.advice),
            ("plan", one.plan),
            ("look", "; ".join(one.evidence)),
            ("see", ", ".join(one.references)),
        ):
            if said:
                text.add(f"{label}: {said}", indent=5, hanging=7 + len(label))


def _gaps(text: Text, gaps: Iterable[Gap]) -> None:
    grouped: dict[tuple[str, str, str], list[str]] = {}
    refused: dict[str, list[str]] = {}
    for gap in gaps:
        if gap.error == Denied.__name__:
            refused.setdefault(gap.hint, []).append(gap.what)
            continue
        what = gap.message.split(":")[0]
        said = gap.message.removeprefix(f"{what}: ") if ":" in gap.message else gap.message
        grouped.setdefault((gap.error, said, gap.hint), []).append(gap.what)
    if not grouped and not refused:
        return
    text.add()
    text.add("Not seen", style=_COLOURS[Severity.UNKNOWN])
    for (error, said, hint), kinds in grouped.items():
        text.add(f"- {', '.join(dict.fromkeys(kinds))}: {said} [{error}]", indent=2, hanging=4)
        if hint:
            text.add(f"do: {hint}", indent=4, hanging=8)
    for hint, kinds in refused.items():
        tables = list(dict.fromkeys(kinds))
        text.add(
            f"- not shown, or only in part, to this account ({len(tables)}): {', '.join(tables)}",
            indent=2,
            hanging=4,
        )
        text.add(f"do: {hint}", indent=4, hanging=8)


def _tail(text: Text, found: Report) -> None:
    if found.gone:
        text.add()
        text.add(
            f"Gone since round {found.compared_with.id if found.compared_with else '?'}",
            style=_COLOURS[Severity.OK],
        )
        for key in found.gone:
            text.add(f"- {key}", indent=2, hanging=4)
    if found.unjudged:
        text.add()
        text.add(
            "Neither confirmed nor cleared (not read this time)", style=_COLOURS[Severity.UNKNOWN]
        )
        for key in found.unjudged:
            text.add(f"- {key}", indent=2, hanging=4)
