# SPDX-License-Identifier: Apache-2.0
"""Image, as Glance 2025.1 answers."""

from typing import Any
from urllib.parse import urlencode

from day2.sandbox import http
from day2.sandbox.build.image_data import data_of
from day2.sandbox.http import Answer, Refused, Request
from day2.sandbox.paging import next_query, page
from day2.sandbox.routes import Listed, Service
from day2.sandbox.tables import Row
from day2.sandbox.timing import zulu
from day2.sandbox.tokens import Token
from day2.sandbox.world import World

TITLES = {400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found"} | {
    405: "Method Not Allowed",
    409: "Conflict",
}
UNAUTHORIZED = (
    "This server could not verify that you are authorized to access the document you requested. "
    "Either you supplied the wrong credentials (e.g., bad password), or your browser does not "
    "understand how to supply the credentials required."
)
ROWS_MAX, ROWS_STANDARD = 1000, 25
VERSIONS = tuple(f"2.{minor}" for minor in (15, *range(13, -1, -1)))


def _render(refused: Refused, request: Request) -> Answer:
    title = TITLES.get(refused.status, "Error")
    said = UNAUTHORIZED if refused.status == http.UNAUTHORIZED else refused.message
    body = {
        "message": f"{said}<br /><br />\n\n\n",
        "code": f"{refused.status} {title}",
        "title": title,
    }
    headers = {}
    if refused.status == http.UNAUTHORIZED:
        headers["WWW-Authenticate"] = f'Keystone uri="{request.root}/identity"'
    return Answer(status=refused.status, body=body, headers=headers)


def _denied(rule: str) -> Refused:
    return Refused(http.FORBIDDEN, f"You are not authorized to complete {rule} action.")


SERVICE = Service(
    "image",
    prefix="/image",
    render=_render,
    denied=_denied,
    catalog=(Listed("image", "glance"),),
)
route = SERVICE.route


@route("GET", "", token=False)
@route("GET", "/", token=False)
def root(request: Request, world: World) -> Answer:
    """List the versions, as a choice."""
    answer = versions(request, world)
    answer.status = http.MULTIPLE_CHOICES
    return answer


@route("GET", "/versions", token=False)
def versions(request: Request, _world: World) -> Answer:
    """List the versions."""
    links = [{"rel": "self", "href": f"{request.base}/v2/"}]
    shown = [{"id": f"v{v}", "status": "SUPPORTED", "links": links} for v in VERSIONS]
    return Answer(body={"versions": shown})


def _visible(token: Token, row: Row) -> bool:
    return bool(
        token.admin
        or row["owner"] == token.project_id
        or row["visibility"] in {"public", "community"}
    )


def _not_found(own: str) -> Refused:
    return Refused(http.NOT_FOUND, f"No image found with ID {own}")


@route("GET", "/v2/images")
def images(request: Request, world: World) -> Answer:
    """List images: those that the caller may see, hidden ones only when asked for."""
    who = request.who
    hidden = request.flag("os_hidden")
    visibility = request.first("visibility")
    filters = {k: request.first(k) for k in ("name", "status", "owner", "id") if request.first(k)}

    def keep(row: Row) -> bool:
        if row["os_hidden"] != hidden or not _visible(who, row):
            return False
        if visibility not in {"", "all"} and row["visibility"] != visibility:
            return False
        if not visibility and row["visibility"] == "community" and row["owner"] != who.project_id:
            return False
        return all(_matches(str(row[key]), value) for key, value in filters.items())

    def unknown(marker: str) -> Refused:
        return Refused(http.BAD_REQUEST, f"No image found with ID {marker}")

    most = ROWS_MAX if request.first("limit") else ROWS_STANDARD
    rows, full = page(world["images"], request, keep, most=most, unknown=unknown)
    kept = [(key, value) for key, value in request.query if key != "marker"]
    body: dict[str, Any] = {"images": [_image(row) for row in rows]}
    body["first"] = f"/v2/images{f'?{urlencode(kept)}' if kept else ''}"
    body["schema"] = "/v2/schemas/images"
    if full:
        body["next"] = f"/v2/images?{urlencode(next_query(request, rows[-1]))}"
    return Answer(body=body)


def _matches(found: str, wanted: str) -> bool:
    return found in wanted.removeprefix("in:").split(",") if "in:" in wanted else found == wanted


@route("GET", "/v2/images/{id}")
def image(request: Request, world: World) -> Answer:
    """Show an image."""
    return Answer(body=_image(_row(request, world)))


@route("GET", "/v2/images/{id}/file")
def data(request: Request, world: World) -> Answer:
    """Give the data of an image to whoever may use it as a member."""
    row = _row(request, world)
    who = request.who
    if not who.admin and "member" not in who.roles:
        raise _denied("download_image")
    if row["status"] == "deactivated" and not who.admin:
        said = "The requested image has been deactivated. Image data download is forbidden."
        raise Refused(http.FORBIDDEN, said)
    if row["checksum"] is None:
        return Answer(status=http.NO_CONTENT)
    headers = {"Content-Type": "application/octet-stream", "Content-Md5": row["checksum"]}
    return Answer(body=data_of(row["name"], row["size"]), headers=headers)


@route("DELETE", "/v2/images/{id}")
def delete(request: Request, world: World) -> Answer:
    """Delete an image that is not protected, of one's own."""
    row = _row(request, world)
    who = request.who
    if not who.admin and row["owner"] != who.project_id:
        raise _denied("delete_image")
    if row["protected"]:
        own = row["id"]
        raise Refused(http.FORBIDDEN, f"Image {own} is protected and cannot be deleted.")
    world["images"].delete(row["id"])
    return Answer(status=http.NO_CONTENT)


@route("GET", "/v2/tasks")
def tasks(request: Request, _world: World) -> Answer:
    """List the tasks: there are none."""
    SERVICE.require_admin(request, "tasks_api_access")
    first = request.url("/v2/tasks", request.query).removeprefix(request.base)
    return Answer(body={"tasks": [], "first": first, "schema": "/v2/schemas/tasks"})


def _row(request: Request, world: World) -> Row:
    row = world["images"].get(request.parts["id"])
    if row is None or not _visible(request.who, row):
        raise _not_found(request.parts["id"])
    return row


def _image(row: Row) -> dict[str, Any]:
    own = row["id"]
    stored = row["checksum"] is not None
    return {
        **row["extra"],
        "name": row["name"],
        "disk_format": row["disk_format"],
        "container_format": "bare",
        "visibility": row["visibility"],
        "size": row["size"],
        "virtual_size": row["virtual_size"],
        "status": row["status"],
        "checksum": row["checksum"],
        "protected": row["protected"],
        "min_ram": row["min_ram"],
        "min_disk": row["min_disk"],
        "owner": row["owner"],
        "os_hidden": row["os_hidden"],
        "os_hash_algo": "sha512" if stored else None,
        "os_hash_value": row["os_hash_value"],
        "id": own,
        "created_at": zulu(row["created_at"]),
        "updated_at": zulu(row["updated_at"]),
        "tags": row["tags"],
        "self": f"/v2/images/{own}",
        "file": f"/v2/images/{own}/file",
        "schema": "/v2/schemas/image",
        **({"stores": "rbd"} if stored else {}),
    }
