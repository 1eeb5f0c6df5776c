# SPDX-License-Identifier: Apache-2.0
"""One round: read the cloud, judge it against what is remembered, keep the result."""

from collections.abc import Callable, Sequence

import msgspec

from day2.adapters.clock import Clock
from day2.memory import rounds, surveys
from day2.memory.retention import MemorySettings
from day2.memory.store import Memory
from day2.model.round import Before, Compared, Report
from day2.model.survey import Survey

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


def run(
    *,
    read: Read,
    judge: Judge,
    memory: Memory,
    retention: MemorySettings,
    clock: Clock,
    cloud: str,
    region: str,
    kind: str,
) -> Report:
    """Run one round and keep it: survey and report in one transaction, or neither.

    Raises:
        MemoryUnusable, Locked: when the memory cannot be read or written. The report is then lost,
            because a round that nobody can compare with is not a round.

    """
    survey = read()
    before = remembered(memory, cloud=cloud, region=region, kind=kind, clock=clock)
    report = judge(survey, history(memory, cloud, region), before)
    with memory.writing() as connection:
        survey_id = surveys.save(connection, survey)
        round_id = rounds.save(connection, report, survey_id)
        surveys.forget_old(connection, retention, clock.now(), cloud, region)
    return msgspec.structs.replace(report, id=round_id)


def remembered(memory: Memory, *, cloud: str, region: str, kind: str, clock: Clock) -> Before:
    """Gather what this round is held against."""
    earlier = rounds.history(memory, cloud, region, kind=kind, count=1)
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
