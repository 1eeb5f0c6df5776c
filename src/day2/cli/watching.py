# SPDX-License-Identifier: Apache-2.0
"""A run as it goes: bars on a terminal, JSON lines for programs, plain lines in a log."""

import sys
from typing import TYPE_CHECKING, Self

from day2.report.terminal import plain

if TYPE_CHECKING:
    from rich.live import Live

    from day2.model.run import Run, RunStep
    from day2.wiring.site import Site


class Watching:
    """Call it with a run whenever it was read anew; everything goes to stderr."""

    def __init__(self, site: "Site", *, as_json: bool) -> None:
        self._site = site
        self._as_json = as_json
        self._live: Live | None = None
        self._said: set[int] = set()
        self._usual: float | None = None

    def __enter__(self) -> Self:
        """Start drawing where somebody looks."""
        if sys.stderr.isatty() and not self._as_json:
            from rich.console import Console
            from rich.live import Live

            self._live = Live(console=Console(stderr=True), transient=True, refresh_per_second=4)
            self._live.start()
        return self

    def __exit__(self, *_error: object) -> None:
        """Leave the terminal as it was."""
        if self._live is not None:
            self._live.stop()

    def __call__(self, run: "Run") -> None:
        """Show what has changed."""
        if self._live is not None:
            from day2.report.running import picture

            if self._usual is None:
                self._usual = self._site.changes.usual_seconds(run) or 0.0
            drawn = picture(run, self._site.clock.now(), usual_seconds=self._usual)
            self._live.update(drawn)
            return
        for step in run.steps:
            if step.outcome is not None and step.n not in self._said:
                self._said.add(step.n)
                print(self._line(run, step), file=sys.stderr, flush=True)  # noqa: T201

    def _line(self, run: "Run", step: "RunStep") -> str:
        if self._as_json:
            import msgspec

            return msgspec.json.encode({"run": run.id, "step": step}).decode()
        done = sum(s.outcome is not None for s in run.steps)
        outcome = step.outcome.value if step.outcome else ""
        return plain(
            f"{done}/{run.total} {outcome:8} {step.action} {step.subject.label}: {step.detail}"
        )[:200]
