# SPDX-License-Identifier: Apache-2.0
"""RabbitMQ's queues and streams: read by somebody, keeping up, safe on enough nodes."""

from collections import defaultdict
from collections.abc import Callable, Iterator

from day2.model.finding import Finding, Subject
from day2.model.severity import Severity
from day2.model.tables.infrastructure import BusQueue
from day2.operations.health.check import Check, Facts, finding, setting, short_host
from day2.operations.health.rules.crowd import HOST, bounded
from day2.operations.health.rules.sight import command
from day2.operations.health.rules.where import Where

STREAM, QUORUM, CLASSIC = "stream", "quorum", "classic"
NEEDS = ("bus_queues",)
RABBITMQCTL = "docker exec rabbitmq rabbitmqctl"
READERS = {
    "conductor": "nova_conductor",
    "scheduler": "nova_scheduler",
    "compute": "nova_compute",
    "q-plugin": "neutron_server",
    "q-reports-plugin": "neutron_server",
    "q-agent-notifier-port-update": "neutron_openvswitch_agent",
    "l3_agent": "neutron_l3_agent",
    "dhcp_agent": "neutron_dhcp_agent",
    "cinder-scheduler": "cinder_scheduler",
    "cinder-volume": "cinder_volume",
    "cinder-backup": "cinder_backup",
    "engine": "heat_engine",
    "engine_worker": "heat_engine",
}
"""Topic and the container that reads it, as Kolla calls it."""
SHARED = frozenset(
    {"conductor", "scheduler", "q-plugin", "q-reports-plugin", "cinder-scheduler", "engine"}
)
"""Topics that every call of their service goes through: unread, the service stands still."""
NOTIFICATIONS = ("notifications.", "versioned_notifications.")
GONE = frozenset({"down", "crashed", "stopped"})


def transient(queue: BusQueue) -> bool:
    """Tell whether its owner made it for itself: replies and fan-outs come and go with processes.

    Not told by `durable`: classic topics of OpenStack are not, and transient quorum queues are.
    """
    return (
        queue.exclusive
        or queue.auto_delete
        or queue.expires
        or queue.name.startswith(("reply_", "amq."))
        or "_fanout_" in queue.name
    )


def without_majority(queue: BusQueue) -> bool:
    """Tell whether too few of its members are online for it to take a message."""
    # Who is online may not be told: that is not nobody.
    if not queue.members or queue.online is None:
        return queue.type != CLASSIC and queue.state in GONE
    return len(queue.online) <= len(queue.members) // 2


def without_node(queue: BusQueue) -> bool:
    """Tell whether it is a classic queue whose only node is away."""
    return queue.type == CLASSIC and queue.state in GONE and not transient(queue)


@bounded("queues that nobody reads", by=HOST, merged=False)
def unread(facts: Facts) -> Iterator[Finding]:
    """Messages wait, and nobody is there to read them."""
    hosts = Where(facts)
    bound = facts.policy.bus_unread_messages_warning
    for queue in facts.tables.bus_queues:
        # Not known is not none: a node that hangs tells no consumers of its queues.
        if queue.type == STREAM or transient(queue) or queue.consumers != 0:
            continue
        if queue.messages_ready < bound or without_majority(queue) or without_node(queue):
            continue
        notification = queue.name.startswith(NOTIFICATIONS)
        topic, _, where = queue.name.partition(".")
        reader = READERS.get(topic, "")
        if notification:
            advice = (
                "Either deploy what reads notifications, or stop sending them (driver = noop in "
                "[oslo_messaging_notifications]); then empty it: "
                + command(f"{RABBITMQCTL} purge_queue --vhost", queue.vhost, queue.name)
            )
        elif reader:
            advice = f"Start its reader: docker logs --tail 100 {reader}; docker start {reader}"
        else:
            advice = "Find out who should read it; when nobody any more: " + command(
                f"{RABBITMQCTL} delete_queue --vhost", queue.vhost, queue.name
            )
        yield finding(
            "bus.queue.consumers",
            Severity.CRITICAL if queue.name in SHARED else Severity.WARNING,
            _subject(hosts, queue, "" if notification or not reader else where),
            f"{queue.messages_ready:,} messages wait in {_label(queue)}, and nobody reads it",
            why=setting(facts.policy, "bus_unread_messages_warning"),
            evidence={"ready": queue.messages_ready, "type": queue.type},
            advice=advice,
        )


@bounded("queues with unacknowledged messages", by=HOST)
def unacknowledged(facts: Facts) -> Iterator[Finding]:
    """A reader takes messages and never says that it is done with them: it hangs."""
    hosts = Where(facts)
    bound = facts.policy.bus_unacknowledged_warning
    for queue in facts.tables.bus_queues:
        if queue.type == STREAM or queue.messages_unacknowledged < bound:
            continue
        yield finding(
            "bus.queue.unacked",
            Severity.WARNING,
            _subject(hosts, queue),
            f"{queue.messages_unacknowledged:,} messages of {_label(queue)} were taken and not "
            "acknowledged: a reader hangs",
            why=setting(facts.policy, "bus_unacknowledged_warning"),
            evidence={
                "unacknowledged": queue.messages_unacknowledged,
                "consumers": queue.consumers,
            },
            advice="Who holds them: "
            + command(f"{RABBITMQCTL} list_channels --vhost", queue.vhost)
            + " pid messages_unacknowledged connection; restart that service",
        )


