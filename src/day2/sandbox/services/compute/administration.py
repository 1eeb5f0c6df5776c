# SPDX-License-Identifier: Apache-2.0
"""What operators ask of Nova: services, hosts, moves, aggregates, zones."""

import math
from datetime import UTC, datetime
from typing import Any

from day2.sandbox import http
from day2.sandbox.http import Answer, Refused, Request
from day2.sandbox.paging import links, page
from day2.sandbox.services import placement
from day2.sandbox.services.compute import evacuation
from day2.sandbox.services.compute.moves import zone_of
from day2.sandbox.services.compute.service import ROWS_MAX, SERVICE, only, route
from day2.sandbox.tables import Row
from day2.sandbox.timing import NOVA_DOWN_SECONDS, heartbeat, is_up, micro
from day2.sandbox.world import World

UUIDS, FORCED_DOWN, CPU_OBJECT, NO_SIZES = (2, 53), (2, 11), (2, 28), (2, 88)
AGGREGATE_UUID = (2, 41)
MOVE_TYPE, MOVE_UUID, MOVE_OWNER = (2, 23), (2, 59), (2, 80)
MIGRATION_QUERY = (
    "changes-before",
    "changes-since",
    "hidden",
    "host",
    "instance_uuid",
    "limit",
    "marker",
    "migration_type",
    "project_id",
    "source_compute",
    "status",
    "user_id",
)
CPU = {
    "arch": "x86_64",
    "model": "Cascadelake-Server",
    "vendor": "Intel",
    "features": ["pge", "clflush"],
    "topology": {"cores": 16, "threads": 2, "sockets": 1},
}


def _up(world: World, row: Row) -> bool:
    return not row["forced_down"] and is_up(row, world.now(), NOVA_DOWN_SECONDS)


def _service(request: Request, world: World, row: Row) -> dict[str, Any]:
    zone = zone_of(world, row["host"]) if row["binary"] == "nova-compute" else "internal"
    shown: dict[str, Any] = {
        "binary": row["binary"],
        "host": row["host"],
        "id": row["id"] if request.version >= UUIDS else row["number"],
        "zone": zone,
        "status": row["status"],
        "state": "up" if _up(world, row) else "down",
        "updated_at": micro(heartbeat(row, world.now())),
        "disabled_reason": row["disabled_reason"],
    }
    if request.version >= FORCED_DOWN:
        shown["forced_down"] = row["forced_down"]
    return shown


@route("GET", "/v2.1/os-services")
def services(request: Request, world: World) -> Answer:
    """List the services."""
    SERVICE.require_admin(request, "os_compute_api:os-services:list")
    only(request, "host", "binary")
    rows = [
        row
        for row in world["compute_services"]
        if all(request.first(key) in {"", row[key]} for key in ("host", "binary"))
    ]
    return Answer(body={"services": [_service(request, world, row) for row in rows]})


@route("PUT", "/v2.1/os-services/{id}")
def update_service(request: Request, world: World) -> Answer:
    """Disable, enable, or force down: by id, or by host and binary in the old way."""
    SERVICE.require_admin(request, "os_compute_api:os-services:update")
    wanted = request.document()
    word = request.parts["id"]
    if request.version < UUIDS:
        found = world["compute_services"].find(host=wanted.get("host"), binary=wanted.get("binary"))
        row = next(found, None)
        wanted = {"status": f"{word.partition('-')[0]}d", **wanted}
    else:
        row = world["compute_services"].get(word)
    if row is None:
        raise Refused(http.NOT_FOUND, f"Service {word} could not be found.")
    changes: dict[str, Any] = {}
    if wanted.get("status") in {"enabled", "disabled"}:
        reason = wanted.get("disabled_reason") if wanted["status"] == "disabled" else None
        changes |= {"status": wanted["status"], "disabled_reason": reason}
        # nova-compute gives or takes the trait at once; whoever had taken it has to do it again.
        for provider in list(world["providers"].find(name=row["host"])):
            world["providers"].change(provider["id"], opened=False)
    if wanted.get("forced_down") is False and evacuation.left_behind(world, row["host"]):
        said = (
            f"Unable to force up host {row['host']} as `done` evacuation migration records remain "
            "associated with the host. Ensure the compute service has been restarted, allowing "
            "these records to move to `completed` before retrying this request."
        )
        raise Refused(http.BAD_REQUEST, said)
    if isinstance(wanted.get("forced_down"), bool):
        changes["forced_down"] = wanted["forced_down"]
    if not changes:
        raise Refused(http.BAD_REQUEST, "No updates were requested.")
    row = world["compute_services"].change(row["id"], **changes)
    return Answer(body={"service": _service(request, world, row)})


