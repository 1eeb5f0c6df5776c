# SPDX-License-Identifier: Apache-2.0
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from day2.adapters.clock import SystemClock
from day2.memory import rounds, usage
from day2.memory.retention import MemorySettings
from day2.memory.store import Memory, open_memory
from day2.model.finding import Finding, Subject
from day2.model.round import Before, Report, Tally
from day2.model.severity import Severity
from day2.model.survey import Gap, Survey
from day2.model.usage import Counted, Usage, UsagePoint
from day2.operations.rounds import procedure
from tests.unit import builders as b

AT = datetime(2026, 1, 1, 9, tzinfo=UTC)
DAY = timedelta(days=1)
ROW = Usage(scope="cloud", name="c1", resource="VCPU", allocated=3.0, usable=8.0, moving=1.0)


@pytest.fixture
def memory(tmp_path: Path) -> Memory:
    return open_memory(tmp_path / "state")


def keep(memory: Memory, *moments: datetime, cloud: str = "c") -> None:
    with memory.writing() as connection:
        for moment in moments:
            usage.save(connection, cloud, "r", UsagePoint(at=moment, rows=[ROW]))


def test_points_come_back_newest_first_and_only_of_the_days_asked_for(memory: Memory) -> None:
    keep(memory, AT - 9 * DAY, AT - 2 * DAY, AT)
    keep(memory, AT, cloud="other")
    found = usage.history(memory, "c", "r", days=7, now=AT)
    assert found == [UsagePoint(at=AT, rows=[ROW]), UsagePoint(at=AT - 2 * DAY, rows=[ROW])]
    assert usage.moments(memory, "c", "r", days=7, now=AT) == [AT, AT - 2 * DAY]
    assert usage.at(memory, "c", "r", AT - 9 * DAY) == UsagePoint(at=AT - 9 * DAY, rows=[ROW])
    assert usage.at(memory, "c", "r", AT + DAY) is None


def test_a_point_of_another_version_is_none(memory: Memory) -> None:
    keep(memory, AT - DAY, AT)
    with memory.writing() as connection:
        connection.exec_driver_sql("UPDATE usage SET rows = x'00' WHERE at LIKE '2025-%'")
    assert usage.history(memory, "c", "r", days=7, now=AT) == [UsagePoint(at=AT, rows=[ROW])]
    assert usage.at(memory, "c", "r", AT - DAY) is None


def test_points_go_with_the_rounds(memory: Memory) -> None:
    keep(memory, AT, AT + 10 * DAY)
    keep(memory, AT, cloud="other")
    with memory.writing() as connection:
        settings = MemorySettings(round_retention_days=5)
        usage.forget_old(connection, settings, AT + 10 * DAY, "c", "r")
    assert usage.moments(memory, "c", "r", days=99, now=AT + DAY) == [AT + 10 * DAY]
    assert usage.moments(memory, "other", "r", days=99, now=AT + DAY) == [AT]


def test_nothing_counted_is_not_kept_as_nothing_used(memory: Memory) -> None:
    with memory.writing() as connection:
        usage.save(connection, "c", "r", UsagePoint(at=AT, rows=[]))
    assert usage.at(memory, "c", "r", AT) is None


def finding(name: str, severity: Severity) -> Finding:
    subject = Subject(type="host", id=name)
    return Finding(key=name, check="c", severity=severity, subject=subject, summary="s", why="w")


def report(at: datetime, *findings: Finding, **fields: object) -> Report:
    given = {
        "kind": "daily",
        "cloud": "c1",
        "region": "r1",
        "at": at,
        "severity": Severity.WARNING,
        "findings": list(findings),
        **fields,
    }
    return Report(**given)  # type: ignore[arg-type]


def test_rounds_are_counted_by_severity_newest_first(memory: Memory) -> None:
    lost = [Gap(kind="ports", what="ports", error="Denied", message="no")]
    two = [finding("a", Severity.WARNING), finding("b", Severity.CRITICAL)]
    with memory.writing() as connection:
        first = rounds.save(connection, report(AT), None)
        second = rounds.save(connection, report(AT + DAY, *two, gaps=lost), None)
    assert rounds.tallies(memory, "c1", "r1") == [
        Tally(
            id=second,
            kind="daily",
            at=AT + DAY,
            severity=Severity.WARNING,
            counts={Severity.WARNING: 1, Severity.CRITICAL: 1},
            gaps=1,
        ),
        Tally(id=first, kind="daily", at=AT, severity=Severity.WARNING),
    ]


@pytest.mark.parametrize(("kind", "shown"), [("daily", []), ("weekly", [ROW])])
def test_every_round_keeps_the_usage_and_the_weekly_one_reports_it(
    memory: Memory, kind: str, shown: list[Usage]
) -> None:
    def judge(survey: Survey, _history: object, before: Before) -> Report:
        compared = before.compared_with
        return report(survey.ended_at, kind=kind, compared_with=compared)

    gap = Gap(kind="usage", what="usage by pool", error="Denied", message="pools: refused")
    found = procedure.run(
        read=lambda: b.survey(servers=[]),
        judge=judge,
        count=lambda _survey: Counted(rows=[ROW], gaps=[gap], notes=["a note"]),
        memory=lambda: memory,
        retention=MemorySettings(),
        clock=SystemClock(),
        suspect=lambda report, _survey, _templates: report,
    )
    assert found.usage == shown
    assert found.usage_notes == (["pools: refused", "a note"] if shown else [])
    assert usage.at(memory, "c1", "r1", found.at) is not None


def test_a_weekly_round_is_held_against_the_daily_one_before_it(memory: Memory) -> None:
    with memory.writing() as connection:
        first = rounds.save(connection, report(AT), None)
    before = procedure.remembered(memory, cloud="c1", region="r1", clock=SystemClock())
    assert before.compared_with is not None
    assert before.compared_with.id == first
