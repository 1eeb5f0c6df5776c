# SPDX-License-Identifier: Apache-2.0
"""What a server hangs on, added to its own story: ports, addresses, volumes, image, task, moves."""

from collections.abc import Iterator

import msgspec

from day2.model.explanation import Explanation, Link
from day2.model.finding import Subject
from day2.model.tables.compute import ComputeService, Server
from day2.model.tables.network import FixedIp, Port
from day2.operations.explain import port as ports
from day2.operations.explain import volume as volumes
from day2.operations.explain.picture import Causes, Picture, capital, few, moments
from day2.operations.explain.server import NO_PLACE

TASK_MINUTES = 15
# Less than this of a port or a volume does not stop a server.
WEIGHT_MIN = 45
OWN = 78
GOING = frozenset({"queued", "preparing", "accepted", "running", "pre-migrating", "migrating"})
MOVES = ("live-migration", "migration", "evacuation", "resize")


def add(found: Explanation, picture: Picture, server: Server) -> Explanation:
    """Tell with it how its dependants are, and what of them may be its cause."""
    causes = Causes()
    no_place = any(word in line for c in found.causes for line in c.speaks_for for word in NO_PLACE)
    for place, cause in enumerate(found.causes):
        causes.put((200 if no_place else OWN) - place, cause)
    _task(causes, picture, server)
    _moves(causes, picture, server)
    for port in _ports(picture, server):
        inner = ports.causes(picture, port)
        causes.take(inner, less=5, about=f"port {_name(port.fixed_ips, port.id)}", least=WEIGHT_MIN)
    for volume in picture.tables.volumes:
        inner = volumes.causes(picture, volume)
        causes.take(inner, less=5, about=f"volume {volume.name or volume.id}", least=WEIGHT_MIN)
    _lost_volumes(causes, picture, server)
    ranked = causes.ranked()
    first = ranked[0] if ranked else None
    told_before = bool(found.causes) and first == found.causes[0]
    if first is None and picture.gaps:
        said = (
            f"Nothing that was read speaks against it ({found.state}), and not everything was read."
        )
        found = msgspec.structs.replace(found, summary=said)
    return msgspec.structs.replace(
        found,
        causes=ranked,
        summary=found.summary
        if first is None or told_before
        else f"{capital(first.text.rstrip('.'))}.",
        links=[*found.links, *_links(picture, server)],
        events=moments(found.events),
        gaps=[*found.gaps, *(gap for gap in picture.gaps if gap not in found.gaps)],
    )


def _ports(picture: Picture, server: Server) -> list[Port]:
    return [p for p in picture.tables.ports if p.device_id == server.id]


def _name(fixed: list[FixedIp], own: str) -> str:
    return fixed[0].ip_address if fixed else own


def _service(picture: Picture, host: str | None) -> ComputeService | None:
    rows = picture.tables.compute_services
    return next((s for s in rows if s.host == host and s.binary == "nova-compute"), None)


def _task(causes: Causes, picture: Picture, server: Server) -> None:
    if not server.task_state or not picture.older(server.updated, TASK_MINUTES):
        return
    if any(m.status in GOING for m in picture.migrations if m.instance_uuid == server.id):
        return  # a move goes on, or stands still: that is told of the move
    since = picture.said(server.updated)
    service = _service(picture, server.host)
    open_events = [
        f"{event.event} of {action.action} was begun and never ended"
        + (f" (on {event.host})" if event.host else "")
        for action in picture.actions[-2:]
        for event in action.events
        if event.result is None
    ]
    if service is not None and service.state != "up":
        causes.add(
            93,
            "task-host-down",
            f"its host {server.host} died in the middle of {server.task_state}",
            pro=[
                f"nova-compute there last reported {picture.said(service.updated_at)} ago",
                f"{server.task_state} for {since}",
                *open_events[:2],
            ],
            advice=f"day2 explain {server.host}; when the host comes back it cleans up some tasks "
            "itself as it starts",
            plan=f"day2 host evacuate {server.host} --plan-only",
        )
        return
    dead = [
        s.host
        for s in picture.tables.compute_services
        if s.binary == "nova-conductor" and s.state != "up"
    ]
    causes.add(
        68,
        "task-lost",
        f"nobody works at its {server.task_state} any more, for {since}",
        pro=[
            "a message was lost, or who had it timed out and forgot it",
            f"nova-conductor on {few(dead)} is down" if dead else "",
            *open_events[:2],
        ],
        con=[f"nova-compute on {server.host} is up"] if service is not None else [],
        advice=f"'{server.id}' in the logs of nova-compute on {server.host or 'its host'} and of "
        "nova-conductor at that time; when nothing is at work: openstack server set --state active",
    )


def _moves(causes: Causes, picture: Picture, server: Server) -> None:
    mine = [m for m in picture.migrations if m.instance_uuid in {server.id, ""}]
    newest = max(mine, key=lambda m: m.id, default=None)
    if newest is None or newest.status not in {"error", "failed"}:
        return
    said = [a.message for a in picture.actions if a.action in MOVES and a.message]
    causes.add(
        48,
        "move-failed",
        f"its last move ({newest.migration_type or 'migration'} from {newest.source_compute} to "
        f"{newest.dest_compute or 'nowhere'}) failed, {picture.said(newest.updated_at)} ago",
        pro=[f"Nova said: {said[-1]}"] if said and said[-1] != "Error" else [],
        con=[f"it is {server.status} where it was"] if server.status == "ACTIVE" else [],
        advice=f"On {newest.source_compute} and {newest.dest_compute or 'the target'}: "
        f"'{server.id}' in the log of nova-compute tells libvirt's own words (CPU "
        "model, TLS, shared storage)",
    )


def _lost_volumes(causes: Causes, picture: Picture, server: Server) -> None:
    """Find volumes that Nova gives to the server, and of which Cinder knows nothing."""
    if not picture.knows("volumes"):
        return
    for volume in server.volumes:
        if volume.id in picture.gone:
            causes.add(
                90,
                "volume-of-server-gone",
                f"its volume {volume.id} does not exist",
                pro=["Nova lists it, and Cinder answers 404 for it"],
                advice=f"openstack server remove volume {server.id} {volume.id}",
            )


def _links(picture: Picture, server: Server) -> Iterator[Link]:
    service = _service(picture, server.host)
    if service is not None:
        yield Link(
            relation="host",
            subject=Subject(type="host", id=service.host, host=service.host),
            state=f"{service.state}, {service.status}",
            bad=service.state != "up",
        )
    for port in _ports(picture, server):
        yield Link(
            relation="port",
            subject=ports.subject(port),
            state=ports.state(port),
            bad=port.status != "ACTIVE" and server.status == "ACTIVE",
        )
        for link in ports.links(picture, port):
            if link.relation != "server":
                yield link
    for volume in picture.tables.volumes:
        yield Link(
            relation="volume",
            subject=volumes.subject(volume),
            state=volumes.state(volume),
            bad=volume.status != "in-use",
        )
    for image in picture.tables.images:
        yield Link(
            relation="image",
            subject=Subject(type="image", id=image.id, name=image.name or ""),
            state=image.status,
            bad=image.status != "active",
        )
    for balancer in picture.tables.load_balancers:
        yield Link(
            relation="carries, as an amphora",
            subject=Subject(type="load_balancer", id=balancer.id, name=balancer.name),
            state=f"{balancer.provisioning_status}, {balancer.operating_status}",
            bad=balancer.provisioning_status == "ERROR",
        )
