# SPDX-License-Identifier: Apache-2.0
"""Identity, as Keystone 2025.1 answers: versions, tokens and the catalogue in them."""

import secrets
from typing import Any

from day2.sandbox import http
from day2.sandbox.http import Answer, Refused, Request
from day2.sandbox.routes import Listed, Service
from day2.sandbox.tables import Row
from day2.sandbox.timing import span
from day2.sandbox.tokens import Token
from day2.sandbox.world import World

REASONS = {
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    409: "Conflict",
}
DENIED = "The request you have made requires authentication."
IMPLIED = {"admin": ("manager", "member", "reader"), "manager": ("member", "reader")} | {
    "member": ("reader",)
}


def _render(refused: Refused, request: Request) -> Answer:
    title = REASONS.get(refused.status, "Error")
    body = {"error": {"code": refused.status, "message": refused.message, "title": title}}
    headers = {"Vary": "X-Auth-Token"}
    if refused.status == http.UNAUTHORIZED:
        headers["WWW-Authenticate"] = f'Keystone uri="{request.base}/v3"'
    return Answer(status=refused.status, body=body, headers=headers)


def _denied(rule: str) -> Refused:
    said = f"You are not authorized to perform the requested action: {rule}."
    return Refused(http.FORBIDDEN, said)


SERVICE = Service(
    "identity",
    prefix="/identity",
    render=_render,
    denied=_denied,
    catalog=(Listed("identity", "keystone", "/v3"),),
)
route = SERVICE.route


def give(
    body: Any,  # noqa: ANN401 - JSON
    status: int = http.OK,
    headers: dict[str, str] | None = None,
) -> Answer:
    """Answer with the header that Keystone puts on everything."""
    return Answer(body=body, status=status, headers={"Vary": "X-Auth-Token", **(headers or {})})


def _version(request: Request) -> dict[str, Any]:
    return {
        "id": "v3.14",
        "status": "stable",
        "updated": "2020-04-07T00:00:00Z",
        "links": [{"rel": "self", "href": f"{request.base}/v3/"}],
        "media-types": [
            {
                "base": "application/json",
                "type": "application/vnd.openstack.identity-v3+json",
            }
        ],
    }


@route("GET", "", token=False)
@route("GET", "/", token=False)
def versions(request: Request, _world: World) -> Answer:
    """List the versions."""
    body = {"versions": {"values": [_version(request)]}}
    return give(body, http.MULTIPLE_CHOICES, {"Location": f"{request.base}/v3/"})


@route("GET", "/v3", token=False)
@route("GET", "/v3/", token=False)
def version(request: Request, _world: World) -> Answer:
    """Show the version."""
    return give({"version": _version(request)})


@route("POST", "/v3/auth/tokens", token=False)
def create_token(request: Request, world: World) -> Answer:
    """Give a token for a password, or for another token."""
    auth = request.document("auth")
    identity = _inner(auth, "identity")
    methods = identity.get("methods") or []
    user, method = _authenticated(world, identity, methods)
    project_id, system = _scope(world, auth.get("scope"), user)
    roles = _roles(world, user["id"], project_id, system=system)
    if not roles and (project_id or system):
        raise Refused(http.UNAUTHORIZED, DENIED)
    now = world.now()
    token = world.tokens.issue(
        user_id=user["id"],
        project_id=project_id,
        system=system,
        roles=roles,
        issued_at=now,
        expires_at=now + span(world.scenario.token_lasts),
        method=method,
    )
    body = {"token": _token_view(world, token)}
    return give(body, http.CREATED, {"X-Subject-Token": token.id})


@route("GET", "/v3/auth/tokens")
@route("HEAD", "/v3/auth/tokens")
def validate_token(request: Request, world: World) -> Answer:
    """Say what a token is worth."""
    subject = request.headers.get("x-subject-token", "")
    token = world.tokens.find(subject, world.now())
    if token is None:
        raise Refused(http.NOT_FOUND, "Could not recognize Fernet token")
    return give({"token": _token_view(world, token)}, headers={"X-Subject-Token": subject})


@route("DELETE", "/v3/auth/tokens")
def revoke_token(request: Request, world: World) -> Answer:
    """Revoke a token."""
    world.tokens.revoke(request.headers.get("x-subject-token", ""))
    return give(None, http.NO_CONTENT)


def _inner(found: Any, key: str) -> dict[str, Any]:  # noqa: ANN401 - JSON
    inner = found.get(key) if isinstance(found, dict) else None
    if not isinstance(inner, dict):
        raise Refused(http.BAD_REQUEST, f"Invalid input for field '{key}': None is not an object")
    return inner


