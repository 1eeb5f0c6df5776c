# SPDX-License-Identifier: Apache-2.0
"""Who reports and who is silent, over all services at once: hosts, the whole cloud, flapping."""

import itertools
from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime

import msgspec

from day2.model.finding import Finding, Subject
from day2.model.severity import Severity
from day2.model.survey import Tables
from day2.model.tables import utc
from day2.operations.health.check import Check, Facts, ago, finding, setting, short_host

DISABLED, UNKNOWN = "disabled", "UNKNOWN"
BY_NOVA = "AUTO:"


class Heartbeat(msgspec.Struct, frozen=True, kw_only=True):
    """One service or agent of one host, in the words that compute, network and storage share."""

    plane: str
    binary: str
    host: str
    where: str
    up: bool
    enabled: bool
    reason: str
    seen_at: datetime | None


def heartbeats(tables: Tables) -> list[Heartbeat]:
    """Put the three services' own lists side by side; rows of cells that are down are left out."""
    found = [
        Heartbeat(
            plane="compute",
            binary=s.binary,
            host=short_host(s.host),
            where=s.host,
            up=s.state == "up",
            enabled=s.status != DISABLED,
            reason=s.disabled_reason or "",
            seen_at=utc(s.updated_at),
        )
        for s in tables.compute_services
        if s.status != UNKNOWN
    ]
    found += [
        Heartbeat(
            plane="network",
            binary=a.binary,
            host=short_host(a.host),
            where=a.host,
            up=a.alive,
            enabled=a.admin_state_up,
            reason="",
            seen_at=utc(a.heartbeat_timestamp),
        )
        for a in tables.agents
    ]
    found += [
        Heartbeat(
            plane="volume",
            binary=s.binary,
            host=short_host(s.host),
            where=s.host,
            up=s.state == "up",
            enabled=s.status != DISABLED,
            reason=s.disabled_reason or "",
            seen_at=utc(s.updated_at),
        )
        for s in tables.volume_services
    ]
    return found


def heartbeats_lost(facts: Facts) -> Iterator[Finding]:
    """Everything stopped reporting at once: look at what carries the reports, not at the hosts."""
    beats = [beat for beat in heartbeats(facts.tables) if beat.enabled]
    down = [beat for beat in beats if not beat.up]
    hosts = {beat.host for beat in beats}
    silent_planes = {beat.plane for beat in down}
    ratio = facts.policy.heartbeats_lost_ratio
    if len(hosts) < 2 or len(silent_planes) < 2 or len(down) <= ratio * len(beats):  # noqa: PLR2004
        return
    yield finding(
        "cloud.heartbeats.lost",
        Severity.CRITICAL,
        Subject(type="cloud", id=facts.survey.cloud),
        f"{len(down)} of {len(beats)} services and agents stopped reporting, on {len(hosts)} hosts",
        why=f"{setting(facts.policy, 'heartbeats_lost_ratio')}, and more than one service type",
        evidence={"silent": len(down), "all": len(beats), "planes": sorted(silent_planes)},
        advice="The message bus or the database is the likely cause, not the hosts: "
        "docker exec rabbitmq rabbitmqctl cluster_status; then the state of MariaDB.",
    )


def hosts_down(facts: Facts) -> Iterator[Finding]:
    """Nothing on a host reports: one finding, whatever runs there."""
    by_host: dict[str, list[Heartbeat]] = defaultdict(list)
    for beat in heartbeats(facts.tables):
        by_host[beat.host].append(beat)
    guests = guests_by_host(facts.tables)
    known = facts.survey.is_complete("servers")
    carrying = None
    if facts.survey.is_complete("volumes"):
        carrying = {(volume.host or "").partition("#")[0] for volume in facts.tables.volumes}
    for host, beats in sorted(by_host.items()):
        if len(beats) < 2 or any(beat.up for beat in beats):  # noqa: PLR2004 - one alone is a service
            continue
        reason = next((b.reason for b in beats if not b.enabled and b.reason), "")
        servers = guests.get(host, 0)
        severity, decided = _severity(beats, carrying, empty=known and not servers)
        on_purpose = severity is Severity.INFO
        last = max((b.seen_at for b in beats if b.seen_at), default=None)
        yield finding(
            "host.down",
            severity,
            Subject(type="host", id=host, host=host),
            f"nothing on {host} reports ({len(beats)} services and agents), "
            f"silent for {ago(facts.age(last))}"
            + (f"; {servers} servers live there" if servers else "")
            + (f"; disabled: {reason}" if reason else ""),
            why=f"every service and agent of the host is down{decided}",
            evidence={
                "services": sorted(f"{b.plane} {b.binary}" for b in beats),
                "servers": servers,
                "last_report": None if last is None else last.isoformat(),
            },
            advice=""
            if on_purpose
            else f"See whether {host} has power and network before anything is evacuated: "
            f"ping {host}; its BMC console.",
        )


