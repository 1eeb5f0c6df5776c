# SPDX-License-Identifier: Apache-2.0
"""Everything of a sandbox that is not OpenStack's API: what it opens and writes, and settings."""

import contextlib
import socket
import ssl
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from day2.sandbox import certificates
from day2.sandbox.hosts import folder as hosts
from day2.sandbox.hosts import kolla
from day2.sandbox.scenario import Scenario

LOOPBACK = "127.0.0.1"
# A bus and a proxy have a node on every controller, and clouds have few of them.
CONTROLLERS_MAX = 5
# Every one of them costs an open port.
MANAGED_MAX = 64
# More than the queue of a port that keeps none.
FILLING = 3
SILENCE_SECONDS = 3.0


class Planes(msgspec.Struct, frozen=True, kw_only=True):
    """What was opened, and the sections of the settings that lead there.

    `ports` are those of the controllers that live; on one of `closed` nobody answers, and nobody
    else can take it.
    """

    tls: socket.socket
    context: ssl.SSLContext
    ports: list[socket.socket]
    closed: list[socket.socket]
    sections: dict[str, Any]


def make(
    folder: Path, scenario: Scenario, at: datetime, *, root: str, secrets: Mapping[str, str]
) -> Planes:
    """Write the hosts and the certificate, open the ports."""
    context = certificates.write(folder, scenario, at)
    tls = _bound(LOOPBACK)
    ports: list[socket.socket] = []
    closed: list[socket.socket] = []
    urls: dict[str, str] = {}
    addresses = kolla.addresses(host.name for host in scenario.hosts)
    controllers = [host for host in scenario.hosts if "control" in host.roles]
    for host in controllers[:CONTROLLERS_MAX]:
        port = _bound(addresses[host.name])
        (closed if host.dead else ports).append(port)
        urls[host.name] = "http://{}:{}".format(*port.getsockname())
    management = _management(addresses, {host.name for host in scenario.hosts if host.dead})
    sections = {
        **hosts.write(folder, scenario, at, secrets),
        "tls": {
            "addresses": [f"{LOOPBACK}:{tls.getsockname()[1]}"],
            "ca_file": str(folder / certificates.CA_FILE),
        },
    }
    # The files of the hosts are read; `source: opensearch` reads the same from here.
    sections["logs"]["opensearch"] = {"address": f"{root}/opensearch"}
    account = {"kolla": "prometheus_password"}
    sections["monitoring"] = {
        "prometheus": [f"{root}/prometheus"],
        "alertmanager": [f"{root}/alertmanager"],
        "user": "admin",
        "password": account,
        "alertmanager_user": "admin",
        "alertmanager_password": account,
        "key_series": ["up", "openstack_nova_up"],
    }
    if management is not None:
        ports += management.ports
        closed += management.closed
        sections["fencing"] = {
            "power_command": [str(folder / hosts.NAME / "bin" / hosts.POWER), "{host}"],
            "management_port": management.number,
            "seconds_max": SILENCE_SECONDS,
        }
    if urls:
        sections["bus"] = {
            "management": [f"{url}/rabbitmq/{name}" for name, url in urls.items()],
            "password": {"kolla": "rabbitmq_monitoring_password"},
        }
        sections["proxy"] = {
            "statistics": [f"{url}/haproxy/{name}" for name, url in urls.items()],
            "password": {"kolla": "haproxy_password"},
        }
    return Planes(tls=tls, context=context, ports=ports, closed=closed, sections=sections)


class _Management(msgspec.Struct, frozen=True, kw_only=True):
    """One port of every host: those of `ports` answer, behind those of `closed` nobody is."""

    number: int
    ports: list[socket.socket]
    closed: list[socket.socket]


def _management(addresses: Mapping[str, str], dead: set[str]) -> _Management | None:
    """Open a management port on every host; None where hosts have no addresses of their own."""
    if len(addresses) > MANAGED_MAX:
        return None
    opened: list[socket.socket] = []
    closed: list[socket.socket] = []
    number = 0
    for name, address in addresses.items():
        port = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        (closed if name in dead else opened).append(port)
        try:
            port.bind((address, number))
        except OSError:
            for one in (*opened, *closed):
                one.close()
            return None
        number = port.getsockname()[1]
        if name in dead:
            closed += _filled(port)
    return _Management(number=number, ports=opened, closed=closed)


def _filled(port: socket.socket) -> list[socket.socket]:
    """Let a port accept nobody more: who connects after these waits as for a host without power."""
    port.listen(0)
    waiting = []
    for _ in range(FILLING):
        one = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        one.setblocking(False)  # noqa: FBT003 - the socket's own word
        with contextlib.suppress(BlockingIOError):
            one.connect(port.getsockname())
        waiting.append(one)
    return waiting


def _bound(address: str) -> socket.socket:
    """Take a free port of a host's address; where loopback has but one, of that."""
    opened = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        opened.bind((address, 0))
    except OSError:
        opened.bind((LOOPBACK, 0))
    return opened
