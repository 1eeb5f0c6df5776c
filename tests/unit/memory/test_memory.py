# SPDX-License-Identifier: Apache-2.0
import sqlite3
import stat
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from day2.errors import MemoryUnusable
from day2.memory import rounds, surveys
from day2.memory.retention import MemorySettings
from day2.memory.schema import HEAD, metadata, survey_tables
from day2.memory.store import MIGRATIONS, Memory, open_memory
from day2.model.finding import Finding, Subject
from day2.model.round import Report
from day2.model.severity import Severity
from day2.model.survey import Gap, Reading, Survey, Tables
from day2.model.tables.compute import Server

AT = datetime(2026, 1, 1, 9, tzinfo=UTC)


@pytest.fixture
def memory(tmp_path: Path) -> Memory:
    return open_memory(tmp_path / "state")


def survey(at: datetime = AT, cloud: str = "c") -> Survey:
    return Survey(
        cloud=cloud,
        region="r",
        started_at=at,
        ended_at=at,
        tables=Tables(servers=[Server(id="1", name="web", status="ACTIVE")]),
        readings={"servers": Reading(rows=1, requests=1, seconds=0.5)},
        gaps=[Gap(kind="ports", what="ports", error="Denied", message="no")],
    )


def finding(key: str, severity: Severity = Severity.WARNING) -> Finding:
    subject = Subject(type="host", id=key)
    return Finding(key=key, check="c", severity=severity, subject=subject, summary=key, why="w")


def report(*keys: str, at: datetime = AT, gone: tuple[str, ...] = ()) -> Report:
    return Report(
        kind="daily",
        cloud="c",
        region="r",
        at=at,
        severity=Severity.WARNING,
        findings=[finding(key) for key in keys],
        gone=list(gone),
    )


def test_head_is_the_newest_migration() -> None:
    assert ScriptDirectory(str(MIGRATIONS)).get_heads() == [HEAD]


def test_migrations_make_the_tables_that_the_code_expects(memory: Memory) -> None:
    with memory.reading() as connection:
        found = compare_metadata(MigrationContext.configure(connection), metadata)
    assert found == []


