# SPDX-License-Identifier: Apache-2.0
"""Block storage, as Cinder 2025.1 answers: lists that are cut for who is no admin."""

from collections.abc import Callable
from typing import Any

from day2.sandbox import http
from day2.sandbox.http import Answer, Refused, Request
from day2.sandbox.paging import links, page
from day2.sandbox.routes import Listed, Microversions, Service, keystone_401
from day2.sandbox.services import block_storage_views as views
from day2.sandbox.services.block_storage_use import quota_of, usage
from day2.sandbox.tables import Row
from day2.sandbox.timing import span
from day2.sandbox.world import World

ROWS_MAX = 1000
CODES = {400: "badRequest", 403: "forbidden", 404: "itemNotFound", 409: "conflictingRequest"} | {
    406: "computeFault",
    413: "overLimit",
}
MESSAGES = (3, 3)
POOL_FILTERS = frozenset({"backend_name", "detail", "volume_type"})
DELETABLE = frozenset(
    {"available", "error", "error_restoring", "error_extending", "error_managing"}
)


def _render(refused: Refused, request: Request) -> Answer:
    if refused.status == http.UNAUTHORIZED:
        return keystone_401(refused, request)
    code = CODES.get(refused.status, "computeFault")
    return Answer(
        status=refused.status, body={code: {"code": refused.status, "message": refused.message}}
    )


def _denied(rule: str) -> Refused:
    return Refused(http.FORBIDDEN, f"Policy doesn't allow {rule} to be performed.")


SERVICE = Service(
    "block-storage",
    prefix="/volume",
    render=_render,
    denied=_denied,
    catalog=(
        Listed("volumev3", "cinderv3", "/v3/%(project_id)s"),
        Listed("block-storage", "cinder", "/v3/%(project_id)s"),
    ),
    microversions=Microversions(
        word="volume",
        lowest=(3, 0),
        highest=(3, 71),
        malformed="API Version String {} is of invalid format. "
        "Must be of format MajorNum.MinorNum.",
        outside="Version {} is not supported by the API. Minimum is {} and maximum is {}.",
    ),
)
route = SERVICE.route
View = Callable[[Request, World, Row], dict[str, Any]]


def _version(request: Request) -> dict[str, Any]:
    document = "application/vnd.openstack.volume+json;version=3"
    return {
        "id": "v3.0",
        "status": "CURRENT",
        "version": "3.71",
        "min_version": "3.0",
        "updated": "2023-08-31T00:00:00Z",
        "links": [
            {"rel": "describedby", "type": "text/html", "href": "https://docs.openstack.org/"},
            {"rel": "self", "href": f"{request.base}/v3/"},
        ],
        "media-types": [{"base": "application/json", "type": document}],
    }


@route("GET", "", token=False)
@route("GET", "/", token=False)
def versions(request: Request, _world: World) -> Answer:
    """List the versions."""
    headers = {"OpenStack-API-Version": "volume 3.0", "Vary": "OpenStack-API-Version"}
    body = {"versions": [_version(request)]}
    return Answer(status=http.MULTIPLE_CHOICES, body=body, headers=headers)


@route("GET", "/v3")
@route("GET", "/v3/")
def version(request: Request, _world: World) -> Answer:
    """Show the version: to who has a token only."""
    return Answer(body={"versions": [_version(request)]})


def _seen(request: Request) -> Callable[[Row], bool]:
    """Tell whose rows are listed: all for an administrator who asks, else one's own."""
    who = request.who
    everything = who.admin and request.flag("all_tenants")
    project = who.project_id
    if everything and request.first("project_id"):
        everything, project = False, request.first("project_id")
    names = ("status", "name", "volume_id", "source_volid")
    filters = {k: request.first(k) for k in names if request.first(k)}

    def keep(row: Row) -> bool:
        if not everything and row["project_id"] != project:
            return False
        return all(row.get(key) == value for key, value in filters.items())

    return keep


