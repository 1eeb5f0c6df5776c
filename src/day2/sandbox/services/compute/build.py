# SPDX-License-Identifier: Apache-2.0
"""The making of a server: what may be asked for, quotas, the scheduler, and the boot."""

from typing import Any

import msgspec

from day2.sandbox import http
from day2.sandbox.http import Refused, Request
from day2.sandbox.services import placement
from day2.sandbox.services.compute import moves, states
from day2.sandbox.services.compute.service import denied
from day2.sandbox.services.network_ports import new_port
from day2.sandbox.tables import Row
from day2.sandbox.timing import span
from day2.sandbox.world import World

QUOTAS = {
    "cores": 20,
    "instances": 10,
    "key_pairs": 100,
    "metadata_items": 128,
    "ram": 51200,
    "server_group_members": 10,
    "server_groups": 10,
}
SERVERS_MAX = 100
REQUESTED_HOST = (2, 74)


def quota_of(world: World, project_id: str) -> dict[str, int]:
    """Return the limits of a project."""
    return {**QUOTAS, **world.quotas.get(("compute", project_id), {})}


def usage(world: World, project_id: str) -> dict[str, int]:
    """Count what a project has."""
    own = list(world["servers"].find(project_id=project_id))
    return {
        "cores": sum(row["flavor"]["vcpus"] for row in own),
        "instances": len(own),
        "ram": sum(row["flavor"]["ram"] for row in own),
        "server_groups": sum(1 for _row in world["server_groups"].find(project_id=project_id)),
    }


def create(request: Request, world: World) -> list[Row]:
    """Make the servers that a request asks for; they are BUILD until their time has come.

    Raises:
        Refused: when something of it is not there, or a quota is full.

    """
    who = request.who
    if not who.project_id or not {"admin", "member"} & set(who.roles):
        raise denied("os_compute_api:servers:create")
    wanted = request.document("server")
    flavor = world["flavors"].get(str(wanted.get("flavorRef")))
    if flavor is None:
        raise Refused(http.BAD_REQUEST, f"Flavor {wanted.get('flavorRef')} could not be found.")
    image_id = _image(world, wanted)
    networks = _networks(world, who.project_id, wanted)
    forced = _forced(request, world, wanted)
    count = wanted.get("min_count") or 1
    if not isinstance(count, int) or not 1 <= count <= SERVERS_MAX:
        raise Refused(http.BAD_REQUEST, "Invalid input for field/attribute min_count.")
    _within_quota(world, who.project_id, flavor, count)
    groups = [
        str(g.get("name")) for g in wanted.get("security_groups") or [] if isinstance(g, dict)
    ]
    now = world.now()
    zone = str(wanted.get("availability_zone") or "").partition(":")[0] or None
    made = []
    for place in range(1, count + 1):
        name = str(wanted.get("name") or "")
        row: dict[str, Any] = {
            "id": world.new_id("server"),
            "number": world.next_number("servers"),
            "name": name if count == 1 else f"{name}-{place}",
            "project_id": who.project_id,
            "user_id": who.user_id,
            "host": None,
            "vm_state": "building",
            "task_state": "scheduling",
            "power_state": states.NO_STATE,
            "flavor": {key: flavor[key] for key in moves.FLAVOR_KEYS},
            "image_id": image_id,
            "zone": zone or "",
            "pinned_zone": zone,
            "created_at": now,
            "updated_at": now,
            "launched_at": None,
            "metadata": wanted.get("metadata") or {},
            "tags": wanted.get("tags") or [],
            "locked_by": None,
            "locked_reason": None,
            "key_name": wanted.get("key_name"),
            "description": wanted.get("description"),
            "security_groups": groups or ["default"],
            "fault": None,
            "script": "",
        }
        world["servers"].put(row)
        states.record(world, row, "create", now, None)
        _schedule(world, row, networks, zone, forced)
        made.append(row)
    return made


def _image(world: World, wanted: dict[str, Any]) -> str | None:
    given = wanted.get("imageRef")
    if not given:
        if wanted.get("block_device_mapping_v2"):
            return None
        raise Refused(http.BAD_REQUEST, "Invalid imageRef provided.")
    image = world["images"].get(str(given))
    if image is None:
        raise Refused(http.BAD_REQUEST, f"Can not find requested image {given}")
    if image["status"] != "active":
        own = image["id"]
        raise Refused(http.BAD_REQUEST, f"Image {own} is not active.")
    return str(image["id"])


