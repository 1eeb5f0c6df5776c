# SPDX-License-Identifier: Apache-2.0
"""Pools of block storage: full, promised too often, or down."""

from collections import Counter
from collections.abc import Iterator

from day2.model.finding import Finding, Subject
from day2.model.severity import Severity
from day2.model.tables.storage import PoolCapabilities, VolumePool
from day2.operations.health.check import Check, Facts, finding, setting, short_host
from day2.operations.health.rules import crowd, sight


@crowd.bounded("pools are nearly full", by=crowd.HOST)
def full(facts: Facts) -> Iterator[Finding]:
    """Find pools that are nearly full; capacities that are words (`infinite`) are never full."""
    policy = facts.policy
    for pool in facts.tables.volume_pools:
        has = pool.capabilities
        total, free = sight.number(has.total_capacity_gb), sight.number(has.free_capacity_gb)
        if total is None or free is None or total <= 0:
            continue
        used = (total - free) / total
        if used <= policy.pool_used_warning_ratio:
            continue
        critical = used > policy.pool_used_critical_ratio
        decided_by = "pool_used_critical_ratio" if critical else "pool_used_warning_ratio"
        yield finding(
            "volume.pool.full",
            Severity.CRITICAL if critical else Severity.WARNING,
            _subject(pool),
            f"pool {pool.name} is {used:.0%} full: {free:,.0f} of {total:,.0f} GiB left",
            why=setting(policy, decided_by),
            evidence={
                "total_gib": total,
                "free_gib": free,
                "used_ratio": round(used, 4),
                "provisioned_gib": has.provisioned_capacity_gb,
                "reserved_percentage": has.reserved_percentage,
            },
            advice="openstack volume backend pool list --long; on Ceph: ceph df, ceph osd df tree",
        )


@crowd.bounded("pools are promised too often", by=crowd.HOST)
def promised(facts: Facts) -> Iterator[Finding]:
    """Find thin pools of which nearly as much is promised as the scheduler allows."""
    policy = facts.policy
    for pool in facts.tables.volume_pools:
        has = pool.capabilities
        allowed = _allowed(has)
        given = sight.number(has.provisioned_capacity_gb)
        if not allowed or given is None or given / allowed <= policy.pool_used_warning_ratio:
            continue
        yield finding(
            "volume.pool.promised",
            Severity.WARNING,
            _subject(pool),
            f"pool {pool.name} has promised {given:,.0f} GiB of the {allowed:,.0f} GiB that it "
            f"may: {given / allowed:.0%}; beyond that no volume is created there",
            why=f"{setting(policy, 'pool_used_warning_ratio')} of total_capacity_gb x "
            f"max_over_subscription_ratio ({has.max_over_subscription_ratio})",
            evidence={"provisioned_gib": given, "allowed_gib": allowed},
            advice="openstack volume backend pool list --long",
        )


def _allowed(has: PoolCapabilities) -> float | None:
    total, times = (
        sight.number(has.total_capacity_gb),
        sight.number(has.max_over_subscription_ratio),
    )
    if not has.thin_provisioning_support or total is None or times is None:
        return None
    return sight.number(total * times) if total > 0 and times >= 1 else None


@crowd.bounded("pools are down", by=crowd.HOST)
def down(facts: Facts) -> Iterator[Finding]:
    """Find pools whose driver says that it does not reach its storage."""
    lost = [pool for pool in facts.tables.volume_pools if pool.capabilities.backend_state == "down"]
    if not lost:
        return
    volumes = Counter(volume.host for volume in facts.tables.volumes)
    known = facts.survey.is_complete("volumes")
    for pool in lost:
        count = volumes[pool.name]
        empty = known and not count
        yield finding(
            "volume.pool.down",
            Severity.WARNING if empty else Severity.CRITICAL,
            _subject(pool),
            f"pool {pool.name} is down; "
            + (f"{count} volumes live there" if known or count else "its volumes were not read"),
            why="the driver of the backend reports backend_state down"
            + (" (a warning: no volume lives there)" if empty else ""),
            evidence={"volumes": count},
            advice=f"On {short_host(pool.name)}: docker logs --tail 100 cinder_volume; "
            "openstack volume service list",
        )


def _subject(pool: VolumePool) -> Subject:
    return Subject(type="volume_pool", id=pool.name, name=pool.name, host=short_host(pool.name))


CHECKS = (
    Check(
        name="volume.pool.full",
        title="A pool that is nearly full",
        needs=("volume_pools",),
        judge=full,
        settings=("pool_used_warning_ratio", "pool_used_critical_ratio"),
    ),
    Check(
        name="volume.pool.promised",
        title="A thin pool promised nearly as often as allowed",
        needs=("volume_pools",),
        judge=promised,
        settings=("pool_used_warning_ratio",),
    ),
    Check(
        name="volume.pool.down",
        title="A pool that does not reach its storage",
        needs=("volume_pools",),
        judge=down,
    ),
)
