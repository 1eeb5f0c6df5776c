# SPDX-License-Identifier: Apache-2.0
"""How much of what there is is taken: Placement's own arithmetic, by scope and resource class."""

from datetime import datetime

import msgspec

from day2.model.survey import Gap

SCOPES = ("cloud", "zone", "aggregate", "project", "pool")


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """One resource class in one scope.

    `scope` is `cloud`, `aggregate`, `zone`, `project` or `pool`, `name` which one (its id for a
    project, whose name is the `label`). `total` is what the hardware has, `usable` what may be
    allocated: (total - reserved) x allocation ratio; both are the quota of a project, and None
    where nothing bounds it or the bound is not known. Amounts are in the unit of the resource
    class: VCPU, MEMORY_MB, DISK_GB; bytes for pools.

    `closed_…` is what there is besides, on hosts that take no new servers. `moving` and `unowned`
    are parts of `allocated`: what migrations hold for a server under way, and what consumers hold
    that are neither server nor migration; None where servers or migrations were not read whole.
    """

    scope: str
    name: str
    resource: str
    allocated: float
    total: float | None = None
    usable: float | None = None
    providers: int = 0
    label: str = ""
    closed_allocated: float = 0.0
    closed_usable: float = 0.0
    closed_providers: int = 0
    moving: float | None = None
    unowned: float | None = None

    @property
    def used_ratio(self) -> float | None:
        """Return allocated over usable, 0 to 1 and above; None where nothing bounds it."""
        return self.allocated / self.usable if self.usable else None

    @property
    def title(self) -> str:
        """Say what a person calls it."""
        return self.label or self.name

    @property
    def place(self) -> tuple[str, str, str]:
        """Return what makes this row the same row at another moment."""
        return (self.scope, self.name, self.resource)


class UsagePoint(msgspec.Struct, frozen=True, kw_only=True):
    """Every usage of one moment, as it is kept."""

    at: datetime
    rows: list[Usage]


class Counted(msgspec.Struct, frozen=True, kw_only=True):
    """What one survey lets be counted.

    A scope that the survey does not have whole has no row at all, but a gap; `notes` are sentences
    that a reader of the figures must know.
    """

    rows: list[Usage] = []
    gaps: list[Gap] = []
    notes: list[str] = []


class Trend(msgspec.Struct, frozen=True, kw_only=True):
    """How much more (or less, below zero) was allocated than at an earlier moment.

    `since` is that moment: the kept point nearest to `days` ago; None, like `change`, where none is
    near enough or it did not have this row.
    """

    days: int
    since: datetime | None = None
    change: float | None = None
