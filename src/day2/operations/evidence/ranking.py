# SPDX-License-Identifier: Apache-2.0
"""Rank the probable causes: known problems first, then findings that none of them covers; pure.

A finding carries more the deeper the thing lies that it is about: what stands on a dead bus is ill
because of the bus.
"""

import math
from collections.abc import Collection, Sequence

import msgspec

from day2.model.finding import Finding
from day2.model.problem import Plane, Suspect
from day2.model.severity import Severity
from day2.operations.evidence.words import several

PLANES: tuple[tuple[str, Plane], ...] = (
    ("identity", "identity"),
    ("compute", "compute"),
    ("placement", "compute"),
    ("server", "compute"),
    ("network", "network"),
    ("volume", "volume"),
    ("image", "image"),
    ("stack", "orchestration"),
    ("load_balancer", "balancing"),
    ("amphora", "balancing"),
    ("bus", "bus"),
    ("database", "database"),
    ("monitoring", "monitoring"),
    ("alerting", "monitoring"),
)
SERVICES: dict[str, Plane] = {
    "identity": "identity",
    "compute": "compute",
    "placement": "compute",
    "network": "network",
    "volume": "volume",
    "block-storage": "volume",
    "volumev3": "volume",
    "image": "image",
    "orchestration": "orchestration",
    "load-balancer": "balancing",
}
CONTAINERS: tuple[tuple[str, Plane], ...] = (
    ("keystone", "identity"),
    ("nova", "compute"),
    ("placement", "compute"),
    ("neutron", "network"),
    ("openvswitch", "network"),
    ("ovn", "network"),
    ("cinder", "volume"),
    ("glance", "image"),
    ("heat", "orchestration"),
    ("octavia", "balancing"),
    ("rabbitmq", "bus"),
    ("mariadb", "database"),
    ("proxysql", "database"),
    ("prometheus", "monitoring"),
)
# How much of a cloud stands on it.
DEPTH = (
    ("database.down", 30),
    ("vip.", 28),
    ("host.clock", 24),
    ("host.disk", 24),
    ("host.inodes", 24),
    ("database.cluster.not_primary", 26),
    ("bus.down", 26),
    ("host.down", 24),
    ("host.unreachable", 20),
    ("database.", 20),
    ("bus.", 18),
    ("identity.fernet", 24),
    ("certificate.", 22),
    ("identity.", 14),
    ("cache.", 14),
    ("proxy.", 8),
    ("volume.pool", 12),
    ("container.", 10),
    ("volume.service", 12),
    ("network.agent", 12),
    ("compute.service", 12),
    ("compute.cell", 16),
    ("api.down", 10),
    ("logs.", -20),
    ("monitoring.", -15),
    ("alerting.", -15),
    ("server.", -10),
    ("backup.", -30),
)
SEVERITY = {Severity.CRITICAL: 60, Severity.UNKNOWN: 25, Severity.WARNING: 20}
NEW, PER_DOUBLING = 15, 6
CAUSES_MAX = 10
# A known problem that only a line in a log speaks for is a suspicion, a critical finding a fact.
FIRM_SCORE = 40


def ranked(
    suspects: Sequence[Suspect],
    findings: Sequence[Finding],
    new: Collection[str] = (),
    facts: Collection[str] = (),
) -> list[Suspect]:
    """Return the causes, likeliest first; findings at info and below are no causes.

    Known problems come first in their own order, those that only a log line speaks for aside.
    `new` are keys of findings that the last good round did not have; `facts` are keys of those that
    the hosts' own words prove, which stand among the known problems by their weight.
    """
    known = {suspect.id for suspect in suspects}
    covered = {line for suspect in suspects for line in suspect.speaks_for}
    rest = [
        _suspect(finding, new)
        for finding in together(findings)
        if finding.severity in SEVERITY
        and not finding.noise
        and finding.summary not in covered
        # What the log review calls by the same name is told already.
        and not (finding.check == "logs.problem" and finding.subject.id in known)
    ]
    firm = [suspect for suspect in suspects if suspect.score >= FIRM_SCORE]
    rest += [suspect for suspect in suspects if suspect.score < FIRM_SCORE]
    rest.sort(key=lambda suspect: (-suspect.score, suspect.title))
    proven = {finding.summary for finding in findings if finding.key in facts}
    for fact in [one for one in rest if one.title in proven]:
        rest.remove(fact)
        place = next((n for n, one in enumerate(firm) if one.score < fact.score), len(firm))
        firm.insert(place, fact)
    return [*firm, *rest][:CAUSES_MAX]


def together(findings: Sequence[Finding]) -> list[Finding]:
    """Tell a container that ails in the same way on several hosts once: it has one cause."""
    alike: dict[tuple[str, str], list[Finding]] = {}
    for finding in findings:
        name = finding.subject.id.partition("/")[2]
        own = name if finding.check.startswith("container.") and name else finding.key
        alike.setdefault((finding.check, own), []).append(finding)
    return [_one(own, some) for (_check, own), some in alike.items()]


def _one(name: str, some: Sequence[Finding]) -> Finding:
    first = some[0]
    if len(some) == 1:
        return first
    hosts = sorted({finding.subject.host or finding.subject.id for finding in some})
    return msgspec.structs.replace(
        first,
        summary=f"{name} on {len(hosts)} hosts ({several(hosts)}): {first.summary}",
        consequences=sorted({key for finding in some for key in finding.consequences}),
    )


def plane_of(finding: Finding) -> Plane:
    """Return the plane that a finding is about."""
    subject, check = finding.subject, finding.check
    if check.startswith("api."):
        return SERVICES.get(subject.id, "hosts")
    if check.startswith("container."):
        name = subject.id.partition("/")[2] or subject.name
        return next((plane for word, plane in CONTAINERS if name.startswith(word)), "hosts")
    if check.startswith("proxy.backend"):
        return next((plane for word, plane in CONTAINERS if subject.id.startswith(word)), "hosts")
    return next((plane for word, plane in PLANES if check.startswith(f"{word}.")), "hosts")


def _suspect(finding: Finding, new: Collection[str]) -> Suspect:
    count = len(finding.consequences)
    speaks = [finding.why]
    if count:
        speaks.append(f"explains {count} more finding{'s' if count > 1 else ''}")
    if finding.key in new:
        speaks.append("the last round that was compared did not have it")
    depth = next((value for word, value in DEPTH if finding.check.startswith(word)), 0)
    score = SEVERITY[finding.severity] + depth + round(PER_DOUBLING * math.log2(1 + count))
    return Suspect(
        id=finding.check,
        title=finding.summary,
        planes=[plane_of(finding)],
        score=score + (NEW if finding.key in new else 0),
        speaks_for=speaks,
        subjects=[finding.subject],
        advice=finding.advice,
        plan=finding.plan,
    )
