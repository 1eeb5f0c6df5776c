# SPDX-License-Identifier: Apache-2.0
"""What the story of one subject reads beside the lists of a survey: the same on lab and sandbox."""

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from day2.model.tables.details import AgentDetail, PortBinding, VolumeMessage
from day2.model.tables.network import FloatingIp, Network, NetworkAgent, Port
from tests.conformance.compare import agree, differences
from tests.conformance.leftovers import wait
from tests.conformance.places import UNKNOWN, Place
from tests.conformance.shapes import keys_of, profile

HUGE_GIB = 2_000_000


def network(place: Place, path: str) -> Any:
    reply = place.ask("network", "GET", f"/v2.0/{path}")
    assert reply.status == 200, (path, reply.body)
    return reply.body


def first(place: Place, path: str, key: str) -> dict[str, Any]:
    found: dict[str, Any] = network(place, path)[key][0]
    return found


def of_server(place: Place) -> dict[str, Any]:
    """Return a bound port of a server, on the suite's own network."""
    inner = first(place, f"networks?name={place.network}", "networks")
    ports = network(place, f"ports?network_id={inner['id']}")["ports"]
    return next(p for p in ports if p["device_owner"].startswith("compute:") and p["device_id"])


def asked(place: Place, what: str) -> list[dict[str, Any]]:
    """Ask as a story does."""
    port = of_server(place)
    address = port["fixed_ips"][0]["ip_address"]
    router = first(place, "routers", "routers")["id"]
    dhcp = first(place, "agents?binary=neutron-dhcp-agent", "agents")["id"]
    pages = {
        "agents of a host": (f"agents?host={port['binding:host_id']}", "agents"),
        "bindings": (f"ports/{port['id']}/bindings", "bindings"),
        "dhcp-agents": (f"networks/{port['network_id']}/dhcp-agents", "agents"),
        "l3-agents": (f"routers/{router}/l3-agents", "agents"),
        "dhcp-networks": (f"agents/{dhcp}/dhcp-networks", "networks"),
        "port by address": (
            f"ports?fixed_ips=ip_address={address}&network_id={port['network_id']}",
            "ports",
        ),
        "port by MAC address": (f"ports?mac_address={port['mac_address']}", "ports"),
        "ports by device": (f"ports?device_id={port['device_id']}", "ports"),
        "floating IP by nothing": (f"floatingips?port_id={UNKNOWN}", "floatingips"),
    }
    path, key = pages[what]
    found: list[dict[str, Any]] = network(place, path)[key]
    return found


ROWS: dict[str, type[msgspec.Struct]] = {
    "agents of a host": AgentDetail,
    "bindings": PortBinding,
    "dhcp-agents": NetworkAgent,
    "l3-agents": NetworkAgent,
    "dhcp-networks": Network,
    "port by address": Port,
    "port by MAC address": Port,
    "ports by device": Port,
    "floating IP by nothing": FloatingIp,
}


@pytest.mark.parametrize("what", ROWS)
def test_a_detail_reads_the_same(lab: Place, sandbox: Place, what: str) -> None:
    there, here = asked(lab, what), asked(sandbox, what)
    assert bool(there) == bool(here), (there, here)
    agree(differences(f"network {what}", profile(there, ROWS[what]), profile(here, ROWS[what])))
    if there and here:
        assert keys_of(here) - keys_of(there) == set()
    if what.startswith("port by"):
        assert (len(there), len(here)) == (1, 1)


@pytest.fixture
def refused(lab: Place) -> Iterator[str]:
    """Ask the lab for a volume that no backend has room for."""
    project = lab.account("admin").project
    quotas = f"/os-quota-sets/{project}"
    body = {"quota_set": {"gigabytes": -1}}
    assert lab.ask("block-storage", "PUT", quotas, body=body).status == 200
    wanted = {"volume": {"name": "conformance-huge", "size": HUGE_GIB}}
    own = lab.ask("block-storage", "POST", "/volumes", body=wanted).body["volume"]["id"]
    path = f"/volumes/{own}"
    ask = lab.ask
    wait(lambda: ask("block-storage", "GET", path).body["volume"]["status"] == "error", "an error")
    yield str(own)
    lab.ask("block-storage", "DELETE", path)
    wait(lambda: ask("block-storage", "GET", path).status == 404, "the end of a volume")
    lab.ask("block-storage", "DELETE", quotas)


def test_a_message_about_a_volume_reads_the_same(lab: Place, sandbox: Place, refused: str) -> None:
    volumes = sandbox.ask("block-storage", "GET", "/volumes/detail?all_tenants=1").body["volumes"]
    failed = next(row["id"] for row in volumes if row["name"] == "scratch-a")
    there, here = (
        place.ask("block-storage", "GET", f"/messages?resource_uuid={own}").body["messages"]
        for place, own in ((lab, refused), (sandbox, failed))
    )
    assert (len(there), len(here)) == (1, 1)
    agree(
        differences(
            "block-storage /messages", profile(there, VolumeMessage), profile(here, VolumeMessage)
        )
    )
    assert keys_of(here) ^ keys_of(there) == set()
    assert there[0]["event_id"] == here[0]["event_id"]