def _networks(world: World, project_id: str, wanted: dict[str, Any]) -> list[dict[str, str]]:
    """Return the networks and ports asked for; without any, the project's only network."""
    given = wanted.get("networks")
    if given == "none":
        return []
    if isinstance(given, list) and given:
        for entry in given:
            kind, key = ("ports", "port") if "port" in entry else ("networks", "uuid")
            if world[kind].get(str(entry.get(key))) is None:
                name = kind.removesuffix("s").capitalize()
                raise Refused(http.BAD_REQUEST, f"{name} {entry.get(key)} could not be found.")
        return [dict(entry) for entry in given]
    own = [row for row in world["networks"].find(project_id=project_id) if not row["external"]]
    if len(own) > 1:
        said = "Multiple possible networks found, use a Network ID to be more specific."
        raise Refused(http.CONFLICT, said)
    return [{"uuid": row["id"]} for row in own]


def _within_quota(world: World, project_id: str, flavor: Row, count: int) -> None:
    used, limits = usage(world, project_id), quota_of(world, project_id)
    wanted = {"instances": count, "cores": flavor["vcpus"] * count, "ram": flavor["ram"] * count}
    for name, amount in wanted.items():
        limit = limits[name]
        if 0 <= limit < used[name] + amount:
            said = (
                f"Quota exceeded for {name}: Requested {amount}, but already used {used[name]} of"
            )
            raise Refused(http.FORBIDDEN, f"{said} {limit} {name}")


class _Forced(msgspec.Struct, frozen=True):
    """A host that was asked for: `filtered` as any other would be (2.74), or past the filters."""

    host: str
    filtered: bool


def _forced(request: Request, world: World, wanted: dict[str, Any]) -> _Forced | None:
    """Return the host asked for: by `host`, or in the zone (`ZONE:HOST`); None when none is.

    Raises:
        Refused: when who is no administrator asks, or there is no such host or zone.

    """
    zone, _colon, by_zone = str(wanted.get("availability_zone") or "").partition(":")
    host = str(wanted.get("host") or "") if request.version >= REQUESTED_HOST else ""
    if (host or by_zone) and not request.who.admin:
        rule = "requested_destination" if host else "forced_host"
        raise denied(f"os_compute_api:servers:create:{rule}")
    if host:
        if not any(world["compute_services"].find(binary="nova-compute", host=host)):
            raise Refused(http.BAD_REQUEST, f"Compute host {host} could not be found.")
        return _Forced(host, filtered=True)
    known = {moves.zone_of(world, s["host"]) for s in world["compute_services"]}
    if zone and not by_zone and zone not in known:
        said = "The requested availability zone is not available"
        raise Refused(http.BAD_REQUEST, said)
    return _Forced(by_zone, filtered=False) if by_zone else None


def _place(world: World, row: Row, zone: str | None, forced: _Forced | None) -> str | None:
    """Choose the host: Placement leaves out who has the trait of a disabled host, always."""
    if forced is None:
        return next(iter(moves.candidates(world, row, zone=zone)), None)
    host = forced.host
    if forced.filtered:
        return host if host in moves.candidates(world, row, zone=zone) else None
    known = any(world["compute_services"].find(binary="nova-compute", host=host))
    closed = placement.is_closed(world, host)
    return host if known and not closed and placement.has_room(world, host, row["flavor"]) else None


def _schedule(
    world: World,
    row: Row,
    networks: list[dict[str, str]],
    zone: str | None,
    forced: _Forced | None,
) -> None:
    own = row["id"]
    host = _place(world, row, zone, forced)
    seconds = span(world.scenario.timers.boot).total_seconds()
    if host is None:
        world.later(seconds / 2, lambda: states.fail(world, own, moves.NO_HOST))
        return
    who = {"project_id": row["project_id"], "user_id": row["user_id"]}
    placement.allocate(world, own, host, row["flavor"], **who)

    def spawning() -> None:
        if states.change(world, own, host=host, task_state="spawning") is not None:
            _plug(world, row, networks, host)

    def booted() -> None:
        vm_state, task_state, power = states.STORED["ACTIVE"]
        states.change(
            world,
            own,
            vm_state=vm_state,
            task_state=task_state,
            power_state=power,
            zone=moves.zone_of(world, host),
            launched_at=world.now(),
        )

    world.later(seconds / 2, spawning)
    world.later(seconds, booted)


def _plug(world: World, row: Row, networks: list[dict[str, str]], host: str) -> None:
    owner = f"compute:{moves.zone_of(world, host)}"
    for entry in networks:
        if "port" in entry:
            world["ports"].change(
                entry["port"],
                device_id=row["id"],
                device_owner=owner,
                host=host,
                status="ACTIVE",
                updated_at=world.now(),
            )
            continue
        groups = world["security_groups"].find(project_id=row["project_id"])
        named = [g["id"] for g in groups if g["name"] in row["security_groups"]]
        try:
            new_port(
                world,
                world.new_id("port"),
                network_id=entry["uuid"],
                project_id=row["project_id"],
                created=world.now(),
                device_id=row["id"],
                device_owner=owner,
                host=host,
                security_groups=named,
                by_nova=True,
            )
        except Refused as refused:
            states.fail(world, row["id"], refused.message)
