# SPDX-License-Identifier: Apache-2.0
"""Today in ten lines."""

from datetime import datetime
from typing import Any

import msgspec

from day2.model.finding import Finding
from day2.model.round import Report
from day2.report.terminal import Text, colour_of, plain

LINES = 10


class Today(msgspec.Struct, frozen=True, kw_only=True):
    """How the cloud was last seen; `latest` None when no round was ever kept."""

    cloud: str
    now: datetime
    latest: Report | None = None
    due: list[str] = []

    @property
    def worst(self) -> list[Finding]:
        """The findings of the latest round, worst first."""
        return self.latest.findings if self.latest else []

    def document(self) -> dict[str, Any]:
        """Return the keys of the JSON document."""
        latest = self.latest
        return {
            "severity": latest.severity if latest else "unknown",
            "round": latest.id if latest else None,
            "seen_at": latest.at if latest else None,
            "findings": self.worst,
            "new": latest.new if latest else [],
            "gaps": latest.gaps if latest else [],
            "due": self.due,
        }


def render(seen: Today, *, colour: bool = False) -> str:
    """Render at most ten lines of at most 80 columns."""
    text = Text(colour=colour)
    if seen.latest is None:
        text.add(f"{seen.cloud}: no round is kept yet")
        text.add("look at the cloud now:  day2 round daily", indent=2)
        return text.render()
    latest = seen.latest
    hours = (seen.now - latest.at).total_seconds() / 3600
    age = f"{hours * 60:.0f} min ago" if hours < 1 else f"{hours:.0f} h ago"
    if hours < 0:
        age = "the clock was ahead"
    text.line(
        f"{seen.cloud}: {latest.severity.value.upper()} as of {latest.at:%Y-%m-%d %H:%M} UTC "
        f"({age}), {len(latest.findings)} findings, {len(latest.new)} new",
        style=colour_of(latest.severity),
    )
    if latest.gaps:
        text.line(f"  {len(latest.gaps)} tables could not be read")
    room = LINES - len(text.lines) - 1 - len(seen.due[:2])
    shown = latest.findings[: room if len(latest.findings) <= room else room - 1]
    for finding in shown:
        mark = "NEW " if finding.key in latest.new else ""
        text.line(
            f"  {finding.severity.value:<9}{mark}{plain(finding.summary)}",
            style=colour_of(finding.severity),
        )
    if len(shown) < len(latest.findings):
        text.line(f"  and {len(latest.findings) - len(shown)} more")
    for due in seen.due[:2]:
        text.line(f"  due: {due}")
    text.line("  more:  day2 finding list;  look again:  day2 round daily")
    return text.render()
