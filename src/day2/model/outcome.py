# SPDX-License-Identifier: Apache-2.0
"""How one task or step ended, as data: business failures are returned, never raised."""

import enum
from datetime import datetime

import msgspec


class Ending(enum.StrEnum):
    """The four ways a task or step ends."""

    DONE = "done"
    ALREADY = "already"
    SKIPPED = "skipped"
    FAILED = "failed"


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one task or step; `detail` is one sentence for people."""

    ending: Ending
    detail: str
    started_at: datetime
    ended_at: datetime
