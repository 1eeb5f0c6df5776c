# SPDX-License-Identifier: Apache-2.0
"""What speaks against draining the host at all: looked at before any of its servers."""

from collections.abc import Iterator, Sequence

from day2.model.finding import Subject
from day2.model.plan import Refusal
from day2.model.tables.compute import Server
from day2.model.tables.infrastructure import BusNode, DatabaseNode
from day2.operations.hosts.guests.ways import Intent, Purpose
from day2.operations.hosts.manifest import subject
from day2.operations.hosts.picture import Picture
from day2.operations.hosts.together import OURS, QUORUM, Together

OLD_DISK = "its old disk waits here until its owner confirms or reverts"
_CARRIERS = {"database_nodes": "the database", "bus_nodes": "the message bus", "alerts": "alerts"}


def gates(
    picture: Picture,
    intent: Intent,
    neighbours: Sequence[Together] = (),
    addresses: Sequence[str] = (),
) -> list[Refusal]:
    """List every blocker of the host itself; those that were allowed by name do not block.

    `addresses` are what monitoring may call the host beside its names.
    """
    found = [
        *_service(picture),
        *_last(picture),
        *_other_work(picture, neighbours),
        *_carriers(picture, picture.names | set(addresses)),
        *_volumes(picture),
        *_masakari(picture, intent),
        *_moves(picture, intent),
    ]
    return [settle(refusal, intent.allow) for refusal in found]


def settle(refusal: Refusal, allow: frozenset[str]) -> Refusal:
    """Turn a blocker that was allowed into a note that says so."""
    if not refusal.blocker or refusal.allow not in allow or not refusal.allow:
        return refusal
    return Refusal(
        subject=refusal.subject,
        why=f"{refusal.why} (accepted: --allow {refusal.allow})",
        kind=refusal.kind,
        blocker=False,
        allow=refusal.allow,
    )


def blocker(picture: Picture, kind: str, why: str, allow: str = "") -> Refusal:
    """Make a blocker of the host."""
    return Refusal(
        subject=Subject(type="host", id=picture.host, host=picture.host),
        why=why,
        kind=kind,
        blocker=True,
        allow=allow,
    )


def disabled_by_us(reason: str | None) -> bool:
    """Tell whether a disable is ours."""
    return (reason or "").startswith(OURS)


def instance_ha(picture: Picture) -> bool:
    """Tell whether the cloud has Masakari."""
    return any(s.type == "instance-ha" for s in picture.tables.catalog_services)


def _service(picture: Picture) -> Iterator[Refusal]:
    service = picture.service
    if service.forced_down or service.state != "up":
        how = "forced down" if service.forced_down else service.state or "in no known state"
        yield blocker(
            picture,
            "service-down",
            f"nova-compute is {how}: nothing can move away from it. Bring it back, or, when the "
            "host is dead, day2 host evacuate",
        )
    if service.status == "disabled" and not disabled_by_us(service.disabled_reason):
        yield blocker(
            picture,
            "disabled-by-others",
            f'somebody else disabled it: "{service.disabled_reason or "no reason given"}". Ask '
            "them; it would stay disabled afterwards",
            "disabled-by-others",
        )


def _last(picture: Picture) -> Iterator[Refusal]:
    services = [s for s in picture.tables.compute_services if s.binary == "nova-compute"]
    takes = {s.host for s in services if s.status == "enabled" and s.state == "up"}
    takes -= {picture.host}
    named = {
        f"aggregate {aggregate.name or aggregate.id}": set(aggregate.hosts)
        for aggregate in picture.tables.aggregates
        if picture.host in aggregate.hosts
    }
    zone = picture.service.zone
    named[f"zone {zone}"] = {s.host for s in services if s.zone == zone}
    alone = [name for name, hosts in named.items() if not hosts & takes]
    if alone:
        yield blocker(
            picture,
            "last-of-aggregate",
            f"it is the last host of {' and '.join(alone)} that takes servers",
            "last-of-aggregate",
        )


def _other_work(picture: Picture, neighbours: Sequence[Together]) -> Iterator[Refusal]:
    for one in neighbours:
        why = one.too_many(picture.host, picture.tables.compute_services)
        if why and one.kind == QUORUM:
            yield blocker(picture, "quorum", why)
        elif why:
            yield blocker(picture, "other-work", why, "other-work")