def test_the_memory_is_private(memory: Memory) -> None:
    assert stat.S_IMODE(memory.folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((memory.folder / "memory.sqlite").stat().st_mode) == 0o600


def test_a_survey_comes_back_as_it_went(memory: Memory) -> None:
    with memory.writing() as connection:
        saved = surveys.save(connection, survey())
    assert surveys.load(memory, saved) == survey()


def test_only_the_tables_that_are_asked_for_are_loaded(memory: Memory) -> None:
    with memory.writing() as connection:
        saved = surveys.save(connection, survey())
    found = surveys.load(memory, saved, ["ports"])
    assert found is not None
    assert found.tables.servers == []


def test_old_surveys_go_and_the_newest_stays(memory: Memory) -> None:
    with memory.writing() as connection:
        old = [surveys.save(connection, survey(AT + timedelta(hours=i))) for i in range(3)]
        other = surveys.save(connection, survey(cloud="other"))
        later = AT + timedelta(days=400)
        surveys.forget_old(connection, MemorySettings(), later, "c", "r")
    assert [surveys.load(memory, i) is None for i in old] == [True, True, False]
    assert surveys.load(memory, other) is not None


def test_a_finding_keeps_its_first_moment_until_it_is_gone(memory: Memory) -> None:
    day = timedelta(days=1)
    with memory.writing() as connection:
        rounds.save(connection, report("a", "b"), None)
        rounds.save(connection, report("a", at=AT + day, gone=("b",)), None)
    known = {row.finding.key: row for row in rounds.known_findings(memory, "c", "r")}
    assert (known["a"].first_seen_at, known["a"].last_seen_at) == (AT, AT + day)
    assert known["b"].gone_at == AT + day
    assert set(rounds.open_findings(memory, "c", "r")) == {"a"}


def test_a_finding_that_returns_begins_anew(memory: Memory) -> None:
    day = timedelta(days=1)
    with memory.writing() as connection:
        rounds.save(connection, report("a"), None)
        rounds.save(connection, report(at=AT + day, gone=("a",)), None)
        rounds.save(connection, report("a", at=AT + 2 * day), None)
    (known,) = rounds.known_findings(memory, "c", "r")
    assert known.first_seen_at == AT + 2 * day
    assert known.gone_at is None


def test_the_newest_word_counts_and_ends(memory: Memory) -> None:
    def word(kind: str, until: datetime) -> rounds.Acknowledgement:
        return rounds.Acknowledgement(
            key="a", kind=kind, reason="r", ticket="", by="me", at=AT, until=until
        )

    rounds.acknowledge(memory, "c", "r", word("mute", AT + timedelta(days=9)))
    rounds.acknowledge(memory, "c", "r", word("ack", AT + timedelta(days=1)))
    assert rounds.acknowledged(memory, "c", "r", AT)["a"].kind == "ack"
    assert rounds.acknowledged(memory, "c", "r", AT + timedelta(days=2)) == {}


def test_a_word_keeps_how_bad_the_finding_was(tmp_path: Path) -> None:
    open_memory(tmp_path).close()
    with sqlite3.connect(tmp_path / "memory.sqlite") as connection:
        # As day2 wrote it before words had a severity.
        connection.execute("ALTER TABLE acknowledgements DROP COLUMN severity")
        connection.execute(
            "INSERT INTO acknowledgements (cloud, region, key, kind, reason, ticket, by, at, until)"
            " VALUES ('c', 'r', 'old', 'ack', 'r', '', 'me', ?, ?)",
            (AT.isoformat(), (AT + timedelta(days=9)).isoformat()),
        )
        connection.execute("UPDATE alembic_version SET version_num = '0004'")
    connection.close()
    memory = open_memory(tmp_path)
    word = rounds.Acknowledgement(
        key="a",
        kind="ack",
        reason="r",
        ticket="",
        by="me",
        at=AT,
        until=AT + timedelta(days=1),
        severity=Severity.WARNING,
    )
    rounds.acknowledge(memory, "c", "r", word)
    known = rounds.acknowledged(memory, "c", "r", AT)
    assert known["a"].severity is Severity.WARNING
    assert not known["a"].holds_for(Severity.CRITICAL)
    assert known["old"].severity is None
    assert known["old"].holds_for(Severity.CRITICAL)


def test_an_interrupted_write_leaves_nothing(memory: Memory) -> None:
    with pytest.raises(RuntimeError), memory.writing() as connection:
        surveys.save(connection, survey())
        raise RuntimeError
    assert surveys.latest(memory, "c", "r") == []


def test_a_newer_memory_is_refused(tmp_path: Path) -> None:
    open_memory(tmp_path).close()
    with sqlite3.connect(tmp_path / "memory.sqlite") as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    with pytest.raises(MemoryUnusable, match="newer day2"):
        open_memory(tmp_path)


def test_a_damaged_memory_is_a_named_error(tmp_path: Path) -> None:
    (tmp_path / "memory.sqlite").write_bytes(b"this is not a database" * 100)
    with pytest.raises(MemoryUnusable, match="cannot be used"):
        open_memory(tmp_path)


def test_a_folder_that_cannot_be_made_is_a_named_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(MemoryUnusable, match="cannot keep a memory"):
        open_memory(tmp_path / "file" / "state")


def test_a_full_disk_is_a_named_error_and_nothing_is_half_written(memory: Memory) -> None:
    with memory.reading() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()

    def limit(connection: sa.Connection) -> None:
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")

    big = survey()
    rows = [Server(id=str(i), name=f"{i * 7919}" * 9, status="ACTIVE") for i in range(20_000)]
    big = Survey(
        cloud="c",
        region="r",
        started_at=AT,
        ended_at=AT,
        tables=Tables(servers=rows),
        readings=big.readings,
    )
    with pytest.raises(MemoryUnusable, match="full"), memory.writing() as connection:
        limit(connection)
        surveys.save(connection, big)
    assert surveys.latest(memory, "c", "r") == []


def spoil(memory: Memory, statement: str) -> None:
    with memory.writing() as connection:
        connection.exec_driver_sql(statement)


def test_a_survey_of_another_version_is_not_kept_any_more(memory: Memory) -> None:
    with memory.writing() as connection:
        saved = [surveys.save(connection, survey()) for _one in range(2)]
        older = surveys._pack(msgspec.msgpack.encode([{"id": "1"}]))  # noqa: SLF001 - of before
        connection.execute(
            survey_tables.update().where(survey_tables.c.survey_id == saved[0]).values(packed=older)
        )
    spoil(memory, "UPDATE surveys SET document = x'00' WHERE id = (SELECT max(id) FROM surveys)")
    assert [surveys.load(memory, number) for number in saved] == [None, None]


@pytest.mark.parametrize(
    ("statement", "read"),
    [
        ("UPDATE rounds SET report = x'00'", rounds.history),
        ("UPDATE rounds SET report = x'00'", rounds.tallies),
        ("UPDATE findings SET document = CAST('{}' AS BLOB)", rounds.known_findings),
    ],
)
def test_what_cannot_be_read_back_is_a_named_error(
    memory: Memory, statement: str, read: Callable[[Memory, str, str], object]
) -> None:
    with memory.writing() as connection:
        rounds.save(connection, report("a"), None)
    spoil(memory, statement)
    with pytest.raises(MemoryUnusable, match="cannot be read"):
        read(memory, "c", "r")


def test_findings_are_forgotten_with_the_rounds_that_had_them(memory: Memory) -> None:
    with memory.writing() as connection:
        rounds.save(connection, report("long gone", "still there"), None)
        rounds.save(connection, report(at=AT + timedelta(days=1), gone=("long gone",)), None)
        later = AT + timedelta(days=900)
        surveys.forget_old(connection, MemorySettings(), later, "c", "r")
    known = rounds.known_findings(memory, "c", "r")
    assert [one.finding.key for one in known] == ["still there"]
