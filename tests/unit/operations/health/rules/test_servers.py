# SPDX-License-Identifier: Apache-2.0
from datetime import timedelta
from typing import Any

import pytest

from day2.model.severity import Severity
from day2.model.tables.compute import ServerFault, ServerOwnFault
from day2.operations.health.policy import HealthPolicy
from day2.operations.health.rules import server_places, servers
from tests.unit.builders import (
    HOSTILE,
    NOW,
    ago,
    compute_service,
    facts,
    judged,
    keys,
    migration,
    port,
    project,
    server,
)

CHECKS = (*servers.CHECKS, *server_places.CHECKS)
TASK, BUILD = "server.task.stuck:server:s1", "server.build.stuck:server:s1"
RESIZE, POWER = "server.resize.unconfirmed:server:s1", "server.power.differs:server:s1"


def test_a_well_server_has_no_finding() -> None:
    given = facts(servers=[server()], ports=[port()], compute_services=[compute_service()])
    assert keys(CHECKS, given) == set()


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"task_state": "powering-off"}, {TASK}),
        ({"task_state": "powering-off", "updated": ago(minutes=30)}, set()),
        ({"task_state": "powering-off", "updated": ago(minutes=30, seconds=1)}, {TASK}),
        ({"task_state": "powering-off", "updated": None}, set()),
        ({"task_state": "powering-off", "updated": NOW + timedelta(days=1)}, set()),
        ({"status": "BUILD", "task_state": "spawning"}, {BUILD}),
        ({"status": "BUILD", "updated": ago(minutes=15)}, set()),
        ({"status": "BUILD", "updated": None, "created": ago(minutes=16)}, {BUILD}),
        ({"status": "ERROR", "task_state": "deleting"}, {"server.error:server:s1"}),
        ({"status": "VERIFY_RESIZE", "updated": ago(hours=73)}, {RESIZE}),
        ({"status": "VERIFY_RESIZE", "updated": ago(hours=72)}, set()),
        ({"status": "VERIFY_RESIZE", "updated": ago(hours=73), "task_state": "x"}, {TASK}),
        ({"power_state": 4}, {POWER}),
        ({"power_state": 3}, {POWER}),
        ({"power_state": 4, "updated": ago(minutes=30)}, set()),
        ({"power_state": None}, set()),
        ({"status": "SHUTOFF"}, {POWER}),
        ({"status": "SHUTOFF", "power_state": 4}, set()),
        ({"status": "PAUSED", "power_state": 3}, set()),
        ({"status": "UNKNOWN", "task_state": "x", "power_state": 0}, set()),
    ],
)
def test_a_server_by_its_state_and_age(fields: dict[str, Any], expected: set[str]) -> None:
    assert keys(CHECKS, facts(servers=[server(**fields)])) == expected


def test_a_server_on_its_way_is_judged_by_its_migration() -> None:
    moving = server(status="MIGRATING", task_state="migrating")
    still = facts(servers=[moving], migrations=[migration(status="running")])
    over = facts(servers=[moving], migrations=[migration(status="completed")])
    assert keys(CHECKS, still) == set()
    assert keys(CHECKS, over) == {TASK}


def test_an_error_says_whose_it_is_and_why() -> None:
    broken = server(
        status="ERROR", fault=ServerFault(code=500, message="No valid\nhost", created=ago(days=9))
    )
    (found,) = judged(CHECKS, facts(servers=[broken], projects=[project()]))
    assert found.severity is Severity.WARNING
    assert found.summary == (
        "server name-of-s1 (project name-of-p1, on cmp1) is in ERROR for 9 d: No valid host"
    )
    assert found.evidence["since"] == "2026-04-25T09:00:00+00:00"


def test_the_why_names_the_setting_with_its_value() -> None:
    given = facts(
        servers=[server(task_state="x", updated=ago(minutes=8))],
        policy=HealthPolicy(server_task_minutes=7),
    )
    (found,) = judged(CHECKS, given)
    assert found.why == "health.server_task_minutes = 7"


