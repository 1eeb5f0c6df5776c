# SPDX-License-Identifier: Apache-2.0
"""Volumes, snapshots and backups: stuck on their way, in error, or attached to nothing."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from day2.model.finding import Finding, Subject
from day2.model.severity import Severity
from day2.model.tables.storage import Volume, VolumeBackup, VolumeSnapshot
from day2.operations.health.check import Check, Facts, ago, finding, setting, short_host
from day2.operations.health.rules import crowd, sight

Item = Volume | VolumeSnapshot | VolumeBackup
KINDS: dict[type, str] = {
    Volume: "volume",
    VolumeSnapshot: "volume_snapshot",
    VolumeBackup: "volume_backup",
}
RESERVED = "reserved"
VOLUME_PASSING = frozenset(
    {
        "creating",
        "attaching",
        "detaching",
        "deleting",
        "extending",
        "managing",
        "unmanaging",
        "maintenance",
        RESERVED,
    }
)
# These copy all of the data: hours are well for terabytes.
VOLUME_COPYING = frozenset(
    {"downloading", "uploading", "retyping", "backing-up", "restoring-backup", "reverting"}
)
SNAPSHOT_PASSING = frozenset(
    {"creating", "deleting", "updating", "unmanaging", "backing-up", "restoring"}
)
BACKUP_PASSING = frozenset({"deleting"})
BACKUP_COPYING = frozenset({"creating", "restoring"})


@crowd.bounded("volumes are stuck", by=crowd.HOST, tell="status")
def stuck(facts: Facts) -> Iterator[Finding]:
    """Find volumes in a passing status for too long."""
    names = sight.project_names(facts.tables)
    parked: set[str] | None = None
    for volume in facts.tables.volumes:
        bound = _bound(facts, volume.status, VOLUME_PASSING, VOLUME_COPYING)
        if not bound or not facts.older(volume.updated_at or volume.created_at, bound[0]):
            continue
        if volume.status == RESERVED:
            if not sight.complete(facts, "volume_attachments", "servers"):
                continue
            parked = _parked(facts) if parked is None else parked
            if volume.id in parked:
                continue
        yield _stuck(facts, "volume.stuck", volume, bound[1], names)


def _parked(facts: Facts) -> set[str]:
    """Return the volumes of shelved servers: they stay reserved until their server comes back."""
    shelved = {s.id for s in facts.tables.servers if s.status.startswith("SHELVED")}
    return {a.volume_id for a in facts.tables.volume_attachments if a.instance in shelved}


@crowd.bounded("snapshots are stuck", by=crowd.PROJECT, tell="status")
def snapshots_stuck(facts: Facts) -> Iterator[Finding]:
    """Find snapshots in a passing status for too long."""
    names = sight.project_names(facts.tables)
    hosts: dict[str, str] | None = None
    for snapshot in facts.tables.volume_snapshots:
        bound = _bound(facts, snapshot.status, SNAPSHOT_PASSING, frozenset())
        if not bound or not facts.older(snapshot.updated_at or snapshot.created_at, bound[0]):
            continue
        hosts = _hosts(facts) if hosts is None else hosts
        host = hosts.get(snapshot.volume_id, "")
        yield _stuck(facts, "volume.snapshot.stuck", snapshot, bound[1], names, host)


@crowd.bounded("backups are stuck", by=crowd.PROJECT, tell="status")
def backups_stuck(facts: Facts) -> Iterator[Finding]:
    """Find backups in a passing status for too long."""
    names = sight.project_names(facts.tables)
    for backup in facts.tables.volume_backups:
        bound = _bound(facts, backup.status, BACKUP_PASSING, BACKUP_COPYING)
        if not bound or not facts.older(backup.updated_at or backup.created_at, bound[0]):
            continue
        yield _stuck(facts, "volume.backup.stuck", backup, bound[1], names)


@crowd.bounded("volumes are in error", by=crowd.PROJECT, tell="status")
def errors(facts: Facts) -> Iterator[Finding]:
    """Find volumes in one of Cinder's error statuses."""
    names = sight.project_names(facts.tables)
    for volume in facts.tables.volumes:
        if volume.status.startswith("error"):
            yield _error(facts, "volume.error", volume, names)