def _severity(
    beats: list[Heartbeat], carrying: set[str] | None, *, empty: bool
) -> tuple[Severity, str]:
    """Judge a silent host: info where people switched it off, said why, and nothing is lost.

    Its agents stay enabled then. What Nova disabled by itself is nobody's purpose.
    """
    said = any(b.reason.strip() and not b.reason.startswith(BY_NOVA) for b in beats)
    left = [b for b in beats if b.enabled and b.plane != "network"]
    carries = any(
        b.where in carrying if carrying is not None else b.binary == "cinder-volume" for b in left
    )
    if not said or not empty or carries:
        return Severity.CRITICAL, ""
    if left:
        return Severity.WARNING, (
            f"; it is empty, but {left[0].binary} was not disabled with the others"
        )
    return Severity.INFO, "; it is disabled with a reason and empty"


def flapping(facts: Facts) -> Iterator[Finding]:
    """Up, down, up: each survey alone looks well."""
    surveys = [facts.survey, *facts.history][: facts.policy.flapping_surveys]
    if len(surveys) <= facts.policy.flapping_changes:
        return
    states: dict[tuple[str, str, str], list[bool]] = defaultdict(list)
    for survey in reversed(surveys):
        for beat in heartbeats(survey.tables):
            states[beat.plane, beat.binary, beat.where].append(beat.up)
    for (plane, binary, where), seen in sorted(states.items()):
        changes = sum(a != b for a, b in itertools.pairwise(seen))
        if changes < facts.policy.flapping_changes:
            continue
        yield finding(
            "service.flapping",
            Severity.WARNING,
            service_subject(binary, where),
            f"{binary} on {where} went up or down {changes} times in {len(seen)} surveys",
            why=f"{setting(facts.policy, 'flapping_changes')}, "
            f"{setting(facts.policy, 'flapping_surveys')}",
            evidence={"plane": plane, "up": seen},
            advice="Look for clock jumps, RabbitMQ reconnects and load on that host.",
        )


def guests_by_host(tables: Tables) -> dict[str, int]:
    """Count the servers that live on each host; offloaded and deleted ones live nowhere."""
    counts: dict[str, int] = defaultdict(int)
    for server in tables.servers:
        if server.host and server.status not in {"SHELVED_OFFLOADED", "DELETED"}:
            counts[server.host] += 1
    return counts


def service_subject(binary: str, host: str) -> Subject:
    """Name a service of a host; its key survives a restart, which the API's ids do not always."""
    return Subject(
        type="service", id=f"{binary}@{host}", name=f"{binary} on {host}", host=short_host(host)
    )


SERVICES = ("compute_services", "agents", "volume_services")

CHECKS = (
    Check(
        name="cloud.heartbeats.lost",
        title="Services stopped reporting all at once",
        needs=SERVICES,
        judge=heartbeats_lost,
        settings=("heartbeats_lost_ratio",),
    ),
    Check(
        name="host.down", title="A host on which nothing reports", needs=SERVICES, judge=hosts_down
    ),
    Check(
        name="service.flapping",
        title="A service that goes up and down between surveys",
        needs=SERVICES,
        judge=flapping,
        settings=("flapping_changes", "flapping_surveys"),
    ),
)