def _list(request: Request, world: World, table: str, key: str, view: View) -> Answer:
    def unknown(marker: str) -> Refused:
        name = "Volume" if key == "volumes" else key.removesuffix("s").capitalize()
        return Refused(http.NOT_FOUND, f"{name} {marker} could not be found.")

    rows, full = page(world[table], request, _seen(request), most=ROWS_MAX, unknown=unknown)
    body: dict[str, Any] = {key: [view(request, world, row) for row in rows]}
    following = links(request, request.path, rows, full=full)
    if following:
        body[f"{key}_links"] = following
    return Answer(body=body)


def _declare(path: str, table: str, key: str, view: View, since: tuple[int, int] = (3, 0)) -> None:
    @route("GET", f"/v3/{{project}}/{path}")
    def listed(request: Request, world: World) -> Answer:
        if request.version < since:
            raise Refused(http.NOT_FOUND, "The resource could not be found.")
        return _list(request, world, table, key, view)


_declare("volumes/detail", "volumes", "volumes", views.volume)
_declare("volumes", "volumes", "volumes", views.volume_short)
_declare("snapshots/detail", "volume_snapshots", "snapshots", views.snapshot)
_declare("snapshots", "volume_snapshots", "snapshots", views.snapshot)
_declare("backups/detail", "volume_backups", "backups", views.backup)
_declare("backups", "volume_backups", "backups", views.backup)
_declare("attachments", "volume_attachments", "attachments", views.attachment, (3, 27))


def _row(request: Request, world: World, table: str, name: str) -> Row:
    own = request.parts["id"]
    row = world[table].get(own)
    if row is None or not (request.who.admin or row["project_id"] == request.who.project_id):
        raise Refused(http.NOT_FOUND, f"{name} {own} could not be found.")
    return row


@route("GET", "/v3/{project}/messages")
def messages(request: Request, world: World) -> Answer:
    """List what users are told of failures: those of a scenario's volumes, the newest first."""
    if request.version < MESSAGES:
        raise Refused(http.NOT_FOUND, "The resource could not be found.")
    wanted = request.first("resource_uuid")
    rows = [row for row in world["volume_messages"] if wanted in {"", row["resource_uuid"]}]
    return Answer(body={"messages": [views.message(request, row) for row in rows]})


@route("GET", "/v3/{project}/volumes/{id}")
def volume(request: Request, world: World) -> Answer:
    """Show a volume."""
    return Answer(body={"volume": views.volume(request, world, _volume(request, world))})


def _volume(request: Request, world: World) -> Row:
    return _row(request, world, "volumes", "Volume")


@route("POST", "/v3/{project}/volumes")
def create_volume(request: Request, world: World) -> Answer:
    """Create a volume: it is there after a while."""
    wanted = request.document("volume")
    who = request.who
    size = wanted.get("size")
    if not isinstance(size, int) or isinstance(size, bool) or size < 1:
        said = f"Invalid input received: Volume size '{size}' must be an integer and greater than 0"
        raise Refused(http.BAD_REQUEST, said)
    _within_quota(world, who.project_id, size)
    kind = _type_of(world, wanted.get("volume_type"))
    now = world.now()
    row = {
        "id": world.new_id("volume"),
        "name": wanted.get("name"),
        "description": wanted.get("description"),
        "status": "creating",
        "size": size,
        "project_id": who.project_id,
        "user_id": who.user_id,
        "host": None,
        "volume_type": kind["name"],
        "volume_type_id": kind["id"],
        "bootable": bool(wanted.get("imageRef")),
        "image": None,
        "snapshot_id": wanted.get("snapshot_id"),
        "source_volid": wanted.get("source_volid"),
        "metadata": wanted.get("metadata") or {},
        "created_at": now,
        "updated_at": now,
    }
    world["volumes"].put(row)

    def done() -> None:
        if world["volumes"].get(row["id"]) is None:
            return
        backend = kind["extra_specs"].get("volume_backend_name")
        pools = [p for p in world["volume_pools"] if backend in {None, p["backend"]}]
        status = "available" if pools else "error"
        host = pools[0]["id"] if pools else None
        world["volumes"].change(row["id"], status=status, host=host, updated_at=world.now())

    world.later(span(world.scenario.timers.volume).total_seconds(), done)
    return Answer(status=http.ACCEPTED, body={"volume": views.volume(request, world, row)})