@pytest.mark.parametrize(
    ("service", "expected"),
    [
        ({"state": "down"}, 1),
        ({"state": "down", "status": "disabled"}, 1),
        ({"state": "down", "status": "disabled", "disabled_reason": "AUTO: lost libvirt"}, 1),
        ({"state": "down", "status": "disabled", "disabled_reason": "new DIMM, kim"}, 0),
        ({"state": "up", "forced_down": True}, 1),
        ({"state": "down", "status": "UNKNOWN"}, 0),
        ({"state": "down", "binary": "nova-conductor"}, 0),
        ({}, 0),
    ],
)
def test_a_server_on_a_host_that_does_not_report(service: dict[str, Any], expected: int) -> None:
    given = facts(
        servers=[server(), server("s2", status="SHUTOFF", power_state=4)],
        compute_services=[compute_service(**service)],
    )
    found = judged(CHECKS, given, "server.host.down")
    assert [f.key for f in found] == ["server.host.down:server:s1"] * expected
    assert all(f.subject.host == "cmp1" for f in found)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, {"server.host.unknown:host:gone1"}),
        ({"gaps": ["compute_services"]}, set()),
        ({"compute_services": []}, set()),
        ({"compute_services": [compute_service(), compute_service("x", status="UNKNOWN")]}, set()),
        ({"servers": [server(host="gone1", updated=ago(minutes=5))]}, set()),
        ({"servers": [server(host="gone1"), server("s2", status="UNKNOWN")]}, set()),
        ({"servers": [server(host=None)]}, set()),
        ({"servers": [server(host="gone1", status="SHELVED_OFFLOADED")]}, set()),
    ],
)
def test_a_host_is_unknown_only_when_all_cells_answer(
    change: dict[str, Any], expected: set[str]
) -> None:
    tables = {
        "servers": [server(host="gone1"), server("s2", host="gone1"), server("s3")],
        "compute_services": [compute_service()],
    }
    given = facts(**{**tables, **change})
    assert {f.key for f in judged(CHECKS, given, "server.host.unknown")} == expected


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, {"server.port.missing:server:s1"}),
        ({"gaps": ["ports"]}, set()),
        ({"gaps": ["servers"]}, set()),
        ({"ports": [port()]}, set()),
        ({"servers": [server(updated=ago(minutes=5))]}, set()),
        ({"servers": [server(updated=None)]}, set()),
        ({"servers": [server(task_state="deleting")]}, set()),
        ({"servers": [server(status="SHUTOFF", power_state=4)]}, set()),
    ],
)
def test_a_port_is_missing_only_from_a_complete_list(
    change: dict[str, Any], expected: set[str]
) -> None:
    given = facts(**{"servers": [server()], "ports": [], **change})
    assert {f.key for f in judged(CHECKS, given, "server.port.missing")} == expected


def test_ports_that_were_not_asked_for_are_not_missing() -> None:
    assert keys(CHECKS, facts(servers=[server()])) == set()


def test_hostile_names_pass_through_unharmed_and_are_quoted_in_commands() -> None:
    (found,) = judged(CHECKS, facts(servers=[server(HOSTILE, name=HOSTILE, status="ERROR")]))
    assert found.subject.name == HOSTILE
    assert HOSTILE in found.summary
    assert "'\"'\"'; rm -rf" in found.advice


@pytest.mark.parametrize(
    ("listed", "pages", "said"),
    [
        (None, [], "its fault was not read"),
        (None, [ServerOwnFault(server_id="s2")], "its fault was not read"),
        (None, [ServerOwnFault(server_id="s1")], "Nova keeps no fault"),
        (None, [ServerOwnFault(server_id="s1", fault=ServerFault(message=""))], "keeps no fault"),
        (None, [ServerOwnFault(server_id="s1", fault=ServerFault(message="a b"))], "a b"),
        (ServerFault(message="listed"), [], "listed"),
        (ServerFault(message=""), [], "Nova keeps no fault"),
    ],
)
def test_only_its_own_page_shows_that_a_server_has_no_fault(
    listed: ServerFault | None, pages: list[ServerOwnFault], said: str
) -> None:
    lost = server(status="ERROR", fault=listed)
    (found,) = judged(CHECKS, facts(servers=[lost], server_faults=pages))
    assert found.summary.endswith(said)
