# SPDX-License-Identifier: Apache-2.0
"""A run: the durable execution of one plan, and what became of each of its steps."""

import enum
from datetime import datetime
from typing import Any

import msgspec

from day2.model.finding import Subject
from day2.model.outcome import Ending


class State(enum.StrEnum):
    """Where a run is. The last five are final; `partial` did some of it and says which."""

    QUEUED = "queued"
    RUNNING = "running"
    WAITING = "waiting"
    PAUSED = "paused"
    DONE = "done"
    PARTIAL = "partial"
    FAILED = "failed"
    CANCELLED = "cancelled"
    UNDONE = "undone"

    @property
    def ended(self) -> bool:
        """Tell whether nothing more will happen."""
        return self in _FINAL


_FINAL = {State.DONE, State.PARTIAL, State.FAILED, State.CANCELLED, State.UNDONE}


class Wanted(enum.StrEnum):
    """What people want of a run: read between its steps."""

    RUN = "run"
    PAUSE = "pause"
    CANCEL = "cancel"


class RunStep(msgspec.Struct, frozen=True, kw_only=True):
    """One step of the plan as it went; `doing` is what is under way, for people who watch.

    `readonly` is the plan's word: such a step changed nothing that could be taken back.
    """

    n: int
    action: str
    subject: Subject
    outcome: Ending | None = None
    detail: str = ""
    doing: str = ""
    started_at: datetime | None = None
    ended_at: datetime | None = None
    facts: dict[str, Any] = {}
    readonly: bool = False

    @property
    def acted(self) -> bool:
        """Tell whether it changed something, or may have: one that failed did perhaps half."""
        return not self.readonly and self.outcome in {Ending.DONE, Ending.FAILED}


class Gate(msgspec.Struct, frozen=True, kw_only=True):
    """A question that a run waits with; `choices` are the answers it knows, the first is safest."""

    name: str
    question: str
    choices: list[str]
    since: datetime
    step: int | None = None


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """One run. `engine` is the process that holds it, empty when none does."""

    id: str
    cloud: str
    region: str
    plan: str
    sha256: str
    kind: str
    summary: str
    state: State
    wanted: Wanted
    by: str
    at: datetime
    ticket: str = ""
    started_at: datetime | None = None
    ended_at: datetime | None = None
    detail: str = ""
    engine: str = ""
    undoes: str = ""
    gates: list[Gate] = []
    steps: list[RunStep] = []
    total: int = 0
