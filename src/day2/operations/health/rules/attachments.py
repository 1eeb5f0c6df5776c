# SPDX-License-Identifier: Apache-2.0
"""Attachments that Nova and Cinder do not agree on."""

from collections.abc import Iterator
from datetime import datetime

from day2.model.finding import Finding, Subject
from day2.model.severity import Severity
from day2.model.tables.compute import Server
from day2.model.tables.storage import Volume
from day2.operations.health.check import Check, Facts, finding, setting, short_host
from day2.operations.health.rules import crowd, sight


@crowd.bounded("volumes are attached to servers that do not exist", by=crowd.PROJECT)
def orphans(facts: Facts) -> Iterator[Finding]:
    """Find attachments whose server is gone: the volume can be neither used nor deleted.

    Cinder is asked twice, by its volumes and by its attachment records; bare-metal nodes attach
    volumes in their own name.
    """
    if not sight.complete(facts, "servers", "volumes") or not sight.cells_answer(facts):
        return
    if facts.survey.was_read("baremetal_nodes") and not sight.complete(facts, "baremetal_nodes"):
        return
    known = {server.id for server in facts.tables.servers}
    for node in facts.tables.baremetal_nodes:
        known |= {node.uuid, node.instance_uuid or ""}
    lost = _lost(facts, known)
    if not lost:
        return
    wanted = {volume for volume, _ in lost}
    volumes = {v.id: v for v in facts.tables.volumes if v.id in wanted}
    names = sight.project_names(facts.tables)
    for (identifier, server), (since, records) in lost.items():
        volume = volumes.get(identifier)
        moment = since or (volume.updated_at if volume else None)
        if volume is None or not sight.settled(facts, moment):
            continue
        yield _orphan(facts, volume, server, records, names)


def _lost(
    facts: Facts, known: set[str]
) -> dict[tuple[str, str], tuple[datetime | None, list[str]]]:
    """Return since when, and by which records, each volume is attached to an unknown server."""
    found: dict[tuple[str, str], tuple[datetime | None, list[str]]] = {}
    for volume in facts.tables.volumes:
        for ref in volume.attachments:
            if ref.server_id and ref.server_id not in known:
                found[volume.id, ref.server_id] = (ref.attached_at, [ref.attachment_id])
    for record in facts.tables.volume_attachments:
        if not record.instance or record.instance in known or record.detached_at:
            continue
        since, records = found.setdefault(
            (record.volume_id, record.instance), (record.attached_at, [])
        )
        if record.id not in records:
            found[record.volume_id, record.instance] = (since, [*records, record.id])
    return found


def _orphan(
    facts: Facts, volume: Volume, server: str, records: list[str], names: dict[str, str]
) -> Finding:
    named = [record for record in records if record]
    return finding(
        "volume.attachment.orphan",
        Severity.WARNING,
        Subject(
            type="volume",
            id=volume.id,
            name=volume.name or "",
            project=volume.project_id,
            host=short_host(volume.host),
        ),
        f"volume {volume.name or volume.id} ({sight.owner(names, volume.project_id)}, "
        f"{volume.size} GiB) is {volume.status} for server {server}, which does not exist",
        why="every cell answered, and Nova's complete list of servers does not have it; "
        + setting(facts.policy, "settle_minutes"),
        evidence={"server": server, "attachments": named, "status": volume.status},
        advice=f"{sight.command('openstack server show', server)} must find nothing "
        f"({sight.RESTORABLE}); "
        + (
            sight.command("openstack --os-volume-api-version 3.27 volume attachment show", named[0])
            if named
            else sight.command("openstack volume show", volume.id)
        ),
        aspect=server,
    )


@crowd.bounded("servers have volumes that are not attached to them", by=crowd.PROJECT)
def missing(facts: Facts) -> Iterator[Finding]:
    """Find volumes that a server has and Cinder does not count as attached to it.

    Such a volume looks free: it can be attached elsewhere, or deleted, under a running server.
    """
    if not sight.complete(facts, "servers", "volumes", "volume_attachments"):
        return
    volumes = {volume.id: volume for volume in facts.tables.volumes}
    records = {
        (record.volume_id, record.instance)
        for record in facts.tables.volume_attachments
        if not record.detached_at
    }
    records |= {(v.id, ref.server_id) for v in volumes.values() for ref in v.attachments}
    names = sight.project_names(facts.tables)
    for server in facts.tables.servers:
        if server.task_state or not sight.settled(facts, server.updated or server.created):
            continue
        for wanted in server.volumes:
            volume = volumes.get(wanted.id)
            if (wanted.id, server.id) in records:
                continue
            if volume is not None and not sight.settled(facts, volume.updated_at):
                continue
            yield _missing(facts, server, wanted.id, volume, names)


def _missing(
    facts: Facts, server: Server, wanted: str, volume: Volume | None, names: dict[str, str]
) -> Finding:
    state = f"is {volume.status}" if volume else "does not exist"
    return finding(
        "volume.attachment.missing",
        Severity.WARNING,
        Subject(
            type="server",
            id=server.id,
            name=server.name,
            project=server.project_id,
            host=server.host or "",
        ),
        f"server {server.name or server.id} ({sight.owner(names, server.project_id)}) has volume "
        f"{(volume.name if volume else '') or wanted}, which {state} and not attached to it",
        why="Nova's list of the server has it, and neither the volume nor a record of Cinder's "
        "names the server; " + setting(facts.policy, "settle_minutes"),
        evidence={"volume": wanted, "status": volume.status if volume else None},
        advice=f"{sight.command('openstack server volume list', server.id)}; "
        f"{sight.command('openstack volume show', wanted)}; attach it to nothing else before this "
        "is clear",
        aspect=wanted,
    )


CHECKS = (
    Check(
        name="volume.attachment.missing",
        title="A volume that a server has and Cinder does not count as attached",
        needs=("servers", "volumes", "volume_attachments"),
        judge=missing,
        settings=("settle_minutes",),
    ),
    Check(
        name="volume.attachment.orphan",
        title="A volume attached to a server that does not exist",
        needs=("volumes", "servers", "compute_services"),
        judge=orphans,
        settings=("settle_minutes",),
    ),
)
