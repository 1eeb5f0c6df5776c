# SPDX-License-Identifier: Apache-2.0
"""RabbitMQ's nodes: answering, of one mind, not blocked by an alarm, of one version."""

from collections.abc import Iterator

from day2.model.finding import Finding, Subject
from day2.model.severity import Severity
from day2.model.tables.infrastructure import BusEndpoint, BusNode
from day2.operations.health.check import Check, Facts, finding
from day2.operations.health.rules.crowd import HOST, bounded
from day2.operations.health.rules.queues import without_majority, without_node
from day2.operations.health.rules.where import Where

CLUSTER = Subject(type="bus", id="rabbitmq")
START = "docker logs --tail 100 rabbitmq; docker start rabbitmq"
STATUS = "docker exec rabbitmq rabbitmqctl cluster_status"


def down(facts: Facts) -> Iterator[Finding]:
    """No node answers or runs: no service can talk to its own parts."""
    endpoints, nodes = facts.tables.bus_endpoints, facts.tables.bus_nodes
    # An address that refused our account is a gap, and a node runs behind it.
    if not endpoints or not facts.survey.is_complete("bus_endpoints"):
        return
    answering = any(endpoint.reachable for endpoint in endpoints)
    if answering and (not nodes or any(node.running for node in nodes)):
        return
    states = {e.address: "answers" if e.reachable else e.error for e in endpoints}
    yield finding(
        "bus.down",
        Severity.CRITICAL,
        CLUSTER,
        f"no RabbitMQ node answers ({len(endpoints)} asked): "
        + "; ".join(f"{address} {state}" for address, state in states.items()),
        why="no management address of the section `bus` answers as a running node",
        evidence={"endpoints": states},
        advice="On every RabbitMQ host, the one that stopped last first: "
        f"{START}; if they run, the management port is closed to this host",
    )


@bounded("RabbitMQ nodes that are down", by=HOST)
def nodes_down(facts: Facts) -> Iterator[Finding]:
    """A node that the others miss; critical when the majority, or a queue, went with it."""
    nodes = facts.tables.bus_nodes
    dead = [node for node in nodes if not node.running]
    running = len(nodes) - len(dead)
    majority = running > len(nodes) // 2
    lost = sum(1 for queue in facts.tables.bus_queues if without_majority(queue))
    lost += sum(1 for queue in facts.tables.bus_queues if without_node(queue))
    for node in dead:
        yield finding(
            "bus.node.down",
            Severity.WARNING if majority and not lost else Severity.CRITICAL,
            _subject(facts, node),
            f"RabbitMQ node {node.name} is down; {running} of {len(nodes)} run"
            + (f"; {lost} queues cannot be used without it" if lost else ""),
            why="the other nodes report it as not running"
            + (
                " (a warning: the majority runs, every queue works)"
                if majority and not lost
                else ""
            ),
            evidence={"running": running, "nodes": len(nodes), "queues_lost": lost or None},
            advice=f"On {_host(node)}: {START}",
        )


@bounded("RabbitMQ management addresses that do not answer", by=HOST)
def endpoints_down(facts: Facts) -> Iterator[Finding]:
    """A management address that does not answer although the cluster misses no such node."""
    endpoints = facts.tables.bus_endpoints
    silent = [endpoint for endpoint in endpoints if not endpoint.reachable]
    dead = [node for node in facts.tables.bus_nodes if not node.running]
    unexplained = []
    for endpoint in silent:
        node = next((n for n in dead if _same_place(facts, n, endpoint)), None)
        if node:
            dead.remove(node)
        else:
            unexplained.append(endpoint)
    # Which of the other addresses belongs to which dead node cannot be told, only counted.
    if len(unexplained) <= len(dead):
        return
    for endpoint in unexplained:
        yield finding(
            "bus.endpoint.down",
            Severity.WARNING,
            Subject(
                type="bus", id=endpoint.address, host=Where(facts).of_address(endpoint.address)
            ),
            f"RabbitMQ management {endpoint.address} does not answer ({endpoint.error})"
            + ("" if dead else "; the cluster misses no node"),
            why="the management API does not answer; the node may hang, or only its plug-in",
            evidence={"error": endpoint.error},
            advice="On its host: docker exec rabbitmq rabbitmq-diagnostics check_running; "
            "docker exec rabbitmq rabbitmq-plugins list --enabled",
        )


