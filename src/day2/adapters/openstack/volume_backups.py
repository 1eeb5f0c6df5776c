# SPDX-License-Identifier: Apache-2.0
"""Cinder's own backups of volumes: made, looked at, and told so that another Cinder has them."""

from typing import Any

import msgspec

from day2.adapters.clock import Clock
from day2.adapters.openstack.pages import Collection, Query
from day2.adapters.openstack.session import Session
from day2.adapters.openstack.single import Said, Single, part
from day2.model.tables.storage import Volume, VolumeBackup

ALL = "1"


class ExportedRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What another Cinder imports: the driver that has the data, and where it has them.

    `backup_url` is JSON in base64; it may hold addresses of the store, and is kept encrypted.
    """

    backup_service: str
    backup_url: str


class VolumeBackups:
    """One region's backups of volumes, those of all projects."""

    def __init__(self, session: Session, clock: Clock) -> None:
        self._session = session
        self._api = Single(session, "block-storage", clock=clock)

    @property
    def project(self) -> str:
        """The project of the account: what it orders is there."""
        return self._session.authenticate().project_id

    def volumes(self) -> list[Volume]:
        """List every volume of every project."""
        return self._list("volumes", "/volumes/detail", Volume)

    def volume(self, volume: str) -> Volume | None:
        """Read one volume; None when it is proven to be gone."""
        return self._api.find(f"/volumes/{part(volume)}", f"volume {volume}", Volume, "volume")

    def all(self) -> list[dict[str, Any]]:
        """List every backup, with everything that Cinder says of it."""
        return self._list("backups", "/backups/detail", dict)

    def rows(self) -> list[VolumeBackup]:
        """List every backup, with what day2 knows of one."""
        return self._list("backups", "/backups/detail", VolumeBackup)

    def named(self, name: str, volume: str) -> VolumeBackup | None:
        """Find the backup of a volume that has this name; None: there is none."""
        found = self._list("backups", "/backups/detail", VolumeBackup, name=name)
        return next((one for one in found if one.name == name and one.volume_id == volume), None)

    def backup(self, backup: str) -> VolumeBackup | None:
        """Read one backup; None when it is proven to be gone."""
        path = f"/backups/{part(backup)}"
        return self._api.find(path, f"backup {backup}", VolumeBackup, "backup")

    def create(self, volume: str, name: str, description: str) -> Said:
        """Order a backup of a volume, attached or not; its project is that of the account."""
        body = {"volume_id": volume, "name": name, "description": description, "force": True}
        what = f"backup of volume {volume}"
        return self._api.change("POST", "/backups", what, {"backup": body})

    def delete(self, backup: str) -> Said:
        """Delete one backup, its data included."""
        return self._api.change("DELETE", f"/backups/{part(backup)}", f"backup {backup}")

    def export(self, backup: str) -> ExportedRecord:
        """Read the record with which another Cinder can take a backup over.

        Raises:
            Denied: to everybody but administrators.
            BadAnswer: when the backup is not `available`, or the answer is no record.

        """
        path = f"/backups/{part(backup)}/export_record"
        return self._api.read(path, f"record of backup {backup}", ExportedRecord, "backup-record")

    def _list(self, key: str, path: str, row: type[Any], **query: str) -> list[Any]:
        return self._api.list(
            Collection(
                kind=f"volume {key}" if key == "backups" else key,
                service="block-storage",
                path=path,
                key=key,
                row=row,
                query=Query(all_tenants=ALL, **query),
            )
        )
