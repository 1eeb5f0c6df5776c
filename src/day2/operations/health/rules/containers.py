# SPDX-License-Identifier: Apache-2.0
"""Kolla's containers as each host's engine tells them: stopped, restarting, unhealthy, other image.

Containers of others (no `kolla_version` label) are not judged. `missing.py` has those that are
not there at all.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from datetime import timedelta
from shlex import quote

from day2.model.finding import Finding, Subject
from day2.model.severity import Severity
from day2.model.tables.infrastructure import Container, Host
from day2.operations.health.check import Check, Facts, ago, finding, setting
from day2.operations.health.rules import crowd, roles
from day2.operations.health.rules.places import Places

STOPPED = {
    "exited": "stopped",
    "created": "was never started",
    "dead": "is dead",
    "paused": "is paused",
    "configured": "was never started",
}
RUNNING, RESTARTING, UNHEALTHY = "running", "restarting", "unhealthy"
JUST_STARTED = timedelta(minutes=2)
RECENT = timedelta(days=1)


def services(facts: Facts) -> list[Container]:
    """Return the containers that are meant to run for ever."""
    engines = {host.name: host.engine for host in facts.tables.hosts}
    return [
        c
        for c in facts.tables.containers
        if c.kolla_version
        and not roles.runs_once(c.name)
        # Kolla gives a service a restart policy; under podman systemd restarts it instead.
        and (c.restart_policy or c.state == RUNNING or engines.get(c.host) == "podman")
    ]


def works(container: Container) -> bool:
    """Tell whether it runs and does not say that it is ill."""
    return container.state == RUNNING and container.health != UNHEALTHY


def severity(name: str, working: int) -> Severity:
    """Judge the loss of one container, when this many of its name still work elsewhere."""
    if roles.is_aside(name):
        return Severity.WARNING
    return Severity.WARNING if working and not roles.is_of_one_host(name) else Severity.CRITICAL


def effect(name: str, working: int) -> str:
    """Say what a severity rests upon."""
    if roles.is_aside(name):
        return "no user's request passes through it"
    if roles.is_of_one_host(name):
        return "what runs on this host depends on it"
    return f"{working} others of its name work" if working else "it is the last of its name"


def working(containers: Iterable[Container]) -> Counter[str]:
    """Count the working containers of each name."""
    return Counter(c.name for c in containers if works(c))


def subject(places: Places, container: Container) -> Subject:
    """Name a container; its host is what OpenStack calls it."""
    return Subject(
        type="container",
        id=f"{container.host}/{container.name}",
        name=container.name,
        host=places.of(container.host),
    )


@crowd.bounded("containers are stopped", by=crowd.HOST, merged=False)
def stopped(facts: Facts) -> Iterator[Finding]:
    """A service's container that is there and does not run."""
    places, every = Places(facts), services(facts)
    others = working(every)
    for c in every:
        if c.state not in STOPPED:
            continue
        since = f" {ago(facts.age(c.finished_at))} ago" if c.finished_at else ""
        code = f", exit code {c.exit_code}" if c.state == "exited" else ""
        yield finding(
            "container.stopped",
            severity(c.name, others[c.name]),
            subject(places, c),
            f"{c.name} on {c.host} {STOPPED[c.state]}{since}{code}; "
            f"{effect(c.name, others[c.name])}",
            why=f"the container's state is {c.state}",
            evidence={
                "state": c.state,
                "exit_code": c.exit_code,
                "finished_at": c.finished_at and c.finished_at.isoformat(),
                "image": c.image,
            },
            advice=f"On {c.host}: {_engine(facts, c)} logs --tail 100 {quote(c.name)}; "
            f"{_engine(facts, c)} {'unpause' if c.state == 'paused' else 'start'} {quote(c.name)}",
        )


@crowd.bounded("containers keep restarting", by=crowd.HOST, merged=False)
def restarting(facts: Facts) -> Iterator[Finding]:
    """A container that ends again and again; between two ends it looks as if it ran."""
    places, every = Places(facts), services(facts)
    others = working(every)
    before = _restarts_before(facts)
    bound = facts.policy.container_restarts_warning
    for c in every:
        twins = others[c.name] - works(c)
        grown = c.restarts - before.get((c.host, c.name), c.restarts)
        fresh = c.started_at is not None and not facts.older(c.started_at, JUST_STARTED)
        recent = c.started_at is not None and not facts.older(c.started_at, RECENT)
        looping = c.state == RESTARTING or (c.state == RUNNING and c.restarts > 1 and fresh)
        often = c.state == RUNNING and c.restarts >= bound and (recent or grown > 0)
        if not looping and not often:
            continue
        yield finding(
            "container.restarting",
            severity(c.name, twins) if looping else Severity.WARNING,
            subject(places, c),
            f"{c.name} on {c.host} keeps restarting: {c.restarts} times"
            + (f", last exit code {c.exit_code}" if c.exit_code else "")
            + f"; {effect(c.name, twins)}",
            why=f"the container's state is {c.state}"
            if c.state == RESTARTING
            else setting(facts.policy, "container_restarts_warning")
            if often
            else "it restarted more than once, the last time within two minutes",
            evidence={
                "state": c.state,
                "restarts": c.restarts,
                "since_last_survey": grown or None,
                "exit_code": c.exit_code,
            },
            advice=f"On {c.host}: {_engine(facts, c)} logs --tail 100 {quote(c.name)}; "
            f"/var/log/kolla/{c.name.split('_')[0]}",
        )


