# SPDX-License-Identifier: Apache-2.0
"""What the doctor found: one item for each thing that day2 needs, with its cure."""

from collections.abc import Sequence
from datetime import datetime
from enum import Enum

import msgspec


class State(Enum):
    """How one item stands."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"
    SKIPPED = "skipped"


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that was tried.

    `cure` says what to do and `commands` are the lines to type; both are empty where nothing is
    wrong. `exit_code` is what a failed item asks the process to end with. `cloud` is empty for what
    belongs to the installation.
    """

    id: str
    title: str
    state: State
    detail: str = ""
    cure: str = ""
    commands: Sequence[str] = ()
    cloud: str = ""
    exit_code: int = 0


class Examination(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that was tried, in the order of trying."""

    items: list[Item]
    at: datetime | None = None
    seconds: float = 0.0

    @property
    def exit_code(self) -> int:
        """Return 2 for wrong settings, else 21 when a right is missing, else 20, else 0.

        A missing right comes before silence: it stays until somebody grants it, while what does
        not answer may only be down, and the rounds will say so.
        """
        found = {item.exit_code for item in self.items if item.state is State.FAILED}
        for code in (2, 21, 20):
            if code in found:
                return code
        return max(found, default=0)

    def count(self, state: State) -> int:
        """Count the items in one state."""
        return sum(item.state is state for item in self.items)
