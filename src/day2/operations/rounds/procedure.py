# SPDX-License-Identifier: Apache-2.0
"""One round: read the cloud, judge it against what is remembered, keep the result."""

from collections.abc import Callable, Sequence

import msgspec

from day2.adapters.clock import Clock
from day2.memory import rounds, surveys, usage
from day2.memory.retention import MemorySettings
from day2.memory.store import Memory
from day2.model.round import Before, Compared, Report
from day2.model.survey import Survey
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

Read = Callable[[], Survey]
Judge = Callable[[Survey, Sequence[Survey], Before], Report]
Count = Callable[[Survey], Counted]
# Their reports carry the usage; every round keeps it.
WITH_USAGE = frozenset({"weekly", "monthly", "quarterly"})


def run(
    *,
    read: Read,
    judge: Judge,
    count: Count,
    memory: Memory,
    retention: MemorySettings,
    clock: Clock,
    kind: str,
) -> Report:
    """Run one round and keep it: survey, report and usage in one transaction, or none of them.

    Raises:
        MemoryUnusable, Locked: when the memory cannot be read or written. The report is then lost,
            because a round that nobody can compare with is not a round.

    """
    survey = read()
    cloud, region = survey.cloud, survey.region
    before = remembered(memory, cloud=cloud, region=region, clock=clock)
    report = judge(survey, history(memory, cloud, region), before)
    counted = count(survey)
    if kind in WITH_USAGE:
        report = with_usage(report, counted)
    with memory.writing() as connection:
        survey_id = surveys.save(connection, survey)
        round_id = rounds.save(connection, report, survey_id)
        usage.save(connection, cloud, region, UsagePoint(at=report.at, rows=counted.rows))
        surveys.forget_old(connection, retention, clock.now(), cloud, region)
        usage.forget_old(connection, retention, clock.now(), cloud, region)
    return msgspec.structs.replace(report, id=round_id)


def with_usage(report: Report, counted: Counted) -> Report:
    """Add the usage to a report; what could not be counted is said among its notes."""
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
    )


def history(memory: Memory, cloud: str, region: str) -> list[Survey]:
    """Load the tables of services, hosts and containers of the newest surveys, newest first."""
    newest = surveys.latest(memory, cloud, region, count=HISTORY_SURVEYS)
    loaded = (surveys.load(memory, survey_id, HISTORY_KINDS) for survey_id, _at in newest)
    return [survey for survey in loaded if survey is not None]