def _carriers(picture: Picture, names: frozenset[str]) -> Iterator[Refusal]:
    sick = [*_unread(picture), *_database(picture), *_bus(picture), *_alerts(picture, names)]
    for why in sick:
        yield blocker(picture, "unhealthy-cloud", why, "unhealthy-cloud")


def _unread(picture: Picture) -> Iterator[str]:
    gaps = {gap.kind: gap.message for gap in picture.survey.gaps}
    for kind, name in _CARRIERS.items():
        if kind in gaps:
            yield f"{name} could not be read, so whether all is well is not known ({gaps[kind]})"


def _database(picture: Picture) -> Iterator[str]:
    bad = [node for node in picture.tables.database_nodes if not _whole(node)]
    if bad:
        names = ", ".join(node.name or node.address for node in bad)
        yield f"the database is not whole: {names}"


def _whole(node: DatabaseNode) -> bool:
    if not node.reachable:
        return False
    galera = node.wsrep_on and (node.cluster_status != "Primary" or node.ready is False)
    return not galera


def _bus(picture: Picture) -> Iterator[str]:
    bad = [node.name for node in picture.tables.bus_nodes if _ill(node)]
    if bad:
        yield f"the message bus is not whole: {', '.join(bad)}"


def _ill(node: BusNode) -> bool:
    return bool(
        not node.running
        or node.partitions
        or node.missed_by
        or node.memory_alarm
        or node.disk_alarm
    )


def _alerts(picture: Picture, names: frozenset[str]) -> Iterator[str]:
    """Critical alerts about anything but this host, which may be the reason of the work."""
    firing = sorted(
        {
            alert.name
            for alert in picture.tables.alerts
            if alert.state == "firing"
            and alert.labels.get("severity") == "critical"
            and not any(_about(value, names) for value in alert.labels.values())
        }
    )
    if firing:
        more = f" and {len(firing) - 3} more" if len(firing) > 3 else ""  # noqa: PLR2004 - a few
        yield f"critical alerts fire: {', '.join(firing[:3])}{more}"


def _about(value: str, names: frozenset[str]) -> bool:
    host, colon, port = value.rpartition(":")
    if value.partition(":")[0] in names or value in names:
        return True
    return bool(colon) and port.isdigit() and host.strip("[]") in names


def _volumes(picture: Picture) -> Iterator[Refusal]:
    served = [v for v in picture.tables.volumes if (v.host or "").split("@")[0] in picture.names]
    if served:
        yield blocker(
            picture,
            "volumes-on-host",
            f"its cinder-volume serves {len(served)} volume{'' if len(served) == 1 else 's'}: with "
            "LVM they are out of reach while it is away, with Ceph only their orders wait",
            "volumes-on-host",
        )


def _masakari(picture: Picture, intent: Intent) -> Iterator[Refusal]:
    if instance_ha(picture) and not intent.policy.masakari:
        yield blocker(
            picture,
            "masakari",
            "Masakari watches this cloud and may evacuate the host while it is away: openstack "
            "segment host update SEGMENT HOST --on_maintenance True",
            "masakari-on",
        )


def _moves(picture: Picture, intent: Intent) -> Iterator[Refusal]:
    names = {server.id: server for server in picture.tables.servers}
    for migration in picture.arriving:
        server = names.get(migration.instance_uuid)
        # A record alone is no move: a conductor that died leaves it `running` for ever.
        busy = server is not None and server.task_state is not None
        if server is not None and busy and server.host != picture.host:
            yield Refusal(
                subject=subject(server),
                why=f"it is on its way here (migration {migration.id}, {migration.status}): wait "
                "until that has ended, and plan again",
                kind="arriving",
                blocker=True,
            )
    for server in resized_away(picture):
        decommission = intent.purpose is Purpose.DECOMMISSION
        if decommission and "confirm-resize" in intent.allow:
            continue
        yield Refusal(
            subject=subject(server),
            why=f"it was resized away to {server.host}, and {OLD_DISK}",
            kind="unconfirmed-resize",
            blocker=decommission,
            allow="confirm-resize" if decommission else "",
        )


def resized_away(picture: Picture) -> list[Server]:
    """List the servers that are elsewhere and have their old disk here until it is confirmed."""
    waiting = {migration.instance_uuid for migration in picture.unconfirmed}
    return [
        server
        for server in picture.tables.servers
        if server.id in waiting and server.host != picture.host and server.status == "VERIFY_RESIZE"
    ]