@bounded("queues that grow faster than they are read", by=HOST)
def backlog(facts: Facts) -> Iterator[Finding]:
    """Readers are there and do not keep up."""
    hosts = Where(facts)
    bound = facts.policy.bus_messages_warning
    for queue in facts.tables.bus_queues:
        if queue.type == STREAM or not queue.consumers or queue.messages_ready < bound:
            continue
        yield finding(
            "bus.queue.backlog",
            Severity.WARNING,
            _subject(hosts, queue),
            f"{queue.messages_ready:,} messages wait in {_label(queue)} for {queue.consumers} "
            "readers that do not keep up",
            why=setting(facts.policy, "bus_messages_warning"),
            evidence={"ready": queue.messages_ready, "consumers": queue.consumers},
            advice="See what its readers are busy with: their logs, the database, their number of "
            "workers",
        )


def minority(facts: Facts) -> Iterator[Finding]:
    """Queues and streams that cannot take or give a message until members are back."""
    yield from _by_vhost(
        facts,
        "bus.queue.minority",
        without_majority,
        "{count} queues of {vhost} have lost their majority and stand still",
        why="half or fewer of the members of each are online",
        advice="Start the missing RabbitMQ nodes: docker start rabbitmq; which members: docker "
        "exec rabbitmq rabbitmq-queues quorum_status --vhost VHOST QUEUE",
        severity=Severity.CRITICAL,
    )


def away(facts: Facts) -> Iterator[Finding]:
    """Classic queues whose only node is away: nobody can use nor declare them anew."""
    yield from _by_vhost(
        facts,
        "bus.queue.down",
        without_node,
        "{count} queues of {vhost} are away with their node",
        why="RabbitMQ reports the classic queues as down or crashed",
        advice="Start the missing RabbitMQ node: docker start rabbitmq",
        severity=Severity.CRITICAL,
    )


def stream_replicas(facts: Facts) -> Iterator[Finding]:
    """Streams on one node of several: they are lost, or stand still, with it."""
    if len(facts.tables.bus_nodes) < 2:  # noqa: PLR2004
        return

    def alone(queue: BusQueue) -> bool:
        few = len(queue.members) == 1 or (queue.online is not None and len(queue.online) == 1)
        return queue.type == STREAM and bool(queue.members) and few

    yield from _by_vhost(
        facts,
        "bus.stream.replicas",
        alone,
        "{count} streams of {vhost} have one replica only",
        why="a stream on a cluster of several nodes has one member, or one that is online",
        advice="docker exec rabbitmq rabbitmq-streams add_replica --vhost VHOST STREAM NODE",
        severity=Severity.WARNING,
    )


def _by_vhost(
    facts: Facts,
    check: str,
    concerned: Callable[[BusQueue], bool],
    summary: str,
    *,
    why: str,
    advice: str,
    severity: Severity,
) -> Iterator[Finding]:
    """Tell together what one lost node does to the queues of a virtual host."""
    named: dict[str, list[str]] = defaultdict(list)
    for queue in facts.tables.bus_queues:
        if concerned(queue):
            named[queue.vhost].append(queue.name)
    for vhost, names in sorted(named.items()):
        names.sort()
        shown = ", ".join(names[:3]) + (" …" if len(names) > 3 else "")  # noqa: PLR2004
        yield finding(
            check,
            severity,
            Subject(type="vhost", id=vhost),
            f"{summary.format(count=len(names), vhost=f'virtual host {vhost}')}: {shown}",
            why=why,
            evidence={"count": len(names), "names": names[:50]},
            advice=advice,
        )


def _label(queue: BusQueue) -> str:
    return queue.name if queue.vhost == "/" else f"{queue.name} of virtual host {queue.vhost}"


def _subject(hosts: Where, queue: BusQueue, where: str | None = None) -> Subject:
    """Name the queue, and the host whose service reads it: `compute.HOST`, `topic.HOST@BACKEND`."""
    name = queue.name if queue.vhost == "/" else f"{queue.vhost}/{queue.name}"
    if where is None:
        topic, _, rest = queue.name.partition(".")
        where = rest if topic in READERS else ""
    return Subject(type="queue", id=name, host=hosts.of_name(short_host(where)))


CHECKS = (
    Check(
        name="bus.queue.consumers",
        title="A queue with messages that nobody reads",
        needs=NEEDS,
        judge=unread,
        settings=("bus_unread_messages_warning",),
    ),
    Check(
        name="bus.queue.unacked",
        title="A queue whose reader hangs",
        needs=NEEDS,
        judge=unacknowledged,
        settings=("bus_unacknowledged_warning",),
    ),
    Check(
        name="bus.queue.backlog",
        title="A queue whose readers do not keep up",
        needs=NEEDS,
        judge=backlog,
        settings=("bus_messages_warning",),
    ),
    Check(
        name="bus.queue.minority",
        title="Queues without a majority of their members",
        needs=NEEDS,
        judge=minority,
    ),
    Check(
        name="bus.queue.down",
        title="Classic queues whose node is away",
        needs=NEEDS,
        judge=away,
    ),
    Check(
        name="bus.stream.replicas",
        title="Streams that live on one node only",
        needs=("bus_queues", "bus_nodes"),
        judge=stream_replicas,
    ),
)
