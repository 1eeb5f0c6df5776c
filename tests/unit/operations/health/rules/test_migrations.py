# SPDX-License-Identifier: Apache-2.0
from typing import Any

import pytest

from day2.model.severity import Severity
from day2.model.tables.compute import MIGRATION_UNFINISHED
from day2.operations.health.rules import migrations
from tests.unit.builders import ago, compute_service, facts, judged, keys, migration, server

STUCK = "compute.migration.stuck:migration:m1"


@pytest.mark.parametrize("status", sorted(MIGRATION_UNFINISHED))
def test_an_unfinished_migration_without_progress_is_stuck(status: str) -> None:
    assert keys(migrations.CHECKS, facts(migrations=[migration(status=status)])) == {STUCK}


@pytest.mark.parametrize(
    "fields",
    [
        {"status": "completed"},
        {"status": "finished"},
        {"status": "done"},
        {"status": "running", "updated_at": ago(minutes=60)},
        {"status": "running", "updated_at": None, "created_at": None},
        {"status": "error", "updated_at": ago(hours=24, seconds=1)},
        {"status": "error", "updated_at": None, "created_at": None},
    ],
)
def test_a_migration_that_ended_or_moves_is_well(fields: dict[str, Any]) -> None:
    assert keys(migrations.CHECKS, facts(migrations=[migration(**fields)])) == set()


@pytest.mark.parametrize(
    ("down", "host"),
    [([], "cmp1"), (["cmp2"], "cmp2"), (["cmp1"], "cmp1"), (["cmp1", "cmp2"], "cmp1")],
)
def test_it_hangs_on_the_host_that_is_down(down: list[str], host: str) -> None:
    given = facts(
        migrations=[migration(status="running")],
        servers=[server()],
        compute_services=[compute_service(name, state="down") for name in down],
    )
    (found,) = judged(migrations.CHECKS, given)
    assert found.subject.host == host
    assert "name-of-s1 from cmp1 to cmp2 is running" in found.summary


def test_failed_moves_are_one_word_for_each_host() -> None:
    moves = [migration(f"m{n}", status="error", updated_at=ago(hours=1)) for n in range(3)]
    other = migration("m9", status="failed", source_compute="cmp9", updated_at=ago(hours=24))
    found = judged(migrations.CHECKS, facts(migrations=[*moves, other]))
    assert {f.key for f in found} == {
        "compute.migration.failed:host:cmp1",
        "compute.migration.failed:host:cmp9",
    }
    assert {f.severity for f in found} == {Severity.INFO}
    assert "3 live-migration" in found[0].summary


HALF = {"compute.migration.half_done:server:s1"}


def test_a_server_that_never_left_is_found_when_its_move_is_completed() -> None:
    done: dict[str, Any] = {"id": 7, "status": "completed", "migration_type": "live-migration"}
    at_home = [server(host="cmp1")]
    assert keys(migrations.CHECKS, facts(migrations=[migration(**done)], servers=at_home)) == HALF
    gone = [server(host="cmp2")]
    assert keys(migrations.CHECKS, facts(migrations=[migration(**done)], servers=gone)) == set()


@pytest.mark.parametrize(
    "fields",
    [
        {"migration_type": "resize"},
        {"updated_at": ago(seconds=5)},
        {"dest_compute": None},
        {"dest_compute": "cmp1"},
        {"status": "cancelled"},
    ],
)
def test_other_moves_say_nothing_of_where_it_is(fields: dict[str, Any]) -> None:
    move = migration(
        **{"id": 7, "status": "completed", "migration_type": "live-migration", **fields}
    )
    given = facts(migrations=[move], servers=[server(host="cmp1")])
    assert not HALF & keys(migrations.CHECKS, given)


def test_only_the_newest_move_tells_and_only_of_lists_that_are_whole() -> None:
    done = {"status": "completed", "migration_type": "live-migration"}
    back = migration(id=8, source_compute="cmp2", dest_compute="cmp1", **done)
    moves = [migration(id=7, **done), back]
    given = facts(migrations=moves, servers=[server(host="cmp1")])
    assert not HALF & keys(migrations.CHECKS, given)
    partly = facts(migrations=moves[:1], servers=[server(host="cmp1")], gaps=["servers"])
    assert not HALF & keys(migrations.CHECKS, partly)
