# SPDX-License-Identifier: Apache-2.0
"""A run as it goes, drawn for a terminal: how far, what is under way, what failed."""

from datetime import datetime

from rich.console import Group
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.text import Text

from day2.model.outcome import Ending
from day2.model.run import Run
from day2.report.changes import next_word, span
from day2.report.terminal import plain

SHOWN = 8
_STYLES = {Ending.FAILED: "bold red", Ending.SKIPPED: "yellow"}


def picture(run: Run, now: datetime, *, usual_seconds: float = 0.0) -> Group:
    """Draw a run; `usual_seconds` is what earlier runs of its kind took, 0 when there is none."""
    ended = [step for step in run.steps if step.outcome is not None]
    going = [step for step in run.steps if step.outcome is None]
    bad = [step for step in ended if step.outcome in _STYLES]
    bar = Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=30),
        MofNCompleteColumn(),
        TextColumn("{task.fields[time]}", markup=False),
        auto_refresh=False,
    )
    took = now - (run.started_at or now)
    usual = f", usually {usual_seconds:.0f} s" if usual_seconds else ""
    bar.add_task(
        plain(run.summary)[:36], total=run.total, completed=len(ended), time=f"{span(took)}{usual}"
    )
    lines: list[Text] = []
    for step in bad[-SHOWN:]:
        said = plain(f"  {step.outcome} {step.subject.label}: {step.detail}")
        lines.append(Text(said[:78], style=_STYLES[step.outcome or Ending.FAILED]))
    for step in going[:SHOWN]:
        since = span(now - step.started_at) if step.started_at else ""
        said = plain(f"  … {step.subject.label}: {step.doing or step.action} {since}")
        lines.append(Text(said[:78]))
    if len(going) > SHOWN:
        lines.append(Text(f"  … and {len(going) - SHOWN} more under way"))
    if run.gates:
        lines.append(Text(plain(f"  ? {next_word(run, held=True)}")[:78], style="bold"))
    return Group(bar, *lines)
