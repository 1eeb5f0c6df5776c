# SPDX-License-Identifier: Apache-2.0
"""Everything of a sandbox that is not OpenStack's API: what it opens and writes, and settings."""

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


def _bound(address: str) -> socket.socket:
    """Take a free port of a host's address; where loopback has but one, of that."""
    opened = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        opened.bind((address, 0))
    except OSError:
        opened.bind((LOOPBACK, 0))
    return opened
