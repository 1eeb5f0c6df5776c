# SPDX-License-Identifier: Apache-2.0
import shlex
from typing import Any

import pytest

from day2.model.severity import Severity
from day2.model.tables.infrastructure import BusQueue
from day2.operations.health.check import Facts
from day2.operations.health.fold import fold
from day2.operations.health.rules import bus, heartbeats, queues, services
from tests.unit.builders import agent, compute_service, facts, judged
from tests.unit.carriers import NODES, bus_node, endpoint, queue, silent_endpoint
from tests.unit.carriers import bus as tables

CHECKS = (*heartbeats.CHECKS, *services.CHECKS, *bus.CHECKS, *queues.CHECKS)
TWO = list(NODES[:2])


def found(given: Facts) -> dict[str, Severity]:
    return {f.key: f.severity for f in judged(CHECKS, given)}


def top(given: Facts) -> dict[str, Severity]:
    shown, _folded = fold(judged(CHECKS, given))
    return {f.key: f.severity for f in shown}


def test_three_nodes_with_a_read_queue_are_well() -> None:
    assert found(facts(**tables())) == {}


def test_nothing_configured_is_nothing_judged() -> None:
    assert found(facts(servers=[])) == {}


def classic(name: str, **fields: Any) -> BusQueue:
    return queue(name, type="classic", durable=False, members=[], online=[], **fields)


DOWN_3 = {
    "bus_endpoints": [endpoint(1), endpoint(2), silent_endpoint(3)],
    "bus_nodes": [bus_node(1), bus_node(2), bus_node(3, running=False)],
}

CASES: list[tuple[str, dict[str, Any], dict[str, Severity]]] = [
    (
        "one dead node of three is one warning",
        {**DOWN_3, "bus_queues": [queue(online=TWO)]},
        {"bus.node.down:bus:rabbit@ctl3": Severity.WARNING},
    ),
    (
        "a dead node that takes classic queues with it is critical, and one finding",
        {**DOWN_3, "bus_queues": [classic("conductor", state="down")]},
        {"bus.node.down:bus:rabbit@ctl3": Severity.CRITICAL},
    ),
    (
        "without the majority every dead node is critical, its queues consequences",
        {
            "bus_endpoints": [endpoint(1), silent_endpoint(2), silent_endpoint(3)],
            "bus_nodes": [bus_node(1), bus_node(2, running=False), bus_node(3, running=False)],
            "bus_queues": [queue(online=[NODES[0]]), queue("s", type="stream", online=[NODES[0]])],
        },
        {
            "bus.node.down:bus:rabbit@ctl2": Severity.CRITICAL,
            "bus.node.down:bus:rabbit@ctl3": Severity.CRITICAL,
        },
    ),
    (
        "no address that answers is one critical finding",
        {
            "bus_endpoints": [silent_endpoint(n) for n in (1, 2, 3)],
            "bus_nodes": [],
            "bus_queues": [],
        },
        {"bus.down:bus:rabbitmq": Severity.CRITICAL},
    ),
    (
        "an address that does not answer though no node is missed is its own warning",
        {"bus_endpoints": [endpoint(1), endpoint(2), silent_endpoint(3, "did not answer")]},
        {"bus.endpoint.down:bus:10.0.0.3:15672": Severity.WARNING},
    ),
    (
        "a reported partition is critical",
        {"bus_nodes": [bus_node(1, partitions=[NODES[2]]), bus_node(2), bus_node(3)]},
        {"bus.partition:bus:rabbitmq": Severity.CRITICAL},
    ),
    (
        "a node that answers and is missed by others is a partition",
        {
            "bus_nodes": [bus_node(1), bus_node(2), bus_node(3, missed_by=TWO)],
            "bus_queues": [queue(online=[NODES[0]])],
        },
        {"bus.partition:bus:rabbitmq": Severity.CRITICAL},
    ),
    (
        "alarms are critical, each for itself",
        {"bus_nodes": [bus_node(1, memory_alarm=True, disk_alarm=True), bus_node(2), bus_node(3)]},
        {
            "bus.alarm:bus:rabbit@ctl1:memory": Severity.CRITICAL,
            "bus.alarm:bus:rabbit@ctl1:disk": Severity.CRITICAL,
        },
    ),
    (
        "versions that differ are a warning",
        {"bus_nodes": [bus_node(1), bus_node(2), bus_node(3, version="4.0.5")]},
        {"bus.node.versions:bus:rabbitmq": Severity.WARNING},
    ),
    (
        "messages that nobody reads are a warning",
        {"bus_queues": [queue("notifications.info", consumers=0, messages_ready=500)]},
        {"bus.queue.consumers:queue:notifications.info": Severity.WARNING},
    ),
    (
        "a topic of all calls that nobody reads is critical",
        {"bus_queues": [queue("conductor", consumers=0, messages_ready=50)]},
        {"bus.queue.consumers:queue:conductor": Severity.CRITICAL},
    ),
    (
        "the same queue of another virtual host is another finding",
        {
            "bus_queues": [
                queue("compute.a", consumers=0, messages_ready=50),
                queue("compute.a", vhost="cell2", consumers=0, messages_ready=50),
            ]
        },
        {
            "bus.queue.consumers:queue:compute.a": Severity.WARNING,
            "bus.queue.consumers:queue:cell2/compute.a": Severity.WARNING,
        },
    ),
    (
        "readers that do not keep up are a warning",
        {"bus_queues": [queue(messages_ready=1000)]},
        {"bus.queue.backlog:queue:conductor": Severity.WARNING},
    ),
    (
        "messages taken and never acknowledged are a warning",
        {"bus_queues": [queue(messages_unacknowledged=1000)]},
        {"bus.queue.unacked:queue:conductor": Severity.WARNING},
    ),
    (
        "queues without a majority are one critical finding for their virtual host",
        {"bus_queues": [queue(f"q{n}", online=[NODES[0]]) for n in range(200)]},
        {"bus.queue.minority:vhost:/": Severity.CRITICAL},
    ),
    (
        "a queue of which nothing is known but that it is down has no majority",
        {"bus_queues": [queue("s", type="stream", members=[], online=[], state="down")]},
        {"bus.queue.minority:vhost:/": Severity.CRITICAL},
    ),
    (
        "a stream on one node of three is a warning",
        {"bus_queues": [queue("s", type="stream", members=[NODES[0]], online=[NODES[0]])]},
        {"bus.stream.replicas:vhost:/": Severity.WARNING},
    ),
]


