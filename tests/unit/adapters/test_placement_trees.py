# SPDX-License-Identifier: Apache-2.0
"""recorded: Placement's trees of providers, by a scripted server."""

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from day2.adapters.clock import SystemClock
from day2.adapters.openstack.clouds import Credentials
from day2.adapters.openstack.limits import LoadSettings
from day2.adapters.openstack.placement import Placement
from day2.adapters.openstack.session import Session
from tests.unit.adapters.test_nova_moments import _ok as ok
from tests.unit.adapters.test_nova_moments import _whole as whole
from tests.unit.adapters.test_sends import TOKEN, reply
from tests.unit.adapters.wire import serving

ROOT, NODE, OTHER = "rp-root", "rp-numa0", "rp-other"
TREE = [
    {"uuid": ROOT, "name": "cmp1", "root_provider_uuid": ROOT},
    {"uuid": NODE, "name": "cmp1_NUMA0", "parent_provider_uuid": ROOT, "root_provider_uuid": ROOT},
]
TAKEN = {ROOT: {}, NODE: {"s-1": {"resources": {"PCPU": 4}}}}
VERSIONS = {"versions": [{"id": "v1.0", "min_version": "1.0", "max_version": "1.39"}]}


@contextmanager
def placement() -> Iterator[Placement]:
    def answer(path: str) -> bytes:
        match path.removeprefix("/placement").partition("?")[::2]:
            case "/" | "", _:
                return ok(VERSIONS)
            case "/resource_providers", query:
                name, _is, value = query.partition("=")
                named = [row for row in TREE if row["name"] == value]
                found = TREE if (name, value) == ("in_tree", ROOT) else named
                return ok({"resource_providers": found})
            case own, _ if own.endswith("/allocations"):
                return ok({"allocations": TAKEN[own.split("/")[2]]})
        return reply("404 Not Found")

    def script(link: socket.socket) -> None:
        while data := whole(link):
            path = data.split(b"\r\n", 1)[0].decode().split(" ")[1]
            port = link.getsockname()[1]
            link.sendall(_token(port) if path.startswith("/v3/auth/tokens") else answer(path))

    with serving(script) as port:
        auth: dict[str, Any] = {"auth_url": f"http://127.0.0.1:{port}/v3", "username": "admin"}
        auth |= {"password": "secret", "project_name": "admin"}
        account = Credentials(name="c", auth_type="password", auth=auth)
        yield Placement(Session(account, limits=LoadSettings(), clock=SystemClock()), SystemClock())


def _token(port: int) -> bytes:
    found = json.loads(json.dumps(TOKEN))
    url = f"http://127.0.0.1:{port}/placement"
    endpoint = {"interface": "public", "region": "R", "region_id": "R", "url": url}
    found["token"]["catalog"] = [{"type": "placement", "name": "p", "endpoints": [endpoint]}]
    return reply("201 Created", json.dumps(found), "X-Subject-Token: t")


def test_who_takes_only_a_part_of_a_host_takes_from_the_host() -> None:
    """Dedicated processors of a NUMA node, a device: nothing of it is on the host's provider."""
    with placement() as service:
        assert service.consumers_of("cmp1") == ["s-1"]
        assert service.consumers_of("cmp2") is None