def _authenticated(world: World, identity: dict[str, Any], methods: Any) -> tuple[Row, str]:  # noqa: ANN401
    if methods == ["token"]:
        token = world.tokens.find(str(_inner(identity, "token").get("id")), world.now())
        if token is None:
            raise Refused(http.UNAUTHORIZED, DENIED)
        return world.require("users", token.user_id), "token"
    if methods != ["password"]:
        raise Refused(http.UNAUTHORIZED, DENIED)
    said = _inner(_inner(identity, "password"), "user")
    found = world["users"].get(str(said["id"])) if "id" in said else None
    if "name" in said:
        found = next(world["users"].find(name=said["name"], domain_id=_domain(world, said)), None)
    known = world.passwords.get(found["name"], "") if found else ""
    given = str(said.get("password", ""))
    if not known or not found or not secrets.compare_digest(given.encode(), known.encode()):
        raise Refused(http.UNAUTHORIZED, DENIED)
    if not found["enabled"]:
        raise Refused(http.UNAUTHORIZED, DENIED)
    return found, "password"


def _domain(world: World, said: dict[str, Any]) -> str:
    domain = said.get("domain") if isinstance(said.get("domain"), dict) else {}
    name = domain.get("name") if domain else None
    if name is not None:
        found = next(world["domains"].find(name=name), None)
        return str(found["id"]) if found else ""
    return str((domain or {}).get("id", "default"))


def _scope(world: World, scope: Any, user: Row) -> tuple[str, bool]:  # noqa: ANN401 - JSON
    if isinstance(scope, dict) and "system" in scope:
        return "", True
    if isinstance(scope, dict) and isinstance(scope.get("project"), dict):
        said = scope["project"]
        found = world["projects"].get(str(said["id"])) if "id" in said else None
        if "name" in said and _domain(world, said) == "default":
            found = next(world["projects"].find(name=said["name"]), None)
        if found is None:
            raise Refused(http.UNAUTHORIZED, DENIED)
        return str(found["id"]), False
    return ("", False) if scope == "unscoped" else (user.get("default_project_id") or "", False)


def _roles(world: World, user_id: str, project_id: str, *, system: bool) -> tuple[str, ...]:
    if not project_id and not system:
        return ()
    where = None if system else project_id
    own = world["role_assignments"].find(user_id=user_id, project_id=where)
    names = [str(world.require("roles", row["role_id"])["name"]) for row in own]
    implied = [name for role in names for name in IMPLIED.get(role, ())]
    return tuple(dict.fromkeys([*names, *implied]))


def _token_view(world: World, token: Token) -> dict[str, Any]:
    user = world.require("users", token.user_id)
    project = world["projects"].get(token.project_id)
    stamp = "%Y-%m-%dT%H:%M:%S.000000Z"
    view: dict[str, Any] = {
        "methods": [token.method],
        "user": {
            "domain": domain_ref(world, user["domain_id"]),
            "id": user["id"],
            "name": user["name"],
            "password_expires_at": None,
        },
        "audit_ids": [token.audit_id],
        "expires_at": token.expires_at.strftime(stamp),
        "issued_at": token.issued_at.strftime(stamp),
    }
    if project is not None:
        view["project"] = {
            "domain": domain_ref(world, "default"),
            "id": project["id"],
            "name": project["name"],
        }
        view["is_domain"] = False
    if token.system:
        view["system"] = {"all": True}
    if project is not None or token.system:
        ids = {row["name"]: row["id"] for row in world["roles"]}
        view["roles"] = [{"id": ids[name], "name": name} for name in token.roles]
        view["catalog"] = _catalog(world, token)
    return view


def domain_ref(world: World, domain_id: str) -> dict[str, str]:
    """Refer to a domain by id and name."""
    return {"id": domain_id, "name": world.require("domains", domain_id)["name"]}


def _catalog(world: World, token: Token) -> list[dict[str, Any]]:
    """List the services; those with a project in their URL only for a token with a project."""
    listed = []
    region = world.scenario.region
    for service in world["catalog_services"]:
        endpoints = []
        for row in world["endpoints"].find(service_id=service["id"]):
            url = row["url"]
            if "%(" in url:
                if not token.project_id:
                    continue
                url = url % {"project_id": token.project_id, "tenant_id": token.project_id}
            endpoints.append(
                {
                    "id": row["id"],
                    "interface": row["interface"],
                    "region_id": region,
                    "url": url,
                    "region": region,
                }
            )
        if endpoints:
            named = {"id": service["id"], "type": service["type"], "name": service["name"]}
            listed.append({"endpoints": endpoints, **named})
    return listed


@route("GET", "/v3/auth/catalog")
def own_catalog(request: Request, world: World) -> Answer:
    """Show the catalogue of the caller's token."""
    links = {"self": f"{request.base}/v3/auth/catalog"}
    return give({"catalog": _catalog(world, request.who), "links": links})
