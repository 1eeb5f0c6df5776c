# SPDX-License-Identifier: Apache-2.0
"""What both places are asked that they should refuse, or cut; and how an answer is summed up."""

import re
import urllib.parse
from typing import Any

from tests.conformance.places import HIDDEN, ID, UNKNOWN, Call, Place, Reply
from tests.conformance.shapes import skeleton

BAD_TOKEN = "gAAAAABnot-a-token-of-this-cloud"
TOO_HIGH = tuple(
    (service, path, f"{word} {value}")
    for service, path, word, highest in (
        ("compute", "/servers", "compute", "2.999"),
        ("placement", "/resource_providers", "placement", "1.999"),
        ("block-storage", "/volumes", "volume", "3.999"),
    )
    for value in (highest, "foo", "2")
)
OWN_AND_OTHERS = (
    ("compute", "/os-quota-sets/{OWN}/detail"),
    ("compute", "/os-quota-sets/{OTHER}/detail"),
    ("block-storage", "/os-quota-sets/{OWN}?usage=True"),
    ("block-storage", "/os-quota-sets/{OTHER}?usage=True"),
    ("network", "/v2.0/quotas/{OWN}/details"),
    ("network", "/v2.0/quotas/{OTHER}/details"),
    ("network", "/v2.0/quotas"),
    ("identity", "/users/{ME}/application_credentials"),
    ("identity", "/users/{ADMIN}/application_credentials"),
    ("identity", "/users/{ME}"),
    ("identity", "/projects/{OWN}"),
    ("identity", "/projects/{OTHER}"),
    ("compute", "/limits"),
    ("block-storage", "/limits"),
    ("image", "/v2/tasks?limit=1"),
    ("compute", "/servers/detail?all_tenants=1&limit=1"),
    ("block-storage", "/os-services"),
)
# Asked of things that are not there: (service, method, path, body).
NOT_THERE: tuple[tuple[str, str, str, Any], ...] = (
    ("identity", "GET", f"/users/{UNKNOWN}", None),
    ("identity", "GET", f"/projects/{UNKNOWN}", None),
    ("identity", "GET", f"/domains/{UNKNOWN}", None),
    ("identity", "GET", f"/users/{UNKNOWN}/application_credentials", None),
    ("compute", "GET", f"/servers/{UNKNOWN}", None),
    ("compute", "DELETE", f"/servers/{UNKNOWN}", None),
    ("compute", "POST", f"/servers/{UNKNOWN}/action", {"os-stop": None}),
    ("compute", "POST", f"/servers/{UNKNOWN}/action", {"lock": None}),
    ("compute", "GET", f"/servers/{UNKNOWN}/os-instance-actions", None),
    ("compute", "GET", f"/servers/{UNKNOWN}/os-volume_attachments", None),
    ("compute", "GET", f"/flavors/{UNKNOWN}", None),
    ("compute", "GET", "/os-aggregates/4711", None),
    ("compute", "GET", f"/os-hypervisors/{UNKNOWN}", None),
    ("compute", "GET", f"/os-server-groups/{UNKNOWN}", None),
    ("compute", "PUT", f"/os-services/{UNKNOWN}", {"status": "enabled"}),
    ("compute", "GET", "/os-no-such-thing", None),
    ("placement", "GET", f"/resource_providers/{UNKNOWN}", None),
    ("placement", "GET", f"/resource_providers/{UNKNOWN}/inventories", None),
    ("placement", "GET", f"/resource_providers/{UNKNOWN}/traits", None),
    ("placement", "GET", f"/resource_providers/{UNKNOWN}/allocations", None),
    ("placement", "GET", f"/resource_providers/{UNKNOWN}/usages", None),
    ("placement", "GET", f"/allocations/{UNKNOWN}", None),
    ("placement", "DELETE", f"/allocations/{UNKNOWN}", None),
    ("placement", "GET", "/no-such-thing", None),
    ("network", "GET", f"/v2.0/ports/{UNKNOWN}", None),
    ("network", "DELETE", f"/v2.0/ports/{UNKNOWN}", None),
    ("network", "GET", f"/v2.0/floatingips/{UNKNOWN}", None),
    ("network", "DELETE", f"/v2.0/floatingips/{UNKNOWN}", None),
    ("network", "GET", f"/v2.0/networks/{UNKNOWN}", None),
    ("network", "GET", f"/v2.0/subnets/{UNKNOWN}", None),
    ("network", "GET", f"/v2.0/routers/{UNKNOWN}", None),
    ("network", "GET", f"/v2.0/security-groups/{UNKNOWN}", None),
    ("network", "GET", f"/v2.0/security-group-rules/{UNKNOWN}", None),
    ("network", "GET", f"/v2.0/agents/{UNKNOWN}", None),
    ("network", "GET", f"/v2.0/quotas/{UNKNOWN}/details", None),
    ("network", "GET", "/v2.0/no-such-things", None),
    ("block-storage", "GET", f"/volumes/{UNKNOWN}", None),
    ("block-storage", "DELETE", f"/volumes/{UNKNOWN}", None),
    ("block-storage", "GET", f"/snapshots/{UNKNOWN}", None),
    ("block-storage", "DELETE", f"/snapshots/{UNKNOWN}", None),
    ("block-storage", "GET", f"/backups/{UNKNOWN}", None),
    ("block-storage", "GET", f"/types/{UNKNOWN}", None),
    ("image", "GET", f"/v2/images/{UNKNOWN}", None),
    ("image", "DELETE", f"/v2/images/{UNKNOWN}", None),
    ("orchestration", "GET", f"/stacks/{UNKNOWN}", None),
)


