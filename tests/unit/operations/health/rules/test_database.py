# SPDX-License-Identifier: Apache-2.0
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from day2.model.severity import Severity
from day2.model.tables.infrastructure import Host, ProxyEndpoint
from day2.operations.health.check import Facts
from day2.operations.health.fold import fold
from day2.operations.health.policy import HealthPolicy
from day2.operations.health.rules import database, database_load, proxies
from tests.unit.builders import NOW, facts, judged, survey
from tests.unit.carriers import database as node
from tests.unit.carriers import dead_database as dead
from tests.unit.carriers import line, three

CHECKS = (*database.CHECKS, *database_load.CHECKS, *proxies.CHECKS)
FIRST, THIRD = "10.0.0.1:3306", "10.0.0.3:3306"
UUID = "99999999-2222-3333-4444-555555555555"


def found(given: Facts) -> dict[str, Severity]:
    return {f.key: f.severity for f in judged(CHECKS, given)}


def top(given: Facts) -> dict[str, Severity]:
    shown, _folded = fold(judged(CHECKS, given))
    return {f.key: f.severity for f in shown}


def test_three_synced_servers_of_one_version_are_well() -> None:
    assert found(facts(database_nodes=three())) == {}


def test_a_server_without_galera_is_well() -> None:
    alone = node(
        wsrep_on=False, cluster_status=None, cluster_size=None, ready=None, local_state=None
    )
    assert found(facts(database_nodes=[alone])) == {}


def test_nothing_configured_is_nothing_judged() -> None:
    assert found(facts(servers=[])) == {}


CASES: list[tuple[str, list[Any], dict[str, Severity]]] = [
    (
        "one dead server of three is one warning",
        [node(1, cluster_size=2), node(2, cluster_size=2), dead(3)],
        {f"database.node.down:database:{THIRD}": Severity.WARNING},
    ),
    (
        "one dead server that the others still count is the same finding",
        [node(1), node(2), dead(3)],
        {f"database.node.down:database:{THIRD}": Severity.WARNING},
    ),
    (
        "with one usable server left a dead one is critical",
        [node(1, cluster_size=1), dead(2), dead(3)],
        {
            "database.node.down:database:10.0.0.2:3306": Severity.CRITICAL,
            f"database.node.down:database:{THIRD}": Severity.CRITICAL,
        },
    ),
    (
        "no server that answers is one critical finding",
        [dead(1), dead(2), dead(3)],
        {"database.down:database:mariadb": Severity.CRITICAL},
    ),
    (
        "a survivor without quorum is as good as dead",
        [
            node(1, cluster_status="non-Primary", cluster_size=1, ready=False),
            dead(2),
            dead(3),
        ],
        {"database.down:database:mariadb": Severity.CRITICAL},
    ),
    (
        "one isolated server is one finding, the smaller cluster its consequence",
        [
            node(1, cluster_size=2),
            node(2, cluster_size=2),
            node(3, cluster_status="non-Primary", cluster_size=1, ready=False),
        ],
        {f"database.cluster.not_primary:database:{THIRD}": Severity.WARNING},
    ),
    (
        "a third member that is not even in the settings' reach is a small cluster",
        [node(n, cluster_size=2) for n in (1, 2, 3)],
        {"database.cluster.size:database:mariadb": Severity.WARNING},
    ),
    (
        "Primary servers with different histories are a split",
        [node(1, cluster_size=2), node(2, cluster_size=2), node(3, cluster_state_uuid=UUID)],
        {"database.cluster.split:database:mariadb": Severity.CRITICAL},
    ),
    (
        "Primary servers of views that do not overlap are a split",
        [
            node(1, cluster_size=2),
            node(2, cluster_size=2),
            node(3, cluster_size=1, cluster_conf_id=1),
        ],
        {"database.cluster.split:database:mariadb": Severity.CRITICAL},
    ),
    (
        "a server that joined between two reads is not a split",
        [
            node(1, cluster_size=2, cluster_conf_id=6),
            node(2, cluster_size=3, cluster_conf_id=7),
            node(3, cluster_size=3, cluster_conf_id=7),
        ],
        {},
    ),
    (
        "a desynced server is a warning",
        [node(1), node(2), node(3, local_state="Donor/Desynced")],
        {f"database.node.not_synced:database:{THIRD}": Severity.WARNING},
    ),
    (
        "a joining server is a warning while two others are usable",
        [node(1), node(2), node(3, local_state="Joining", ready=False)],
        {f"database.node.not_synced:database:{THIRD}": Severity.WARNING},
    ),
    (
        "versions that differ are a warning",
        [node(1), node(2), node(3, version="10.11.10-MariaDB-log")],
        {"database.node.versions:database:mariadb": Severity.WARNING},
    ),
    (
        "a full server refuses everybody new",
        [dead(1, full=True, error="too many connections"), node(2), node(3)],
        {f"database.connections:database:{FIRST}": Severity.CRITICAL},
    ),
    (
        "connections nearly used up are a warning",
        [node(1, connections=800), node(2), node(3)],
        {f"database.connections:database:{FIRST}": Severity.WARNING},
    ),
    (
        "connections that were nearly used up once are worth a word",
        [node(1, connections_used_max=950), node(2), node(3)],
        {f"database.connections:database:{FIRST}": Severity.INFO},
    ),
    (
        "flow control for a tenth of the time and more is a warning",
        [node(1, flow_control_paused_ratio=0.11), node(2, flow_control_paused_ratio=0.1), node(3)],
        {f"database.node.flow_control:database:{FIRST}": Severity.WARNING},
    ),
    (
        "an old heap of certification failures is nothing",
        [node(1, certification_failures=1000), node(2), node(3)],
        {},
    ),
    (
        "a hundred certification failures an hour are a warning",
        [node(1, certification_failures=2400), node(2), node(3)],
        {f"database.node.certification:database:{FIRST}": Severity.WARNING},
    ),
    (
        "a server that just started has no rate",
        [node(1, certification_failures=50, uptime_seconds=600), node(2), node(3)],
        {},
    ),
]


