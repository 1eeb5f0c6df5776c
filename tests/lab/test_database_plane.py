# SPDX-License-Identifier: Apache-2.0
"""A real Galera cluster behind a real HAProxy, broken by real means."""

import contextlib
import time
from collections.abc import Callable, Iterator
from typing import Any

import pymysql
import pytest

from day2.adapters.addresses import DatabaseSettings, ProxySettings
from day2.survey import database
from day2.survey.lanes import Job
from lab.parts import running
from lab.parts.galera import Galera
from lab.place import Place
from tests.lab.plane import REFERENCE, settles, surveyed

KINDS = ("database_nodes", "proxy_endpoints", "proxy_servers")


@pytest.fixture(scope="module")
def part(place: Place) -> Iterator[Galera]:
    with running(Galera(place)) as galera:
        yield galera


@pytest.fixture
def galera(part: Galera) -> Iterator[Galera]:
    yield part
    part.restore()
    settles(reader(part), {}, set())


def described(part: Galera) -> dict[str, Any]:
    found: dict[str, Any] = dict(part.describe())
    return found


def addresses(part: Galera) -> list[str]:
    return [f"{node['host']}:{node['port']}" for node in described(part)["nodes"].values()]


def reader(part: Galera, password: str | None = None) -> Callable[[], list[Job]]:
    """Return what makes the jobs of both planes: a job runs once."""
    told = described(part)
    proxy = told["haproxy"]
    nodes = DatabaseSettings(nodes=addresses(part), user=told["user"], password=REFERENCE)
    statistics = ProxySettings(
        statistics=[proxy["stats_url"].removesuffix("/;csv")],
        user=proxy["stats_user"],
        password=REFERENCE,
    )

    def jobs() -> list[Job]:
        return [
            *database.database_jobs(nodes, KINDS, lambda _ref: password or told["password"]),
            *database.proxy_jobs(statistics, KINDS, lambda _ref: proxy["stats_password"]),
        ]

    return jobs


def test_a_whole_cluster_is_well_and_read_within_a_second(galera: Galera) -> None:
    survey = settles(reader(galera), {}, set())
    assert survey.gaps == []
    assert [node.local_state for node in survey.tables.database_nodes] == ["Synced"] * 3
    assert [s.server for s in survey.tables.proxy_servers] == [*galera.nodes, "BACKEND"]
    started = time.monotonic()
    surveyed(reader(galera)())
    assert time.monotonic() - started < 3


def test_one_killed_server_is_one_finding(galera: Galera) -> None:
    galera.kill("galera3")
    settles(
        reader(galera),
        {f"database.node.down:database:{addresses(galera)[2]}": "warning"},
        {"database.cluster.size:database:mariadb", "proxy.backend.down:proxy:mariadb/galera3"},
    )


def test_one_hung_server_is_one_finding(galera: Galera) -> None:
    galera.freeze("galera2")
    survey = settles(
        reader(galera),
        {f"database.node.down:database:{addresses(galera)[1]}": "warning"},
        {"proxy.backend.down:proxy:mariadb/galera2"},
        seconds=60,
    )
    row = next(n for n in survey.tables.database_nodes if not n.reachable)
    assert "accepts the connection" in row.error


def test_one_isolated_server_is_one_finding(galera: Galera) -> None:
    galera.isolate("galera3")
    settles(
        reader(galera),
        {f"database.cluster.not_primary:database:{addresses(galera)[2]}": "warning"},
        {"database.cluster.size:database:mariadb"},
    )


def test_a_desynced_server_is_a_warning(galera: Galera) -> None:
    galera.desync("galera2")
    settles(
        reader(galera), {f"database.node.not_synced:database:{addresses(galera)[1]}": "warning"}
    )


def test_two_halves_that_both_take_writes_are_a_split(galera: Galera) -> None:
    galera.isolate("galera3")
    settles(
        reader(galera),
        {f"database.cluster.not_primary:database:{addresses(galera)[2]}": "warning"},
    )
    galera.sql("galera3", "SET GLOBAL wsrep_provider_options='pc.bootstrap=1'")
    settles(reader(galera), {"database.cluster.split:database:mariadb": "critical"})
    # Two Primary components never merge: one of them has to go.
    galera.kill("galera3")


def test_a_survivor_without_quorum_is_a_dead_database(galera: Galera) -> None:
    galera.kill("galera2")
    galera.kill("galera3")
    settles(
        reader(galera),
        {"database.down:database:mariadb": "critical"},
        {f"database.cluster.not_primary:database:{addresses(galera)[0]}"},
    )


def test_a_killed_proxy_is_one_finding(galera: Galera) -> None:
    galera.haproxy.kill()
    proxy = described(galera)["haproxy"]["stats_url"].partition("//")[2].partition("/")[0]
    settles(reader(galera), {f"proxy.down:proxy:{proxy}": "critical"})


def test_a_server_in_maintenance_is_well(galera: Galera) -> None:
    galera.haproxy.set_server("mariadb", "galera2", "maint")
    settles(reader(galera), {})
    galera.haproxy.set_server("mariadb", "galera2", "ready")


def test_a_server_without_a_connection_left_refuses_and_says_so(galera: Galera) -> None:
    told = described(galera)
    login = {"user": told["user"], "password": told["password"]}
    node = told["nodes"]["galera1"]
    galera.sql("galera1", "SET GLOBAL max_connections=10")
    with contextlib.ExitStack() as held:
        with pytest.raises(pymysql.err.OperationalError, match="Too many connections"):
            for _attempt in range(12):
                link = pymysql.connect(host=node["host"], port=node["port"], **login)
                held.callback(link.close)
        try:
            settles(
                reader(galera),
                {f"database.connections:database:{addresses(galera)[0]}": "critical"},
            )
        finally:
            held.close()
            time.sleep(1)
            galera.sql("galera1", "SET GLOBAL max_connections=100")
            galera.sql("galera1", "FLUSH STATUS")


def test_a_wrong_password_is_a_gap_and_no_finding(galera: Galera) -> None:
    survey = surveyed(reader(galera, "wrong-password-of-the-test")())
    assert {(gap.kind, gap.error) for gap in survey.gaps} == {("database_nodes", "Denied")}
    assert "wrong-password-of-the-test" not in repr(survey)
    settles(reader(galera, "wrong-password-of-the-test"), {})