def asked(place: Place) -> dict[str, Call]:
    """Return the first call of each kind that needed a token."""
    found: dict[str, Call] = {}
    for call in place.survey()[1]:
        if call.token:
            hidden = ", hidden ones" if HIDDEN in call.query else ""
            found.setdefault(f"{call.what}{hidden}", call)
    return found


def again(
    place: Place, call: Call, account: str, *, token: str | None = None, **query: str | None
) -> Reply:
    """Send a call anew as another account, in its own project, with a changed query."""
    who, admin = place.account(account), place.account("admin")
    parts = urllib.parse.urlsplit(call.url.replace(f"/{admin.project}/", f"/{who.project}/"))
    pairs = [(k, v) for k, v in urllib.parse.parse_qsl(parts.query) if k not in query]
    pairs += [(k, v) for k, v in query.items() if v is not None]
    url = parts._replace(query=urllib.parse.urlencode(pairs)).geturl()
    given = who.token if token is None else token
    return place.send("GET", url, token=given, headers=call.headers)


def unknown(call: Call) -> str:
    """Return the URL with the last id in its path replaced; empty when there is none."""
    parts = urllib.parse.urlsplit(call.url)
    ids = list(ID.finditer(parts.path))
    if " of " not in call.what or not ids:
        return ""
    last = ids[-1]
    path = f"{parts.path[: last.start()]}{UNKNOWN}{parts.path[last.end() :]}"
    return parts._replace(path=path).geturl()


def refused(reply: Reply) -> str:
    """Sum up a refusal: its status and what its document consists of."""
    if reply.status < 300:
        return f"HTTP {reply.status}"
    kind = reply.headers.get("content-type", "none").partition(";")[0]
    body = sorted(re.sub(r"errors\[\]\.", "", path) for path in skeleton(reply.body))
    return f"HTTP {reply.status} of {kind}: {', '.join(body)}"


def sight(mine: Reply, whole: Reply, project: str, owners: dict[str, str]) -> set[str]:
    """Say in every way that fits how much of a list one account sees of what there is.

    `owners` are the projects of servers: an attachment names only its server.
    """
    if mine.status != 200:
        return {refused(mine)}
    few, many = _rows(mine.body), _rows(whole.body)
    if not isinstance(few, list) or not isinstance(many, list):
        return {"HTTP 200"}
    shown, there = ({_own(row) for row in rows} for rows in (few, many))
    own = {_own(row) for row in many if _project(row, owners) == project}
    ways = {"all of it": there, "only its own": own, "nothing of it": set[str]()}
    fitting = {f"HTTP 200 with {way}" for way, rows in ways.items() if shown == rows}
    if own < shown < there:
        fitting.add("HTTP 200 with its own and what is open to it")
    return fitting or {"HTTP 200 with a part of it"}


def lost(mine: Reply, whole: Reply) -> set[str]:
    """Return the fields that only an administrator is shown, of things that both see."""
    few, many = _rows(mine.body), _rows(whole.body)
    if not few or not many:
        return set()
    by_id = {_own(row): row for row in many if isinstance(row, dict)}
    few = [row for row in few if isinstance(row, dict)]
    return {key for row in few for key in by_id.get(_own(row), row).keys() - row.keys()}


def _own(row: Any) -> str:
    if not isinstance(row, dict):
        return str(row)
    return str(row.get("id") or row.get("uuid") or row.get("network_id") or sorted(row.items()))


def _project(row: Any, owners: dict[str, str]) -> str:
    if not isinstance(row, dict):
        return ""
    names = (
        "project_id",
        "tenant_id",
        "owner",
        "project",
        "os-vol-tenant-attr:tenant_id",
        "os-extended-snapshot-attributes:project_id",
        "os-backup-project-attr:project_id",
    )
    found = next((str(row[name]) for name in names if row.get(name)), "")
    return found or owners.get(str(row.get("instance")), "")


def _rows(body: Any) -> Any:
    if not isinstance(body, dict):
        return None
    return next((v for k, v in body.items() if isinstance(v, list) and "links" not in k), None)
