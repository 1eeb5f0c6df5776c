# SPDX-License-Identifier: Apache-2.0
"""The service itself: how Nova refuses, negotiates, and what its version documents say."""

from typing import Any

from day2.sandbox import http
from day2.sandbox.http import Answer, Refused, Request
from day2.sandbox.routes import Listed, Microversions, Service, keystone_401
from day2.sandbox.world import World

CODES = {400: "badRequest", 403: "forbidden", 404: "itemNotFound", 405: "badMethod"} | {
    406: "computeFault",
    409: "conflictingRequest",
    413: "overLimit",
}
ROWS_MAX = 1000
STRICT_QUERY = (2, 75)
JSON = "application/json; charset=UTF-8"


def _render(refused: Refused, request: Request) -> Answer:
    if refused.status == http.UNAUTHORIZED:
        return keystone_401(refused, request)
    if refused.status == http.NOT_FOUND and refused.kind == "HTTPNotFound":
        said = {
            "message": f"{refused.message}<br /><br />\n\n\n",
            "code": "404 Not Found",
            "title": "Not Found",
        }
        return Answer(status=refused.status, body=said)
    code = CODES.get(refused.status, "computeFault")
    body = {code: {"code": refused.status, "message": refused.message}}
    return Answer(status=refused.status, body=body, headers={"Content-Type": JSON})


def denied(rule: str) -> Refused:
    """Refuse a rule in Nova's words."""
    return Refused(http.FORBIDDEN, f"Policy doesn't allow {rule} to be performed.")


SERVICE = Service(
    "compute",
    prefix="/compute",
    render=_render,
    denied=denied,
    catalog=(Listed("compute", "nova", "/v2.1"),),
    microversions=Microversions(
        word="compute",
        lowest=(2, 1),
        highest=(2, 100),
        malformed="API Version String {} is of invalid format. "
        "Must be of format MajorNum.MinorNum.",
        outside="Version {} is not supported by the API. Minimum is {} and maximum is {}.",
        legacy="x-openstack-nova-api-version",
        vary="OpenStack-API-Version, X-OpenStack-Nova-API-Version",
    ),
)
route = SERVICE.route


def only(request: Request, *known: str) -> None:
    """Refuse a query with a word that the list does not know: since 2.75, before it was ignored.

    Raises:
        Refused: as the schema of the request does.

    """
    if request.version < STRICT_QUERY:
        return
    others = sorted({key for key, _value in request.query} - set(known))
    if others:
        named = ", ".join(repr(key) for key in others)
        verb = "was" if len(others) == 1 else "were"
        said = f"Additional properties are not allowed ({named} {verb} unexpected)"
        raise Refused(http.BAD_REQUEST, said)


def _version(request: Request, own: str) -> dict[str, Any]:
    newest = own == "v2.1"
    return {
        "id": own,
        "status": "CURRENT" if newest else "SUPPORTED",
        "version": "2.100" if newest else "",
        "min_version": "2.1" if newest else "",
        "updated": "2013-07-23T11:33:21Z" if newest else "2011-01-21T11:33:21Z",
        "links": [{"rel": "self", "href": f"{request.base}/{own}/"}],
    }


@route("GET", "", token=False)
@route("GET", "/", token=False)
def versions(request: Request, _world: World) -> Answer:
    """List the versions."""
    return Answer(body={"versions": [_version(request, "v2.0"), _version(request, "v2.1")]})


@route("GET", "/v2.1", token=False)
@route("GET", "/v2.1/", token=False)
def version(request: Request, _world: World) -> Answer:
    """Show the version."""
    document = "application/vnd.openstack.compute+json;version=2.1"
    shown = _version(request, "v2.1")
    shown["links"].append(
        {"rel": "describedby", "type": "text/html", "href": "http://docs.openstack.org/"}
    )
    shown["media-types"] = [{"base": "application/json", "type": document}]
    return Answer(body={"version": shown})
