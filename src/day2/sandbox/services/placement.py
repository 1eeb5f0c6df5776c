# SPDX-License-Identifier: Apache-2.0
"""Placement, as Placement 2025.1 answers; nothing of it is paged."""

from collections import Counter
from typing import Any

from day2.sandbox import http
from day2.sandbox.http import Answer, Refused, Request
from day2.sandbox.ids import uuid_of
from day2.sandbox.routes import Listed, Microversions, Service, keystone_401
from day2.sandbox.tables import Row
from day2.sandbox.world import World

TITLES = {403: "Forbidden", 404: "Not Found", 406: "Not Acceptable", 400: "Bad Request"} | {
    409: "Conflict"
}
PARENTS = {
    400: "The server could not comply with the request since it is either malformed or otherwise "
    "incorrect.",
    409: "There was a conflict when trying to complete your request.",
    403: "Access was denied to this resource.",
    404: "The resource could not be found.",
    406: "The resource could not be generated that was acceptable to your browser "
    "(content of type application/json. ",
}
TRAITS = (
    "COMPUTE_NODE",
    "COMPUTE_NET_ATTACH_INTERFACE",
    "COMPUTE_VOLUME_ATTACH",
    "COMPUTE_VOLUME_MULTI_ATTACH",
    "COMPUTE_TRUSTED_CERTS",
    "HW_CPU_X86_SSE2",
)
DISABLED = "COMPUTE_STATUS_DISABLED"
TREES, GENERATIONS, CONSUMER_TYPES = (1, 14), (1, 28), (1, 38)


def _render(refused: Refused, request: Request) -> Answer:
    if refused.status == http.UNAUTHORIZED:
        return keystone_401(refused, request)
    malformed = refused.status == http.BAD_REQUEST and not refused.kind
    parent = "" if malformed else PARENTS.get(refused.status, "")
    error: dict[str, Any] = {
        "status": refused.status,
        "title": TITLES.get(refused.status, "Error"),
        "detail": f"{parent}\n\n {refused.message}  ",
        "request_id": f"req-{uuid_of('request', request.path)}",
    }
    if refused.status == http.NOT_ACCEPTABLE:
        error |= {"max_version": "1.39", "min_version": "1.0"}
    elif not malformed:
        # A version that cannot be read is refused before there are codes.
        error["code"] = refused.kind or "placement.undefined_code"
    return Answer(status=refused.status, body={"errors": [error]})


def _denied(rule: str) -> Refused:
    return Refused(http.FORBIDDEN, f"Policy does not allow {rule} to be performed.")


SERVICE = Service(
    "placement",
    prefix="/placement",
    render=_render,
    denied=_denied,
    catalog=(Listed("placement", "placement"),),
    microversions=Microversions(
        word="placement",
        lowest=(1, 0),
        highest=(1, 39),
        malformed="Invalid microversion: invalid version string: {}",
        outside="Invalid microversion: Unacceptable version header: {}",
        vary="openstack-api-version",
    ),
)
route = SERVICE.route
PROVIDER_QUERY = ("in_tree", "member_of", "name", "required", "resources", "uuid")


def _only(request: Request, *known: str) -> None:
    """Refuse a query with a word that the list does not know."""
    others = sorted({key for key, _value in request.query} - set(known))
    if others:
        said = f"Invalid query string parameters: {', '.join(others)} not known"
        raise Refused(http.BAD_REQUEST, said, kind="placement.undefined_code")


@route("GET", "", token=False)
@route("GET", "/", token=False)
def versions(_request: Request, _world: World) -> Answer:
    """Show the version; its link is empty in the real one too."""
    link = {"rel": "self", "href": ""}
    version = {
        "id": "v1.0",
        "max_version": "1.39",
        "min_version": "1.0",
        "status": "CURRENT",
        "links": [link],
    }
    headers = {"OpenStack-API-Version": "placement 1.0", "Vary": "openstack-api-version"}
    return Answer(body={"versions": [version]}, headers=headers)


@route("GET", "/resource_providers")
def providers(request: Request, world: World) -> Answer:
    """List the resource providers."""
    SERVICE.require_admin(request, "placement:resource_providers:list")
    _only(request, *PROVIDER_QUERY)
    rows = list(world["providers"])
    # Each is a tree of its own.
    for name, key in (("name", "name"), ("uuid", "id"), ("in_tree", "id")):
        wanted = request.first(name)
        rows = [row for row in rows if not wanted or row[key] == wanted]
    return Answer(body={"resource_providers": [_provider(request, row) for row in rows]})


