# SPDX-License-Identifier: Apache-2.0
"""Usage of storage: the pools as Cinder's scheduler sees them, and Ceph by its own word."""

import math

from day2.model.survey import Survey
from day2.model.tables.storage import CephPool, VolumePool
from day2.model.usage import Counted, Usage
from day2.operations.usage.consumers import Consumers
from day2.operations.usage.missing import gap

KINDS = ("volume_pools", "ceph_pools")
BYTES, PROVISIONED, RAW = "BYTES", "PROVISIONED_BYTES", "RAW_BYTES"
GIB = 1 << 30


def count(survey: Survey, _who: Consumers) -> Counted:
    """Count every pool that says how full it is."""
    rows: list[Usage] = []
    gaps = []
    silent = []
    if "block-storage" not in survey.absent:
        if not survey.is_complete("volume_pools"):
            gaps.append(gap("volume pool", survey, ["volume_pools"]))
        else:
            for pool in sorted(survey.tables.volume_pools, key=lambda p: p.name):
                found = _volume_pool(pool)
                rows += found
                silent += [] if found else [pool.name]
    if survey.was_read("ceph_pools"):
        if survey.is_complete("ceph_pools"):
            rows += [_ceph(pool) for pool in survey.tables.ceph_pools]
        else:
            gaps.append(gap("Ceph pool", survey, ["ceph_pools"]))
    said = f"volume pools that do not say in numbers how full they are: {', '.join(silent)}"
    return Counted(rows=rows, gaps=gaps, notes=[said] if silent else [])


def _volume_pool(pool: VolumePool) -> list[Usage]:
    has = pool.capabilities
    total, free = number(has.total_capacity_gb), number(has.free_capacity_gb)
    rows = []
    if total is not None and free is not None and total > 0:
        kept = total * (number(has.reserved_percentage) or 0) / 100
        rows.append(
            Usage(
                scope="pool",
                name=pool.name,
                resource=BYTES,
                allocated=(total - free) * GIB,
                total=total * GIB,
                usable=max(total - kept, 0) * GIB,
                providers=1,
            )
        )
    given = number(has.provisioned_capacity_gb)
    times = number(has.max_over_subscription_ratio)
    if given is not None and has.thin_provisioning_support:
        allowed = total * times if total and times and times >= 1 else None
        rows.append(
            Usage(
                scope="pool",
                name=pool.name,
                resource=PROVISIONED,
                allocated=given * GIB,
                total=None if allowed is None or total is None else total * GIB,
                usable=None if allowed is None else allowed * GIB,
                providers=1,
            )
        )
    return rows


def _ceph(pool: CephPool) -> Usage:
    """Count a pool by what clients stored, over that and what they may still store."""
    return Usage(
        scope="pool",
        name=pool.name,
        resource=RAW if pool.raw else BYTES,
        allocated=pool.used_bytes,
        total=pool.used_bytes + pool.free_bytes,
        usable=pool.used_bytes + pool.free_bytes,
        providers=1,
    )


def number(value: float | str | None) -> float | None:
    """Return a finite number; None for the words that drivers send instead (`infinite`)."""
    try:
        found = float(value) if value is not None else math.nan
    except (ValueError, OverflowError):
        return None
    return found if math.isfinite(found) else None
