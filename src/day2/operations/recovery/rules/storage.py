# SPDX-License-Identifier: Apache-2.0
"""Volumes and images: rows against data, and what Nova and Cinder say of attachments."""

from collections import defaultdict
from collections.abc import Iterator

from day2.model.finding import Subject
from day2.model.severity import Severity
from day2.model.tables.compute import Server
from day2.model.tables.storage import Volume
from day2.operations.recovery.rules.seen import (
    Picture,
    Suspect,
    command,
    server_subject,
    short,
    suspect,
)

NAMED = "volume-"
UUID_LENGTH = 36
ACTIVE = "active"


def attachments(picture: Picture) -> Iterator[Suspect]:
    """Hold what Nova says of attached volumes against what Cinder says, both ways.

    A volume of a server that does not exist is found by the check `volume.attachment.orphan`.
    """
    servers = picture.servers
    if servers is None or not picture.whole("volumes", "volume_attachments", "migrations"):
        return
    volumes = {volume.id: volume for volume in picture.tables.volumes}
    cinder: dict[str, set[str]] = defaultdict(set)
    for volume in volumes.values():
        cinder[volume.id] |= {ref.server_id for ref in volume.attachments if ref.server_id}
    for row in picture.tables.volume_attachments:
        if row.instance and not row.detached_at:
            cinder[row.volume_id].add(row.instance)
    moving = picture.moving
    for server in servers.values():
        has = {one.id for one in server.volumes}
        if server.id in moving or not picture.settled(server.updated):
            continue
        yield from (_gone(server, one) for one in sorted(has - volumes.keys()))
        for one in sorted(has & volumes.keys()):
            if server.id not in cinder[one] and picture.settled(volumes[one].updated_at):
                yield _differs(server, volumes[one], nova=True)
    for identifier, volume in volumes.items():
        for own in sorted(cinder[identifier] & servers.keys() - moving):
            server = servers[own]
            lists = identifier in {one.id for one in server.volumes}
            young = not (picture.settled(server.updated) and picture.settled(volume.updated_at))
            if not lists and not young:
                yield _differs(server, volume, nova=False)


def _gone(server: Server, volume: str) -> Suspect:
    return suspect(
        "recovery.attachment.no_volume",
        Severity.WARNING,
        server_subject(server),
        f"server {server.name or server.id} has volume {volume} attached, which Cinder does not "
        "have",
        why="Cinder's complete list of volumes does not have it, nor is it there by its id",
        absent=[("volume", volume)],
        evidence={"volume": volume},
        advice="The volume was made after the set was taken, or deleted: where its data are there "
        "(recovery.rbd.no_volume), cinder manage brings the row back; else "
        f"{command('openstack server remove volume', server.id, volume)}",
        aspect=volume,
    )


def _differs(server: Server, volume: Volume, *, nova: bool) -> Suspect:
    said = f"volume {volume.name or volume.id}"
    who = f"server {server.name or server.id}"
    refresh = command("nova-manage volume_attachment show", server.id, volume.id)
    return suspect(
        f"recovery.attachment.{'nova' if nova else 'cinder'}_only",
        Severity.WARNING,
        Subject(
            type="volume",
            id=volume.id,
            name=volume.name or "",
            project=volume.project_id,
            host=short(volume.host),
        ),
        f"{said} is attached to {who} for Nova, not for Cinder: Cinder calls it {volume.status}, "
        "and may give it to another"
        if nova
        else f"{said} is attached to {who} for Cinder, not for Nova",
        why="each was asked for its complete list, and neither row is young",
        evidence={"server": server.id, "status": volume.status, "host": server.host},
        advice=f"Attach it nowhere until its guest was looked at ({command('virsh domblklist')} "
        f"{server.id}): two writers destroy it. On a controller: docker exec nova_api {refresh}; "
        "then, with the server stopped, nova-manage volume_attachment refresh"
        if nova
        else f"Look whether the guest uses it ({command('virsh domblklist')} {server.id}); if not: "
        f"{command('openstack --os-volume-api-version 3.44 volume attachment list --volume-id')} "
        f"{volume.id}, then volume attachment delete",
        aspect=server.id,
    )


