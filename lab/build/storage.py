# SPDX-License-Identifier: Apache-2.0
"""Volumes, their snapshots and backups, and a heat stack."""

from lab.build.session import Session, reach
from lab.world import Row


def volume(session: Session, row: Row) -> None:
    """Create a volume, from an image when the row names one."""
    cloud = session.cloud(row.project)
    source = row.spec.get("image")
    image = {"image_id": cloud.image.find_image(source).id} if source else {}
    made = cloud.block_storage.create_volume(
        name=row.name, size=row.spec["gib"], volume_type=row.spec.get("type", "nfs"), **image
    )
    reach(
        f"volume {row.name}",
        lambda: cloud.block_storage.get_volume(made.id),
        lambda found: _available(row, found.status),
    )


def volume_snapshot(session: Session, row: Row) -> None:
    """Take a snapshot of a volume."""
    storage = session.cloud(row.project).block_storage
    source = storage.find_volume(row.spec["volume"])
    made = storage.create_snapshot(name=row.name, volume_id=source.id)
    reach(
        f"snapshot {row.name}",
        lambda: storage.get_snapshot(made.id),
        lambda found: _available(row, found.status),
    )


def volume_backup(session: Session, row: Row) -> None:
    """Back a volume up."""
    storage = session.cloud(row.project).block_storage
    source = storage.find_volume(row.spec["volume"])
    made = storage.create_backup(name=row.name, volume_id=source.id)
    reach(
        f"backup {row.name}",
        lambda: storage.get_backup(made.id),
        lambda found: _available(row, found.status),
    )


def stack(session: Session, row: Row) -> None:
    """Create a stack of a network, its subnet and a random string."""
    orchestration = session.cloud(row.project).orchestration
    template = {
        "heat_template_version": "2021-04-16",
        "resources": {
            "net": {"type": "OS::Neutron::Net"},
            "subnet": {
                "type": "OS::Neutron::Subnet",
                "properties": {"network": {"get_resource": "net"}, "cidr": row.spec["cidr"]},
            },
            "secret": {"type": "OS::Heat::RandomString"},
        },
    }
    made = orchestration.create_stack(name=row.name, template=template)
    reach(
        f"stack {row.name}",
        lambda: orchestration.get_stack(made.id),
        lambda found: bool(found.status == "CREATE_COMPLETE"),
    )


def _available(row: Row, status: str) -> bool:
    if status.startswith("error"):
        message = f"{row.kind} {row.name} is {status}"
        raise RuntimeError(message)
    return status == "available"


BUILDERS = {
    "volume": volume,
    "volume_snapshot": volume_snapshot,
    "volume_backup": volume_backup,
    "stack": stack,
}
