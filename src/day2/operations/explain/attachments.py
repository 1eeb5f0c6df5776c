# SPDX-License-Identifier: Apache-2.0
"""What Cinder and Nova say of one attachment, and where they differ."""

from day2.model.tables.compute import Server
from day2.model.tables.storage import Volume, VolumeAttachment
from day2.operations.explain.picture import Causes, Picture, few

ATTACHED = frozenset({"in-use", "detaching"})
OPEN = frozenset({"attaching", "reserved", "error_attaching", "detaching"})
MINUTES = 15
SHELVED = "SHELVED"


def add(causes: Causes, picture: Picture, volume: Volume) -> None:
    """Add where the records of Cinder and the servers of Nova do not agree."""
    records = [r for r in picture.tables.volume_attachments if r.volume_id == volume.id]
    named = {r.instance for r in records if r.instance} | {
        a.server_id for a in volume.attachments if a.server_id
    }
    _without_server(causes, picture, volume, records, named)
    _without_record(causes, picture, volume, named)
    _unfinished(causes, picture, volume, records)
    _nobody(causes, picture, volume, records, named)


def _without_server(
    causes: Causes,
    picture: Picture,
    volume: Volume,
    records: list[VolumeAttachment],
    named: set[str],
) -> None:
    for gone in sorted(named & picture.gone):
        mine = [r.id for r in records if r.instance == gone]
        mine = mine or [a.attachment_id for a in volume.attachments if a.server_id == gone]
        causes.add(
            96,
            "volume-attachment-orphan",
            f"it is attached to server {gone}, which does not exist",
            pro=[
                "Nova answers 404 for it, to an account that sees everything",
                f"Cinder still has the record {few(mine)}",
            ],
            con=["a server that was deleted softly may come back: openstack server restore"],
            advice=f"openstack server show {gone} must find nothing; then: openstack "
            f"--os-volume-api-version 3.27 volume attachment delete {mine[0] if mine else 'ID'}",
        )


def _without_record(causes: Causes, picture: Picture, volume: Volume, named: set[str]) -> None:
    if not picture.knows("volume_attachments"):
        return
    for server in picture.tables.servers:
        if server.id in named or volume.id not in {v.id for v in server.volumes}:
            continue
        causes.add(
            94,
            "volume-attachment-unknown",
            f"server {server.name or server.id} has it attached, and Cinder knows nothing of it",
            pro=[
                f"Nova lists it among the volumes of {server.id}",
                f"Cinder has no record of it, and calls the volume {volume.status}",
            ],
            con=[f"the server is on its way ({server.task_state})"] if server.task_state else [],
            advice="Never attach it elsewhere before: virsh domblklist on "
            f"{server.host or 'its host'} tells whether the guest writes to it; then: openstack "
            f"server remove volume {server.id} {volume.id}",
        )


def _unfinished(
    causes: Causes, picture: Picture, volume: Volume, records: list[VolumeAttachment]
) -> None:
    for record in records:
        server = picture.server(record.instance)
        if record.status not in OPEN or record.instance in picture.gone:
            continue
        if not picture.older(volume.updated_at or volume.created_at, MINUTES):
            continue
        if server is not None and server.status.startswith(SHELVED):
            continue  # it stays reserved until its server comes back
        causes.add(
            83,
            "volume-attachment-unfinished",
            f"an attachment to {_name(server, record)} was begun and never ended ({record.status})",
            pro=[
                (
                    f"the record {record.id} is {record.status}, unchanged for "
                    f"{picture.said(volume.updated_at)}"
                ),
                _lists(server, volume),
            ],
            con=[f"the server is at work on it ({server.task_state})"]
            if server is not None and server.task_state
            else [],
            advice="When the guest does not have it (virsh domblklist): openstack "
            f"--os-volume-api-version 3.27 volume attachment delete {record.id}",
        )


def _lists(server: Server | None, volume: Volume) -> str:
    if server is None:
        return ""
    has = volume.id in {v.id for v in server.volumes}
    return f"Nova {'lists it' if has else 'does not list it'} among the volumes of the server"


def _name(server: Server | None, record: VolumeAttachment) -> str:
    if server is not None:
        return f"server {server.name or server.id}"
    return f"server {record.instance}" if record.instance else "nobody"


def _nobody(
    causes: Causes,
    picture: Picture,
    volume: Volume,
    records: list[VolumeAttachment],
    named: set[str],
) -> None:
    """Tell of one that waits for a server although no record names any."""
    waits = volume.status in ATTACHED | {"attaching", "reserved"}
    if not waits or records or named or not picture.knows("volume_attachments"):
        return
    if not picture.older(volume.updated_at or volume.created_at, MINUTES):
        return
    causes.add(
        81,
        "volume-attachment-missing",
        f"it is {volume.status}, and Cinder has no attachment of it",
        pro=["its complete list of records has none of this volume"],
        con=["somebody may have set the status by hand"],
        advice="When no server lists it (openstack server list --all-projects --long) and no host "
        f"has it mapped: openstack volume set --state available {volume.id}",
    )
