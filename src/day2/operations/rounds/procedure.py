# SPDX-License-Identifier: Apache-2.0
"""One round: read the cloud, judge it against what is remembered, keep the result."""

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from day2.adapters.clock import Clock
from day2.errors import Day2Error, Locked, MemoryUnusable
from day2.memory import rounds, surveys, usage
from day2.memory.retention import MemorySettings
from day2.memory.store import Memory
from day2.model.finding import Finding
from day2.model.logs import LogTemplate
from day2.model.round import Before, Compared, NotKept, Report
from day2.model.severity import worst
from day2.model.survey import Gap, Survey
from day2.model.usage import Counted, UsagePoint

HISTORY_KINDS = (
    "compute_services",
    "agents",
    "volume_services",
    "hosts",
    "containers",
    "database_nodes",
)
HISTORY_SURVEYS = 10


class Addition(msgspec.Struct, frozen=True, kw_only=True):
    """What a room adds to a round, beside the checks over the survey.

    `checks` are the names under which it ever has findings; `gone` and `unjudged` are keys of such
    findings of before; `keep` is called with the transaction that keeps the round. `templates` are
    of its log review.
    """

    checks: frozenset[str]
    findings: list[Finding] = []
    gaps: list[Gap] = []
    gone: list[str] = []
    unjudged: list[str] = []
    templates: list[LogTemplate] = []
    keep: Callable[[Any], object] | None = None


Read = Callable[[], Survey]
Judge = Callable[[Survey, Sequence[Survey], Before], Report]
Add = Callable[[Before], Addition]
Count = Callable[[Survey], Counted]
Suspect = Callable[[Report, Survey, Sequence[LogTemplate]], Report]
# Their reports carry the usage; every round keeps it.
WITH_USAGE = frozenset({"weekly", "monthly", "quarterly"})


def run(
    *,
    read: Read,
    judge: Judge,
    count: Count,
    memory: Callable[[], Memory],
    retention: MemorySettings,
    clock: Clock,
    suspect: Suspect,
    additions: Sequence[Add] = (),
) -> Report:
    """Run one round and keep it: survey, report and usage in one transaction, or none of them.

    `suspect` adds the known problems; `memory` opens it. Without a memory (its disk is full,
    somebody holds it) the cloud is judged all the same, by itself: the report then says that it was
    not kept, and why. Rooms that hold what they found against earlier findings add nothing to such
    a round.
    """
    survey = read()
    cloud, region = survey.cloud, survey.region
    try:
        opened = memory()
        before = remembered(opened, cloud=cloud, region=region, clock=clock)
        past = history(opened, cloud, region)
        added = [add(before) for add in additions]
    except (MemoryUnusable, Locked) as error:
        counted = count(survey)
        alone = suspect(judge(survey, [], Before()), survey, [])
        return not_kept(with_usage(alone, counted), error)
    report = judge(survey, past, without(before, added))
    for addition in added:
        report = with_addition(report, addition, before)
    report = suspect(report, survey, [t for addition in added for t in addition.templates])
    counted = count(survey)
    report = with_usage(report, counted)
    try:
        with opened.writing() as connection:
            survey_id = surveys.save(connection, survey)
            round_id = rounds.save(connection, report, survey_id)
            usage.save(connection, cloud, region, UsagePoint(at=report.at, rows=counted.rows))
            surveys.forget_old(connection, retention, clock.now(), cloud, region)
            usage.forget_old(connection, retention, clock.now(), cloud, region)
            for addition in added:
                if addition.keep is not None:
                    addition.keep(connection)
    except (MemoryUnusable, Locked) as error:
        return not_kept(report, error)
    return msgspec.structs.replace(report, id=round_id)


def not_kept(report: Report, error: Day2Error) -> Report:
    """Say in a report why the memory does not have it."""
    why = NotKept(message=str(error), hint=error.hint, exit_code=error.exit_code)
    return msgspec.structs.replace(report, not_kept=why)


def without(before: Before, added: Sequence[Addition]) -> Before:
    """Leave out the open findings of which others than the checks over the survey can say more."""
    theirs = frozenset[str]().union(*(addition.checks for addition in added))
    kept = {key: check for key, check in before.open_checks.items() if check not in theirs}
    return msgspec.structs.replace(before, open_checks=kept)


def with_addition(report: Report, addition: Addition, before: Before) -> Report:
    """Add what a room has found: worst first, muted ones counted, new ones named."""
    shown = [f for f in addition.findings if not before.mutes(f)]
    findings = sorted((*report.findings, *shown), key=lambda f: f.severity.rank)
    known = {f.key for f in addition.findings if before.acknowledges(f)}
    new = {f.key for f in shown if f.key not in before.open_checks and before.compared_with}
    return msgspec.structs.replace(
        report,
        findings=findings,
        severity=worst(f.severity for f in findings if not before.acknowledges(f)),
        muted=report.muted + len(addition.findings) - len(shown),
        acknowledged=sorted({*report.acknowledged, *known}),
        gaps=[*report.gaps, *addition.gaps],
        new=sorted({*report.new, *new}),
        gone=sorted({*report.gone, *addition.gone}),
        unjudged=sorted({*report.unjudged, *addition.unjudged}),
    )


def with_usage(report: Report, counted: Counted) -> Report:
    """Add the usage to the report of a round that shows it, and what could not be counted."""
    if report.kind not in WITH_USAGE:
        return report
    said = [*(gap.message for gap in counted.gaps), *counted.notes]
    return msgspec.structs.replace(report, usage=counted.rows, usage_notes=said)


def remembered(memory: Memory, *, cloud: str, region: str, clock: Clock) -> Before:
    """Gather what this round is held against: the last one, whatever its kind was.

    Every kind of round judges the whole cloud and shares the findings that are open.
    """
    earlier = rounds.history(memory, cloud, region, count=1)
    words = rounds.acknowledged(memory, cloud, region, clock.now())
    known = rounds.open_findings(memory, cloud, region)
    compared = None
    if earlier and earlier[0][0].id is not None:
        compared = Compared(id=earlier[0][0].id, at=earlier[0][0].at)
    return Before(
        compared_with=compared,
        open_checks={key: finding.finding.check for key, finding in known.items()},
        muted=frozenset(key for key, word in words.items() if word.kind == "mute"),
        acknowledged=frozenset(key for key, word in words.items() if word.kind == "ack"),
        said_of={key: word.severity for key, word in words.items() if word.severity},
    )


def history(memory: Memory, cloud: str, region: str) -> list[Survey]:
    """Load the tables of services, hosts and containers of the newest surveys, newest first."""
    newest = surveys.latest(memory, cloud, region, count=HISTORY_SURVEYS)
    loaded = (surveys.load(memory, survey_id, HISTORY_KINDS) for survey_id, _at in newest)
    return [survey for survey in loaded if survey is not None]
