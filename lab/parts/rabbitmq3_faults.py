# SPDX-License-Identifier: Apache-2.0
"""Faults of the RabbitMQ cluster; `RabbitMQ3.restore` undoes every one of them."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx

from lab.parts import amqp
from lab.parts.rabbitmq3_node import RabbitNode
from lab.parts.tools import passwords
from lab.processes import Processes, wait_for

CONSUMED = ("conductor", "scheduler", "compute.compute01", "cinder-volume", "q-plugin", "engine")
UNCONSUMED = ("notifications.info", "notifications.error")
STREAM = "scheduler_fanout"
CONSUMERS, UNACKED, EPMD = "rabbit-consumers", "rabbit-unacked", "rabbit-epmd"
PEERS = "[list_to_atom(lists:concat([rabbit, I, '@localhost'])) || I <- [1,2,3]] -- [node()]"
# Each part may fail alone: a paused broker has no monitors. HANDLING is filled in.
HEAL = (
    "catch vm_memory_monitor:set_vm_memory_high_watermark({absolute, 1000000000}), "
    "catch rabbit_disk_monitor:set_disk_free_limit(50000000), "
    "application:set_env(rabbit, cluster_partition_handling, HANDLING), "
    "[begin erlang:set_cookie(N, erlang:get_cookie()), net_kernel:connect_node(N) end "
    f"|| N <- {PEERS}]"
)
CUT = f"[begin erlang:set_cookie(N, cut), erlang:disconnect_node(N) end || N <- {PEERS}]"


class RabbitFaults:
    """What can be done to the cluster; calls return once the API shows it where it can."""

    _nodes: list[RabbitNode]
    _processes: Processes
    _home: Path
    _handling: str

    @property
    def nodes(self) -> list[str]:
        """Names of the nodes."""
        return [node.name for node in self._nodes]

    def kill(self, name: str) -> None:
        """`kill -9` a node; killing two leaves quorum queues without a majority."""
        self._node(name).thaw()
        self._processes.kill(name)

    def stop(self, name: str) -> None:
        """Stop a node in an orderly way."""
        self._processes.stop([name], grace_seconds=40)

    def freeze(self, name: str) -> None:
        """Hang a node: its ports accept and never answer; peers miss it after 8 to 10 s."""
        self._node(name).freeze()

    def memory_alarm(self, name: str) -> None:
        """Raise the memory alarm on a node: publishers are blocked on the whole cluster."""
        self._node(name).ctl("set_vm_memory_high_watermark", "absolute", "1MB")

    def disk_alarm(self, name: str) -> None:
        """Raise the disk alarm on a node."""
        self._node(name).ctl("set_disk_free_limit", "100000GB")

    def partition(self, name: str) -> None:
        """Cut a node from its peers by a false cookie.

        `pause_minority` pauses its broker; with `ignore` both sides go on, and both report the
        partition once `rejoin` has let them meet again.
        """
        self._node(name).evaluate(CUT)

    def rejoin(self, name: str) -> None:
        """Undo `partition`'s cut (a reported partition stays until `restore`)."""
        self._heal(self._node(name))

    def handling(self, mode: str) -> None:
        """Change `cluster_partition_handling` of the live nodes: `ignore` or `pause_minority`."""
        for node in self._nodes:
            if node.running():
                node.evaluate(f"application:set_env(rabbit, cluster_partition_handling, {mode})")

    def lose_majority(self) -> None:
        """Kill rabbit2 and rabbit3 and keep rabbit1's broker and API: queues have no majority.

        Under `pause_minority` rabbit1 would pause itself, and no API would be left to tell.
        """
        self.handling("ignore")
        for name in self.nodes[1:]:
            self.kill(name)

    def drop_consumers(self, *queues: str) -> None:
        """Leave these queues without a consumer."""
        kept = [queue for queue in CONSUMED if queue not in queues]
        self._hold(CONSUMERS, kept, acknowledge=True)
        for queue in queues:
            self._seen(queue, "consumers", 0)

    def pile_up(self, queue: str, count: int = 500) -> None:
        """Leave messages in a queue that nobody consumes."""
        self.drop_consumers(queue)
        self.publish(queue, count)
        self._seen(queue, "messages_ready", count)

    def leave_unacked(self, queue: str, count: int = 500) -> None:
        """Have a consumer take messages and never acknowledge them."""
        self.drop_consumers(queue)
        self._hold(UNACKED, [queue], acknowledge=False)
        self.publish(queue, count)
        self._seen(queue, "messages_unacknowledged", count)

    def publish(self, queue: str, count: int) -> None:
        """Publish through the first node that lives; returns when the messages are safe."""
        node = next(node for node in self._nodes if node.running())
        link = amqp.Amqp("127.0.0.1", node.amqp, "openstack", self._secret("openstack"))
        link.publish(queue, count)
        link.close()

    def ctl(self, name: str, *words: str, tool: str = "rabbitmqctl") -> str:
        """Run `rabbitmqctl`, or `rabbitmq-queues`…, against a node."""
        return self._node(name).ctl(*words, tool=tool)

    def api(self, name: str, path: str, method: str = "GET", **more: Any) -> Any:  # noqa: ANN401
        """Call the management API of a node as `openstack`; returns the decoded answer."""
        return self._api(self._node(name), path, method, **more)

    def _seen(self, queue: str, figure: str, value: int) -> None:
        """Return once the API shows what was planted; its figures are a few seconds old."""
        node = next(node for node in self._nodes if node.running())

        def shown() -> bool:
            found = self._api(node, f"queues/%2F/{queue}").get(figure)
            return found is not None and (found >= value if value else found == 0)

        wait_for(
            shown,
            f"{queue} to show {value} {figure}",
            seconds=30,
            every=0.3,
        )

    def _heal(self, node: RabbitNode) -> None:
        node.evaluate(HEAL.replace("HANDLING", self._handling))

    def _node(self, name: str) -> RabbitNode:
        return self._nodes[self.nodes.index(name)]

    def _secret(self, user: str) -> str:
        return passwords(self._home / "passwords.json", ("openstack", "monitoring"))[user]

    def _api(self, node: RabbitNode, path: str, method: str = "GET", **more: Any) -> Any:  # noqa: ANN401
        url = f"http://127.0.0.1:{node.management}/api/{path}"
        login = ("openstack", self._secret("openstack"))
        answer = httpx.request(method, url, auth=login, timeout=10, trust_env=False, **more)
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def _hold(self, process: str, queues: Sequence[str], *, acknowledge: bool) -> None:
        task = {
            "name": process,
            "ports": [node.amqp for node in self._nodes],
            "user": "openstack",
            "password": self._secret("openstack"),
            "queues": list(queues),
            "acknowledge": acknowledge,
        }
        file = self._home / f"{process}.json"
        text = json.dumps(task)
        if self._processes.pid(process) and file.exists() and file.read_text() == text:
            return
        self._processes.stop([process], grace_seconds=2)
        file.touch(mode=0o600)
        file.write_text(text)
        self._processes.start(process, [sys.executable, amqp.__file__, file])