def _type_of(world: World, wanted: Any) -> Row:  # noqa: ANN401 - JSON
    if not wanted:
        return next(world["volume_types"].find(name="__DEFAULT__"))
    found = world["volume_types"].get(str(wanted))
    found = found or next(world["volume_types"].find(name=wanted), None)
    if found is None:
        raise Refused(http.NOT_FOUND, f"Volume type with name {wanted} could not be found.")
    return found


def _within_quota(world: World, project_id: str, size: int) -> None:
    used = usage(world, project_id)
    limits = quota_of(world, project_id)
    if 0 <= limits["volumes"] <= used["volumes"]:
        said = f"VolumeLimitExceeded: Maximum number of volumes allowed ({limits['volumes']}) "
        raise Refused(http.TOO_LARGE, f"{said}exceeded for quota 'volumes'.")
    if 0 <= limits["gigabytes"] < used["gigabytes"] + size:
        said = "VolumeSizeExceedsAvailableQuota: Requested volume or snapshot exceeds allowed "
        counted = (
            f"Requested {size}G, quota is {limits['gigabytes']}G and {used['gigabytes']}G has "
        )
        raise Refused(http.TOO_LARGE, f"{said}gigabytes quota. {counted}been consumed.")


@route("DELETE", "/v3/{project}/volumes/{id}")
def delete_volume(request: Request, world: World) -> Answer:
    """Delete a volume that nobody uses and nothing hangs on."""
    row = _volume(request, world)
    own = row["id"]
    children = any(world["volume_snapshots"].find(volume_id=own))
    attached = any(world["volume_attachments"].find(volume_id=own))
    if row["status"] not in DELETABLE or attached or children:
        said = "Invalid volume: Volume status must be available or error or error_restoring or "
        more = "error_extending or error_managing and must not be migrating, attached, belong to a "
        rest = (
            "group, have snapshots, awaiting a transfer, or be disassociated from snapshots after"
        )
        raise Refused(http.BAD_REQUEST, f"{said}{more}{rest} volume transfer.")
    world["volumes"].change(own, status="deleting", updated_at=world.now())
    world.later(
        span(world.scenario.timers.volume).total_seconds(), lambda: world["volumes"].delete(own)
    )
    return Answer(status=http.ACCEPTED)


@route("GET", "/v3/{project}/snapshots/{id}")
def snapshot(request: Request, world: World) -> Answer:
    """Show a snapshot."""
    row = _row(request, world, "volume_snapshots", "Snapshot")
    return Answer(body={"snapshot": views.snapshot(request, world, row)})


@route("DELETE", "/v3/{project}/snapshots/{id}")
def delete_snapshot(request: Request, world: World) -> Answer:
    """Delete a snapshot."""
    row = _row(request, world, "volume_snapshots", "Snapshot")
    world["volume_snapshots"].change(row["id"], status="deleting", updated_at=world.now())
    seconds = span(world.scenario.timers.volume).total_seconds()
    world.later(seconds, lambda: world["volume_snapshots"].delete(row["id"]))
    return Answer(status=http.ACCEPTED)


@route("GET", "/v3/{project}/backups/{id}")
def backup(request: Request, world: World) -> Answer:
    """Show a backup."""
    row = _row(request, world, "volume_backups", "Backup")
    return Answer(body={"backup": views.backup(request, world, row)})


@route("GET", "/v3/{project}/os-services")
def services(request: Request, world: World) -> Answer:
    """List the services: administrators only."""
    SERVICE.require_admin(request, "volume_extension:services:index")
    rows = [
        row
        for row in world["volume_services"]
        if all(request.first(k) in {"", row[k]} for k in ("host", "binary"))
    ]
    return Answer(body={"services": [views.service(request, world, row) for row in rows]})