@pytest.mark.parametrize(("nodes", "expected"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_the_table(nodes: list[Any], expected: dict[str, Severity]) -> None:
    assert top(facts(database_nodes=nodes)) == expected


def test_every_finding_says_why_and_what_to_do() -> None:
    for _name, nodes, _expected in CASES:
        for finding in judged(CHECKS, facts(database_nodes=nodes)):
            assert finding.why
            assert finding.advice


def test_a_server_that_refuses_our_account_is_no_dead_database() -> None:
    given = facts(database_nodes=[dead(1), dead(2)], gaps=["database_nodes"])
    assert "database.down:database:mariadb" not in found(given)


def test_growth_since_the_last_survey_counts_more_than_the_average() -> None:
    was = node(1, flow_control_paused_ns=0, uptime_seconds=86_400 - 7200)
    now = node(1, flow_control_paused_ns=3600 * 10**9, flow_control_paused_ratio=0.04)
    given = with_history([now, node(2), node(3)], [was])
    assert f"database.node.flow_control:database:{FIRST}" in found(given)


def test_failures_of_long_ago_are_not_growth() -> None:
    was = node(1, certification_failures=9_000_000, uptime_seconds=86_400 - 7200)
    now = node(1, certification_failures=9_000_010)
    assert found(with_history([now, node(2), node(3)], [was])) == {}


def test_a_restarted_server_is_judged_by_its_own_average() -> None:
    was = node(1, certification_failures=5, uptime_seconds=900_000)
    now = node(1, certification_failures=2400)
    assert f"database.node.certification:database:{FIRST}" in found(
        with_history([now, node(2), node(3)], [was])
    )


def test_the_why_names_the_policy_setting_with_its_value() -> None:
    policy = HealthPolicy(database_connections_warning_ratio=0.1)
    (first, *_rest) = judged(CHECKS, facts(policy=policy, database_nodes=three()))
    assert first.why == "health.database_connections_warning_ratio = 0.1"


def test_a_server_is_known_by_its_hosts_address() -> None:
    hosts = [Host(name="ctl3", address="10.0.0.3", reachable=True)]
    (down,) = judged(
        CHECKS, facts(database_nodes=[node(1), node(2), dead(3)], hosts=hosts), "database.node.down"
    )
    assert down.subject.host == "ctl3"


# What HAProxy thinks.


def backend(*dead_servers: str, name: str = "mariadb", proxy: str = "10.0.0.1:1984") -> list[Any]:
    rows = [
        line(
            server,
            name,
            proxy=proxy,
            status="DOWN" if server in dead_servers else "UP",
            check_status="L4CON" if server in dead_servers else "L7OK",
        )
        for server in ("ctl1", "ctl2", "ctl3")
    ]
    whole = "DOWN" if len(dead_servers) == len(rows) else "UP"
    return [*rows, line("BACKEND", name, proxy=proxy, status=whole, check_status="")]


def test_a_server_down_in_a_backend_with_others_is_a_warning() -> None:
    assert found(facts(proxy_servers=backend("ctl2"))) == {
        "proxy.backend.down:proxy:mariadb/ctl2": Severity.WARNING
    }


def test_a_backend_without_a_server_is_one_critical_finding() -> None:
    assert found(facts(proxy_servers=backend("ctl1", "ctl2", "ctl3"))) == {
        "proxy.backend.down:proxy:mariadb": Severity.CRITICAL
    }


def test_three_proxies_that_see_the_same_dead_server_are_one_finding() -> None:
    rows = [r for n in (1, 2, 3) for r in backend("ctl2", proxy=f"10.0.0.{n}:1984")]
    (one,) = judged(CHECKS, facts(proxy_servers=rows))
    assert one.evidence["proxies"] == ["10.0.0.1:1984", "10.0.0.2:1984", "10.0.0.3:1984"]


@pytest.mark.parametrize("status", ["MAINT", "DRAIN", "UP 1/2", "no check", "NOLB"])
def test_maintenance_and_draining_are_decisions(status: str) -> None:
    rows = [*backend()[1:], line("ctl1", status=status)]
    assert found(facts(proxy_servers=rows)) == {}


def test_a_name_that_does_not_resolve_is_no_decision() -> None:
    rows = [*backend()[1:], line("ctl1", status="MAINT (resolution)")]
    assert found(facts(proxy_servers=rows)) == {
        "proxy.backend.down:proxy:mariadb/ctl1": Severity.WARNING
    }


@pytest.mark.parametrize(
    ("alive", "severity"), [(True, Severity.WARNING), (False, Severity.CRITICAL)]
)
def test_a_dead_proxy_is_critical_only_without_another(*, alive: bool, severity: Severity) -> None:
    rows = [
        ProxyEndpoint(address="10.0.0.1:1984", reachable=False, error="connection refused"),
        ProxyEndpoint(address="10.0.0.2:1984", reachable=alive, error="" if alive else "gone"),
    ]
    assert found(facts(proxy_endpoints=rows))["proxy.down:proxy:10.0.0.1:1984"] is severity


def test_haproxys_view_of_a_dead_database_server_is_its_consequence() -> None:
    nodes = [node(1, cluster_size=2), node(2, cluster_size=2), dead(3)]
    given = facts(database_nodes=nodes, proxy_servers=backend("ctl3", name="mariadb_back"))
    assert list(top(given)) == [f"database.node.down:database:{THIRD}"]


def test_a_dead_database_server_explains_no_dead_api() -> None:
    nodes = [node(1, cluster_size=2), node(2, cluster_size=2), dead(3)]
    given = facts(database_nodes=nodes, proxy_servers=backend("ctl3", name="nova_api_back"))
    assert set(top(given)) == {
        f"database.node.down:database:{THIRD}",
        "proxy.backend.down:proxy:nova_api_back/ctl3",
    }


def test_a_backend_without_a_server_is_not_hidden_by_one_dead_server() -> None:
    nodes = [node(1, cluster_size=2), node(2, cluster_size=2), dead(3)]
    given = facts(database_nodes=nodes, proxy_servers=backend("ctl1", "ctl2", "ctl3"))
    assert "proxy.backend.down:proxy:mariadb" in top(given)


def test_the_whole_database_down_is_one_finding() -> None:
    given = facts(
        database_nodes=[dead(1), dead(2), dead(3)], proxy_servers=backend("ctl1", "ctl2", "ctl3")
    )
    assert list(top(given)) == ["database.down:database:mariadb"]


def with_history(nodes: list[Any], earlier: list[Any]) -> Facts:
    past = survey(at=NOW - timedelta(hours=2), database_nodes=earlier)
    return msgspec.structs.replace(facts(database_nodes=nodes), history=[past])
