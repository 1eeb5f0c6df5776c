# SPDX-License-Identifier: Apache-2.0
"""What the lab's healthy world lacks, made by the API: a server that never found a place, a server
that moved, and a port of another project on the member's network."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from tests.conformance.places import Place

DISK_GIB = 1_000_000
NAME = "conformance-nowhere"
SECONDS = 90


@contextmanager
def homeless(place: Place) -> Iterator[None]:
    """Keep a server in ERROR for a while: no host has the disk that it asks for."""
    flavor = {"name": NAME, "vcpus": 1, "ram": 64, "disk": DISK_GIB}
    made = place.ask("compute", "POST", "/flavors", body={"flavor": flavor})
    assert made.status == 200, made.body
    own = made.body["flavor"]["id"]
    server = ""
    try:
        wanted = {"name": NAME, "flavorRef": own, "imageRef": image(place), "networks": "none"}
        asked = place.ask("compute", "POST", "/servers", body={"server": wanted})
        assert asked.status == 202, asked.body
        server = asked.body["server"]["id"]
        wait(lambda: status(place, server) == "ERROR", "a server that finds no host")
        yield
    finally:
        if server:
            place.ask("compute", "DELETE", f"/servers/{server}")
            wait(lambda: status(place, server) == "", "the end of a server")
        place.ask("compute", "DELETE", f"/flavors/{own}")


@contextmanager
def moved(place: Place) -> Iterator[None]:
    """Keep a server that was moved alive for a while: with it, Nova forgets its move."""
    flavors = place.ask("compute", "GET", "/flavors").body["flavors"]
    wanted = {
        "name": "conformance-moved",
        "flavorRef": next(row["id"] for row in flavors if row["name"] == place.flavor),
        "imageRef": image(place),
        "networks": "none",
    }
    asked = place.ask("compute", "POST", "/servers", body={"server": wanted})
    assert asked.status == 202, asked.body
    server = asked.body["server"]["id"]
    path = f"/servers/{server}"
    try:
        wait(lambda: status(place, server) == "ACTIVE", "a server to move")
        action = {"os-migrateLive": {"host": None, "block_migration": "auto"}}
        asked = place.ask("compute", "POST", f"{path}/action", body=action)
        assert asked.status == 202, asked.body
        moves = f"/os-migrations?instance_uuid={server}&status=completed"
        wait(lambda: place.ask("compute", "GET", moves).body["migrations"], "a server that moves")
        wait(lambda: status(place, server) == "ACTIVE", "a server that has moved")
        yield
    finally:
        place.ask("compute", "DELETE", path)
        wait(lambda: status(place, server) == "", "the end of a server")


@contextmanager
def guest(place: Place) -> Iterator[None]:
    """Keep a port of the administrator's on the member's network: its owner may see it."""
    networks = place.ask("network", "GET", f"/v2.0/networks?name={place.network}").body["networks"]
    port = {"network_id": networks[0]["id"], "name": "conformance-guest"}
    made = place.ask("network", "POST", "/v2.0/ports", body={"port": port})
    assert made.status == 201, made.body
    try:
        yield
    finally:
        place.ask("network", "DELETE", f"/v2.0/ports/{made.body['port']['id']}")


def status(place: Place, server: str) -> str:
    """Return the status of a server; empty when it is gone."""
    reply = place.ask("compute", "GET", f"/servers/{server}")
    return str(reply.body["server"]["status"]) if reply.status == 200 else ""


def image(place: Place) -> str:
    found = place.ask("image", "GET", f"/v2/images?name={place.image}").body["images"]
    return str(found[0]["id"])


def wait(there: Callable[[], Any], what: str, seconds: float = SECONDS) -> Any:
    """Ask until something is so, and return what it said."""
    deadline = time.monotonic() + seconds
    while not (found := there()):
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        time.sleep(0.2)
    return found
