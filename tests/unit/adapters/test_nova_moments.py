# SPDX-License-Identifier: Apache-2.0
"""recorded: moments of Nova that a cloud seldom shows, by a scripted server with its words."""

import json
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

import pytest

from day2.adapters.clock import SystemClock
from day2.adapters.openstack.clouds import Credentials
from day2.adapters.openstack.compute import Compute
from day2.adapters.openstack.limits import LoadSettings
from day2.adapters.openstack.session import Session
from day2.errors import Unreachable
from day2.model.finding import Subject
from day2.model.plan import Step
from day2.operations.hosts.actions.attempts import Mover, Started, Way
from day2.operations.hosts.actions.cloud import Cloud
from day2.operations.hosts.actions.cold import COLD
from day2.operations.hosts.actions.evacuate import EVACUATION
from day2.operations.hosts.actions.live import LIVE
from tests.scenarios.hosts.direct import Direct
from tests.unit.adapters.test_sends import TOKEN, reply
from tests.unit.adapters.wire import serving

VERSIONS = {"versions": [{"id": "v2.1", "status": "CURRENT", "version": "2.96"}]}
SERVER = {
    "id": "s-1",
    "status": "ACTIVE",
    "tenant_id": "p-1",
    "OS-EXT-SRV-ATTR:host": "cmp1",
    "OS-EXT-STS:vm_state": "active",
    "OS-EXT-STS:task_state": None,
}
STATUSES = {"migrating": "MIGRATING", "resize_prep": "RESIZE", "rebuilding": "REBUILD"}
NODES = [
    {"id": "h-1", "hypervisor_hostname": "node-7.rack.example", "service": {"host": "cmp1"}},
    {"id": "h-2", "hypervisor_hostname": "node-8.rack.example", "service": {"host": "cmp2"}},
]


class Nova:
    """One server on `cmp1`; its conductor writes a migration down when it comes to it."""

    def __init__(self, task_state: str = "migrating", kind: str = "live-migration") -> None:
        self.server: dict[str, Any] = dict(SERVER)
        self.services: list[dict[str, Any]] = []
        self.asked: list[str] = []
        self._task_state = task_state
        self._kind = kind
        self._looks = 0

    def answer(self, method: str, path: str) -> bytes:
        self.asked.append(f"{method} {path}")
        match method, path.partition("?")[0], path.partition("?")[2]:
            case "GET", "/", _:
                return _ok(VERSIONS)
            case "GET", "/v2.1/os-hypervisors/detail", query:
                return _hypervisors(query.removeprefix("hypervisor_hostname_pattern="))
            case "GET", "/v2.1/os-services", _:
                return _ok({"services": self.services})
            case "GET", "/v2.1/servers/s-1", _:
                return _ok({"server": self.server})
            case "GET", "/v2.1/os-migrations", _:
                return _ok({"migrations": self._migrations()})
            case "POST", "/v2.1/servers/s-1/action", _:
                self.server["OS-EXT-STS:task_state"] = self._task_state
                self.server["status"] = STATUSES[self._task_state]
                return reply("504 Gateway Time-out")
        return reply("404 Not Found")

    def _migrations(self) -> list[dict[str, Any]]:
        self._looks += self.server["OS-EXT-STS:task_state"] is not None
        row = {"id": 1, "uuid": "m-1", "instance_uuid": "s-1", "migration_type": self._kind}
        return [row | {"status": "preparing"}] if self._looks > 2 else []

    @contextmanager
    def compute(self) -> Iterator[Compute]:
        def script(link: socket.socket) -> None:
            while data := _whole(link):
                method, path, *_more = data.split(b"\r\n", 1)[0].decode().split(" ")
                port = link.getsockname()[1]
                login = path.startswith("/v3/auth/tokens")
                link.sendall(_token(port) if login else self.answer(method, path))

        with serving(script) as port:
            account = Credentials(
                name="c",
                auth_type="password",
                auth={
                    "auth_url": f"http://127.0.0.1:{port}/v3",
                    "username": "admin",
                    "password": "secret",
                    "project_name": "admin",
                },
            )
            session = Session(account, limits=LoadSettings(), clock=SystemClock())
            yield Compute(session, SystemClock())