@route("GET", "/v3/{project}/scheduler-stats/get_pools")
def pools(request: Request, world: World) -> Answer:
    """List the pools: administrators only."""
    SERVICE.require_admin(request, "scheduler_extension:scheduler_stats:get_pools")
    others = sorted({key for key, _value in request.query} - POOL_FILTERS)
    if others:
        said = f"Invalid filters {','.join(others)} are found in query options."
        raise Refused(http.BAD_REQUEST, said)
    detail = request.flag("detail")
    shown = [
        views.pool(world, row) if detail else {"name": row["id"]} for row in world["volume_pools"]
    ]
    return Answer(body={"pools": shown})


@route("GET", "/v3/{project}/types")
def types(request: Request, world: World) -> Answer:
    """List the volume types."""

    def keep(_row: Row) -> bool:
        return True

    def unknown(marker: str) -> Refused:
        return Refused(http.NOT_FOUND, f"Volume type {marker} could not be found.")

    table = world["volume_types"]
    marker = request.first("marker")
    if marker and table.get(marker) is None:
        # A marker of nothing is read as none.
        request.query = [(key, value) for key, value in request.query if key != "marker"]
    rows, full = page(table, request, keep, most=ROWS_MAX, unknown=unknown)
    body: dict[str, Any] = {"volume_types": [views.volume_type(request, row) for row in rows]}
    following = links(request, request.path, rows, full=full)
    return Answer(body=body | ({"volume_type_links": following} if following else {}))


@route("GET", "/v3/{project}/types/{id}")
def volume_type(request: Request, world: World) -> Answer:
    """Show a volume type, or the default one."""
    own = request.parts["id"]
    name = "__DEFAULT__" if own == "default" else own
    found = world["volume_types"].get(own) or next(world["volume_types"].find(name=name), None)
    if found is None:
        raise Refused(http.NOT_FOUND, f"Volume type {own} could not be found.")
    return Answer(body={"volume_type": views.volume_type(request, found)})


@route("GET", "/v3/{project}/os-availability-zone")
def zones(_request: Request, _world: World) -> Answer:
    """List the zones."""
    zone = {"zoneName": "nova", "zoneState": {"available": True}}
    return Answer(body={"availabilityZoneInfo": [zone]})


@route("GET", "/v3/{project}/os-quota-sets/{id}")
def quotas(request: Request, world: World) -> Answer:
    """Show the quotas of a project, with their use when asked for."""
    project = request.parts["id"]
    if project != request.who.project_id:
        SERVICE.require_admin(request, "volume_extension:quotas:show")
    limits = quota_of(world, project)
    if not request.flag("usage"):
        return Answer(body={"quota_set": {**limits, "id": project}})
    used = usage(world, project)
    shown: dict[str, Any] = {
        name: {"limit": limit, "in_use": used.get(name, 0), "reserved": 0}
        for name, limit in limits.items()
    }
    return Answer(body={"quota_set": {**shown, "id": project}})


@route("GET", "/v3/{project}/limits")
def limits(request: Request, world: World) -> Answer:
    """Show the limits of the caller's project."""
    limits = quota_of(world, request.who.project_id)
    used = usage(world, request.who.project_id)
    absolute = {
        "maxTotalVolumes": limits["volumes"],
        "maxTotalSnapshots": limits["snapshots"],
        "maxTotalVolumeGigabytes": limits["gigabytes"],
        "maxTotalBackups": limits["backups"],
        "maxTotalBackupGigabytes": limits["backup_gigabytes"],
        "totalVolumesUsed": used["volumes"],
        "totalGigabytesUsed": used["gigabytes"],
        "totalSnapshotsUsed": used["snapshots"],
        "totalBackupsUsed": used["backups"],
        "totalBackupGigabytesUsed": used["backup_gigabytes"],
    }
    return Answer(body={"limits": {"rate": [], "absolute": absolute}})
