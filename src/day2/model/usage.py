# SPDX-License-Identifier: Apache-2.0
"""How much of what there is is taken: Placement's own arithmetic, by scope and resource class."""

from datetime import datetime

import msgspec


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """One resource class in one scope.

    `scope` is `cloud`, `aggregate`, `zone`, `project` or `pool`, `name` which one (its id for a
    project). `total` is what the hardware has, `usable` what may be allocated: (total - reserved) x
    allocation ratio. Both are None for a project without a quota. Amounts are in the unit of the
    resource class: VCPU, MEMORY_MB, DISK_GB; bytes for pools.
    """

    scope: str
    name: str
    resource: str
    allocated: float
    total: float | None = None
    usable: float | None = None
    providers: int = 0

    @property
    def used_ratio(self) -> float | None:
        """Return allocated over usable, 0 to 1 and above; None where nothing bounds it."""
        return self.allocated / self.usable if self.usable else None


class UsagePoint(msgspec.Struct, frozen=True, kw_only=True):
    """Every usage of one moment, as it is kept."""

    at: datetime
    rows: list[Usage]
