# SPDX-License-Identifier: Apache-2.0
"""The sections of evidence in their order, and what is said of all of them: scope and causes."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import structs

from day2.errors import Day2Error
from day2.model.evidence import Evidence, Section, State
from day2.model.logs import LogReview
from day2.model.round import Report
from day2.model.survey import Survey
from day2.operations.evidence import (
    judge,
    layouts,
    ranking,
    remembered,
    scope,
    since,
    tables,
)
from day2.operations.evidence import (
    told as telling,
)
from day2.operations.evidence.policy import EvidencePolicy
from day2.operations.evidence.told import Told
from day2.wiring import evidence_memory as memories
from day2.wiring.evidence_memory import Remembered

if TYPE_CHECKING:
    from day2.model.finding import Finding
    from day2.model.problem import Suspect
    from day2.wiring.site import Site

Asked = tuple[dict[str, Any] | None, str]


class Gathered(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that was read; `review_error` and the second of `ceph` say why not."""

    site: Any
    policy: EvidencePolicy
    since: datetime
    now: datetime
    survey: Survey
    report: Report
    review: LogReview | None
    review_error: str
    told: Told
    memory: Remembered
    ceph: Asked


def asked(ask: Callable[[], dict[str, Any] | None]) -> Asked:
    """Ask, and return the answer and why there is none."""
    try:
        return ask(), ""
    except Day2Error as error:
        return None, str(error)


def evidence(found: Gathered) -> Evidence:
    """Make the evidence of everything that was read."""
    facts = judge.judge(found.told)
    report = _with(found.report, facts)
    known = _known(found)
    sections = [
        remembered.judgement(report, found.memory.error),
        _changes(found),
        telling.containers(found.told, found.survey, known, found.now),
        *(
            tables.section(layout, found.survey, known, found.policy.rows_max)
            for layout in layouts.LAYOUTS
        ),
        remembered.ceph(*found.ceph),
        telling.vip(found.told),
        telling.keys(found.told),
        remembered.logs(found.review, found.review_error, found.since, found.now),
        telling.configuration(found.told, found.since, found.now),
        telling.images(found.told),
        remembered.runs(found.memory.runs[: found.policy.runs_max], found.memory.error, found.now),
    ]
    sections = [_with_processes(one, found.told) for one in sections]
    suspects = ranking.ranked(
        _suspects(found, report), report.findings, report.new, {fact.key for fact in facts}
    )
    whole = [one for one in sections if one.configured]
    seen = scope.Seen(
        findings=report.findings,
        folded=report.folded,
        hosts=_hosts(found, known),
        moments=since.moments(
            report.findings,
            report.folded,
            found.survey,
            found.told,
            found.memory.first_seen,
        ),
        good_at=found.memory.good.at if found.memory.good and found.memory.is_good else None,
    )
    complete = sum(1 for one in whole if one.state is State.READ)
    return Evidence(
        cloud=found.survey.cloud,
        region=found.survey.region,
        at=found.now,
        since=found.since,
        scope=scope.sentence(seen, now=found.now, sections=(complete, len(whole))),
        severity=report.severity,
        suspects=suspects,
        sections=sections,
        compared_with=found.memory.before.compared_with,
    )


def _suspects(found: Gathered, report: Report) -> list["Suspect"]:
    from day2.wiring import problems

    site: Site = found.site
    templates = found.review.templates if found.review is not None else []
    return problems.suspects(site, report, found.survey, templates)


def _with(report: Report, more: Sequence["Finding"]) -> Report:
    """Add findings, worst first; all of them count from the moment that they are seen."""
    from day2.model.severity import worst

    findings = sorted([*report.findings, *more], key=lambda f: f.severity.rank)
    return structs.replace(report, findings=findings, severity=worst(f.severity for f in findings))


def _known(found: Gathered) -> tables.Known | None:
    """Load of the newest kept survey what could not be read now, and who the hosts are."""
    kinds = {part.kind for layout in layouts.LAYOUTS for part in layout.parts}
    missing = {kind for kind in kinds if not found.survey.is_complete(kind)}
    if found.told.error or any(host.error for host in found.told.hosts):
        missing |= {"containers", "hosts"}
    if not missing:
        return None
    survey = memories.known(found.memory, missing)
    return None if survey is None else tables.Known(survey=survey, now=found.now)


def _hosts(found: Gathered, known: tables.Known | None) -> list[Any]:
    if found.survey.tables.hosts or known is None:
        return list(found.survey.tables.hosts)
    return list(known.survey.tables.hosts)


def _changes(found: Gathered) -> Section:
    memory = found.memory
    if memory.error or memory.good is None:
        why = memory.error or "no round is kept: day2 round daily keeps one"
        return remembered.unchanged(why, configured=bool(memory.error))
    try:
        changed = memories.changes(memory, found.survey)
    except Day2Error as error:
        return remembered.unchanged(str(error), configured=True)
    return remembered.changes(
        [(one.kind, one.sentence) for one in changed],
        memory.good,
        found.report,
        is_good=memory.is_good,
        rows_max=found.policy.rows_max,
        survey=found.survey,
        kept=memory.good_survey is not None,
    )


def _with_processes(section: Section, told: Told) -> Section:
    """Add to the hosts which processes hold most memory."""
    listed = telling.processes(told) if section.name == "hosts" else {}
    if not listed:
        return section
    return structs.replace(section, content={**section.content, "processes": listed})