def partition(facts: Facts) -> Iterator[Finding]:
    """Nodes that do not see each other and all go on: messages and queues part ways."""
    apart = {
        node.name: sorted({*node.partitions, *node.missed_by})
        for node in facts.tables.bus_nodes
        if node.running and (node.partitions or node.missed_by)
    }
    if not apart:
        return
    yield finding(
        "bus.partition",
        Severity.CRITICAL,
        CLUSTER,
        "RabbitMQ is partitioned: "
        + "; ".join(
            f"{name} without {', '.join(others)}" for name, others in sorted(apart.items())
        ),
        why="nodes report a partition, or one that answers is missed by others",
        evidence={"apart": apart},
        advice="Find out which side the services use, then restart the nodes of the other side one "
        f"by one: docker restart rabbitmq; after that: {STATUS}",
    )


@bounded("alarms of RabbitMQ nodes", by=HOST)
def alarm(facts: Facts) -> Iterator[Finding]:
    """Memory or disk alarm: RabbitMQ lets nobody publish, on any node, until it ends."""
    for node in facts.tables.bus_nodes:
        for on, resource, figures in (
            (node.memory_alarm, "memory", (node.memory_used_bytes, node.memory_limit_bytes)),
            (node.disk_alarm, "disk", (node.disk_free_bytes, None)),
        ):
            if not on:
                continue
            yield finding(
                "bus.alarm",
                Severity.CRITICAL,
                _subject(facts, node),
                f"RabbitMQ node {node.name} has a {resource} alarm{_figures(resource, *figures)}: "
                "publishers are blocked on the whole cluster",
                why=f"the node reports a {resource} alarm",
                evidence={
                    "resource": resource,
                    "memory_used_bytes": node.memory_used_bytes,
                    "memory_limit_bytes": node.memory_limit_bytes,
                    "disk_free_bytes": node.disk_free_bytes,
                },
                advice="The longest queues: docker exec rabbitmq rabbitmqctl list_queues name "
                "messages memory consumers; empty those that nobody reads"
                if resource == "memory"
                else f"On {_host(node)}: df --human-readable; free space below RabbitMQ's data",
                aspect=resource,
            )


def versions(facts: Facts) -> Iterator[Finding]:
    """Nodes of different versions: an upgrade that was not finished."""
    seen: dict[str, list[str]] = {}
    for node in facts.tables.bus_nodes:
        if node.version:
            seen.setdefault(node.version, []).append(node.name)
    if len(seen) < 2:  # noqa: PLR2004
        return
    yield finding(
        "bus.node.versions",
        Severity.WARNING,
        CLUSTER,
        "the RabbitMQ nodes run different versions: "
        + "; ".join(f"{version} on {', '.join(where)}" for version, where in sorted(seen.items())),
        why="all nodes of one cluster run one version, except during an upgrade",
        evidence={"versions": seen},
        advice="Finish the upgrade: kolla-ansible upgrade -i INVENTORY --tags rabbitmq",
    )


def _host(node: BusNode) -> str:
    return node.name.partition("@")[2] or node.name


def _subject(facts: Facts, node: BusNode) -> Subject:
    return Subject(type="bus", id=node.name, host=Where(facts).of_name(_host(node)))


def _same_place(facts: Facts, node: BusNode, endpoint: BusEndpoint) -> bool:
    """Tell whether an address surely is that node's; `localhost` is everybody's."""
    name = _host(node)
    where = Where(facts)
    host = where.of_address(endpoint.address)
    return name != "localhost" and bool(host) and host in {name, where.of_name(name)}


def _figures(resource: str, first: int | None, second: int | None) -> str:
    if first is None:
        return ""
    mib = f"{first >> 20:,} MiB"
    if resource == "disk":
        return f" ({mib} free)"
    return f" ({mib} used{f' of {second >> 20:,} MiB' if second else ''})"


NODES = ("bus_nodes",)

CHECKS = (
    Check(
        name="bus.down",
        title="No RabbitMQ node answers",
        needs=("bus_endpoints",),
        judge=down,
    ),
    Check(
        name="bus.node.down",
        title="A RabbitMQ node that is down",
        needs=NODES,
        judge=nodes_down,
    ),
    Check(
        name="bus.endpoint.down",
        title="A RabbitMQ management address that does not answer",
        needs=("bus_endpoints",),
        judge=endpoints_down,
    ),
    Check(
        name="bus.partition",
        title="RabbitMQ nodes that lost each other",
        needs=NODES,
        judge=partition,
    ),
    Check(
        name="bus.alarm",
        title="RabbitMQ blocks its publishers",
        needs=NODES,
        judge=alarm,
    ),
    Check(
        name="bus.node.versions",
        title="RabbitMQ nodes of different versions",
        needs=NODES,
        judge=versions,
    ),
)