def _hypervisors(wanted: str) -> bytes:
    found = [node for node in NODES if wanted in str(node["hypervisor_hostname"])]
    if found:
        return _ok({"hypervisors": found})
    said = f"No hypervisor matching '{wanted}' could be found."
    return reply("404 Not Found", json.dumps({"itemNotFound": {"message": said}}))


def _ok(found: Any) -> bytes:
    return reply("200 OK", json.dumps(found))


def _token(port: int) -> bytes:
    found = json.loads(json.dumps(TOKEN))
    url = f"http://127.0.0.1:{port}/v2.1"
    endpoint = {"interface": "public", "region": "R", "region_id": "R", "url": url}
    found["token"]["catalog"] = [{"type": "compute", "name": "nova", "endpoints": [endpoint]}]
    return reply("201 Created", json.dumps(found), "X-Subject-Token: t")


def _whole(link: socket.socket) -> bytes:
    data = b""
    while b"\r\n\r\n" not in data:
        part = link.recv(65536)
        if not part:
            return b""
        data += part
    length = re.search(rb"(?i)content-length: (\d+)", data)
    wanted = data.index(b"\r\n\r\n") + 4 + (int(length[1]) if length else 0)
    while len(data) < wanted:
        data += link.recv(65536)
    return data


@pytest.mark.parametrize(
    ("host", "node"),
    [("cmp1", "node-7.rack.example"), ("cmp2", "node-8.rack.example"), ("cmp3", "")],
)
def test_a_node_that_is_not_called_like_its_host_is_found(host: str, node: str) -> None:
    """Nova answers a pattern that fits no hypervisor with 404, not with an empty list."""
    with Nova().compute() as compute:
        assert compute.node_of(host) == node


def test_a_service_whose_cell_is_down_is_not_gone() -> None:
    """Nova lists it without its id then (2.69): whether it is there cannot be known."""
    nova = Nova()
    here = {"binary": "nova-compute", "host": "cmp2", "id": "c-2", "status": "enabled"}
    nova.services = [here, {"binary": "nova-compute", "host": "cmp1", "status": "UNKNOWN"}]
    with nova.compute() as compute:
        found = compute.service("c-2")
        assert found is not None
        assert found.host == "cmp2"
        with pytest.raises(Unreachable, match="service c-1: the cell of cmp1 does not answer"):
            compute.service("c-1")
        nova.services.pop()
        assert compute.service("c-1") is None


@pytest.mark.parametrize(
    ("way", "task_state"), [(LIVE, "migrating"), (COLD, "resize_prep"), (EVACUATION, "rebuilding")]
)
def test_a_move_whose_answer_was_lost_is_ours_before_nova_has_written_it_down(
    way: Way, task_state: str
) -> None:
    """The API makes the server busy and answers; the conductor writes the migration later."""
    step = Step(
        n=1,
        action="server.live-migrate",
        subject=Subject(type="server", id="s-1"),
        why="a test",
        fingerprint={"status": "ACTIVE", "task_state": None, "host": "cmp1"},
    )
    nova = Nova(task_state, way.kind)
    with nova.compute() as compute:
        nothing = cast("Any", None)
        clock = SystemClock()
        cloud = Cloud(
            compute=compute,
            network=nothing,
            storage=nothing,
            placement=nothing,
            balancing=nothing,
            clock=clock,
        )
        mover = Mover(
            cloud, step, way, source="cmp1", ask=lambda _to: compute.act("s-1", "os-migrateLive")
        )
        started = Direct(clock).act("start", lambda: mover.begin(None, ()), Started)
    assert (started.outcome, started.move and started.move.uuid) == ("adopted", "m-1")
    assert sum(line.startswith("POST") for line in nova.asked) == 1


def test_a_server_that_is_busy_with_something_else_has_changed() -> None:
    nova = Nova()
    nova.server["OS-EXT-STS:task_state"] = "image_snapshot"
    step = Step(n=1, action="a", subject=Subject(type="server", id="s-1"), why="")
    with nova.compute() as compute:
        nothing = cast("Any", None)
        cloud = Cloud(
            compute=compute,
            network=nothing,
            storage=nothing,
            placement=nothing,
            balancing=nothing,
            clock=SystemClock(),
        )
        mover = Mover(cloud, step, LIVE, source="cmp1", ask=lambda _to: compute.act("s-1", "x"))
        started = mover.begin(None, ["m-1"])
    assert (started.outcome, started.detail) == ("changed", "it is busy (image_snapshot)")