@route("GET", "/resource_providers/{id}")
def provider(request: Request, world: World) -> Answer:
    """Show one resource provider."""
    SERVICE.require_admin(request, "placement:resource_providers:show")
    return Answer(body=_provider(request, _row(request, world)))


def _provider(request: Request, row: Row) -> dict[str, Any]:
    own = f"/resource_providers/{row['id']}"
    kinds = ["inventories", "usages", "aggregates", "traits", "allocations"]
    shown = {
        "uuid": row["id"],
        "name": row["name"],
        "generation": row["generation"],
        "links": [
            {"rel": "self", "href": own},
            *({"rel": kind, "href": f"{own}/{kind}"} for kind in kinds),
        ],
    }
    if request.version >= TREES:
        shown |= {"parent_provider_uuid": None, "root_provider_uuid": row["id"]}
    return shown


def _row(request: Request, world: World) -> Row:
    own = request.parts["id"]
    row = world["providers"].get(own)
    if row is None:
        said = f"No resource provider with uuid {own} found"
        raise Refused(http.NOT_FOUND, f"{said} : {said}")
    return row


@route("GET", "/resource_providers/{id}/inventories")
def inventories(request: Request, world: World) -> Answer:
    """Show what a provider has."""
    SERVICE.require_admin(request, "placement:resource_providers:inventories:list")
    row = _row(request, world)
    shown = {
        name: {
            "total": inventory["total"],
            "reserved": inventory["reserved"],
            "min_unit": 1,
            "max_unit": inventory["total"],
            "step_size": 1,
            "allocation_ratio": inventory["ratio"],
        }
        for name, inventory in row["inventories"].items()
    }
    generation = row["generation"]
    return Answer(body={"resource_provider_generation": generation, "inventories": shown})


@route("GET", "/resource_providers/{id}/traits")
def traits(request: Request, world: World) -> Answer:
    """Show the traits of a provider."""
    SERVICE.require_admin(request, "placement:resource_providers:traits:list")
    return _traits(world, _row(request, world))


def _traits(world: World, row: Row) -> Answer:
    """Show traits; nova-compute gives that of a disabled host, and somebody may have taken it."""
    shown = set(TRAITS) | ({DISABLED} if is_closed(world, row["name"]) else set())
    return Answer(body={"traits": sorted(shown), "resource_provider_generation": row["generation"]})


def is_closed(world: World, host: str) -> bool:
    """Tell whether the provider of a host has the trait of a disabled one."""
    row = next(world["providers"].find(name=host), None)
    disabled = any(world["compute_services"].find(host=host, status="disabled"))
    return disabled and row is not None and not row.get("opened")


@route("PUT", "/resource_providers/{id}/traits")
def set_traits(request: Request, world: World) -> Answer:
    """Replace the traits of a provider; only that of a disabled host may differ here.

    Raises:
        Refused: when the generation is an old one, or a trait is none.

    """
    SERVICE.require_admin(request, "placement:resource_providers:traits:update")
    row = _row(request, world)
    wanted = request.document()
    if wanted.get("resource_provider_generation") != row["generation"]:
        said = "Resource provider's generation already changed. Please update the generation and "
        raise Refused(http.CONFLICT, f"{said}try again.", kind="placement.concurrent_update")
    given = set(wanted.get("traits") or ())
    others = sorted(given - {*TRAITS, DISABLED})
    if others:
        said = f"No such trait {', '.join(others)}"
        raise Refused(http.BAD_REQUEST, said, kind="placement.undefined_code")
    changes = (DISABLED in given) != is_closed(world, row["name"])
    generation = row["generation"] + changes
    row = world["providers"].change(row["id"], opened=DISABLED not in given, generation=generation)
    return _traits(world, row)


@route("GET", "/resource_providers/{id}/aggregates")
def aggregates(request: Request, world: World) -> Answer:
    """Show the aggregates of a provider."""
    SERVICE.require_admin(request, "placement:resource_providers:aggregates:list")
    row = _row(request, world)
    own = [found["uuid"] for found in world["aggregates"] if row["name"] in found["hosts"]]
    return Answer(body={"aggregates": own, "resource_provider_generation": row["generation"]})


@route("GET", "/resource_providers/{id}/allocations")
def allocations(request: Request, world: World) -> Answer:
    """Show who takes what from a provider."""
    SERVICE.require_admin(request, "placement:resource_providers:allocations:list")
    row = _row(request, world)
    shown: dict[str, Any] = {}
    for taken in world["allocations"].find(provider=row["id"]):
        entry: dict[str, Any] = {"resources": taken["resources"]}
        if request.version >= GENERATIONS:
            entry["consumer_generation"] = 1
        shown[taken["consumer"]] = entry
    return Answer(body={"allocations": shown, "resource_provider_generation": row["generation"]})


