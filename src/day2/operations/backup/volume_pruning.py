# SPDX-License-Identifier: Apache-2.0
"""Pure: which of Cinder's backups go with the set that ordered them, and which sets stay for them.

A backup that `backup run volumes` ordered bears the name of its set, in the project of the account
that ordered it. A tenant can give that name too, but not in that project.
"""

from collections.abc import Collection, Sequence
from datetime import UTC, datetime

import msgspec

from day2.model.tables.storage import VolumeBackup

PREFIX = "day2-"
AVAILABLE = "available"
NEVER = datetime.min.replace(tzinfo=UTC)


class Ordered(msgspec.Struct, frozen=True, kw_only=True):
    """What Cinder has: the backups that day2 ordered, and the volumes that there are.

    `unknown` says why that could not be read; empty: it was.
    """

    backups: list[VolumeBackup] = []
    volumes: frozenset[str] = frozenset()
    unknown: str = ""


class Goes(msgspec.Struct, frozen=True, kw_only=True):
    """A backup that goes with its set; `newer` is the one that makes it needless.

    None: its volume is gone.
    """

    backup: VolumeBackup
    newer: VolumeBackup | None


def named(backup: str) -> str:
    """Return the set that a backup's name tells; empty: none."""
    return backup.removeprefix(PREFIX) if backup.startswith(PREFIX) else ""


def ours(rows: Sequence[VolumeBackup], project: str) -> list[VolumeBackup]:
    """Return what day2 ordered from within this project, by name and project."""
    return [row for row in rows if project and row.project_id == project and named(row.name or "")]


def goes_with(name: str, ordered: Ordered, going: Collection[str]) -> tuple[list[Goes], str]:
    """Return the backups that go with a set, or why the set must stay.

    `going` are all sets that go at the same time. A volume that is still there keeps the newest of
    its backups, whatever their age.
    """
    if ordered.unknown:
        return [], f"what Cinder has of it is not known: {ordered.unknown}"
    stay = [
        one
        for one in ordered.backups
        if one.status == AVAILABLE and named(one.name or "") not in going
    ]
    found = []
    for one in ordered.backups:
        if named(one.name or "") != name:
            continue
        newer = [other for other in stay if other.volume_id == one.volume_id and _after(other, one)]
        if not newer and one.status == AVAILABLE and one.volume_id in ordered.volumes:
            return [], f"it has the newest backup of volume {one.volume_id}"
        found.append(Goes(backup=one, newer=max(newer, key=_made, default=None)))
    return found, ""


def _after(other: VolumeBackup, one: VolumeBackup) -> bool:
    return _made(other) > _made(one)


def _made(backup: VolumeBackup) -> datetime:
    return backup.created_at or NEVER
