# SPDX-License-Identifier: Apache-2.0
"""Keypairs, server groups, servers in every status, server images."""

from typing import Any

from openstack.compute.v2.server import Server

from lab.build.network import give_floating_ip
from lab.build.session import Session, reach
from lab.catalog import Cloud
from lab.world import Row

PUBLIC_KEY = (
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGxhYmxhYmxhYmxhYmxhYmxhYmxhYmxhYmxhYmxhYmxh"
    " lab@example.com"
)
PINNED = "2.74"
"""The first microversion in which an administrator names the host of a new server."""


def keypair(session: Session, row: Row) -> None:
    """Import a public key as its user; nova stores it without using it."""
    cloud = session.cloud_of(row.spec["user"], row.project)
    cloud.compute.create_keypair(name=row.name, public_key=PUBLIC_KEY)


def server_group(session: Session, row: Row) -> None:
    """Create a server group."""
    compute = session.cloud(row.project).compute
    compute.create_server_group(name=row.name, policy=row.spec["policy"])


def server(session: Session, row: Row) -> None:
    """Create a server on its host, give it what it has, and bring it into its status."""
    cloud = session.cloud(row.project)
    made = cloud.compute.create_server(
        name=row.name,
        host=row.spec["host"],
        flavor_id=cloud.compute.find_flavor(row.spec["flavor"]).id,
        networks=[{"uuid": cloud.network.find_network(row.spec["network"]).id}],
        microversion=PINNED,
        **_disk(cloud, row),
        **_placing(cloud, row),
    )
    _reach_status(cloud, made, "ACTIVE")
    for name in row.spec.get("volumes", ()):
        volume = cloud.block_storage.find_volume(name)
        cloud.compute.create_volume_attachment(made, volume_id=volume.id)
        reach(
            f"attachment of {name}",
            lambda volume=volume: cloud.block_storage.get_volume(volume.id),  # type: ignore[misc]
            lambda found: bool(found.status == "in-use"),
        )
    if row.spec.get("floating_ip"):
        give_floating_ip(session, row.project, made.id)
    _change_status(cloud, made, row.spec["status"])


def server_image(session: Session, row: Row) -> None:
    """Take a snapshot of a server."""
    cloud = session.cloud(row.project)
    source = cloud.compute.find_server(row.spec["server"])
    made = cloud.compute.create_server_image(source, row.name)
    reach(
        f"image {row.name}",
        lambda: cloud.image.get_image(made.id),
        lambda found: bool(found.status == "active"),
    )


def _disk(cloud: Cloud, row: Row) -> dict[str, Any]:
    if "boot_volume" not in row.spec:
        return {"image_id": cloud.image.find_image(row.spec["image"]).id}
    volume = cloud.block_storage.find_volume(row.spec["boot_volume"])
    disk = {"boot_index": 0, "uuid": volume.id, "source_type": "volume"}
    return {"block_device_mapping": [{**disk, "destination_type": "volume"}]}


def _placing(cloud: Cloud, row: Row) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if "group" in row.spec:
        group = cloud.compute.find_server_group(row.spec["group"])
        found["scheduler_hints"] = {"group": group.id}
    if "security_group" in row.spec:
        found["security_groups"] = [{"name": row.spec["security_group"]}]
    if "zone" in row.spec:
        found["availability_zone"] = row.spec["zone"]
    return found


def _change_status(cloud: Cloud, made: Server, status: str) -> None:
    compute = cloud.compute
    change = {
        "SHUTOFF": compute.stop_server,
        "PAUSED": compute.pause_server,
        "SUSPENDED": compute.suspend_server,
        "SHELVED_OFFLOADED": compute.shelve_server,
    }.get(status)
    if change:
        change(made)
        _reach_status(cloud, made, status)


def _reach_status(cloud: Cloud, made: Server, status: str) -> None:
    def good(found: Server) -> bool:
        if found.status == "ERROR":
            message = f"server {found.name}: {found.fault}"
            raise RuntimeError(message)
        return bool(found.status == status and not found.task_state)

    # Seldom: nova asks neutron twice for each answer, and that would be most of the load.
    reach(
        f"server {made.id} to be {status}",
        lambda: cloud.compute.get_server(made.id),
        good,
        every=1.5,
    )


BUILDERS = {
    "keypair": keypair,
    "server_group": server_group,
    "server": server,
    "server_image": server_image,
}
