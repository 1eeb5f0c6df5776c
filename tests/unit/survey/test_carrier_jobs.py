# SPDX-License-Identifier: Apache-2.0
"""Database, load balancer and bus as jobs: what is a row, and what is a gap."""

import socket
from collections.abc import Iterator
from typing import Any, NoReturn

import msgspec
import pytest

from day2.adapters.addresses import (
    BusSettings,
    DatabaseSettings,
    MonitoringSettings,
    ProxySettings,
)
from day2.adapters.clock import SystemClock
from day2.adapters.openstack.limits import LoadSettings
from day2.adapters.secrets import SecretRef
from day2.errors import BadSettings
from day2.model.survey import KINDS, Survey
from day2.survey import bus, database, monitoring
from day2.survey.lanes import Job
from day2.survey.read import SurveySettings, read

REFERENCE = SecretRef(env="NOT_READ_HERE")


@pytest.fixture
def closed() -> Iterator[str]:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{held.getsockname()[1]}"


def surveyed(jobs: list[Job]) -> Survey:
    return read(
        jobs,
        cloud="c",
        region="",
        clock=SystemClock(),
        load=LoadSettings(failures_max=1),
        settings=SurveySettings(),
    )


def no_secret(_reference: SecretRef) -> NoReturn:
    raise BadSettings("file /nowhere holds no secret")


def secret(_reference: SecretRef) -> str:
    return "pa55"


def test_dead_database_nodes_are_rows_and_close_no_lane(closed: str) -> None:
    settings = DatabaseSettings(nodes=[closed] * 4, password=REFERENCE)
    survey = surveyed(database.database_jobs(settings, KINDS, secret))
    assert [node.reachable for node in survey.tables.database_nodes] == [False] * 4
    assert survey.gaps == []


def test_a_password_that_cannot_be_fetched_is_a_gap(closed: str) -> None:
    nodes = DatabaseSettings(nodes=[closed], password=REFERENCE)
    pages = ProxySettings(statistics=[f"http://{closed}"], password=REFERENCE)
    management = BusSettings(management=[f"http://{closed}"], password=REFERENCE)
    reader = bus.BusReader(management, resolve=no_secret, clock=SystemClock())
    survey = surveyed(
        [
            *database.database_jobs(nodes, KINDS, no_secret),
            *database.proxy_jobs(pages, KINDS, no_secret),
            *reader.jobs(KINDS),
        ]
    )
    told = {gap.kind for gap in survey.gaps if gap.error == "BadSettings"}
    assert told == {"database_nodes", "proxy_endpoints", "proxy_servers", "bus_endpoints"}


def test_without_an_address_that_answers_nodes_and_queues_are_unknown_not_none(
    closed: str,
) -> None:
    settings = BusSettings(management=[f"http://{closed}"], password=REFERENCE)
    survey = surveyed(bus.BusReader(settings, resolve=secret, clock=SystemClock()).jobs(KINDS))
    (endpoint,) = survey.tables.bus_endpoints
    assert (endpoint.reachable, endpoint.error) == (False, "connection refused")
    assert survey.is_complete("bus_endpoints")
    assert not survey.is_complete("bus_nodes")
    assert not survey.is_complete("bus_queues")


def watchers(closed: str, **more: Any) -> MonitoringSettings:
    given = {"prometheus": [f"http://{closed}"], "alertmanager": [f"http://{closed}"]}
    return MonitoringSettings(**{**given, **more})


def test_without_a_prometheus_that_answers_nothing_that_it_says_is_known(closed: str) -> None:
    survey = surveyed(monitoring.MonitoringReader(watchers(closed), resolve=no_secret).jobs(KINDS))
    assert survey.tables.monitoring_servers[0].error == "connection refused"
    assert survey.tables.alertmanagers[0].error == "connection refused"
    complete = {kind for kind in monitoring.KINDS if survey.is_complete(kind)}
    assert complete == {"monitoring_servers", "alertmanagers"}
    assert {gap.message.partition(": ")[2] for gap in survey.gaps} == {
        "no Prometheus answered",
        "no Alertmanager answered",
    }


def test_without_alertmanagers_in_the_settings_none_of_their_tables_is_read(closed: str) -> None:
    settings = watchers(closed, alertmanager=[])
    survey = surveyed(monitoring.MonitoringReader(settings, resolve=no_secret).jobs(KINDS))
    assert not any(survey.was_read(k) for k in ("alertmanagers", "routed_alerts", "silences"))
    assert "silences" not in {gap.kind for gap in survey.gaps}


def test_a_password_of_the_monitoring_that_cannot_be_fetched_is_a_gap(closed: str) -> None:
    settings = watchers(closed, user="admin", password=REFERENCE)
    survey = surveyed(monitoring.MonitoringReader(settings, resolve=no_secret).jobs(KINDS))
    told = {gap.kind for gap in survey.gaps if gap.error == "BadSettings"}
    assert told == {"monitoring_servers"}


@pytest.mark.parametrize("name", ["user", "alertmanager_user"])
def test_an_account_without_a_password_is_refused(name: str) -> None:
    tree = {"prometheus": ["http://p:9091"], name: "admin"}
    with pytest.raises(msgspec.ValidationError, match="password"):
        msgspec.convert(tree, MonitoringSettings)


def test_kinds_that_nobody_wants_are_not_read(closed: str) -> None:
    nodes = DatabaseSettings(nodes=[closed], password=REFERENCE)
    pages = ProxySettings(statistics=[f"http://{closed}"], password=REFERENCE)
    reader = bus.BusReader(
        BusSettings(management=[f"http://{closed}"], password=REFERENCE),
        resolve=secret,
        clock=SystemClock(),
    )
    assert database.database_jobs(nodes, ["servers"], secret) == []
    assert database.proxy_jobs(pages, ["servers"], secret) == []
    assert reader.jobs(["servers"]) == []
    watching = monitoring.MonitoringReader(watchers(closed), resolve=secret)
    assert watching.jobs(["servers"]) == []


@pytest.mark.parametrize("kind", [DatabaseSettings, ProxySettings, BusSettings, MonitoringSettings])
def test_a_section_without_addresses_is_refused(kind: type[msgspec.Struct]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"password": {"env": "X"}}, kind)
