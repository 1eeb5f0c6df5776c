# SPDX-License-Identifier: Apache-2.0
"""What Nova shows of a server, by microversion and role."""

from typing import Any

from day2.sandbox.http import Request
from day2.sandbox.ids import host_id
from day2.sandbox.services.compute.states import status_of
from day2.sandbox.tables import Row
from day2.sandbox.timing import NOVA_DOWN_SECONDS, is_up, micro, zulu
from day2.sandbox.world import World

EXTENDED, LOCKED, HOST_STATUS, DESCRIPTION, TAGS = (2, 3), (2, 9), (2, 16), (2, 19), (2, 26)
FLAVOR, CERTIFICATES, GROUPS, LOCKED_REASON = (2, 47), (2, 63), (2, 71), (2, 73)
PINNED, IMAGE_PROPERTIES, HINTS = (2, 96), (2, 98), (2, 100)
PROGRESSING = frozenset(
    {"ACTIVE", "BUILD", "REBUILD", "RESIZE", "VERIFY_RESIZE", "MIGRATING", "REVERT_RESIZE"}
)


def links(request: Request, kind: str, own: str) -> list[dict[str, str]]:
    """Return the two links of a thing."""
    return [
        {"rel": "self", "href": f"{request.base}/v2.1/{kind}/{own}"},
        {"rel": "bookmark", "href": f"{request.base}/{kind}/{own}"},
    ]


def server_short(request: Request, row: Row) -> dict[str, Any]:
    """Show a server in the short list."""
    own = row["id"]
    return {"id": own, "name": row["name"], "links": links(request, "servers", own)}


def server(request: Request, world: World, row: Row, *, alone: bool = False) -> dict[str, Any]:
    """Show a server; `alone` is its own page, which says a little more than the list."""
    version = request.version
    status = status_of(row)
    own = row["id"]
    shown: dict[str, Any] = {
        "id": own,
        "name": row["name"],
        "status": status,
        "tenant_id": row["project_id"],
        "user_id": row["user_id"],
        "metadata": row["metadata"],
        "hostId": host_id(row["project_id"], row["host"]),
        "image": _image(request, world, row),
        "flavor": _flavor(request, row),
        "created": zulu(row["created_at"]),
        "updated": zulu(row["updated_at"]),
        "addresses": addresses(world, row),
        "accessIPv4": "",
        "accessIPv6": "",
        "links": links(request, "servers", own),
        "OS-DCF:diskConfig": "MANUAL",
    }
    if status in PROGRESSING:
        shown["progress"] = 0
    if row["fault"] and status == "ERROR" and (alone or _without_a_cell(row)):
        fault = {"code": row["fault"]["code"], "created": zulu(row["fault"]["created"])}
        shown["fault"] = fault | {"message": row["fault"]["message"]}
    asked = "" if row["vm_state"] == "shelved_offloaded" else row["pinned_zone"] or ""
    shown["OS-EXT-AZ:availability_zone"] = row["zone"] if row["host"] else asked
    if version >= PINNED:
        shown["pinned_availability_zone"] = row["pinned_zone"]
    if version >= HINTS:
        shown["scheduler_hints"] = {}
    shown |= {
        "config_drive": "",
        "key_name": row["key_name"],
        "OS-SRV-USG:launched_at": micro(row["launched_at"]),
        "OS-SRV-USG:terminated_at": None,
    }
    if request.who.admin:
        shown |= _administrative(request, row)
    shown |= {
        "OS-EXT-STS:task_state": row["task_state"],
        "OS-EXT-STS:vm_state": row["vm_state"],
        "OS-EXT-STS:power_state": row["power_state"],
        "os-extended-volumes:volumes_attached": _volumes(request, world, own),
    }
    newer = {
        "locked": (LOCKED, row["locked_by"] is not None),
        "locked_reason": (LOCKED_REASON, row["locked_reason"]),
        "description": (DESCRIPTION, row["description"]),
        "tags": (TAGS, row["tags"]),
        "trusted_image_certificates": (CERTIFICATES, None),
    }
    shown |= {key: value for key, (since, value) in newer.items() if version >= since}
    if version >= HOST_STATUS and request.who.admin:
        shown["host_status"] = _host_status(world, row["host"])
    shown["security_groups"] = [{"name": name} for name in row["security_groups"]]
    if alone and version >= GROUPS:
        found = (group["id"] for group in world["server_groups"] if own in group["members"])
        shown["server_groups"] = list(found)
    return shown


