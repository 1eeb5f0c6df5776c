# SPDX-License-Identifier: Apache-2.0
"""What the lab's healthy world lacks: a server that never found a place."""

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
