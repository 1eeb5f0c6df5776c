# SPDX-License-Identifier: Apache-2.0
"""Identity: application credentials, which only their owners make and take away."""

import secrets
from typing import Any

from day2.sandbox import http
from day2.sandbox.http import Answer, Refused, Request
from day2.sandbox.ids import hex_of
from day2.sandbox.services.identity import IMPLIED, SERVICE, give, route
from day2.sandbox.services.identity_lists import collection, links_of
from day2.sandbox.tables import Row
from day2.sandbox.world import World

PATH = "/v3/users/{user}/application_credentials"
SECRET_BYTES = 64


def _own_only(request: Request, verb: str) -> None:
    if request.parts["user"] != request.who.user_id:
        SERVICE.require_admin(request, f"identity:{verb}_application_credential")


@route("GET", PATH)
def credentials(request: Request, world: World) -> Answer:
    """List the credentials of a user: of oneself, or of anybody as administrator."""
    if request.parts["user"] != request.who.user_id:
        SERVICE.require_admin(request, "identity:list_application_credentials")
    rows = world["application_credentials"].find(user_id=request.parts["user"])
    return collection(request, world, "application_credentials", rows, _view)


@route("GET", f"{PATH}/{{id}}")
def credential(request: Request, world: World) -> Answer:
    """Show a credential."""
    _own_only(request, "get")
    row = _row(request, world)
    return give({"application_credential": _view(world, request, row)})


@route("POST", PATH)
def create(request: Request, world: World) -> Answer:
    """Make a credential for the project of the token; its secret is told once and not kept."""
    who = request.who
    if request.parts["user"] != who.user_id:
        said = "You are not authorized to perform the requested action: "
        raise Refused(http.FORBIDDEN, f"{said}identity:create_application_credential.")
    wanted = request.document("application_credential")
    name = wanted.get("name")
    if not isinstance(name, str) or not name:
        raise Refused(http.BAD_REQUEST, "'name' is a required property")
    if any(world["application_credentials"].find(user_id=who.user_id, name=name)):
        said = "Conflict occurred attempting to store application_credential - "
        raise Refused(http.CONFLICT, f"{said}Duplicate entry found with name {name}.")
    given = [role["name"] for role in wanted.get("roles") or [] if isinstance(role, dict)]
    asked = given or list(who.roles)
    if not set(asked) <= set(who.roles):
        raise Refused(http.BAD_REQUEST, f"Could not find role: {asked[0]}.")
    roles = [*asked, *(implied for role in asked for implied in IMPLIED.get(role, ()))]
    row = {
        "id": hex_of("application credential", world.new_id("application credential")),
        "name": name,
        "description": wanted.get("description"),
        "user_id": who.user_id,
        "project_id": who.project_id,
        "expires_at": wanted.get("expires_at"),
        "roles": list(dict.fromkeys(roles)),
    }
    world["application_credentials"].put(row)
    shown = _view(world, request, row) | {"secret": secrets.token_urlsafe(SECRET_BYTES)}
    return give({"application_credential": shown}, http.CREATED)


@route("DELETE", f"{PATH}/{{id}}")
def delete(request: Request, world: World) -> Answer:
    """Take a credential away."""
    _own_only(request, "delete")
    row = _row(request, world)
    world["application_credentials"].delete(row["id"])
    return give(None, http.NO_CONTENT)


def _row(request: Request, world: World) -> Row:
    own = request.parts["id"]
    row = world["application_credentials"].get(own)
    if row is None or row["user_id"] != request.parts["user"]:
        raise Refused(http.NOT_FOUND, f"Could not find Application Credential: {own}.")
    return row


def _view(world: World, request: Request, row: Row) -> dict[str, Any]:
    ids = {role["name"]: role["id"] for role in world["roles"]}
    return {
        "id": row["id"],
        "name": row["name"],
        "description": row["description"],
        "user_id": row["user_id"],
        "project_id": row["project_id"],
        "system": None,
        "expires_at": row["expires_at"],
        "unrestricted": None,
        "roles": [
            {
                "id": ids[name],
                "name": name,
                "domain_id": None,
                "description": None,
                "options": {"immutable": True},
            }
            for name in row["roles"]
        ],
        "links": links_of(request, "application_credentials", row),
    }
