# SPDX-License-Identifier: Apache-2.0
"""Recoveries: what runs where, the phases of a procedure, and what a drill of it measured."""

from datetime import datetime

import msgspec

from day2.model.outcome import Ending
from day2.model.round import Report


class Guest(msgspec.Struct, frozen=True, kw_only=True):
    """One guest as a hypervisor has it, whatever Nova says; `id` is the server's."""

    id: str
    host: str
    running: bool


class Guests(msgspec.Struct, frozen=True, kw_only=True):
    """What the hypervisors have: `hosts` were read, `silent` were not, each with the reason."""

    hosts: list[str] = []
    guests: list[Guest] = []
    silent: dict[str, str] = {}


class SetInUse(msgspec.Struct, frozen=True, kw_only=True):
    """A set that a recovery takes; `holds_at` is the last moment of which it has everything."""

    kind: str
    id: str
    sha256: str
    holds_at: datetime
    level: int
    bytes: int = 0
    seconds: float = 0.0


class Phase(msgspec.Struct, frozen=True, kw_only=True):
    """One phase as it went; without `outcome` it was not part of it, or did not begin.

    The moments are those of the run's steps, `budget_seconds` is what policy gives it.
    """

    name: str
    title: str
    budget_seconds: float
    started_at: datetime | None = None
    ended_at: datetime | None = None
    outcome: Ending | None = None
    detail: str = ""

    @property
    def seconds(self) -> float | None:
        """Return how long it took; None when it did not end."""
        if self.started_at is None or self.ended_at is None:
            return None
        return (self.ended_at - self.started_at).total_seconds()

    @property
    def is_late(self) -> bool:
        """Tell whether it took longer than its budget."""
        return (self.seconds or 0.0) > self.budget_seconds


class Drill(msgspec.Struct, frozen=True, kw_only=True):
    """What a drill measured; its id is that of its run.

    `rto_seconds` is from the beginning of the first phase to the end of the last, `rpo_seconds`
    how old the databases would have been; `drift_seconds` is between the oldest and the newest of
    the sets that were used. `ok` tells whether every phase proved itself.
    """

    id: str
    cloud: str
    region: str
    depth: str
    by: str
    at: datetime
    ended_at: datetime
    ok: bool
    phases: list[Phase]
    sets: list[SetInUse]
    rto_seconds: float
    rto_seconds_max: float
    rpo_seconds: float | None
    rpo_seconds_max: float
    drift_seconds: float = 0.0

    @property
    def is_late(self) -> bool:
        """Tell whether any bound of policy was passed."""
        too_old = self.rpo_seconds is None or self.rpo_seconds > self.rpo_seconds_max
        late = self.rto_seconds > self.rto_seconds_max
        return late or too_old or any(phase.is_late for phase in self.phases)


class Planned(msgspec.Struct, frozen=True, kw_only=True):
    """One phase of the procedure as it would be done now.

    `usual_seconds` is what earlier drills measured, or what the proofs of its sets took; None:
    nothing was measured, and `measured` says which. `beside` others it costs no time of its own.
    """

    name: str
    title: str
    budget_seconds: float
    beside: bool = False
    usual_seconds: float | None = None
    measured: str = ""
    sets: list[SetInUse] = []
    missing: list[str] = []
    commands: list[str] = []


class Procedure(msgspec.Struct, frozen=True, kw_only=True):
    """The whole recovery as it would be done now, on paper."""

    phases: list[Planned]
    budget_seconds: float
    usual_seconds: float | None
    slack_ratio: float
    slack_ratio_min: float
    rto_seconds_max: float
    rpo_seconds: float | None
    rpo_seconds_max: float
    drift_seconds: float
    troubles: list[str] = []


class Reconciled(msgspec.Struct, frozen=True, kw_only=True):
    """The stores held against each other.

    `holds` are the keys of findings for which compute stays closed; `compared` counts what was
    read of each store.
    """

    report: Report
    holds: list[str] = []
    compared: dict[str, int] = {}
