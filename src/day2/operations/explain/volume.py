# SPDX-License-Identifier: Apache-2.0
"""The story of a volume: its backend, who has it attached, what hangs on it, what Cinder said."""

from collections.abc import Iterator

from day2.model.explanation import Event, Explanation, Link
from day2.model.finding import Subject
from day2.model.tables.compute import Server
from day2.model.tables.storage import Volume, VolumeService
from day2.operations.explain import attachments
from day2.operations.explain.picture import Causes, Picture, event, few, short, told
from day2.operations.explain.port import actions

PASSING = frozenset(
    {
        "creating",
        "attaching",
        "detaching",
        "deleting",
        "extending",
        "downloading",
        "uploading",
        "retyping",
        "backing-up",
        "restoring-backup",
        "reverting",
        "reserved",
        "maintenance",
    }
)
PASSING_MINUTES = 15
DELETING = ("deleting", "error_deleting")
FULL_RATIO = 0.95
# What Cinder's scheduler logs and tells when no backend had room.
NO_ROOM = ("weighed", "weighted backend", "No valid backend", "not enough")


def explain(picture: Picture, volume: Volume) -> Explanation:
    """Tell it; pure."""
    found = causes(picture, volume)
    return told(
        picture,
        subject(volume),
        state(volume),
        found,
        links=_links(picture, volume),
        events=_events(picture, volume),
        unknown=_unknown(picture, volume),
    )


def subject(volume: Volume) -> Subject:
    """Name a volume."""
    return Subject(
        type="volume",
        id=volume.id,
        name=volume.name or "",
        project=volume.project_id,
        host=short(volume.host),
    )


def state(volume: Volume) -> str:
    """Say how it is."""
    where = f" on {volume.host}" if volume.host else ", on no backend"
    return f"{volume.status}, {volume.size} GiB{where}"


def causes(picture: Picture, volume: Volume) -> Causes:
    """Find what speaks against a volume."""
    found = Causes()
    _service(found, picture, volume)
    _pool(found, picture, volume)
    attachments.add(found, picture, volume)
    _messages(found, picture, volume)
    if volume.status in DELETING:
        _dependants(found, picture, volume)
    _status(found, picture, volume)
    return found


def services(picture: Picture, volume: Volume) -> list[VolumeService]:
    """Return the service that carries its backend."""
    backend = (volume.host or "").partition("#")[0]
    return [
        s
        for s in picture.tables.volume_services
        if s.binary == "cinder-volume" and backend and s.host == backend
    ]


def _service(causes: Causes, picture: Picture, volume: Volume) -> None:
    if not volume.host or not picture.knows("volume_services"):
        return
    busy = volume.status in PASSING or volume.status.startswith("error")
    mine = services(picture, volume)
    if not mine:
        causes.add(
            88 if busy else 50,
            "volume-service-missing",
            f"no cinder-volume serves {volume.host}",
            pro=["Cinder's complete list of services has none of this host and backend"],
            con=[]
            if busy
            else ["what is attached goes on; it can be neither detached nor deleted"],
            advice="A backend was renamed, or its host went away: compare enabled_backends; then "
            "cinder-manage volume update_host --currenthost OLD --newhost NEW",
        )
    for service in mine:
        if service.state != "up":
            causes.add(
                92 if busy else 60,
                "volume-service-down",
                f"cinder-volume of {service.host} is down",
                pro=[f"its last report is {picture.said(service.updated_at)} old"],
                con=[] if busy else ["what is attached goes on without it"],
                advice=f"On {short(service.host)}: docker ps -a and docker logs --tail 100 "
                f"cinder_volume; day2 explain {short(service.host)}",
            )
        elif service.status == "disabled":
            why = f": {service.disabled_reason}" if service.disabled_reason else ""
            causes.add(
                25,
                "volume-service-disabled",
                f"cinder-volume of {service.host} is disabled{why}",
                pro=["it takes no new volumes"],
                con=["what it has is served all the same"],
            )


def _pool(causes: Causes, picture: Picture, volume: Volume) -> None:
    for pool in picture.tables.volume_pools:
        capabilities = pool.capabilities
        if volume.host and pool.name != volume.host:
            continue
        if capabilities.backend_state == "down" and volume.host:
            causes.add(
                86,
                "volume-backend-down",
                f"the driver of {pool.name} says that its storage is down",
                pro=["backend_state is down"],
                advice=f"On {short(pool.name)}: docker logs --tail 100 cinder_volume; then the "
                "storage itself (ceph -s, vgs, the array)",
            )
        total, free = capabilities.total_capacity_gb, capabilities.free_capacity_gb
        if not isinstance(total, float | int) or not isinstance(free, float | int) or total <= 0:
            continue
        if free > total * (1 - FULL_RATIO) and free >= volume.size:
            continue
        asked = volume.status in {"creating", "error", "extending", "error_extending"}
        causes.add(
            84 if asked else 26,
            "volume-pool-full",
            f"pool {pool.name} is full: {free:.0f} of {total:.0f} GiB free",
            pro=["its own report to the scheduler says so"],
            con=[] if asked else ["it has its place already"],
            advice="openstack volume backend pool list --long; what nobody uses: openstack volume "
            "list --all-projects --status available",
        )


def _messages(causes: Causes, picture: Picture, volume: Volume) -> None:
    errors = [m for m in picture.messages or () if m.message_level.upper() == "ERROR"]
    for place, message in enumerate(sorted(errors, key=lambda m: str(m.created_at), reverse=True)):
        room = any(word in message.user_message for word in NO_ROOM)
        causes.add(
            (89 if volume.status.startswith("error") else 45) - 10 * bool(place),
            "volume-no-backend" if room else "volume-message",
            message.user_message or message.event_id,
            pro=[f"Cinder's own message of {picture.said(message.created_at)} ago"],
            con=[] if volume.status.startswith("error") else [f"it is {volume.status} now"],
            advice=f"day2 explain {message.request_id}" if message.request_id else "",
        )


