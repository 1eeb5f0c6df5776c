# SPDX-License-Identifier: Apache-2.0
"""A real RabbitMQ cluster of three nodes, broken by real means."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from day2.adapters.addresses import BusSettings
from day2.survey.bus import KINDS, BusReader
from day2.survey.lanes import Job
from lab.parts import running
from lab.parts.rabbitmq3 import RabbitMQ3
from lab.place import Place
from tests.lab.plane import CLOCK, REFERENCE, settles, surveyed


@pytest.fixture(scope="module")
def part(place: Place) -> Iterator[RabbitMQ3]:
    with running(RabbitMQ3(place)) as rabbit:
        yield rabbit


@pytest.fixture
def rabbit(part: RabbitMQ3) -> Iterator[RabbitMQ3]:
    yield part
    try:
        part.restore()
    except TimeoutError:
        # Nodes of RabbitMQ 3.10 that start together race for their feature flags: one may end.
        part.restore()
    settles(reader(part), {}, set())


def reader(part: RabbitMQ3, password: str | None = None) -> Callable[[], list[Job]]:
    told: dict[str, Any] = dict(part.describe())
    settings = BusSettings(
        management=[node["management_url"] for node in told["nodes"].values()],
        user=told["monitoring_user"],
        password=REFERENCE,
    )

    def jobs() -> list[Job]:
        secret = password or told["monitoring_password"]
        return BusReader(settings, resolve=lambda _ref: secret, clock=CLOCK).jobs(KINDS)

    return jobs


def test_a_whole_cluster_is_well_and_read_within_seconds(rabbit: RabbitMQ3) -> None:
    survey = settles(reader(rabbit), {}, set())
    assert survey.gaps == []
    assert [node.name for node in survey.tables.bus_nodes] == [
        f"rabbit{n}@localhost" for n in (1, 2, 3)
    ]
    quorum = next(q for q in survey.tables.bus_queues if q.name == "conductor")
    assert (quorum.type, len(quorum.members), len(quorum.online or [])) == ("quorum", 3, 3)
    stream = next(q for q in survey.tables.bus_queues if q.type == "stream")
    assert len(stream.online or []) == 3
    started = time.monotonic()
    surveyed(reader(rabbit)())
    assert time.monotonic() - started < 3


def test_one_killed_node_is_one_finding(rabbit: RabbitMQ3) -> None:
    rabbit.kill("rabbit3")
    settles(reader(rabbit), {"bus.node.down:bus:rabbit3@localhost": "warning"})


@pytest.mark.full
def test_one_hung_node_is_one_finding(rabbit: RabbitMQ3) -> None:
    rabbit.freeze("rabbit3")
    survey = settles(
        reader(rabbit), {"bus.node.down:bus:rabbit3@localhost": "warning"}, seconds=120
    )
    assert survey.gaps == []


@pytest.mark.full
def test_a_lost_majority_is_the_fault_of_the_dead_nodes(rabbit: RabbitMQ3) -> None:
    rabbit.lose_majority()
    settles(
        reader(rabbit),
        {
            "bus.node.down:bus:rabbit2@localhost": "critical",
            "bus.node.down:bus:rabbit3@localhost": "critical",
        },
        {"bus.queue.minority:vhost:/"},
        seconds=60,
    )


def test_a_dead_bus_is_one_finding(rabbit: RabbitMQ3) -> None:
    for name in rabbit.nodes:
        rabbit.kill(name)
    survey = settles(reader(rabbit), {"bus.down:bus:rabbitmq": "critical"})
    assert {gap.kind for gap in survey.gaps} == {"bus_nodes", "bus_queues"}


def test_a_memory_alarm_is_critical(rabbit: RabbitMQ3) -> None:
    rabbit.memory_alarm("rabbit2")
    settles(reader(rabbit), {"bus.alarm:bus:rabbit2@localhost:memory": "critical"})


@pytest.mark.full
def test_a_disk_alarm_is_critical(rabbit: RabbitMQ3) -> None:
    rabbit.disk_alarm("rabbit1")
    settles(reader(rabbit), {"bus.alarm:bus:rabbit1@localhost:disk": "critical"})


@pytest.mark.full
def test_nodes_that_lost_each_other_and_go_on_are_partitioned(rabbit: RabbitMQ3) -> None:
    rabbit.handling("ignore")
    rabbit.partition("rabbit3")
    settles(reader(rabbit), {"bus.partition:bus:rabbitmq": "critical"}, seconds=60)


def test_messages_that_nobody_reads_are_found(rabbit: RabbitMQ3) -> None:
    rabbit.pile_up("compute.compute01")
    settles(reader(rabbit), {"bus.queue.consumers:queue:compute.compute01": "warning"})


def test_messages_that_nobody_acknowledges_are_found(rabbit: RabbitMQ3) -> None:
    rabbit.leave_unacked("engine", 1200)
    settles(reader(rabbit), {"bus.queue.unacked:queue:engine": "warning"})


@pytest.mark.full
def test_a_stream_on_one_node_only_is_found(rabbit: RabbitMQ3) -> None:
    for node in ("rabbit2@localhost", "rabbit3@localhost"):
        rabbit.ctl("rabbit1", "delete_replica", "scheduler_fanout", node, tool="rabbitmq-streams")
    try:
        settles(reader(rabbit), {"bus.stream.replicas:vhost:/": "warning"}, seconds=60)
    finally:
        for node in ("rabbit2@localhost", "rabbit3@localhost"):
            rabbit.ctl("rabbit1", "add_replica", "scheduler_fanout", node, tool="rabbitmq-streams")


def test_a_wrong_password_is_a_gap_and_no_finding(rabbit: RabbitMQ3) -> None:
    survey = surveyed(reader(rabbit, "wrong-password-of-the-test")())
    assert ("bus_endpoints", "Denied") in {(gap.kind, gap.error) for gap in survey.gaps}
    settles(reader(rabbit, "wrong-password-of-the-test"), {})