@pytest.mark.parametrize(("given", "expected"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_the_table(given: dict[str, Any], expected: dict[str, Severity]) -> None:
    assert top(facts(**tables(**given))) == expected


def test_every_finding_says_why_and_what_to_do() -> None:
    for _name, given, _expected in CASES:
        for finding in judged(CHECKS, facts(**tables(**given))):
            assert finding.why
            assert finding.advice


WELL = {
    "a queue of which it is not told who is online": queue(online=None),
    "an empty queue without a reader": queue(consumers=0),
    "a few messages during a restart": queue(consumers=0, messages_ready=9),
    "a reply queue whose owner went away": classic(
        "reply_0a1b", consumers=0, messages_ready=500, expires=True
    ),
    "a quorum reply queue": queue("reply_ctl1:nova:1", consumers=0, messages_ready=500),
    "a fan-out queue": classic("scheduler_fanout_0a1b", consumers=0, messages_ready=500),
    "an exclusive queue": classic("mine", exclusive=True, consumers=0, messages_ready=500),
    "a stream that keeps what was read": queue(
        "scheduler_fanout", type="stream", consumers=0, messages_ready=5000, messages=5000
    ),
    "a queue whose readers nobody could count": queue(consumers=None, messages_ready=500),
    "a reply queue that is away with its node": classic("reply_0a1b", state="down"),
}


@pytest.mark.parametrize("row", WELL.values(), ids=WELL)
def test_what_comes_and_goes_with_processes_is_well(row: BusQueue) -> None:
    assert found(facts(**tables(bus_queues=[row]))) == {}


def test_an_address_that_refuses_our_account_is_no_dead_bus() -> None:
    given = tables(bus_endpoints=[silent_endpoint(2), silent_endpoint(3)], bus_nodes=[])
    assert "bus.down:bus:rabbitmq" not in found(facts(**given, gaps=["bus_endpoints"]))


def test_a_stream_on_the_only_node_is_well() -> None:
    row = queue("s", type="stream", members=[NODES[0]], online=[NODES[0]])
    assert found(facts(**tables(bus_nodes=[bus_node(1)], bus_queues=[row]))) == {}


def test_a_dead_bus_explains_the_silence_of_all_services() -> None:
    down = [compute_service(f"cmp{n}", state="down") for n in (1, 2, 3)]
    agents = [agent(f"cmp{n}", alive=False) for n in (1, 2, 3)]
    given = facts(
        compute_services=down,
        agents=agents,
        volume_services=[],
        bus_endpoints=[silent_endpoint(n) for n in (1, 2, 3)],
        gaps=["bus_nodes", "bus_queues"],
    )
    assert list(top(given)) == ["bus.down:bus:rabbitmq"]


def test_an_unread_queue_of_a_dead_host_is_its_consequence() -> None:
    services_down = [
        compute_service("cmp1"),
        compute_service("cmp2", state="down"),
    ]
    row = queue("compute.cmp2", consumers=0, messages_ready=50)
    given = facts(
        compute_services=services_down,
        agents=[agent("cmp1"), agent("cmp2", alive=False)],
        **tables(bus_queues=[row]),
    )
    assert list(top(given)) == ["host.down:host:cmp2"]


def test_an_unread_topic_whose_readers_are_down_is_their_consequence() -> None:
    conductors = [compute_service("ctl1", binary="nova-conductor", state="down")]
    row = queue("conductor", vhost="cell2", consumers=0, messages_ready=50)
    given = facts(
        compute_services=[compute_service("cmp1"), *conductors], **tables(bus_queues=[row])
    )
    assert list(top(given)) == ["compute.service.down:service:nova-conductor@ctl1"]


def test_thousands_of_unread_queues_are_one_finding() -> None:
    rows = [queue(f"other{n}", consumers=0, messages_ready=50) for n in range(5000)]
    assert list(found(facts(**tables(bus_queues=rows)))) == ["bus.queue.consumers:cloud:c1"]


@pytest.mark.parametrize(
    "row",
    [
        queue("x; reboot #", consumers=0, messages_ready=50),
        queue("notifications.$(reboot)", consumers=0, messages_ready=50),
        queue("x", vhost="/`reboot`", messages_unacknowledged=5000),
    ],
)
def test_a_command_to_type_runs_nothing_that_a_queue_is_called(row: BusQueue) -> None:
    (found_one,) = judged(CHECKS, facts(**tables(bus_queues=[row])))
    assert shlex.quote(row.vhost) in found_one.advice
    assert row.messages_unacknowledged or shlex.quote(row.name) in found_one.advice
