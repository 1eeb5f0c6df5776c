# SPDX-License-Identifier: Apache-2.0
"""The story of a host: all that runs on it, whose servers it has, and what its end would mean."""

from collections import Counter

import msgspec

from day2.model.explanation import Event, Explanation, Link
from day2.model.finding import Finding, Subject
from day2.model.severity import Severity
from day2.model.tables.compute import ComputeService
from day2.model.tables.storage import VolumeService
from day2.operations.explain.picture import Causes, Picture, event, few, short, told

WEIGHTS = {Severity.CRITICAL: 80, Severity.UNKNOWN: 60, Severity.WARNING: 55, Severity.INFO: 20}
TYPES = frozenset(
    {"host", "service", "agent", "hypervisor", "provider", "container", "disk", "mount"}
)
COMPUTE = "nova-compute"
DRAIN, EVACUATE = "day2 host drain {} --plan-only", "day2 host evacuate {} --plan-only"
MOVABLE = frozenset({"ACTIVE", "PAUSED", "SHUTOFF", "VERIFY_RESIZE", "MIGRATING"})


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """One service or agent of a host, whoever tells of it."""

    name: str
    up: bool
    enabled: bool
    reason: str
    at: str


def explain(picture: Picture, host: str, *, stale: bool = False) -> Explanation:
    """Tell it; pure. `stale` says that its servers could not all be read."""
    causes = Causes()
    _silent(causes, picture, host)
    _compute(causes, picture, host)
    for finding in picture.findings:
        if concerns(finding, host) and not _told_above(finding):
            causes.add(
                WEIGHTS.get(finding.severity, 10),
                finding.check,
                finding.summary,
                pro=[finding.why],
                advice=finding.advice,
                plan=finding.plan,
            )
    unknown = ["its hypervisor's own view of the guests: virsh list --all on it"]
    if not picture.tables.hosts:
        unknown.append("its containers, disks and clock: no inventory is configured")
    if stale:
        unknown.append("some of its servers: they could not all be read")
    return told(
        picture,
        Subject(type="host", id=host, name=host, host=host),
        _state(picture, host),
        causes,
        links=_links(picture, host),
        events=_events(picture, host),
        effects=_effects(picture, host),
        unknown=unknown,
    )


def concerns(finding: Finding, host: str) -> bool:
    """Tell whether a finding is about a host, or about what runs on it."""
    subject = finding.subject
    at = {short(subject.host), subject.id if subject.type == "host" else ""}
    at.add(subject.id.partition("@")[2] if subject.type == "service" else "")
    return host in at and subject.type in TYPES


def _told_above(finding: Finding) -> bool:
    """Tell whether a finding says of a service, or of the whole host, that it is down."""
    silent = finding.check.endswith(".down")
    return silent and finding.subject.type in {"service", "host"}


def parts(picture: Picture, host: str) -> list[Part]:
    """List the services and agents of a host."""
    tables = picture.tables
    found = [
        _part(s.binary, picture.said(s.updated_at), s.state, s.status, s.disabled_reason)
        for s in tables.compute_services
        if s.host == host
    ]
    found += [
        _part(
            s.binary + (f" {s.host}" if "@" in s.host else ""),
            picture.said(s.updated_at),
            s.state,
            s.status,
            s.disabled_reason,
        )
        for s in tables.volume_services
        if short(s.host) == host
    ]
    found += [
        Part(
            name=a.binary or a.agent_type,
            up=a.alive,
            enabled=a.admin_state_up,
            reason="",
            at=picture.said(a.heartbeat_timestamp),
        )
        for a in tables.agents
        if a.host == host
    ]
    return found


def _part(name: str, at: str, state: str, status: str, reason: str | None) -> Part:
    return Part(
        name=name, up=state == "up", enabled=status != "disabled", reason=reason or "", at=at
    )


def service(picture: Picture, host: str) -> ComputeService | None:
    """Return its nova-compute."""
    return next(
        (s for s in picture.tables.compute_services if s.host == host and s.binary == COMPUTE),
        None,
    )


def _silent(causes: Causes, picture: Picture, host: str) -> None:
    found = parts(picture, host)
    down = [p for p in found if not p.up]
    if not down:
        return
    plan = EVACUATE.format(host) if service(picture, host) else ""
    if len(down) == len(found):
        causes.add(
            90,
            "host-down",
            f"nothing on {host} reports: the host is down, or its network is cut",
            pro=[f"{p.name}: its last report is {p.at} old" for p in down[:4]],
            con=["one service alone would be a service that died"] if len(found) == 1 else [],
            advice=f"Reach {host} by its management board first: a host that only lost its network "
            "still runs its guests, and evacuating them starts them twice. Fence it before",
            plan=plan,
        )
        return
    up = [p.name for p in found if p.up]
    for one in down:
        causes.add(
            82,
            "service-down",
            f"{one.name} on {host} is down, and the host lives",
            pro=[
                f"its last report is {one.at} old",
                f"{few(up)} of the same host {'report' if len(up) > 1 else 'reports'}",
            ],
            advice=f"On {host}: docker ps -a and docker logs --tail 100 of its container; the last "
            "lines before it fell silent tell why",
        )


