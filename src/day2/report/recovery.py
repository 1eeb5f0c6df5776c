# SPDX-License-Identifier: Apache-2.0
"""Recoveries as plain text: the procedure on paper, what drills measured, why compute is closed."""

from collections.abc import Sequence
from typing import Any

import msgspec

from day2.model.outcome import Ending
from day2.model.recovery import Drill, Procedure, Reconciled
from day2.report.terminal import Text

HOUR, MINUTE = 3600.0, 60.0
_MARKS = {Ending.DONE: "✓", Ending.ALREADY: "✓", Ending.FAILED: "✗", Ending.SKIPPED: "✗"}


def gate(found: Reconciled) -> str:
    """Render what was compared, and whether compute may be opened."""
    text = Text(colour=False)
    text.add()
    compared = ", ".join(
        f"{count:,} {kind.replace('_', ' ')}" for kind, count in found.compared.items()
    )
    text.add(f"Compared: {compared or 'nothing'}.", hanging=2)
    if found.holds:
        text.add(
            f"COMPUTE STAYS CLOSED: {len(found.holds)} guests exist twice, nowhere, or unknown to "
            "Nova. Start neither nova-compute nor the tenants' APIs before each was looked at.",
            hanging=2,
        )
    elif "guests" in found.compared and not any(g.kind == "guests" for g in found.report.gaps):
        text.add("No guest exists twice or nowhere.")
    return text.render()


def procedure(found: Procedure, *, cloud: str) -> str:
    """Render the recovery on paper."""
    text = Text(colour=False)
    text.add(
        f"Recovery of {cloud}: {span(found.budget_seconds)} of {span(found.rto_seconds_max)} "
        f"budgeted, {found.slack_ratio:.0%} free"
        + (f"; {span(found.usual_seconds)} measured" if found.usual_seconds is not None else "")
    )
    if found.rpo_seconds is not None:
        text.add(
            f"Lost if it began now: {span(found.rpo_seconds)} of work "
            f"({span(found.rpo_seconds_max)} allowed); the stores are "
            f"{span(found.drift_seconds)} apart"
        )
    for number, phase in enumerate(found.phases, start=1):
        text.add()
        usual = ""
        if phase.usual_seconds is not None:
            usual = f", usually {span(phase.usual_seconds)} ({phase.measured})"
        beside = ", beside the others" if phase.beside else ""
        text.add(f"{number}. {phase.name}: {span(phase.budget_seconds)}{beside}{usual}", hanging=3)
        text.add(phase.title, indent=3, hanging=3)
        for one in phase.sets:
            text.add(f"with {one.id}, proven to level {one.level}", indent=3, hanging=5)
        for missing in phase.missing:
            text.add(f"! {missing}", indent=3, hanging=5)
        for command in phase.commands:
            text.line(f"   $ {command}")
    if found.troubles:
        text.add()
        text.add("To be cured before the day:")
        for trouble in found.troubles:
            text.add(f"- {trouble}", indent=2, hanging=4)
    return text.render()


def drill(shown: Drill | None, earlier: Sequence[Drill], troubles: Sequence[str]) -> str:
    """Render a drill, phase by phase, beside those before it."""
    text = Text(colour=False)
    if shown is not None:
        _head(text, shown)
        columns = "".join(f"{f'{one.at:%m-%d %H:%M}':>13}" for one in earlier)
        text.line(f"  {'':2}{'PHASE':<10}{'TOOK':>9}{'BUDGET':>9}{columns}")
        for phase in shown.phases:
            mark = _MARKS.get(phase.outcome, "?") if phase.outcome else "?"
            late = " LATE" if phase.is_late else ""
            before = "".join(f"{_took(one, phase.name):>13}" for one in earlier)
            text.line(
                f"  {mark} {phase.name:<10}{span(phase.seconds):>9}"
                f"{span(phase.budget_seconds):>9}{before}{late}"
            )
            if phase.outcome not in {Ending.DONE, Ending.ALREADY} and phase.detail:
                text.add(phase.detail, indent=6, hanging=6)
        whole = "".join(f"{span(one.rto_seconds):>13}" for one in earlier)
        took = f"{span(shown.rto_seconds):>9}{span(shown.rto_seconds_max):>9}"
        text.line(f"  {'':2}{'all':<10}{took}{whole}")
        for one in shown.sets:
            text.add(f"with {one.id}", indent=4)
    for trouble in troubles:
        text.add(f"! {trouble}", hanging=2)
    return text.render()


def _head(text: Text, shown: Drill) -> None:
    text.add(f"{shown.id}, {shown.depth}, by {shown.by}, {shown.at:%Y-%m-%d %H:%M:%S} UTC")
    rpo = "no database" if shown.rpo_seconds is None else span(shown.rpo_seconds)
    text.add(
        f"{'recovered' if shown.ok else 'NOT RECOVERED'}: time {span(shown.rto_seconds)} of "
        f"{span(shown.rto_seconds_max)}, point {rpo} of {span(shown.rpo_seconds_max)}, the stores "
        f"{span(shown.drift_seconds)} apart"
    )


def _took(drill_before: Drill, name: str) -> str:
    return next((span(p.seconds) for p in drill_before.phases if p.name == name), "-")


def document(found: Drill) -> dict[str, Any]:
    """Return a drill as documents tell it: with what follows from its moments."""
    rows = [
        {**msgspec.structs.asdict(phase), "seconds": phase.seconds, "late": phase.is_late}
        for phase in found.phases
    ]
    return {**msgspec.structs.asdict(found), "phases": rows, "late": found.is_late}


def span(seconds: float | None) -> str:
    """Write how long something takes, as people say it."""
    if seconds is None:
        return "-"
    if seconds < 2 * MINUTE:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"  # noqa: PLR2004
    if seconds < 2 * HOUR:
        return f"{seconds / MINUTE:.0f} min"
    return f"{seconds / HOUR:.1f} h"