def _hypervisor(request: Request, world: World, row: Row, *, detail: bool) -> dict[str, Any]:
    service = world.require("compute_services", row["service_id"])
    uuids = request.version >= UUIDS
    shown: dict[str, Any] = {
        "id": row["id"] if uuids else row["number"],
        "hypervisor_hostname": row["name"],
        "state": "up" if _up(world, service) else "down",
        "status": service["status"],
    }
    if not detail:
        return shown
    shown |= {
        "hypervisor_type": "QEMU",
        "hypervisor_version": 8002002,
        "host_ip": row["host_ip"],
        "service": {
            "id": service["id"] if uuids else service["number"],
            "host": row["host"],
            "disabled_reason": service["disabled_reason"],
        },
    }
    if request.version >= NO_SIZES:
        days = math.floor((world.now() - row["booted_at"]).total_seconds() / 86400)
        load = "load average: 0.10, 0.12, 0.09"
        return shown | {"uptime": f" 10:00:00 up {days} days,  3:04,  0 users,  {load}"}
    used = placement.usage(world, row["id"])
    return shown | {
        "vcpus": row["vcpus"],
        "memory_mb": row["memory_mib"],
        "local_gb": row["disk_gib"],
        "vcpus_used": used["VCPU"],
        "memory_mb_used": used["MEMORY_MB"],
        "local_gb_used": used["DISK_GB"],
        "free_ram_mb": row["memory_mib"] - used["MEMORY_MB"],
        "free_disk_gb": row["disk_gib"] - used["DISK_GB"],
        "current_workload": 0,
        "running_vms": sum(1 for _server in world["servers"].find(host=row["host"])),
        "disk_available_least": row["disk_gib"] - used["DISK_GB"],
        "cpu_info": CPU if request.version >= CPU_OBJECT else "{}",
    }


def _hypervisors(request: Request, world: World, *, detail: bool) -> Answer:
    rule = "list-detail" if detail else "list"
    SERVICE.require_admin(request, f"os_compute_api:os-hypervisors:{rule}")
    only(request, "hypervisor_hostname_pattern", "with_servers", "limit", "marker")
    wanted = request.first("hypervisor_hostname_pattern")

    def unknown(marker: str) -> Refused:
        return Refused(http.BAD_REQUEST, f"marker [{marker}] not found")

    def keep(row: Row) -> bool:
        return wanted in row["name"]

    rows, full = page(world["hypervisors"], request, keep, most=ROWS_MAX, unknown=unknown)
    body: dict[str, Any] = {
        "hypervisors": [_hypervisor(request, world, row, detail=detail) for row in rows]
    }
    following = links(request, request.path, rows, full=full)
    return Answer(body=body | ({"hypervisors_links": following} if following else {}))


@route("GET", "/v2.1/os-hypervisors")
def hypervisors(request: Request, world: World) -> Answer:
    """List the hosts."""
    return _hypervisors(request, world, detail=False)


@route("GET", "/v2.1/os-hypervisors/detail")
def hypervisors_detail(request: Request, world: World) -> Answer:
    """List the hosts with what they are; their sizes up to 2.87."""
    return _hypervisors(request, world, detail=True)


@route("GET", "/v2.1/os-hypervisors/{id}")
def hypervisor(request: Request, world: World) -> Answer:
    """Show a host."""
    SERVICE.require_admin(request, "os_compute_api:os-hypervisors:show")
    own = request.parts["id"]
    rows = (r for r in world["hypervisors"] if own in {r["id"], str(r["number"])})
    row = next(rows, None)
    if row is None:
        raise Refused(http.NOT_FOUND, f"Hypervisor with ID '{own}' could not be found.")
    return Answer(body={"hypervisor": _hypervisor(request, world, row, detail=True)})


