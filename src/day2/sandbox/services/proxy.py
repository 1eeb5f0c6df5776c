# SPDX-License-Identifier: Apache-2.0
"""HAProxy's statistics page of every controller, as CSV: the APIs' backends and their servers."""

from collections.abc import Iterator
from typing import Any

from day2.sandbox import http
from day2.sandbox.http import Answer, Refused, Request
from day2.sandbox.scenario import Host
from day2.sandbox.services.guarded import Guarded
from day2.sandbox.timing import span
from day2.sandbox.world import World

FIELDS = (
    "pxname", "svname", "qcur", "qmax", "scur", "smax", "slim", "stot", "bin", "bout", "dreq",
    "dresp", "ereq", "econ", "eresp", "wretr", "wredis", "status", "weight", "act", "bck",
    "chkfail", "chkdown", "lastchg", "downtime", "qlimit", "pid", "iid", "sid", "throttle", "lbtot",
    "tracked", "type", "rate", "rate_lim", "rate_max", "check_status", "check_code",
    "check_duration",
)  # fmt: skip
FRONTEND, BACKEND, SERVER = 0, 1, 2
SINCE_SECONDS = 60 * 86400
CSV = {"Content-Type": "text/plain", "Cache-Control": "no-cache"}
NAMES = (
    "cinder_api", "glance_api", "heat_api", "heat_api_cfn", "horizon", "keystone_internal",
    "mariadb", "neutron_server", "nova_api", "nova_novncproxy", "octavia_api", "placement_api",
    "rabbitmq_management",
)  # fmt: skip


def _render(refused: Refused, _request: Request) -> Answer:
    html = {"Content-Type": "text/html", "Cache-Control": "no-cache"}
    if refused.status == http.UNAUTHORIZED:
        html["WWW-Authenticate"] = 'Basic realm="HAProxy Statistics"'
    titles = {401: "Unauthorized", 404: "Not Found", 405: "Method Not Allowed"}
    title = f"{refused.status} {titles.get(refused.status, 'Bad Request')}"
    body = f"<html><body><h1>{title}</h1>\n</body></html>\n".encode()
    return Answer(status=refused.status, body=body, headers=html)


SERVICE = Guarded("haproxy", render=_render, user="openstack", key="haproxy_password")
route = SERVICE.route


@route("GET", "/{host}/;csv")
def statistics(request: Request, world: World) -> Answer:
    """Show what this HAProxy thinks of every server."""
    controllers = [host for host in world.scenario.hosts if "control" in host.roles]
    if request.parts["host"] not in {host.name for host in controllers if not host.dead}:
        raise Refused(http.NOT_FOUND, "no such host")
    lines = [f"# {','.join(FIELDS)},"]
    for name in NAMES:
        rows = _rows(name, controllers)
        lines += ["".join(f"{row.get(field, '')}," for field in FIELDS) for row in rows]
    return Answer(body="".join(f"{line}\n" for line in [*lines, ""]).encode(), headers=CSV)


def _rows(name: str, controllers: list[Host]) -> Iterator[dict[str, Any]]:
    yield {"pxname": f"{name}_front", "svname": "FRONTEND", "status": "OPEN", "type": FRONTEND}
    dead = [host for host in controllers if host.dead]
    # Of the database one server takes the writes, the others stand by.
    writer = next((host.name for host in controllers if not host.dead), "")
    for number, host in enumerate(controllers, start=1):
        backup = name == "mariadb" and host.name != writer
        down = span(host.dead).total_seconds() if host.dead else None
        yield {
            "pxname": f"{name}_back",
            "svname": host.name,
            "status": "UP" if down is None else "DOWN",
            "weight": 1,
            "act": int(not backup),
            "bck": int(backup),
            "lastchg": int(SINCE_SECONDS if down is None else down),
            "sid": number,
            "type": SERVER,
            "check_status": "L7OK" if down is None else "L4CON",
            "chkdown": int(down is not None),
        }
    alive = len(controllers) - len(dead)
    yield {
        "pxname": f"{name}_back",
        "svname": "BACKEND",
        "status": "UP" if alive else "DOWN",
        "weight": alive,
        "act": min(alive, 1) if name == "mariadb" else alive,
        "bck": max(alive - 1, 0) if name == "mariadb" else 0,
        "lastchg": SINCE_SECONDS,
        "type": BACKEND,
    }
