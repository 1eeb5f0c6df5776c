# SPDX-License-Identifier: Apache-2.0
"""A progress bar on stderr, on a terminal only."""

import sys
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress


class Progress:
    """Call it with (what, done, all); it draws only where somebody looks."""

    def __init__(self, title: str) -> None:
        self._title = title
        self._bar: RichProgress | None = None

    def __enter__(self) -> Self:
        """Start drawing when stderr is a terminal."""
        if sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

            self._bar = Progress(
                TextColumn("{task.description}"),
                BarColumn(bar_width=30),
                MofNCompleteColumn(),
                TextColumn("{task.fields[what]}", markup=False),
                console=Console(stderr=True),
                transient=True,
            )
            self._bar.start()
            self._task = self._bar.add_task(self._title, total=None, what="")
        return self

    def __exit__(self, *_error: object) -> None:
        """Leave the terminal as it was."""
        if self._bar is not None:
            self._bar.stop()

    def __call__(self, what: str, done: int, total: int) -> None:
        """Draw how far it is."""
        if self._bar is not None:
            self._bar.update(self._task, completed=done, total=total, what=what)