@crowd.bounded("containers are unhealthy", by=crowd.HOST, merged=False)
def unhealthy(facts: Facts) -> Iterator[Finding]:
    """A container whose own health check fails, once it had the time to start."""
    places, every = Places(facts), services(facts)
    others = working(every)
    grace = timedelta(seconds=facts.policy.container_grace_seconds)
    bound = facts.policy.container_failing_checks
    for c in every:
        if c.state != RUNNING or c.health != UNHEALTHY:
            continue
        if c.started_at is not None and not facts.older(c.started_at, grace):
            continue
        if (c.failing_checks or bound) < bound:
            continue
        alone = not others[c.name] and not roles.is_aside(c.name)
        critical = alone and not roles.is_of_one_host(c.name)
        yield finding(
            "container.unhealthy",
            Severity.CRITICAL if critical else Severity.WARNING,
            subject(places, c),
            f"{c.name} on {c.host} runs and is unhealthy; {effect(c.name, others[c.name])}",
            why=f"its health check fails: {setting(facts.policy, 'container_failing_checks')}, "
            f"{setting(facts.policy, 'container_grace_seconds')} after its start",
            evidence={
                "health": c.health,
                "failing_checks": c.failing_checks,
                "started_at": c.started_at and c.started_at.isoformat(),
                "image": c.image,
            },
            advice=f"On {c.host}: {_engine(facts, c)} inspect --format "
            f"'{{{{json .State.Health}}}}' {quote(c.name)}; "
            f"{_engine(facts, c)} logs --tail 100 {quote(c.name)}",
        )


def images_differ(facts: Facts) -> Iterator[Finding]:
    """A host with other images than its peers: a change rolled out by half, or a forgotten host."""
    places = Places(facts)
    by_name: dict[str, list[Container]] = defaultdict(list)
    for c in services(facts):
        if c.image_id:
            by_name[c.name].append(c)
    odd: dict[str, list[tuple[Container, Container]]] = defaultdict(list)
    for twins in by_name.values():
        usual = _usual(twins)
        for c in twins:
            if c.image_id != usual.image_id:
                odd[c.host].append((c, usual))
    for host, pairs in sorted(odd.items()):
        first, usual = pairs[0]
        names = sorted(c.name for c, _usual_one in pairs)
        yield finding(
            "container.image.differs",
            Severity.WARNING,
            Subject(type="host", id=host, host=places.of(host)),
            f"{host} runs {len(pairs)} containers from other images than its peers: "
            f"{', '.join(names[:3])}" + (f" and {len(names) - 3} more" if len(names) > 3 else ""),  # noqa: PLR2004
            why="containers of one name run from one image on all hosts",
            evidence={
                "containers": names,
                "example": {
                    "container": first.name,
                    "image": first.image,
                    "image_id": first.image_id[:12],
                    "usual_image": usual.image,
                    "usual_image_id": usual.image_id[:12],
                },
            },
            advice=f"kolla-ansible pull --limit {host}; then: "
            f"kolla-ansible deploy-containers --limit {host}",
        )


def _usual(twins: list[Container]) -> Container:
    """Return one with the image that most run; of equals the newer."""
    counts = Counter(c.image_id for c in twins)
    return max(twins, key=lambda c: (counts[c.image_id], _version(c.kolla_version), c.image_id))


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part[:9]) for part in text.split(".") if part.isdecimal())


def _restarts_before(facts: Facts) -> dict[tuple[str, str], int]:
    for survey in facts.history:
        if survey.was_read("containers"):
            return {(c.host, c.name): c.restarts for c in survey.tables.containers}
    return {}


def _engine(facts: Facts, container: Container) -> str:
    found: Host | None = next((h for h in facts.tables.hosts if h.name == container.host), None)
    return (found.engine if found else "") or "docker"


NEEDS = ("hosts", "containers")

CHECKS = (
    Check(
        name="container.stopped",
        title="A container of a service that does not run",
        needs=NEEDS,
        judge=stopped,
    ),
    Check(
        name="container.restarting",
        title="A container that keeps restarting",
        needs=NEEDS,
        judge=restarting,
        settings=("container_restarts_warning",),
    ),
    Check(
        name="container.unhealthy",
        title="A container whose health check fails",
        needs=NEEDS,
        judge=unhealthy,
        settings=("container_failing_checks", "container_grace_seconds"),
    ),
    Check(
        name="container.image.differs",
        title="A host that runs other images than its peers",
        needs=NEEDS,
        judge=images_differ,
    ),
)
