# SPDX-License-Identifier: Apache-2.0
"""Known problems of the message bus, planted on a real RabbitMQ cluster of three nodes.

The services of the lab use another RabbitMQ; what they log when theirs is broken is planted there.
"""

from contextlib import ExitStack

from lab.parts.rabbitmq3 import RabbitMQ3
from tests.lab.hands import Hands
from tests.lab.problem import Planting

RABBIT, MENDED = "rabbitmq3", "rabbitmq3 will be mended"
ALONE = "rabbit2@localhost", "rabbit3@localhost"
STREAM = "scheduler_fanout"


def cluster(hands: Hands) -> RabbitMQ3:
    found: RabbitMQ3 = hands.kept[RABBIT]
    return found


def restored(hands: Hands, undo: ExitStack) -> RabbitMQ3:
    """Return the cluster; it is made whole once, after everything else of its batch is undone."""
    found = cluster(hands)
    if MENDED not in hands.kept:
        hands.kept[MENDED] = True
        undo.callback(_restore, hands)
    return found


def _restore(hands: Hands) -> None:
    del hands.kept[MENDED]
    try:
        cluster(hands).restore()
    except TimeoutError:
        # Nodes of RabbitMQ 3.10 that start together race for their feature flags.
        cluster(hands).restore()


def partition(hands: Hands, undo: ExitStack) -> None:
    rabbit = restored(hands, undo)
    rabbit.handling("ignore")
    rabbit.partition("rabbit3")


def memory_alarm(hands: Hands, undo: ExitStack) -> None:
    restored(hands, undo).memory_alarm("rabbit2")


def disk_alarm(hands: Hands, undo: ExitStack) -> None:
    restored(hands, undo).disk_alarm("rabbit1")


def nobody_reads(hands: Hands, undo: ExitStack) -> None:
    restored(hands, undo).pile_up("conductor")


def member_gone(hands: Hands, undo: ExitStack) -> None:
    restored(hands, undo).kill("rabbit3")


def one_replica(hands: Hands, undo: ExitStack) -> None:
    rabbit = restored(hands, undo)
    for node in ALONE:
        undo.callback(rabbit.ctl, "rabbit1", "add_replica", STREAM, node, tool="rabbitmq-streams")
        rabbit.ctl("rabbit1", "delete_replica", STREAM, node, tool="rabbitmq-streams")


def reader_hangs(hands: Hands, undo: ExitStack) -> None:
    restored(hands, undo).leave_unacked("engine", 1200)


def all_gone(hands: Hands, undo: ExitStack) -> None:
    rabbit = restored(hands, undo)
    for node in rabbit.nodes:
        rabbit.kill(node)


CLUSTER = (
    Planting(problem="bus-queue-unread", plant=nobody_reads, batch="bus"),
    Planting(problem="bus-reader-hangs", plant=reader_hangs, batch="bus-member"),
    Planting(problem="kolla-stream-replicas", plant=one_replica, batch="bus-streams"),
    Planting(problem="bus-memory-alarm", plant=memory_alarm, batch="bus"),
    Planting(problem="bus-disk-alarm", plant=disk_alarm, batch="bus"),
    Planting(problem="bus-partition", plant=partition, batch="bus-partition"),
    Planting(problem="bus-member-gone", plant=member_gone, batch="bus-member"),
    Planting(problem="bus-down", plant=all_gone, batch="bus-down"),
)
"""Planted on the cluster."""