def _dependants(causes: Causes, picture: Picture, volume: Volume) -> None:
    snapshots = [s for s in picture.tables.volume_snapshots if s.volume_id == volume.id]
    if snapshots:
        causes.add(
            90,
            "volume-has-snapshots",
            f"it has {len(snapshots)} snapshots: {few(s.name or s.id for s in snapshots)}",
            pro=["a volume with snapshots cannot be deleted, except by cascade"],
            advice=f"openstack volume snapshot list --all-projects --volume {volume.id}",
        )
    clones = [v for v in picture.tables.volumes if v.source_volid == volume.id]
    if clones:
        causes.add(
            72,
            "volume-has-clones",
            f"{len(clones)} volumes were made from it: {few(v.name or v.id for v in clones)}",
            pro=["source_volid of them is this volume; on RBD a clone holds its parent"],
            con=["most drivers flatten, or copy at once"],
            advice="rbd children POOL/volume-ID@SNAPSHOT; rbd flatten of the clone",
        )
    if not snapshots and not clones:
        causes.add(
            40,
            "volume-storage-holds-it",
            "the storage may hold it: a watcher of RBD, an export or a target that was left",
            pro=["nothing that Cinder knows of hangs on it"],
            con=["no API tells it: the log of cinder-volume does"],
            advice=f"rbd status POOL/volume-{volume.id} lists watchers; on "
            f"{short(volume.host) or 'its host'}: docker logs cinder_volume",
        )


def _status(causes: Causes, picture: Picture, volume: Volume) -> None:
    since = picture.said(volume.updated_at or volume.created_at)
    if volume.status in PASSING:
        late = picture.older(volume.updated_at or volume.created_at, PASSING_MINUTES)
        if late:
            causes.add(
                55,
                f"volume-stuck-{volume.status}",
                f"it is {volume.status} for {since}: whoever worked on it is gone",
                pro=[
                    f"nothing changed for {since}",
                    "a service that dies in the middle leaves it so",
                ],
                con=["copies of terabytes take hours"]
                if volume.status in {"downloading", "uploading", "retyping", "backing-up"}
                else [],
                advice=_reset(volume),
            )
    elif volume.status.startswith("error"):
        causes.add(
            35,
            "volume-in-error",
            f"it is in {volume.status} for {since}",
            pro=[f"Cinder reports status {volume.status}"],
            advice=f"'{volume.id}' in the logs of cinder-volume and cinder-scheduler of that time",
        )


def _reset(volume: Volume) -> str:
    if volume.status in {"attaching", "detaching", "reserved"}:
        return (
            "First who has it: openstack --os-volume-api-version 3.27 volume attachment list "
            f"--all-projects --volume-id {volume.id}, and `virsh domblklist` on the server's host; "
            "only when both agree: openstack volume set --state in-use|available"
        )
    return (
        f"'{volume.id}' in the log of cinder-volume tells whether it is still at work; only then: "
        f"openstack volume set --state error {volume.id}"
    )


def _links(picture: Picture, volume: Volume) -> list[Link]:
    found = [
        Link(
            relation="backend",
            subject=Subject(type="service", id=f"cinder-volume@{s.host}", host=short(s.host)),
            state=f"{s.state}, {s.status}",
            bad=s.state != "up",
        )
        for s in services(picture, volume)
    ]
    found += [_server(s) for s in picture.tables.servers]
    found += [
        Link(
            relation="attached to",
            subject=Subject(type="server", id=own),
            state="does not exist",
            bad=True,
        )
        for own in sorted(picture.gone)
    ]
    found += [
        Link(
            relation="snapshot",
            subject=Subject(type="volume_snapshot", id=s.id, name=s.name or ""),
            state=s.status,
            bad=s.status.startswith("error"),
        )
        for s in picture.tables.volume_snapshots
    ]
    found += [
        Link(
            relation="clone of it",
            subject=Subject(type="volume", id=v.id, name=v.name or ""),
            state=v.status,
        )
        for v in picture.tables.volumes
        if v.source_volid == volume.id
    ]
    return found


def _server(server: Server) -> Link:
    task = f", {server.task_state}" if server.task_state else ""
    return Link(
        relation="attached to",
        subject=Subject(type="server", id=server.id, name=server.name, host=server.host or ""),
        state=f"{server.status}{task}",
        bad=server.status == "ERROR",
    )


def _events(picture: Picture, volume: Volume) -> Iterator[Event]:
    cinder = {"service": "cinder"}
    yield from event(volume.created_at, "volume created", **cinder)
    if volume.updated_at != volume.created_at:
        yield from event(volume.updated_at, f"last changed: {volume.status}", **cinder)
    for snapshot in picture.tables.volume_snapshots:
        yield from event(snapshot.created_at, f"snapshot {snapshot.name or snapshot.id}", **cinder)
    for record in picture.tables.volume_attachments:
        what = f"attached to server {record.instance or '(nobody)'}"
        yield from event(record.attached_at, what, **cinder)
    for message in picture.messages or ():
        if message.created_at is not None:
            yield Event(
                at=message.created_at,
                what=message.user_message or message.event_id,
                request_id=message.request_id,
                failed=message.message_level.upper() == "ERROR",
                service="cinder",
            )
    yield from actions(picture)


def _unknown(picture: Picture, volume: Volume) -> list[str]:
    found = []
    if picture.messages is None:
        found.append("Cinder's messages about it were not read")
    if volume.status in {"attaching", "detaching", "in-use"}:
        found.append("what the hypervisor of the server has: virsh domblklist on its host")
    return found
