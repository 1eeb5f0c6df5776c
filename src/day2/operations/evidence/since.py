# SPDX-License-Identifier: Apache-2.0
"""When it began: the moments that things themselves tell of what is not well now; pure."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from day2.model.finding import Finding
from day2.model.severity import Severity
from day2.model.survey import Survey
from day2.model.tables import utc
from day2.operations.evidence.told import Told


def moments(
    findings: Sequence[Finding],
    folded: Sequence[Finding],
    survey: Survey,
    told: Told,
    first_seen: Mapping[str, datetime],
) -> list[datetime]:
    """Return when the gravest findings began, as containers, agents and services tell it.

    When day2 itself saw them first is later than they began: it counts only where nothing better
    is known.
    """
    critical = [f for f in findings if f.severity is Severity.CRITICAL and not f.noise]
    grave = critical or [f for f in findings if f.severity is Severity.WARNING and not f.noise]
    below = {key for finding in grave for key in finding.consequences}
    concerned = [*grave, *(f for f in folded if f.key in below)]
    found = [at for at in _own(concerned, survey, told) if at is not None]
    if found:
        return found
    return [first_seen[f.key] for f in grave if f.key in first_seen]


def _own(concerned: Iterable[Finding], survey: Survey, told: Told) -> Iterable[datetime | None]:
    stopped = {
        f"{host.host}/{one.name}": one.finished_at or one.started_at
        for host in told.answered
        for one in host.containers
    }
    stopped |= {
        f"{c.host}/{c.name}": c.finished_at
        for c in survey.tables.containers
        if c.state != "running" and f"{c.host}/{c.name}" not in stopped
    }
    services = {
        f"{s.binary}@{s.host}": utc(s.updated_at)
        for s in survey.tables.compute_services
        if s.state != "up"
    }
    services |= {
        f"{s.binary}@{s.host}": utc(s.updated_at)
        for s in survey.tables.volume_services
        if s.state != "up"
    }
    services |= {
        f"{a.binary}@{a.host}": utc(a.heartbeat_timestamp)
        for a in survey.tables.agents
        if not a.alive
    }
    alerts = {a.name: utc(a.active_at) for a in survey.tables.alerts}
    for finding in concerned:
        subject = finding.subject
        yield stopped.get(subject.id)
        yield services.get(subject.id)
        yield alerts.get(subject.id)