def _compute(causes: Causes, picture: Picture, host: str) -> None:
    own = service(picture, host)
    if own is None:
        return
    if own.forced_down:
        causes.add(
            84,
            "host-forced-down",
            f"somebody has forced nova-compute of {host} down",
            pro=["forced_down is true: an evacuation does it, and nobody takes it back by itself"],
            advice=f"When the host is well again: day2 host enable {host}",
        )
    if own.status == "disabled":
        why = f": {own.disabled_reason}" if own.disabled_reason else " (without a reason)"
        causes.add(
            50,
            "host-disabled",
            f"{host} is disabled for new servers{why}",
            pro=[f"its nova-compute is {own.state}"],
            con=["what runs on it runs on"],
            advice=f"day2 host enable {host}, when the reason is gone",
        )
    if not picture.knows("hypervisors", "providers"):
        return
    known = any(h.service.host == host for h in picture.tables.hypervisors)
    if not known:
        causes.add(
            78,
            "host-without-hypervisor",
            f"Nova has no hypervisor of {host}: it was never discovered, or its record was deleted",
            pro=["its complete list of hypervisors has none of this host"],
            advice="nova-manage cell_v2 discover_hosts --verbose; the log of its nova-compute",
        )


def _state(picture: Picture, host: str) -> str:
    found = parts(picture, host)
    up = sum(p.up for p in found)
    servers = [s for s in picture.tables.servers if s.host == host]
    return (
        f"{up} of {len(found)} services and agents report, {len(servers)} servers"
        if found
        else "no service of OpenStack runs on it"
    )


def _effects(picture: Picture, host: str) -> list[str]:
    """Say what its end would mean, and what has a plan for it."""
    found = []
    servers = [s for s in picture.tables.servers if s.host == host]
    if servers:
        counted = Counter(s.status for s in servers)
        projects = len({s.project_id for s in servers})
        kinds = ", ".join(f"{count} {status}" for status, count in counted.most_common())
        found.append(f"{len(servers)} servers of {projects} projects stop: {kinds}")
        stuck = [s for s in servers if s.status not in MOVABLE]
        if stuck:
            found.append(f"no move takes {few(s.name or s.id for s in stuck)}")
    for kind, title in (("routers", "router"), ("networks", "network")):
        alone = picture.served.get(kind, [])
        if alone:
            many = f"{title}s are" if len(alone) > 1 else f"{title} is"
            found.append(f"{len(alone)} {many} served by this host alone: {few(alone)}")
    backends = sorted(
        {s.host for s in picture.tables.volume_services if short(s.host) == host and "@" in s.host}
    )
    if backends:
        found.append(f"volumes of {few(backends)} can be neither made, attached nor deleted")
    own = service(picture, host)
    if own is not None:
        plan = (DRAIN if own.state == "up" else EVACUATE).format(host)
        word = (
            "moving its servers away" if own.state == "up" else "rebuilding its servers elsewhere"
        )
        found.append(f"the plan for {word}: {plan}")
    return found


def _links(picture: Picture, host: str) -> list[Link]:
    found = [
        Link(
            relation="agent" if "agent" in p.name.lower() else "service",
            subject=Subject(type="service", id=f"{p.name}@{host}", name=p.name, host=host),
            state=("up" if p.up else f"down, last report {p.at} ago")
            + ("" if p.enabled else f", disabled{f': {p.reason}' if p.reason else ''}"),
            bad=not p.up,
        )
        for p in parts(picture, host)
    ]
    found += [
        Link(
            relation="hypervisor",
            subject=Subject(type="hypervisor", id=str(h.id), name=h.hypervisor_hostname),
            state=f"{h.state}, {h.status}, {h.hypervisor_type}",
            bad=h.state != "up",
        )
        for h in picture.tables.hypervisors
        if h.service.host == host
    ]
    found += _providers(picture)
    found += [
        Link(
            relation="container",
            subject=Subject(type="container", id=c.name, host=host),
            state=f"{c.state}{f', {c.health}' if c.health else ''}",
            bad=c.state != "running" or c.health == "unhealthy",
        )
        for c in picture.tables.containers
        if c.host == host
    ]
    found += [
        Link(
            relation="guest",
            subject=Subject(type="server", id=s.id, name=s.name, project=s.project_id),
            state=f"{s.status}{f', {s.task_state}' if s.task_state else ''}",
            bad=s.status == "ERROR",
        )
        for s in picture.tables.servers
        if s.host == host
    ]
    return found


def _providers(picture: Picture) -> list[Link]:
    used = {row.provider: row.usages for row in picture.tables.allocations}
    stock = {row.provider: row.inventories for row in picture.tables.inventories}
    return [
        Link(
            relation="provider",
            subject=Subject(type="provider", id=p.uuid, name=p.name),
            state=", ".join(
                f"{used.get(p.uuid, {}).get(name, 0)} of {one.capacity:.0f} {name}"
                for name, one in sorted(stock.get(p.uuid, {}).items())
            )
            or "no inventory",
            bad=not stock.get(p.uuid),
        )
        for p in picture.tables.providers
    ]


def _events(picture: Picture, host: str) -> list[Event]:
    found = []
    tables = picture.tables
    for one in tables.hosts:
        if host in {one.name, one.hostname}:
            found += event(one.booted_at, "booted", host=host)
            found += event(one.packages_changed_at, "packages changed", host=host)
    for c in tables.containers:
        if c.host == host:
            found += event(c.started_at, f"container {c.name} started", host=host)
            if c.state != "running":
                what = f"container {c.name} ended"
                found += event(c.finished_at, what, host=host, detail=f"exit code {c.exit_code}")
    reporting: list[ComputeService | VolumeService] = [
        *tables.compute_services,
        *tables.volume_services,
    ]
    for s in reporting:
        if short(s.host) == host and s.state != "up":
            found += event(s.updated_at, f"last report of {s.binary}", host=host)
    for a in tables.agents:
        if a.host == host and not a.alive:
            found += event(a.heartbeat_timestamp, f"last report of {a.binary}", host=host)
    for m in picture.migrations:
        if host in {m.source_compute, m.dest_compute}:
            what = f"{m.migration_type or 'migration'} of {m.instance_uuid}: {m.status}"
            found += event(m.created_at, what, host=host, service="nova")
    return found
