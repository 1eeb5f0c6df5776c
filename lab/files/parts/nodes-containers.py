#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# mypy: disable-error-code="import-untyped"
"""Runs inside a node: make its containers what /etc/lab/containers.json says, by Docker's SDK.

Missing ones are created, those with another image are made anew, stopped ones are started.
"""

import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import docker
from docker.errors import NotFound
from docker.types import LogConfig

Row = dict[str, Any]
SECOND = 1_000_000_000


def load(client: docker.DockerClient, rows: list[Row]) -> None:
    """Load the stand-ins' images; an image that another one took the tag of is loaded again."""
    wanted = {row["image"] for row in rows}
    file = Path("/etc/lab/images.json")
    known = {tag: image.id for image in client.images.list() for tag in image.tags}
    if file.exists() and all(
        known.get(tag) == key for tag, key in json.loads(file.read_text()).items()
    ):
        return
    with Path("/opt/lab/standins.tar").open("rb") as archive:
        client.images.load(archive)
    found = {tag: client.images.get(tag).id for tag in sorted(wanted)}
    file.write_text(json.dumps(found))


def create(client: docker.DockerClient, row: Row) -> None:
    """Create and start one container as Kolla does: host network, its configuration mounted."""
    health = row["health"] and {
        "test": ["CMD-SHELL", row["health"]],
        "interval": row["interval"] * SECOND,
        "timeout": 5 * SECOND,
        "retries": 1,
    }
    client.containers.run(
        row["image"],
        detach=True,
        name=row["name"],
        network_mode="host",
        restart_policy={"Name": "unless-stopped"},
        healthcheck=health or None,
        environment={
            "KOLLA_CONFIG_STRATEGY": "COPY_ALWAYS",
            "KOLLA_SERVICE_NAME": row["service"],
            "PATH": "/usr/local/bin:/bin",
        },
        log_config=LogConfig(type="json-file", config={"max-size": "50m", "max-file": "5"}),
        volumes=[
            f"/etc/kolla/{row['config']}/:/var/lib/kolla/config_files/:ro",
            "/etc/localtime:/etc/localtime:ro",
            "/var/log/kolla/:/var/log/kolla/:rw",
        ],
    )


def settle(client: docker.DockerClient, row: Row) -> None:
    """Make one container right."""
    try:
        found = client.containers.get(row["name"])
    except NotFound:
        create(client, row)
        return
    if found.attrs["Image"] != client.images.get(row["image"]).id:
        found.remove(force=True)
        create(client, row)
    elif found.status == "paused":
        found.unpause()
    # Between two ends of a loop it runs: its count stays until somebody starts it.
    elif found.status == "restarting" or found.attrs["RestartCount"]:
        found.restart(timeout=1)
    elif found.status != "running":
        found.start()


def state(client: docker.DockerClient) -> dict[str, str]:
    """Return {name: "running", "running (healthy)", "exited"…}."""
    shown = {}
    for found in client.api.containers(all=True):
        name = found["Names"][0].lstrip("/")
        health = [
            word for word in ("healthy", "unhealthy", "starting") if f"{word})" in found["Status"]
        ]
        health = ["unhealthy"] if "unhealthy" in health else health
        shown[name] = found["State"] + (f" ({health[0]})" if health else "")
    return shown


def main() -> None:
    """`settle` (all, or with `-` the rows on standard input) or `state`; prints the states."""
    client = docker.DockerClient(base_url="unix:///var/run/docker.sock", timeout=60)
    if sys.argv[1:] == ["settle"]:
        for switch in Path("/etc/kolla").glob("*/lab-*"):
            switch.unlink()
        rows = json.loads(Path("/etc/lab/containers.json").read_text())
        load(client, rows)
        with ThreadPoolExecutor(3) as pool:
            list(pool.map(lambda row: settle(client, row), rows))
    elif sys.argv[1:] == ["settle", "-"]:
        for row in json.load(sys.stdin):
            settle(client, row)
    print(json.dumps(state(client)))


if __name__ == "__main__":
    deadline = time.monotonic() + 30
    while not Path("/var/run/docker.sock").exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    main()
