# SPDX-License-Identifier: Apache-2.0
"""A host full of servers in every status that a drain may meet, made through the services' APIs."""

import os
from collections.abc import Callable
from typing import Any

from lab.facts import MAIN_ZONE
from lab.processes import wait_for
from tests.lab.hands import Hands

HOST = "compute01"
FULL = bool(os.environ.get("TEST_FULL"))
NETWORK, PLAIN = 4, 38 if FULL else 4
"""Servers with a port, and without one; those of the other kinds come on top: 61, or 27."""
ON_HOST = NETWORK + PLAIN + 18
"""Those that are on the host: all but the one that is shelved."""
BUILDING, MIGRATING, RESIZED = "crowd-building", "crowd-migrating", "crowd-resized"
NEIGHBOUR = "compute02"
HANG: dict[str, object] = {"hang": True}


class Crowd:
    """Servers named `crowd-…` of the project admin on one host."""

    def __init__(self, hands: Hands) -> None:
        self._hands = hands
        self._compute = hands.api.compute

    def fill(self) -> dict[str, str]:
        """Boot them all and bring each into its status; return statuses by name."""
        project = self._hands.api.identity.find_project("admin").id
        body = {"quota_set": {"instances": 200, "cores": 200, "ram": 1 << 20, "force": True}}
        answer = self._compute.put(f"/os-quota-sets/{project}", json=body)
        assert answer.status_code == 200, answer.text
        self._boot("crowd-net", NETWORK, network=True)
        self._boot("crowd-plain", PLAIN)
        kinds: dict[str, tuple[int, Callable[[Any], object], str]] = {
            "paused": (4, self._compute.pause_server, "PAUSED"),
            "suspended": (2, self._compute.suspend_server, "SUSPENDED"),
            "shutoff": (4, self._compute.stop_server, "SHUTOFF"),
            "rescued": (1, self._compute.rescue_server, "RESCUE"),
            "shelved": (1, self._compute.shelve_server, "SHELVED_OFFLOADED"),
            "locked": (2, self._compute.lock_server, "ACTIVE"),
            "tagged": (
                1,
                lambda s: self._compute.add_tag_to_server(s, "day2:maintenance=leave"),
                "ACTIVE",
            ),
            "error": (1, lambda s: self._compute.reset_server_state(s, "error"), "ERROR"),
        }
        for name, (count, _change, _status) in kinds.items():
            self._boot(f"crowd-{name}", count)
        whole = NETWORK + PLAIN + sum(count for count, _change, _status in kinds.values())
        self._wait("crowd-", "ACTIVE", count=whole)
        for name, (_count, change, _status) in kinds.items():
            for server in self._named(f"crowd-{name}"):
                change(server)
        for name, (_count, _change, status) in kinds.items():
            self._wait(f"crowd-{name}", status)
        self._keep_busy()
        return {s.name: s.status for s in self._named("crowd-")}

    def _keep_busy(self) -> None:
        """Leave one server that builds, one on its way, and one whose owner must confirm."""
        self._boot(MIGRATING, 1)
        self._boot(RESIZED, 1, host=NEIGHBOUR)
        self._wait(MIGRATING, "ACTIVE", count=1)
        self._wait(RESIZED, "ACTIVE", count=1)
        self._hands.cloud.script("spawns", {BUILDING: HANG})
        self._hands.cloud.script("migrations", {MIGRATING: HANG})
        self._boot(BUILDING, 1)
        for name, verb, body in (
            (MIGRATING, "os-migrateLive", {"host": NEIGHBOUR, "block_migration": "auto"}),
            (RESIZED, "migrate", {"host": HOST}),
        ):
            path = f"/servers/{self._named(name)[0].id}/action"
            answer = self._compute.post(path, json={verb: body}, microversion="2.56")
            assert answer.status_code == 202, answer.text
        self._wait(RESIZED, "VERIFY_RESIZE", count=1)

        def at_it() -> bool:
            now = {s.name: (s.status, s.compute_host) for s in self._named("crowd-")}
            return now[MIGRATING] == ("MIGRATING", HOST) and now[BUILDING] == ("BUILD", HOST)

        wait_for(at_it, "one that builds and one on its way", seconds=120, every=1.0)

    def cure(self) -> None:
        """Bring back what no drain touches by itself, as its owner or an operator would."""
        self._hands.cloud.script("spawns", {})
        for server in self._named(RESIZED):
            self._compute.confirm_server_resize(server)
        for server in self._named(MIGRATING):
            (row,) = self._migrations(server.id)
            path = f"/servers/{server.id}/migrations/{row['id']}"
            answer = self._compute.delete(path, microversion="2.24")
            assert answer.status_code == 202, answer.text
        for server in self._named("crowd-rescued"):
            self._compute.unrescue_server(server)
        for server in self._named("crowd-error"):
            self._compute.reset_server_state(server, "active")
        self._wait("crowd-rescued", "ACTIVE")
        self._wait("crowd-error", "ACTIVE")
        for name in (BUILDING, MIGRATING, RESIZED):
            self._wait(name, "ACTIVE", count=1)

    def _migrations(self, server: str) -> list[dict[str, Any]]:
        answer = self._compute.get(f"/servers/{server}/migrations", microversion="2.24")
        found: list[dict[str, Any]] = answer.json()["migrations"]
        return found

    def where(self) -> dict[str, tuple[str, str | None]]:
        """Return status and host of each, by name."""
        return {s.name: (s.status, s.compute_host) for s in self._named("crowd-")}

    def _boot(self, name: str, count: int, *, network: bool = False, host: str = HOST) -> None:
        net = self._hands.api.network.find_network("acme-net").id
        self._compute.create_server(
            name=name,
            flavor_id=self._compute.find_flavor("m1.tiny").id,
            image_id=self._hands.api.image.find_image("cirros").id,
            networks=[{"uuid": net}] if network else "none",
            availability_zone=f"{MAIN_ZONE}:{host}",
            min_count=count,
            max_count=count,
        )

    def _named(self, begins: str) -> list[Any]:
        return [
            server
            for server in self._compute.servers(all_projects=True)
            if server.name.startswith(begins)
        ]

    def _wait(self, begins: str, status: str, *, count: int = 0) -> None:
        def there() -> bool:
            found = self._named(begins)
            return len(found) >= count and all(
                s.status == status and s.task_state is None for s in found
            )

        wait_for(there, f"{begins} to be {status}", seconds=240, every=1.0)