@route("GET", "/v2.1/os-migrations")
def migrations(request: Request, world: World) -> Answer:
    """List moves, the newest first."""
    SERVICE.require_admin(request, "os_compute_api:os-migrations:index")
    only(request, *MIGRATION_QUERY)
    since = _moment(request.first("changes-since"))
    filters = {
        "server_id": request.first("instance_uuid"),
        "status": request.first("status"),
        "type": request.first("migration_type"),
        "source": request.first("source_compute"),
    }
    host = request.first("host")

    def keep(row: Row) -> bool:
        if since is not None and row["updated_at"] < since:
            return False
        if host and host not in {row["source"], row["target"]}:
            return False
        return all(not value or row[key] == value for key, value in filters.items())

    def unknown(marker: str) -> Refused:
        return Refused(http.BAD_REQUEST, f"Marker {marker} could not be found.")

    marked = request.first("marker")
    if marked and request.version >= MOVE_UUID:
        # The marker of this list is the uuid; its rows are kept by number.
        found = next(world["migrations"].find(uuid=marked), None)
        own = found["id"] if found else marked
        request.query = [(k, own if k == "marker" else v) for k, v in request.query]
    rows, full = page(world["migrations"], request, keep, most=ROWS_MAX, unknown=unknown)
    body: dict[str, Any] = {"migrations": [_migration(request, row) for row in rows]}
    if request.version >= MOVE_UUID and full:
        last = [{"id": rows[-1]["uuid"]}]
        body["migrations_links"] = links(request, request.path, last, full=True)
    return Answer(body=body)


def _moment(text: str) -> datetime | None:
    if not text:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise Refused(http.BAD_REQUEST, "Invalid input for query parameters.") from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _migration(request: Request, row: Row) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "id": row["number"],
        "source_compute": row["source"],
        "source_node": row["source"],
        "dest_compute": row["target"],
        "dest_node": row["target"],
        "dest_host": None,
        "status": row["status"],
        "instance_uuid": row["server_id"],
        "old_instance_type_id": 1,
        "new_instance_type_id": 1,
        "created_at": micro(row["created_at"]),
        "updated_at": micro(row["updated_at"]),
    }
    if request.version >= MOVE_TYPE:
        shown["migration_type"] = row["type"]
    if request.version >= MOVE_UUID:
        shown["uuid"] = row["uuid"]
    if request.version >= MOVE_OWNER:
        shown |= {"project_id": row["project_id"], "user_id": row["user_id"]}
    return shown


@route("GET", "/v2.1/os-aggregates")
def aggregates(request: Request, world: World) -> Answer:
    """List the aggregates."""
    SERVICE.require_admin(request, "os_compute_api:os-aggregates:index")
    return Answer(body={"aggregates": [_aggregate(request, row) for row in world["aggregates"]]})


@route("GET", "/v2.1/os-aggregates/{id}")
def aggregate(request: Request, world: World) -> Answer:
    """Show an aggregate."""
    SERVICE.require_admin(request, "os_compute_api:os-aggregates:show")
    row = world["aggregates"].get(request.parts["id"])
    if row is None:
        raise Refused(http.NOT_FOUND, f"Aggregate {request.parts['id']} could not be found.")
    return Answer(body={"aggregate": _aggregate(request, row)})


def _aggregate(request: Request, row: Row) -> dict[str, Any]:
    uuid = {"uuid": row["uuid"]} if request.version >= AGGREGATE_UUID else {}
    return {
        "id": int(row["id"]),
        **uuid,
        "name": row["name"],
        "hosts": row["hosts"],
        "metadata": row["metadata"],
        "created_at": micro(row["created_at"]),
        "updated_at": None,
        "deleted_at": None,
        "deleted": False,
        "availability_zone": row["zone"],
    }


@route("GET", "/v2.1/os-availability-zone")
def zones(_request: Request, world: World) -> Answer:
    """List the zones of hosts."""
    hosts = [row["host"] for row in world["compute_services"].find(binary="nova-compute")]
    names = sorted({zone_of(world, host) for host in hosts})
    shown = [{"zoneName": n, "zoneState": {"available": True}, "hosts": None} for n in names]
    return Answer(body={"availabilityZoneInfo": shown})


@route("GET", "/v2.1/os-availability-zone/detail")
def zones_detail(request: Request, world: World) -> Answer:
    """List the zones with their hosts; those of the controllers are `internal`."""
    SERVICE.require_admin(request, "os_compute_api:os-availability-zone:detail")
    found: dict[str, dict[str, Any]] = {}
    for row in world["compute_services"]:
        compute = row["binary"] == "nova-compute"
        name = zone_of(world, row["host"]) if compute else "internal"
        found.setdefault(name, {}).setdefault(row["host"], {})[row["binary"]] = {
            "available": _up(world, row),
            "active": row["status"] == "enabled",
            "updated_at": micro(heartbeat(row, world.now())),
        }
    shown = [
        {"zoneName": name, "zoneState": {"available": True}, "hosts": hosts}
        for name, hosts in sorted(found.items())
    ]
    return Answer(body={"availabilityZoneInfo": shown})