@route("GET", "/resource_providers/{id}/usages")
def usages(request: Request, world: World) -> Answer:
    """Show how much of a provider is taken."""
    SERVICE.require_admin(request, "placement:resource_providers:usages")
    row = _row(request, world)
    used = usage(world, row["id"])
    shown = {name: used.get(name, 0) for name in row["inventories"]}
    return Answer(body={"resource_provider_generation": row["generation"], "usages": shown})


@route("GET", "/usages")
def project_usages(request: Request, world: World) -> Answer:
    """Show what a project takes."""
    SERVICE.require_admin(request, "placement:usages")
    _only(request, "consumer_type", "project_id", "user_id")
    sums: Counter[str] = Counter()
    consumers = set()
    for taken in world["allocations"].find(project_id=request.first("project_id")):
        sums.update(taken["resources"])
        consumers.add(taken["consumer"])
    if request.version < CONSUMER_TYPES:
        return Answer(body={"usages": dict(sums)})
    counted = {"INSTANCE": {**sums, "consumer_count": len(consumers)}} if sums else {}
    return Answer(body={"usages": counted})


@route("GET", "/allocations/{consumer}")
def consumer(request: Request, world: World) -> Answer:
    """Show what a consumer takes, and from whom."""
    SERVICE.require_admin(request, "placement:allocations:list")
    shown: dict[str, Any] = {}
    last: Row | None = None
    for taken in world["allocations"].find(consumer=request.parts["consumer"]):
        last = taken
        shown[taken["provider"]] = {"resources": taken["resources"], "generation": 2}
    body: dict[str, Any] = {"allocations": shown}
    if last is not None:
        body |= {
            "project_id": last["project_id"],
            "user_id": last["user_id"],
            "consumer_generation": 1,
            "consumer_type": "INSTANCE",
        }
    return Answer(body=body)


@route("DELETE", "/allocations/{consumer}")
def delete_consumer(request: Request, world: World) -> Answer:
    """Give back what a consumer takes."""
    SERVICE.require_admin(request, "placement:allocations:delete")
    found = list(world["allocations"].find(consumer=request.parts["consumer"]))
    if not found:
        said = f"No allocations for consumer '{request.parts['consumer']}'"
        raise Refused(http.NOT_FOUND, said)
    release(world, request.parts["consumer"])
    return Answer(status=http.NO_CONTENT)


def usage(world: World, provider_id: str) -> Counter[str]:
    """Sum what is taken from a provider."""
    sums: Counter[str] = Counter()
    for taken in world["allocations"].find(provider=provider_id):
        sums.update(taken["resources"])
    return sums


def demand(flavor: Row) -> dict[str, int]:
    """Return what a server of this flavor takes."""
    wanted = {"VCPU": flavor["vcpus"], "MEMORY_MB": flavor["ram"], "DISK_GB": flavor["disk"]}
    return {name: amount for name, amount in wanted.items() if amount}


def has_room(world: World, host: str, flavor: Row) -> bool:
    """Tell whether a host can take a server of this flavor."""
    provider = next(world["providers"].find(name=host), None)
    if provider is None:
        return False
    used = usage(world, provider["id"])
    for name, amount in demand(flavor).items():
        own = provider["inventories"][name]
        if used[name] + amount > (own["total"] - own["reserved"]) * own["ratio"]:
            return False
    return True


def allocate(
    world: World, consumer_id: str, host: str, flavor: Row, *, project_id: str, user_id: str
) -> None:
    """Take what a server needs from a host's provider."""
    provider = next(world["providers"].find(name=host))
    world["allocations"].put(
        {
            "id": f"{consumer_id}/{provider['id']}",
            "consumer": consumer_id,
            "provider": provider["id"],
            "resources": demand(flavor),
            "project_id": project_id,
            "user_id": user_id,
        }
    )


def release(world: World, consumer_id: str) -> None:
    """Give back everything that a consumer takes."""
    for taken in list(world["allocations"].find(consumer=consumer_id)):
        world["allocations"].delete(taken["id"])


def hand_over(world: World, old: str, new: str) -> None:
    """Give one consumer's allocations to another: what Nova does with a server that moves."""
    for taken in list(world["allocations"].find(consumer=old)):
        world["allocations"].delete(taken["id"])
        world["allocations"].put({**taken, "id": f"{new}/{taken['provider']}", "consumer": new})
