# SPDX-License-Identifier: Apache-2.0
"""Reviews come back as they were; what was seen once is not new again; old ones go."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from day2.memory import logs
from day2.memory.retention import MemorySettings
from day2.memory.store import open_memory
from day2.model.logs import LogReview, LogTemplate

NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)


def review(at: datetime, *keys: str, cloud: str = "c", source: str = "files") -> LogReview:
    templates = [
        LogTemplate(
            key=key,
            service="nova",
            level="ERROR",
            template=f"t {key}",
            count=1,
            first_seen_at=at - timedelta(hours=2),
            last_seen_at=at - timedelta(hours=1),
        )
        for key in keys
    ]
    return LogReview(
        cloud=cloud,
        region="",
        at=at,
        since=at - timedelta(days=1),
        until=at,
        source=source,
        templates=templates,
    )


def test_reviews_come_back_newest_first(tmp_path: Path) -> None:
    memory = open_memory(tmp_path)
    older, newer = review(NOW - timedelta(days=1), "a"), review(NOW, "a", "b")
    with memory.writing() as connection:
        for one in (older, newer, review(NOW, "x", cloud="other")):
            logs.keep(connection, one, MemorySettings())
    found = logs.history(memory, "c", "", 5)
    assert [[t.key for t in one.templates] for one in found] == [["a", "b"], ["a"]]
    assert [one.id for one in found] == [2, 1]
    assert len(logs.history(memory, "c", "", 1)) == 1
    memory.close()


def test_a_template_has_a_life(tmp_path: Path) -> None:
    memory = open_memory(tmp_path)
    with memory.writing() as connection:
        for days in (3, 0, 1):
            logs.save(connection, review(NOW - timedelta(days=days), "a"))
    (known,) = logs.templates(memory, "c", "")
    assert known.first_seen_at == NOW - timedelta(days=3, hours=2)
    assert known.last_seen_at == NOW - timedelta(hours=1)
    memory.close()


def test_old_reviews_and_templates_are_forgotten(tmp_path: Path) -> None:
    memory = open_memory(tmp_path)
    with memory.writing() as connection:
        logs.save(connection, review(NOW - timedelta(days=20), "a", "b"))
        logs.keep(connection, review(NOW, "b"), MemorySettings(round_retention_days=10))
    assert [one.at for one in logs.history(memory, "c", "")] == [NOW]
    assert [known.key for known in logs.templates(memory, "c", "")] == ["b"]
    memory.close()


def test_a_review_that_read_nothing_is_not_kept(tmp_path: Path) -> None:
    memory = open_memory(tmp_path)
    with memory.writing() as connection:
        assert logs.keep(connection, review(NOW, source=""), MemorySettings()) is None
    assert logs.history(memory, "c", "") == []
    memory.close()


def test_a_review_of_another_version_hides_no_other(tmp_path: Path) -> None:
    memory = open_memory(tmp_path)
    with memory.writing() as connection:
        for days in (0, 1):
            logs.save(connection, review(NOW + timedelta(days=days), "a"))
        connection.exec_driver_sql("UPDATE log_reviews SET review = x'00' WHERE id = 1")
    assert [found.id for found in logs.history(memory, "c", "")] == [2]
