# SPDX-License-Identifier: Apache-2.0
"""Sets of volumes: not their data, which Cinder's backup store has, but what finds them there.

When Cinder's database is lost, every backup in the store is an orphan unless its record was kept.
"""

import base64
import binascii
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from day2.adapters.openstack.volume_backups import ExportedRecord, VolumeBackups
from day2.adapters.vaults.vault import Draft, Vault, Writer
from day2.errors import BadAnswer, NotDeployed, NotVerified
from day2.model.backup import Found, Kind
from day2.operations.backup.takers.taker import Say, Taken

RECORDS, BACKUPS = "records", "backups"
AVAILABLE, LEAVING = "available", "deleting"
SOUND = frozenset({AVAILABLE, "restoring", LEAVING})
"""What says nothing against a backup: the last two pass by themselves."""
SHOWN_MAX = 5


class VolumesTaker:
    """Takes the record of every backup that Cinder has."""

    kind = Kind.VOLUMES

    def __init__(self, open_backups: Callable[[], VolumeBackups]) -> None:
        self._open = open_backups

    def take(self, writer: Writer, draft: Draft, parent: Found | None, say: Say) -> Taken:
        """Export every record; a backup that is under way or in error has none, and is counted.

        Raises:
            Denied: when the account is no administrator.

        """
        del draft, parent
        api = self._open()
        rows = api.all()
        records: dict[str, ExportedRecord] = {}
        missing: list[str] = []
        for row in rows:
            if row.get("status") != AVAILABLE:
                continue
            own = str(row["id"])
            try:
                record = api.export(own)
                decoded(record)
            except (BadAnswer, NotDeployed, ValueError) as error:
                missing.append(f"record of backup {own}: {error}")
                say(f"missing: {missing[-1]}")
                continue
            records[own] = record
        say(f"{len(records)} records")
        with writer.sink(RECORDS, "records.json") as sink:
            sink.write(msgspec.json.format(msgspec.json.encode(records, order="sorted"), indent=1))
        with writer.sink(BACKUPS, "backups.json") as sink:
            sink.write(msgspec.json.format(msgspec.json.encode(rows), indent=1))
        return Taken(
            source={
                "backups": len(rows),
                "records": len(records),
                "volumes": len({str(row.get("volume_id")) for row in rows}),
                "missing": missing,
            }
        )

    def check(self, vault: Vault, found: Found, say: Say) -> str:
        """Hash what was stored."""
        say("hashing")
        return vault.check(found)

    def prove(self, vault: Vault, found: Found, folder: Path, say: Say) -> dict[str, Any]:
        """Read every record, and ask Cinder whether its backup is still good.

        One that was deleted since is counted as gone, one that is being deleted as well: somebody
        wanted it so. One that is restored from just now is good. The data are not
        restored: that is Cinder's part, and a drill's.

        Raises:
            NotVerified: when a record cannot be read or is of another backup, or Cinder has the
                backup in error.

        """
        say("reading the records")
        records = _records(vault, found, folder)
        wrong = []
        for own, record in records.items():
            try:
                told = decoded(record)
            except ValueError as error:
                wrong.append(f"record of backup {own}: {error}")
                continue
            if told.get("id") != own:
                wrong.append(f"record of backup {own} is of {told.get('id')}")
        now = {str(row["id"]): str(row.get("status")) for row in self._open().all()}
        wrong += [
            f"backup {own} is {now[own]}" for own in records if now.get(own, LEAVING) not in SOUND
        ]
        if len(records) != found.manifest.source.get("records"):
            wrong.append("it holds another number of records than were taken")
        if wrong:
            raise NotVerified(f"{found.manifest.id}: {'; '.join(wrong[:SHOWN_MAX])}")
        gone = sum(now.get(own, LEAVING) == LEAVING for own in records)
        return {"records": len(records), "available": len(records) - gone, "gone": gone}


def decoded(record: ExportedRecord) -> dict[str, Any]:
    """Return what a record says of its backup.

    Raises:
        ValueError: when it says nothing that Cinder could import.

    """
    try:
        plain = base64.b64decode(record.backup_url, validate=True)
        told = msgspec.json.decode(plain, type=dict[str, Any])
    except (binascii.Error, msgspec.MsgspecError, UnicodeDecodeError):
        raise ValueError("it cannot be read") from None
    if not told.get("id") or not record.backup_service:
        raise ValueError("it names no backup")
    return told


def _records(vault: Vault, found: Found, folder: Path) -> dict[str, ExportedRecord]:
    (artefact,) = [a for a in found.manifest.artefacts if a.of == RECORDS]
    file = vault.fetch(found, artefact, folder)
    try:
        return msgspec.json.decode(file.read_bytes(), type=dict[str, ExportedRecord])
    except msgspec.MsgspecError as error:
        raise NotVerified(f"{found.manifest.id}: {artefact.name}: {error}") from None
    finally:
        file.unlink()
