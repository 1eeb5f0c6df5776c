# SPDX-License-Identifier: Apache-2.0
"""Pure: what of Cinder goes with a set, and which doubts keep the set."""

from datetime import UTC, datetime
from typing import Any

import pytest

from day2.model.tables.storage import VolumeBackup
from day2.operations.backup.volume_pruning import Ordered, goes_with, ours


def backup(own: str, name: str, day: int, **fields: Any) -> VolumeBackup:
    given = {"volume_id": "v", "status": "available", "project_id": "p", **fields}
    return VolumeBackup(id=own, name=name, created_at=datetime(2026, 1, day, tzinfo=UTC), **given)


OLD, NEW = backup("old", "day2-s1", 1), backup("new", "day2-s2", 2)


def gone(rows: list[VolumeBackup], *volumes: str, going: frozenset[str] = frozenset({"s1"})) -> Any:
    found, why = goes_with("s1", Ordered(backups=rows, volumes=frozenset(volumes)), going)
    return why or [(one.backup.id, one.newer.id if one.newer else None) for one in found]


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([OLD, NEW], [("old", "new")]),
        ([NEW, OLD], [("old", "new")]),
        ([OLD], "it has the newest backup of volume v"),
        # What is newer must be good, of the same volume, and newer.
        (
            [OLD, backup("new", "day2-s2", 2, status="error")],
            "it has the newest backup of volume v",
        ),
        (
            [OLD, backup("new", "day2-s2", 2, volume_id="w")],
            "it has the newest backup of volume v",
        ),
        ([backup("old", "day2-s1", 3), NEW], "it has the newest backup of volume v"),
        ([backup("old", "day2-s1", 3, status="error"), NEW], [("old", None)]),
        ([NEW], []),
    ],
)
def test_a_backup_goes_when_a_newer_good_one_stays(rows: list[VolumeBackup], expected: Any) -> None:
    assert gone(rows, "v") == expected


def test_the_last_of_a_volume_that_is_gone_goes() -> None:
    assert gone([OLD]) == [("old", None)]


def test_one_that_goes_at_the_same_time_is_no_newer_one() -> None:
    both = frozenset({"s1", "s2"})
    assert gone([OLD, NEW], "v", going=both) == "it has the newest backup of volume v"


def test_what_cannot_be_read_keeps_the_set() -> None:
    found, why = goes_with("s1", Ordered(unknown="Cinder does not answer"), {"s1"})
    assert (found, why) == ([], "what Cinder has of it is not known: Cinder does not answer")


def test_a_name_alone_is_not_ours() -> None:
    rows = [OLD, backup("t", "day2-s1", 1, project_id="theirs"), backup("n", "s1", 1)]
    assert ours(rows, "p") == [OLD]
    assert ours([backup("t", "day2-s1", 1, project_id="")], "") == []
