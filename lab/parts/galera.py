# SPDX-License-Identifier: Apache-2.0
"""A Galera cluster of three MariaDB servers behind an HAProxy: one active server, two backups."""

import re
import signal
import time
from pathlib import Path

from lab.parts.galera_node import PORT, GaleraNode
from lab.parts.haproxy import HAProxy
from lab.parts.tools import cached, home, key, passwords, remove, run, template
from lab.place import Place
from lab.processes import Processes, wait_for

USERS = ("monitor", "haproxy_stats")


class Galera:
    """Nodes `galera1` to `galera3`, each on an address of its own, ports as in a cloud."""

    name = "galera"

    def __init__(self, place: Place) -> None:
        """Name the nodes and their addresses; nothing is started."""
        self._place = place
        self._processes = Processes(place)
        self._home = home(place, "galera")
        self._passwords = passwords(self._home / "passwords.json", USERS)
        addresses = [f"127.0.{100 + place.lab_id}.{last}" for last in (11, 12, 13)]
        self._nodes = [GaleraNode(place, self._home, number, addresses) for number in range(3)]
        self.haproxy = HAProxy(place, "galera-haproxy")

    @property
    def nodes(self) -> list[str]:
        """Names of the nodes; the first is the active one behind HAProxy."""
        return [node.name for node in self._nodes]

    def up(self) -> None:
        """Start the nodes, from the golden copy or from what the lab left, then HAProxy."""
        recipe = key(template("galera-recipe.sql"), run(["mariadbd", "--version"]))
        golden = self._place.cache / "galera" / recipe
        for node in self._nodes:
            if not node.data.exists():
                cached(golden, self._build)
                # Every node gets the same closed folder: same position, so nothing to transfer.
                run(["cp", "--archive", "--sparse=always", golden, node.data])
            if self._processes.pid(node.name) is None:
                node.write_configuration()
        self.restore()

    def down(self) -> None:
        """Stop everything; the active node last, so that it may bootstrap the next start."""
        self.haproxy.stop()
        for node in reversed(self._nodes):
            self.stop(node.name)

    def reset(self) -> None:
        """Go back to the golden copy: users and data that a test made are gone."""
        self.down()
        for node in self._nodes:
            remove(node.data)
        self.up()

    def ready(self) -> bool:
        """Tell whether all nodes are Synced in one Primary component and HAProxy sees them UP."""
        whole = all(node.healthy(len(self._nodes)) for node in self._nodes)
        return whole and self.haproxy.up_servers("mariadb") == len(self._nodes)

    def restore(self) -> None:
        """Repair the cluster whatever was done: dead, frozen, isolated, split, desynced nodes."""
        for node in self._nodes:
            node.thaw()
            node.undo_settings()
        if not self._primary_exists():
            self._bootstrap()
        for node in self._nodes:
            node.start()
        deadline = time.monotonic() + 30
        while not self._whole() and time.monotonic() < deadline:
            time.sleep(0.2)
        for node in self._nodes:
            if not node.healthy(len(self._nodes)):  # it keeps out: only a new start helps
                self.stop(node.name)
                self.start(node.name)
        secret = self._passwords["monitor"]
        self._nodes[0].sql(f"ALTER USER monitor@'%' IDENTIFIED BY '{secret}'")
        self._start_haproxy()
        wait_for(self.ready, "the Galera cluster", seconds=30)

    def describe(self) -> dict[str, object]:
        """Return the addresses, the users and the sockets."""
        return {
            "nodes": {
                node.name: {"host": node.address, "port": PORT, "socket": str(node.socket)}
                for node in self._nodes
            },
            "vip": {"host": "127.0.0.1", "port": self._place.port(60)},
            "user": "monitor",
            "password": self._passwords["monitor"],
            "haproxy": self.haproxy.describe()
            | {
                "backend": "mariadb",
                "stats_url": f"http://127.0.0.1:{self._place.port(61)}/;csv",
                "stats_user": "openstack",
                "stats_password": self._passwords["haproxy_stats"],
            },
        }

    def kill(self, name: str) -> None:
        """`kill -9` a node."""
        self._processes.kill(name)

    def stop(self, name: str) -> None:
        """Stop a node in an orderly way."""
        self.thaw(name)
        self._processes.stop([name], grace_seconds=30)

    def start(self, name: str) -> None:
        """Start a node and wait until it is Synced; needs a Primary component to join."""
        node = self._node(name)
        node.start()
        node.wait_synced(90)

    def bootstrap(self, name: str) -> None:
        """Start a node as the first of a new Primary component, whatever the others have."""
        node = self._node(name)
        node.start("--wsrep-new-cluster")
        node.wait_synced(60)

    def data(self, name: str) -> Path:
        """Return a node's data folder."""
        return self._node(name).data

    def freeze(self, name: str) -> None:
        """Stop a node as if it hung: connections are accepted by the kernel, never answered."""
        self._processes.signal(name, signal.SIGSTOP)

    def thaw(self, name: str) -> None:
        """Undo `freeze`."""
        self._node(name).thaw()

    def isolate(self, name: str) -> None:
        """Cut a node from its peers: it stays alive, answers, and is non-Primary."""
        self._node(name).provider_option("gmcast.isolate=1")

    def rejoin(self, name: str) -> None:
        """Undo `isolate`."""
        self._node(name).provider_option("gmcast.isolate=0")

    def desync(self, name: str, *, on: bool = True) -> None:
        """Make a node `Donor/Desynced`, or undo that."""
        self._node(name).sql(f"SET GLOBAL wsrep_desync={'ON' if on else 'OFF'}")

    def sql(self, name: str, statement: str) -> list[tuple[str, ...]]:
        """Run one SQL statement as root over the node's socket."""
        return self._node(name).sql(statement)

    def status(self, name: str) -> dict[str, str]:
        """Return the node's wsrep status variables; empty when it does not answer."""
        return self._node(name).wsrep()

    def _node(self, name: str) -> GaleraNode:
        return self._nodes[self.nodes.index(name)]

    def _whole(self) -> bool:
        return all(node.healthy(len(self._nodes)) for node in self._nodes)

    def _primary_exists(self) -> bool:
        """Give live nodes a moment to find each other before the cluster is taken for lost."""
        live = [node for node in self._nodes if self._processes.pid(node.name)]
        # One node alone never becomes Primary by itself; two may be about to merge.
        deadline = time.monotonic() + (10 if len(live) > 1 else 0)
        while not any(node.primary() for node in live):
            if time.monotonic() >= deadline:
                return False
            time.sleep(0.2)
        return True

    def _bootstrap(self) -> None:
        """Start a new Primary component from the node that saw the most transactions."""
        self._processes.stop(self.nodes, grace_seconds=10)
        best = max(self._nodes, key=lambda node: node.position())
        state = best.data / "grastate.dat"
        text = state.read_text()
        state.write_text(re.sub(r"safe_to_bootstrap: \d", "safe_to_bootstrap: 1", text))
        best.start("--wsrep-new-cluster")
        best.wait_synced(60)

    def _start_haproxy(self) -> None:
        servers = "\n".join(
            f"    server {node.name} {node.address}:{PORT} check inter 500ms rise 1 fall 2"
            + ("" if node is self._nodes[0] else " backup")
            for node in self._nodes
        )
        self.haproxy.start(
            template(
                "galera-haproxy.cfg",
                socket=self.haproxy.socket,
                port=self._place.port(60),
                stats_port=self._place.port(61),
                stats_password=self._passwords["haproxy_stats"],
                servers=servers,
            )
        )

    def _build(self, target: Path) -> None:
        folder = home(self._place, "galera-golden")
        first = GaleraNode(self._place, folder, 0, [self._nodes[0].address])
        first.install(template("galera-recipe.sql"))
        run(["cp", "--archive", "--sparse=always", first.data, target])
        remove(folder)