@crowd.bounded("snapshots are in error", by=crowd.PROJECT, tell="status")
def snapshot_errors(facts: Facts) -> Iterator[Finding]:
    """Find snapshots in error."""
    names = sight.project_names(facts.tables)
    for snapshot in facts.tables.volume_snapshots:
        if snapshot.status.startswith("error"):
            yield _error(facts, "volume.snapshot.error", snapshot, names)


@crowd.bounded("backups are in error", by=crowd.PROJECT, tell="reason")
def backup_errors(facts: Facts) -> Iterator[Finding]:
    """Find backups in error, with Cinder's reason: they protect nobody."""
    names = sight.project_names(facts.tables)
    for backup in facts.tables.volume_backups:
        if backup.status.startswith("error"):
            yield _error(facts, "volume.backup.error", backup, names, backup.fail_reason or "")


def _bound(
    facts: Facts, status: str, passing: frozenset[str], copying: frozenset[str]
) -> tuple[timedelta, str] | None:
    if status in passing:
        return timedelta(minutes=facts.policy.volume_minutes), "volume_minutes"
    if status in copying:
        return timedelta(hours=facts.policy.volume_copy_hours), "volume_copy_hours"
    return None


def _hosts(facts: Facts) -> dict[str, str]:
    return {volume.id: short_host(volume.host) for volume in facts.tables.volumes}


def _subject(kind: str, item: Item, host: str) -> Subject:
    if isinstance(item, Volume):
        host = short_host(item.host)
    return Subject(type=kind, id=item.id, name=item.name or "", project=item.project_id, host=host)


def _said(names: dict[str, str], kind: str, item: Item) -> str:
    where = f", on {item.host}" if isinstance(item, Volume) and item.host else ""
    return (
        f"{kind.replace('_', ' ')} {item.name or item.id} "
        f"({sight.owner(names, item.project_id)}, {item.size} GiB{where})"
    )


def _since(item: Item) -> datetime | None:
    return item.updated_at or item.created_at


def _stuck(
    facts: Facts, check: str, item: Item, decided_by: str, names: dict[str, str], host: str = ""
) -> Finding:
    kind = KINDS[type(item)]
    server = "cinder_backup" if kind == "volume_backup" else "cinder_volume"
    show = kind.replace("_", " ")
    return finding(
        check,
        Severity.WARNING,
        _subject(kind, item, host),
        f"{_said(names, kind, item)} is {item.status} for {ago(facts.age(_since(item)))}",
        why=setting(facts.policy, decided_by),
        evidence={"status": item.status, "updated_at": sight.iso(item.updated_at)},
        advice=f"{sight.command(f'openstack {show} show', item.id)}; is it still worked on? On the "
        f"storage host: docker logs --tail 200 {server}",
    )


def _error(
    facts: Facts, check: str, item: Item, names: dict[str, str], reason: str = ""
) -> Finding:
    kind = KINDS[type(item)]
    said = f": {' '.join(reason.split())[:300]}" if reason.strip() else ""
    show = kind.replace("_", " ")
    return finding(
        check,
        Severity.WARNING,
        _subject(kind, item, ""),
        f"{_said(names, kind, item)} is {item.status} for {ago(facts.age(_since(item)))}{said}",
        why=f"Cinder reports the {show} as {item.status}",
        evidence={
            "status": item.status,
            "reason": reason or None,
            "updated_at": sight.iso(item.updated_at),
        },
        advice=f"{sight.command(f'openstack {show} show', item.id)}; "
        + sight.command("openstack volume message list --project", item.project_id),
    )


CHECKS = (
    Check(
        name="volume.stuck",
        title="A volume in a passing status for too long",
        needs=("volumes",),
        judge=stuck,
        settings=("volume_minutes", "volume_copy_hours"),
    ),
    Check(name="volume.error", title="A volume in error", needs=("volumes",), judge=errors),
    Check(
        name="volume.snapshot.stuck",
        title="A snapshot in a passing status for too long",
        needs=("volume_snapshots",),
        judge=snapshots_stuck,
        settings=("volume_minutes",),
    ),
    Check(
        name="volume.snapshot.error",
        title="A snapshot in error",
        needs=("volume_snapshots",),
        judge=snapshot_errors,
    ),
    Check(
        name="volume.backup.stuck",
        title="A backup in a passing status for too long",
        needs=("volume_backups",),
        judge=backups_stuck,
        settings=("volume_minutes", "volume_copy_hours"),
    ),
    Check(
        name="volume.backup.error",
        title="A backup in error",
        needs=("volume_backups",),
        judge=backup_errors,
    ),
)