def _without_a_cell(row: Row) -> bool:
    """Tell whether the scheduler found no place: such a server is in cell0.

    Lists tell the faults of the database that Nova's API is given, which Kolla makes cell0's.
    """
    return row["host"] is None and "No valid host" in row["fault"]["message"]


def _administrative(request: Request, row: Row) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "OS-EXT-SRV-ATTR:host": row["host"],
        "OS-EXT-SRV-ATTR:instance_name": f"instance-{row['number']:08x}",
        "OS-EXT-SRV-ATTR:hypervisor_hostname": row["host"],
    }
    if request.version >= EXTENDED:
        shown |= {
            "OS-EXT-SRV-ATTR:reservation_id": f"r-{row['id'][:8]}",
            "OS-EXT-SRV-ATTR:launch_index": 0,
            "OS-EXT-SRV-ATTR:hostname": row["name"],
            "OS-EXT-SRV-ATTR:kernel_id": "",
            "OS-EXT-SRV-ATTR:ramdisk_id": "",
            "OS-EXT-SRV-ATTR:root_device_name": "/dev/vda",
            "OS-EXT-SRV-ATTR:user_data": None,
        }
    return shown


def _image(request: Request, world: World, row: Row) -> dict[str, Any] | str:
    own = row["image_id"]
    if own is None:
        return ""
    bookmark = {"rel": "bookmark", "href": f"{request.base}/images/{own}"}
    shown: dict[str, Any] = {"id": own, "links": [bookmark]}
    if request.version >= IMAGE_PROPERTIES:
        image = world["images"].get(own)
        extra = dict(image["extra"]) if image else {}
        shown["properties"] = {**extra, "disk_format": "qcow2", "container_format": "bare"}
    return shown


def _flavor(request: Request, row: Row) -> dict[str, Any]:
    flavor = row["flavor"]
    if request.version < FLAVOR:
        own = flavor["id"]
        bookmark = {"rel": "bookmark", "href": f"{request.base}/flavors/{own}"}
        return {"id": own, "links": [bookmark]}
    return {
        "vcpus": flavor["vcpus"],
        "ram": flavor["ram"],
        "disk": flavor["disk"],
        "ephemeral": 0,
        "swap": 0,
        "original_name": flavor["name"],
        "extra_specs": flavor["extra_specs"],
    }


def addresses(world: World, row: Row) -> dict[str, Any]:
    """Show the addresses of a server by network; floating ones beside the fixed."""
    shown: dict[str, list[dict[str, Any]]] = {}
    for port in world["ports"].find(device_id=row["id"]):
        network = world["networks"].get(port["network_id"])
        name = network["name"] if network else ""
        floating = list(world["floating_ips"].find(port_id=port["id"]))
        found = [("fixed", fixed["ip_address"]) for fixed in port["fixed_ips"]]
        found += [("floating", ip["floating_ip_address"]) for ip in floating]
        for kind, address in found:
            shown.setdefault(name, []).append(
                {
                    "version": 4,
                    "addr": address,
                    "OS-EXT-IPS:type": kind,
                    "OS-EXT-IPS-MAC:mac_addr": port["mac_address"],
                }
            )
    return shown


def _volumes(request: Request, world: World, own: str) -> list[dict[str, Any]]:
    rows = world["volume_attachments"].find(server_id=own)
    if request.version < EXTENDED:
        return [{"id": row["volume_id"]} for row in rows]
    key = "delete_on_termination"
    return [{"id": row["volume_id"], key: row[key]} for row in rows]


def _host_status(world: World, host: str | None) -> str:
    service = next(world["compute_services"].find(host=host, binary="nova-compute"), None)
    if service is None:
        return ""
    if service["forced_down"] or not is_up(service, world.now(), NOVA_DOWN_SECONDS):
        return "DOWN"
    return "UP" if service["status"] == "enabled" else "MAINTENANCE"
