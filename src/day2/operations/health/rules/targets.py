# SPDX-License-Identifier: Apache-2.0
"""What Prometheus reads: targets that are down, told once for each job and host."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator

import msgspec

from day2.model.finding import Finding, Subject
from day2.model.severity import Severity
from day2.model.tables.monitoring import ScrapeTarget
from day2.operations.health.check import Check, Facts, finding
from day2.operations.health.rules.crowd import HOST, bounded
from day2.operations.health.rules.sight import few
from day2.operations.health.rules.where import Where, machine

DOWN = "down"


class _Target(msgspec.Struct, frozen=True, kw_only=True):
    """One target as all servers see it: `rows` are those that have it down."""

    job: str
    instance: str
    place: str
    host: str
    rows: tuple[ScrapeTarget, ...]
    seen_by: int

    @property
    def down(self) -> bool:
        return bool(self.rows)

    @property
    def never_up(self) -> bool:
        """Tell whether no server saw it up within a day; what is not known is not never."""
        return self.down and all(row.seen_up is False for row in self.rows)

    @property
    def error(self) -> str:
        return next((row.last_error for row in self.rows if row.last_error), "no reason given")


@bounded("targets of Prometheus are down", by=HOST, tell="error", merged=False)
def down(facts: Facts) -> Iterator[Finding]:
    """What answered before and does not now: whole jobs and hosts as one, the others by job."""
    every = _targets(facts)
    lost = [target for target in every if target.down and not target.never_up]
    jobs = _wholly_down(every, lambda target: target.job)
    hosts = _wholly_down(every, lambda target: target.place)
    for job, targets in sorted(jobs.items()):
        if any(not target.never_up for target in targets):
            yield _job(job, targets, "monitoring.target.down")
    left = [target for target in lost if target.job not in jobs]
    for place, targets in sorted(hosts.items()):
        mine = [target for target in targets if target.job not in jobs and not target.never_up]
        if len({target.job for target in mine}) > 1:
            yield _host(place, mine)
            left = [target for target in left if target.place != place]
    yield from _each(left, "monitoring.target.down")


@bounded("targets of Prometheus have never been up", by=HOST, tell="error", merged=False)
def never_up(facts: Facts) -> Iterator[Finding]:
    """What did not answer once in a day: it was never set up, or nobody missed it."""
    every = _targets(facts)
    jobs = _wholly_down(every, lambda target: target.job)
    for job, targets in sorted(jobs.items()):
        if all(target.never_up for target in targets):
            yield _job(job, targets, "monitoring.target.never_up")
    lost = [target for target in every if target.never_up and target.job not in jobs]
    yield from _each(lost, "monitoring.target.never_up")


def _targets(facts: Facts) -> list[_Target]:
    """Put the servers' rows about one target together."""
    where = Where(facts)
    rows: dict[tuple[str, str], list[ScrapeTarget]] = defaultdict(list)
    for row in facts.tables.scrape_targets:
        rows[row.job, row.instance].append(row)
    hosts = {instance: where.of_address(instance) for _job, instance in rows}
    return [
        _Target(
            job=job,
            instance=instance,
            place=hosts[instance] or _machine(instance),
            host=hosts[instance],
            rows=tuple(row for row in seen if row.health == DOWN),
            seen_by=len(seen),
        )
        for (job, instance), seen in sorted(rows.items())
    ]


def _wholly_down(
    every: Iterable[_Target], key: Callable[[_Target], str]
) -> dict[str, list[_Target]]:
    """Return the groups of more than one target of which none is up."""
    groups: dict[str, list[_Target]] = defaultdict(list)
    for target in every:
        groups[key(target)].append(target)
    return {
        name: targets
        for name, targets in groups.items()
        if len(targets) > 1 and all(target.down for target in targets)
    }


def _job(job: str, targets: list[_Target], check: str) -> Finding:
    never = check.endswith("never_up")
    return finding(
        check,
        Severity.WARNING,
        Subject(type="job", id=job),
        f"all {len(targets)} targets of Prometheus' job {job} "
        f"{'were not up once in 24 h' if never else 'are down'}: {targets[0].error}",
        why="no target of the job answers" + (", nor did one within 24 h" if never else ""),
        evidence={
            "error": targets[0].error,
            "targets": sorted(target.instance for target in targets)[:50],
        },
        advice="Something that they share: a port closed by a firewall, an exporter that was "
        "changed on all hosts, a wrong password or certificate.",
    )


def _host(place: str, targets: list[_Target]) -> Finding:
    jobs = sorted({target.job for target in targets})
    return finding(
        "monitoring.target.down",
        Severity.WARNING,
        Subject(type="host", id=place, host=targets[0].host),
        f"Prometheus reaches nothing on {place}: {few(jobs)} are down: {targets[0].error}",
        why="no target of this host answers",
        evidence={"error": targets[0].error, "jobs": jobs},
        advice="See whether the host runs and its network works; then its exporters: "
        "docker ps --all --filter name=prometheus_",
    )


def _each(targets: Iterable[_Target], check: str) -> Iterator[Finding]:
    """Tell the targets once for each job and place."""
    groups: dict[tuple[str, str], list[_Target]] = defaultdict(list)
    for target in targets:
        groups[target.job, target.place].append(target)
    never = check.endswith("never_up")
    for (job, place), group in sorted(groups.items()):
        first = group[0]
        many = f" ({len(group)} targets)" if len(group) > 1 else ""
        state = "was not up once in 24 h" if never else "is down"
        servers = f", as {len(first.rows)} of {first.seen_by} Prometheus see it"
        yield finding(
            check,
            Severity.WARNING,
            Subject(type="target", id=f"{job}/{place}", name=f"{job} on {place}", host=first.host),
            f"Prometheus' target {job} on {place} {state}{many}: {first.error}"
            + (servers if len(first.rows) < first.seen_by else ""),
            why="no scrape of it worked within 24 h"
            if never
            else "the last scrape failed; within 24 h others worked",
            evidence={
                "error": first.error,
                "targets": sorted(target.instance for target in group)[:50],
            },
            advice="If nothing is meant to run there, take the target out of the configuration; "
            "else start what it names, and see that Prometheus may connect to it."
            if never
            else f"On {place}: docker ps --all --filter name=prometheus_; then the exporter's log",
        )


def _machine(instance: str) -> str:
    """Return the host part of `host:port` or of a URL; blackbox targets are URLs."""
    plain = instance.partition("://")[2].partition("/")[0] or instance
    return machine(plain)


NEEDS = ("scrape_targets",)

CHECKS = (
    Check(
        name="monitoring.target.down",
        title="A target of Prometheus that is down",
        needs=NEEDS,
        judge=down,
    ),
    Check(
        name="monitoring.target.never_up",
        title="A target of Prometheus that was not up once in a day",
        needs=NEEDS,
        judge=never_up,
    ),
)
