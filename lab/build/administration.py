# SPDX-License-Identifier: Apache-2.0
"""What only an administrator makes: flavors, images, volume types, aggregates, quotas."""

import hashlib

from lab.build.session import Session
from lab.world import Row


def flavor(session: Session, row: Row) -> None:
    """Create a public flavor."""
    session.cloud().compute.create_flavor(name=row.name, **row.spec)


def image(session: Session, row: Row) -> None:
    """Upload an image whose bytes follow from its name."""
    block = hashlib.sha256(row.name.encode()).digest()
    session.cloud(row.project).image.create_image(
        name=row.name,
        disk_format="raw",
        container_format="bare",
        visibility=row.spec["visibility"],
        min_disk=row.spec["min_disk"],
        data=block * (row.spec["kib"] * 1024 // len(block)),
        validate_checksum=False,
    )


def volume_type(session: Session, row: Row) -> None:
    """Create a volume type bound to a back end."""
    session.cloud().block_storage.create_type(
        name=row.name, extra_specs={"volume_backend_name": row.spec["backend"]}
    )


def aggregate(session: Session, row: Row) -> None:
    """Create a host aggregate, with an availability zone when the row has one."""
    compute = session.cloud().compute
    zone = {"availability_zone": row.spec["zone"]} if row.spec["zone"] else {}
    made = compute.create_aggregate(name=row.name, **zone)
    for host in row.spec["hosts"]:
        compute.add_host_to_aggregate(made, host)
    if row.spec["metadata"]:
        compute.set_aggregate_metadata(made, row.spec["metadata"])


def quota(session: Session, row: Row) -> None:
    """Set a project's quotas in three services."""
    cloud = session.cloud()
    home = cloud.identity.find_project(row.project)
    spec = row.spec
    cloud.compute.update_quota_set(home, cores=spec["cores"], instances=spec["instances"])
    cloud.block_storage.update_quota_set(home, volumes=spec["volumes"])
    cloud.network.update_quota(home.id, floating_ips=spec["floating_ips"])


BUILDERS = {
    "flavor": flavor,
    "image": image,
    "volume_type": volume_type,
    "aggregate": aggregate,
    "quota": quota,
}