def rbd_volumes(picture: Picture) -> Iterator[Suspect]:
    """Hold volumes against RBD images: rows without data, data without rows."""
    pools = [pool for pool in picture.volumes_pools if pool in picture.rbd]
    if not picture.whole("volumes") or not pools or len(pools) < len(picture.volumes_pools):
        return
    rows = {volume.id: volume for volume in picture.tables.volumes}
    names = {name for pool in pools for name in picture.rbd[pool]}
    migrated = [v for v in rows.values() if v.migration_status]
    for volume in rows.values():
        backend = (volume.host or "").partition("@")[2].partition("#")[0]
        # A migrated volume keeps its row, and has the data of another name.
        if backend not in picture.rbd_backends or volume.migration_status:
            continue
        if f"{NAMED}{volume.id}" in names or not picture.settled(volume.created_at):
            continue
        yield _no_data(volume, pools)
    for pool in pools:
        for name in sorted(picture.rbd[pool]):
            own = name.removeprefix(NAMED)
            if name.startswith(NAMED) and len(own) == UUID_LENGTH and own not in rows:
                yield _no_row(pool, name, own, "volume", maybe=len(migrated))


def _no_data(volume: Volume, pools: list[str]) -> Suspect:
    return suspect(
        "recovery.volume.no_data",
        Severity.WARNING,
        Subject(
            type="volume",
            id=volume.id,
            name=volume.name or "",
            project=volume.project_id,
            host=short(volume.host),
        ),
        f"volume {volume.name or volume.id} ({volume.size} GiB) has no RBD image: no data",
        why=f"no image {NAMED}{volume.id} is in {', '.join(pools)}",
        absent=[("rbd", f"{pool}/{NAMED}{volume.id}") for pool in pools],
        evidence={"status": volume.status, "pools": pools},
        advice=f"{command('openstack volume set --state error', volume.id)}, tell its owner, and "
        f"look for a backup: {command('openstack volume backup list --volume', volume.id)}; "
        "day2 backup list --kind rbd",
    )


def _no_row(pool: str, name: str, own: str, kind: str, *, maybe: int = 0) -> Suspect:
    service = "Cinder" if kind == "volume" else "Glance"
    unsure = f"; or it is that of one of {maybe} migrated volumes" if maybe else ""
    manage = (
        f"{command('cinder manage --id-type source-name HOST@BACKEND#POOL', name)} makes a volume "
        "of it again"
        if kind == "volume"
        else f"{command('openstack image create --id', own)} with the exported data brings it back"
    )
    return suspect(
        f"recovery.rbd.no_{kind}",
        Severity.INFO if maybe else Severity.WARNING,
        Subject(type="rbd", id=f"{pool}/{name}"),
        f"RBD image {pool}/{name} has no {kind}: {service} does not know it{unsure}",
        why=f"{service}'s complete list does not have it, nor is it there by its id",
        absent=[(kind, own)],
        evidence={"pool": pool, "name": name},
        advice=f"Keep it: made after the set was taken, it holds somebody's data. {manage}.",
    )


def image_data(picture: Picture) -> Iterator[Suspect]:
    """Find images that are active and have no data, and data of images that Glance has not."""
    images = {image.id: image for image in picture.tables.images}
    for identifier, why in picture.no_data.items():
        image = images.get(identifier)
        if image is None or image.status != ACTIVE:
            continue
        yield suspect(
            "recovery.image.no_data",
            Severity.WARNING,
            Subject(type="image", id=image.id, name=image.name or "", project=image.owner or ""),
            f"image {image.name or image.id} is active and its data are not there",
            why=f"Glance does not give the first of its {image.size or 0:,} bytes: {why}",
            evidence={"size": image.size, "os_hash_value": image.os_hash_value},
            advice=f"{command('openstack image set --deactivate', image.id)}, so that nobody boots "
            "from it; its data may be in a set: day2 backup list --kind images",
        )
    if not picture.whole("images"):
        return
    for pool in picture.images_pools:
        for name in sorted(picture.rbd.get(pool, ())):
            if len(name) == UUID_LENGTH and name not in images:
                yield _no_row(pool, name, name, "image")
