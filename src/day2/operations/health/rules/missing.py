# SPDX-License-Identifier: Apache-2.0
"""Containers that ought to be on a host and are not there at all.

Two things prove "ought": it was there in an earlier survey, or every other host of the Kolla group
that explains where the container runs has it. A host whose containers were not read is left out.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping

from day2.model.finding import Finding, Subject
from day2.model.severity import Severity
from day2.model.survey import Survey
from day2.operations.health.check import Check, Facts, finding
from day2.operations.health.rules import containers, crowd, roles
from day2.operations.health.rules.places import Places

PEERS_MIN = 2
Present = Mapping[str, frozenset[str]]


@crowd.bounded("containers are missing", by=crowd.HOST, merged=False)
def missing(facts: Facts) -> Iterator[Finding]:
    """Name them; a host that lost every container, and one lost everywhere, is one finding."""
    present = _present(facts.survey)
    seen = _seen_before(facts, present)
    peers = _of_peers(facts, present)
    places, others = Places(facts), containers.working(containers.services(facts))
    gone = _gone_everywhere(present, seen)
    for name, hosts in sorted(gone.items()):
        yield _everywhere(name, sorted(hosts))
    for host in sorted(present):
        expected = {**seen.get(host, {}), **peers.get(host, {})}
        lost = {name: why for name, why in expected.items() if name not in gone}
        if lost and not present[host]:
            yield _whole_host(places, host, sorted(lost), before=bool(seen.get(host)))
            continue
        for name, why in sorted(lost.items()):
            yield finding(
                "container.missing",
                containers.severity(name, others[name]),
                Subject(type="container", id=f"{host}/{name}", name=name, host=places.of(host)),
                f"{name} is missing on {host}: {why}; {containers.effect(name, others[name])}",
                why=why,
                evidence={"working_elsewhere": others[name]},
                advice=f"kolla-ansible deploy-containers --limit {host}",
            )


def _present(survey: Survey) -> dict[str, frozenset[str]]:
    """Return the services' containers of each host whose containers were read."""
    found: dict[str, set[str]] = {h.name: set() for h in survey.tables.hosts if h.containers_read}
    for c in survey.tables.containers:
        if c.host in found and c.kolla_version and not roles.runs_once(c.name):
            found[c.host].add(c.name)
    return {host: frozenset(names) for host, names in found.items()}


def _seen_before(facts: Facts, present: Present) -> dict[str, dict[str, str]]:
    """Return what earlier surveys saw run on a host and this one does not, with its `why`."""
    lost: dict[str, dict[str, str]] = defaultdict(dict)
    for survey in facts.history:
        for c in survey.tables.containers:
            if c.host not in present or c.name in present[c.host] or c.name in lost[c.host]:
                continue
            lasting = c.restart_policy or c.state == containers.RUNNING
            if c.kolla_version and lasting and not roles.runs_once(c.name):
                lost[c.host][c.name] = f"it was there on {survey.ended_at:%Y-%m-%d %H:%M}"
    return lost


def _of_peers(facts: Facts, present: Present) -> dict[str, dict[str, str]]:
    """Return what all other hosts of the group have that explains where a container runs."""
    groups: dict[str, set[str]] = defaultdict(set)
    for row in facts.tables.hosts:
        if row.name in present:
            for group in row.groups:
                groups[group].add(row.name)
    lost: dict[str, dict[str, str]] = defaultdict(dict)
    for name in sorted({name for names in present.values() for name in names}):
        where = {host for host, names in present.items() if name in names}
        for host, group in _absentees(name, where, groups):
            lost[host][name] = f"every other host of the inventory's group {group} has it"
    return lost


def _absentees(name: str, where: set[str], groups: Mapping[str, set[str]]) -> list[tuple[str, str]]:
    """Return (host, group) of at most one host that ought to have this container.

    A group with exactly the hosts that have it explains everything: then nothing is missing.
    """
    if where in groups.values() or len(where) < PEERS_MIN:
        return []
    around = sorted(
        (len(members), group)
        for group, members in groups.items()
        if where < members and len(members - where) == 1
    )
    named = name.replace("_", "-")
    chosen = named if any(group == named for _size, group in around) else ""
    if not chosen and around:
        # Two groups that each lack another host cannot both be right.
        absent = {next(iter(groups[group] - where)) for _size, group in around}
        chosen = around[0][1] if len(absent) == 1 else ""
    return [(host, chosen) for host in groups[chosen] - where] if chosen else []


def _gone_everywhere(
    present: Present, seen: Mapping[str, Mapping[str, str]]
) -> dict[str, set[str]]:
    """Return what several hosts ran and none does any more: removed, or renamed, on purpose."""
    still = {name for names in present.values() for name in names}
    lost = Counter(name for host, names in seen.items() if present[host] for name in names)
    return {
        name: {host for host, names in seen.items() if name in names}
        for name, count in lost.items()
        if count >= PEERS_MIN and name not in still
    }


def _everywhere(name: str, hosts: list[str]) -> Finding:
    return finding(
        "container.missing",
        Severity.WARNING,
        Subject(type="container", id=name, name=name),
        f"{name} is gone from all of the {len(hosts)} hosts that ran it",
        why="earlier surveys saw it, and no host has it any more",
        evidence={"hosts": hosts},
        advice="Nothing to do when it was removed on purpose (an upgrade, a service switched off).",
    )


def _whole_host(places: Places, host: str, names: list[str], *, before: bool) -> Finding:
    return finding(
        "container.missing",
        Severity.CRITICAL if before else Severity.WARNING,
        Subject(type="host", id=host, host=places.of(host)),
        f"{host} has no container of Kolla's"
        + (f" any more; it ran {len(names)}" if before else f"; its peers have {len(names)}"),
        why="earlier surveys saw them"
        if before
        else "every other host of its groups in the inventory has them",
        evidence={"containers": names},
        advice=(f"On {host}: docker info; was its storage lost? Then: " if before else "")
        + f"kolla-ansible deploy --limit {host}",
    )


CHECKS = (
    Check(
        name="container.missing",
        title="A container that ought to be on a host and is not there",
        needs=("hosts", "containers"),
        judge=missing,
    ),
)
