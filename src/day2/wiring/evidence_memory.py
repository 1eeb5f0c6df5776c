# SPDX-License-Identifier: Apache-2.0
"""What day2 remembers of a cloud, for evidence: the last good round, its survey, recent runs."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

import msgspec
from msgspec import structs

from day2.errors import Locked, MemoryUnusable
from day2.model.round import Before, Compared, Report
from day2.model.run import Run
from day2.model.severity import Severity
from day2.model.survey import Survey

if TYPE_CHECKING:
    from datetime import datetime

    from day2.memory.store import Memory
    from day2.survey.compare import Change
    from day2.wiring.site import Site

ROUNDS = 60


class Remembered(msgspec.Struct, kw_only=True):
    """What was found; `error` says why nothing was.

    `last` is the newest round, `good` the one that changes are told against: the newest that had
    nothing critical and read everything, else the newest of all (`is_good` False). `earlier` are
    the ids of their surveys.
    """

    opened: "Memory | None" = None
    error: str = ""
    before: Before = msgspec.field(default_factory=Before)
    history: list[Survey] = []
    last: Report | None = None
    last_survey: int | None = None
    good: Report | None = None
    good_survey: int | None = None
    is_good: bool = False
    first_seen: dict[str, "datetime"] = {}
    runs: list[Run] = []


def remember(site: "Site") -> Remembered:
    """Read the memory; that it cannot be read is told, never raised."""
    from day2.memory import rounds, runs
    from day2.operations.rounds import procedure

    found = Remembered()
    try:
        memory = site.memory
        cloud, region = site.cloud, site.region
        kept = rounds.history(memory, cloud, region, count=ROUNDS)
        known = rounds.open_findings(memory, cloud, region)
        found.history = procedure.history(memory, cloud, region)
        found.runs = runs.listed(memory, cloud, region, count=50)
    except (MemoryUnusable, Locked) as error:
        found.error = str(error)
        return found
    found.opened = memory
    found.first_seen = {key: one.first_seen_at for key, one in known.items()}
    if kept:
        found.last, found.last_survey = kept[0]
        good = [(report, survey) for report, survey in kept if _good(report)]
        found.is_good = bool(good)
        found.good, found.good_survey = good[0] if good else kept[0]
    remembered = procedure.remembered(memory, cloud=cloud, region=region, clock=site.clock)
    # Nobody's word hides anything here: at night all of it counts.
    found.before = Before(compared_with=_compared(found.good), open_checks=remembered.open_checks)
    return found


def known(found: Remembered, kinds: Iterable[str]) -> Survey | None:
    """Load the newest kept survey with these tables only; None without one."""
    from day2.memory import surveys

    if found.opened is None or found.last_survey is None:
        return None
    try:
        return surveys.load(found.opened, found.last_survey, list(kinds))
    except (MemoryUnusable, Locked):
        return None


def changes(found: Remembered, survey: Survey) -> list["Change"]:
    """Hold the survey against that of the last good round, table by table: a cloud is large.

    Raises:
        MemoryUnusable, Locked: when the memory cannot be read.

    """
    from day2.memory import surveys
    from day2.survey.compare import WATCHED, compare

    if found.opened is None or found.good_survey is None:
        return []
    told: list[Change] = []
    for kind in WATCHED:
        earlier = surveys.load(found.opened, found.good_survey, [kind])
        if earlier is not None and earlier.was_read(kind):
            told += compare(_only(earlier, kind), _only(survey, kind))
    return told


def _only(survey: Survey, kind: str) -> Survey:
    return structs.replace(
        survey, readings={name: one for name, one in survey.readings.items() if name == kind}
    )


def _good(report: Report) -> bool:
    worst = {finding.severity for finding in report.findings}
    return not report.gaps and Severity.CRITICAL not in worst and Severity.UNKNOWN not in worst


def _compared(report: Report | None) -> Compared | None:
    if report is None or report.id is None:
        return None
    return Compared(id=report.id, at=report.at)
