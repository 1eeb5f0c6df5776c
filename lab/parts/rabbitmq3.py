# SPDX-License-Identifier: Apache-2.0
"""A RabbitMQ cluster of three nodes: quorum queues, a stream, consumers that can be lost."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import httpx

from lab.parts.rabbitmq3_faults import (
    CONSUMED,
    CONSUMERS,
    EPMD,
    STREAM,
    UNACKED,
    UNCONSUMED,
    RabbitFaults,
)
from lab.parts.rabbitmq3_node import NODES, RabbitNode
from lab.parts.tools import cached, home, key, remove, run, template
from lab.place import Place
from lab.processes import Processes, listening, wait_for


class RabbitMQ3(RabbitFaults):
    """Nodes `rabbit1` to `rabbit3` (`rabbitN@localhost` with an epmd of the lab's own)."""

    name = "rabbitmq3"

    def __init__(self, place: Place, *, partition_handling: str = "pause_minority") -> None:
        """Choose what a minority does; Kolla's choice is `pause_minority`."""
        self._place = place
        self._processes = Processes(place)
        self._home = home(place, "rabbitmq3")
        self._handling = partition_handling
        self._nodes = self._make_nodes(self._home)

    def up(self) -> None:
        """Start the cluster from the golden copy, or from what the lab left."""
        recipe = key(
            template("rabbitmq3-advanced.config", stream_first=0, stream_last=0),
            *(*CONSUMED, "", *UNCONSUMED, STREAM),
            run(["dpkg-query", "--show", "rabbitmq-server", "erlang-base"]),
            # Quorum queues and streams keep the absolute path of their folder in their own files.
            str(self._home),
        )
        if not (self._home / "data").exists():
            golden = cached(self._place.cache / "rabbitmq3" / recipe, self._build)
            for part in golden.iterdir():
                run(["cp", "--archive", part, self._home])
        self.restore()

    def down(self) -> None:
        """Stop the consumers, the nodes and epmd."""
        for node in self._nodes:
            node.thaw()
        self._processes.stop([CONSUMERS, UNACKED], grace_seconds=2)
        self._processes.stop(self.nodes, grace_seconds=40)
        self._processes.stop([EPMD], grace_seconds=2)

    def reset(self) -> None:
        """Go back to the golden copy."""
        self.down()
        remove(self._home / "data")
        self.up()

    def ready(self) -> bool:
        """Ask every node's API: all run, no alarm, no partition, queues whole and consumed."""
        try:
            return all(self._node_ready(node) for node in self._nodes) and self._queues_ready()
        except (httpx.HTTPError, KeyError, ValueError):
            return False

    def restore(self) -> None:
        """Undo every fault below, start what is dead, empty the queues."""
        self._processes.stop([UNACKED], grace_seconds=2)
        for node in self._nodes:
            if node.frozen():  # its peers have written it off: only a new start makes them whole
                self.kill(node.name)
        live = [node for node in self._nodes if node.running()]
        self._start(self._nodes)
        with ThreadPoolExecutor(NODES) as pool:
            list(pool.map(self._heal, live))
        self._hold(CONSUMERS, CONSUMED, acknowledge=True)
        try:
            wait_for(
                lambda: self._whole() or self._loser() is not None,
                "the RabbitMQ cluster",
                seconds=45,
                every=0.5,
            )
        except TimeoutError:
            self._restart(self._nodes)
        loser = self._loser()
        if loser is not None:
            self._restart([loser])
        wait_for(self._whole, "the RabbitMQ cluster", seconds=90, every=0.5)
        self._clean_queues()

    def _whole(self) -> bool:
        """Tell whether it is ready; start again a node that died of starting beside the others.

        Nodes that start at the same moment may disagree on feature flags, and one gives up.
        """
        if self.ready():
            return True
        self._start([node for node in self._nodes if not node.running()])
        return False

    def describe(self) -> dict[str, object]:
        """Return ports, users, queues."""
        return {
            "nodes": {
                node.name: {
                    "erlang_name": node.erlang_name,
                    "host": "127.0.0.1",
                    "amqp_port": node.amqp,
                    "management_url": f"http://127.0.0.1:{node.management}",
                    "prometheus_url": f"http://127.0.0.1:{node.prometheus}/metrics",
                    "log": str(node.log),
                }
                for node in self._nodes
            },
            "user": "openstack",
            "password": self._secret("openstack"),
            "monitoring_user": "monitoring",
            "monitoring_password": self._secret("monitoring"),
            "queues_with_consumers": list(CONSUMED),
            "queues_without_consumers": list(UNCONSUMED),
            "stream": STREAM,
            "partition_handling": self._handling,
        }

    def start(self, name: str) -> None:
        """Start a node and wait for its API; it may need another node that was up later than it."""
        self._start([self._node(name)])
        wait_for(lambda: self._alive(self._node(name)), f"{name} to answer", seconds=120)

    def _make_nodes(self, folder: Path) -> list[RabbitNode]:
        return [
            RabbitNode(self._place, folder, number, partition_handling=self._handling)
            for number in range(NODES)
        ]

    def _alive(self, node: RabbitNode) -> bool:
        if not node.running():
            message = f"{node.name} ended: {node.last_lines()}"
            raise RuntimeError(message)
        try:
            return bool(self._api(node, "whoami"))
        except httpx.HTTPError:
            return False

    def _node_ready(self, node: RabbitNode) -> bool:
        if not listening(node.amqp):
            return False
        rows = self._api(node, "nodes")
        fine = [
            row["running"]
            and not (row.get("mem_alarm") or row.get("disk_free_alarm") or row.get("partitions"))
            for row in rows
        ]
        return len(fine) == NODES and all(fine)

    def _queues_ready(self) -> bool:
        rows = {row["name"]: row for row in self._api(self._nodes[0], "queues")}
        whole = all(len(row["online"]) == NODES for row in rows.values() if "online" in row)
        return whole and all(rows[name]["consumers"] == 1 for name in CONSUMED)

    def _start(self, nodes: Sequence[RabbitNode]) -> None:
        self._processes.start(
            EPMD,
            ["epmd", "-address", "127.0.0.1", "-port", str(self._place.port(100))],
        )
        wait_for(lambda: listening(self._place.port(100)), "epmd", seconds=10)
        for node in nodes:
            if not node.running():
                node.write_configuration(self._secret("openstack"))
                node.start()

    def _loser(self) -> RabbitNode | None:
        """Return the node that most others count as partitioned: it gives way by a new start."""
        try:
            rows = self._api(self._nodes[0], "nodes")
        except httpx.HTTPError:
            return None
        lost = [name for row in rows for name in row.get("partitions") or []]
        return max(
            (node for node in self._nodes if node.erlang_name in lost),
            key=lambda node: lost.count(node.erlang_name),
            default=None,
        )

    def _restart(self, nodes: Sequence[RabbitNode]) -> None:
        for node in nodes:
            self._processes.stop([node.name], grace_seconds=20)
        self._start(nodes)

    def _clean_queues(self) -> None:
        for row in self._api(self._nodes[0], "queues"):
            path = f"queues/%2F/{row['name']}"
            if row["name"] not in {*CONSUMED, *UNCONSUMED, STREAM}:
                self._api(self._nodes[0], path, "DELETE")
            elif row.get("messages") and row["type"] != "stream":
                self._api(self._nodes[0], f"{path}/contents", "DELETE")

    def _build(self, target: Path) -> None:
        """Make the golden copy: form the cluster, declare users and queues, stop in order."""
        folder = self._home
        remove(folder / "home")
        try:
            self._start(self._nodes[:1])
            wait_for(partial(self._alive, self._nodes[0]), "the first node", seconds=120)
            self._start(self._nodes)
            for node in self._nodes:
                wait_for(partial(self._alive, node), f"{node.name} to join", seconds=120)
            self._declare()
        finally:
            self._processes.stop(list(reversed(self.nodes)), grace_seconds=60)
        target.mkdir(mode=0o700)
        for part in ("data", "home", "passwords.json"):
            run(["cp", "--archive", folder / part, target / part])
        remove(folder / "data")

    def _declare(self) -> None:
        call = partial(self._api, self._nodes[0], method="PUT")
        user = {"password": self._secret("monitoring"), "tags": "monitoring"}
        call("users/monitoring", json=user)
        rights = {"configure": "^$", "write": "^$", "read": ".*"}
        call("permissions/%2F/monitoring", json=rights)
        kinds = dict.fromkeys((*CONSUMED, *UNCONSUMED), "quorum") | {STREAM: "stream"}
        for queue, kind in kinds.items():
            wanted = {"durable": True, "arguments": {"x-queue-type": kind}}
            call(f"queues/%2F/{queue}", json=wanted)
