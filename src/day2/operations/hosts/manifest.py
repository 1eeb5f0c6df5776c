# SPDX-License-Identifier: Apache-2.0
"""What was true of every server when the plan was made: the basis of proofs and of the way back."""

from typing import Any

from day2.model.finding import Subject
from day2.model.plan import Facts
from day2.model.tables.compute import Server
from day2.operations.hosts.picture import Guest


def subject(server: Server) -> Subject:
    """Name a server as the subject of a step."""
    return Subject(
        type="server",
        id=server.id,
        name=server.name,
        project=server.project_id,
        host=server.host or "",
    )


def fingerprint(server: Server, status: str = "") -> Facts:
    """Return the facts that the server's actions read again; `status` where it will be another."""
    return {
        "status": status or server.status,
        "task_state": server.task_state,
        "host": server.host,
        "flavor": server.flavor.original_name,
        "locked": server.locked,
        "volumes": ",".join(sorted(volume.id for volume in server.volumes)),
        "project_id": server.project_id,
    }


def entry(guest: Guest) -> dict[str, Any]:
    """Return the row of one server in the manifest."""
    server, flavor = guest.server, guest.server.flavor
    return {
        "name": server.name,
        "project": server.project_id,
        "user": server.user_id,
        "status": server.status,
        "power_state": server.power_state,
        "host": server.host,
        "flavor": {
            "name": flavor.original_name,
            "vcpus": flavor.vcpus,
            "memory_mib": flavor.ram,
            "disk_gib": flavor.disk,
            "ephemeral_gib": flavor.ephemeral,
        },
        "ports": [
            {"id": port.id, "host": port.host, "vnic": port.vnic_type} for port in guest.ports
        ],
        "volumes": sorted(volume.id for volume in server.volumes),
        "groups": sorted(group.id for group in guest.groups),
        "locked": server.locked,
        "tags": sorted(server.tags),
        "zone": server.availability_zone,
        "pinned_zone": server.pinned_availability_zone,
    }
