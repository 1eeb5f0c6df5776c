# SPDX-License-Identifier: Apache-2.0
"""Identity: members of groups, implied roles, limits, and federation, of which there is little."""

from typing import Any

from day2.sandbox import http
from day2.sandbox.http import Answer, Refused, Request
from day2.sandbox.services.identity import SERVICE, give, route
from day2.sandbox.services.identity_lists import collection
from day2.sandbox.tables import Row
from day2.sandbox.world import World

# Keystone keeps the direct rules only; a token has what follows from them.
DIRECT = {"admin": ("manager",), "manager": ("member",), "member": ("reader",)}
EMPTY = (
    ("registered_limits", "/v3/registered_limits", ""),
    ("limits", "/v3/limits", ""),
    (
        "identity_providers",
        "/v3/OS-FEDERATION/identity_providers",
        "identity:list_identity_providers",
    ),
    ("mappings", "/v3/OS-FEDERATION/mappings", "identity:list_mappings"),
)


@route("GET", "/v3/groups/{id}/users")
def members(request: Request, _world: World) -> Answer:
    """List the members of a group: there are no groups."""
    SERVICE.require_admin(request, "identity:list_users_in_group")
    raise Refused(http.NOT_FOUND, f"Could not find group: {request.parts['id']}.")


@route("GET", "/v3/role_inferences")
def inferences(request: Request, world: World) -> Answer:
    """List which role implies which."""
    SERVICE.require_admin(request, "identity:list_role_inference_rules")
    roles = {row["name"]: row for row in world["roles"]}

    def shown(row: Row) -> dict[str, Any]:
        links = {"self": f"{request.base}/v3/roles/{row['id']}"}
        return {"id": row["id"], "links": links, "name": row["name"]}

    rules = [
        {"prior_role": shown(roles[prior]), "implies": [shown(roles[name]) for name in implied]}
        for prior, implied in DIRECT.items()
    ]
    return give({"role_inferences": rules})


def _declare(key: str, path: str, rule: str) -> None:
    @route("GET", path)
    def listed(request: Request, world: World) -> Answer:
        if rule:
            SERVICE.require_admin(request, rule)
        return collection(request, world, key, (), lambda _world, _request, row: dict(row))


for _entry in EMPTY:
    _declare(*_entry)
