# SPDX-License-Identifier: Apache-2.0
"""RabbitMQ's management API, node by node: the overview, the nodes, the queues page by page."""

from collections.abc import Iterable
from typing import Any

from day2.sandbox import http
from day2.sandbox.http import Answer, Refused, Request
from day2.sandbox.ids import uuid_of
from day2.sandbox.scenario import Host
from day2.sandbox.services.guarded import NO_ACCOUNT, Guarded
from day2.sandbox.tables import Row
from day2.sandbox.timing import span
from day2.sandbox.world import World

VERSION = "4.0.7"
PAGE_ROWS, PAGE_ROWS_MAX = 100, 500
MEMORY_LIMIT = 6_400_000_000
UP_SECONDS = 60 * 86400
# What waits for a reader that is gone, a few each minute.
PER_MINUTE = 2
SHARED = (
    "conductor", "scheduler", "q-plugin", "q-reports-plugin", "cinder-scheduler", "cinder-volume",
    "cinder-backup", "engine",
)  # fmt: skip
OF_HOST = {
    "control": ("conductor", "scheduler", "q-plugin", "cinder-scheduler"),
    "network": ("l3_agent", "dhcp_agent", "q-agent-notifier-port-update"),
    "compute": ("compute", "q-agent-notifier-port-update"),
    "storage": ("cinder-volume", "cinder-backup"),
}


def _render(refused: Refused, _request: Request) -> Answer:
    match refused.status:
        case http.UNAUTHORIZED if refused.message == NO_ACCOUNT:
            realm = {"WWW-Authenticate": 'Basic realm="RabbitMQ Management"'}
            return Answer(status=refused.status, body=b"", headers=realm)
        case http.UNAUTHORIZED:
            body: Any = {"error": "not_authorized", "reason": "Login failed"}
        case http.NOT_FOUND:
            body = {"error": "Object Not Found", "reason": "Not Found"}
        case http.NOT_ALLOWED:
            body = b""
        case _:
            body = {"error": refused.kind, "reason": refused.message}
    return Answer(status=refused.status, body=body)


SERVICE = Guarded("rabbitmq", render=_render, user="monitoring", key="rabbitmq_monitoring_password")
route = SERVICE.route


@route("GET", "/{host}/api/overview")
def overview(request: Request, world: World) -> Answer:
    """Tell who answers."""
    own = _speaker(request, world)
    found = {
        "rabbitmq_version": VERSION,
        "cluster_name": f"rabbit@{_controllers(world)[0].name}",
        "node": f"rabbit@{own.name}",
    }
    return Answer(body=_columns(request, found))


@route("GET", "/{host}/api/nodes")
def nodes(request: Request, world: World) -> Answer:
    """List the nodes as this one sees them; of one that is down little is known."""
    _speaker(request, world)
    return Answer(body=[_columns(request, _node(host)) for host in _controllers(world)])


@route("GET", "/{host}/api/queues")
def queues(request: Request, world: World) -> Answer:
    """List the queues, a page of them when one is asked for."""
    _speaker(request, world)
    rows = sorted(_queues(world), key=lambda row: str(row["name"]))
    if not request.first("page"):
        return Answer(body=[_columns(request, row) for row in rows])
    number, size = _number(request, "page", 1), _number(request, "page_size", PAGE_ROWS)
    if number < 1 or not 1 <= size <= PAGE_ROWS_MAX:
        said = f"Invalid pagination parameters: page number {number}, page size {size}"
        raise Refused(http.BAD_REQUEST, said, kind="invalid_pagination_parameters")
    pages = max(1, -(-len(rows) // size))
    if number > pages:
        said = f"Page out of range, page: {number} page size: {size}, len: {len(rows)}"
        raise Refused(http.BAD_REQUEST, said, kind="page_out_of_range")
    found = rows[(number - 1) * size : number * size]
    body = {
        "filtered_count": len(rows),
        "item_count": len(found),
        "items": [_columns(request, row) for row in found],
        "page": number,
        "page_count": pages,
        "page_size": size,
        "total_count": len(rows),
    }
    return Answer(body=body)


def _controllers(world: World) -> list[Host]:
    return [host for host in world.scenario.hosts if "control" in host.roles]


def _speaker(request: Request, world: World) -> Host:
    for host in _controllers(world):
        if host.name == request.parts["host"] and not host.dead:
            return host
    raise Refused(http.NOT_FOUND, "no such node")


def _node(host: Host) -> dict[str, Any]:
    name = f"rabbit@{host.name}"
    if host.dead:
        return {"name": name, "type": "disc", "running": False, "mem_used": 0, "fd_used": 0}
    return {
        "name": name,
        "type": "disc",
        "running": True,
        "partitions": [],
        "mem_alarm": False,
        "mem_used": 410_000_000 + _spread(host.name, 90_000_000),
        "mem_limit": MEMORY_LIMIT,
        "disk_free_alarm": False,
        "disk_free": 61_000_000_000 + _spread(host.name, 9_000_000_000),
        "fd_used": 180 + _spread(host.name, 120),
        "fd_total": 1_048_576,
        "uptime": (UP_SECONDS + _spread(host.name, 3600)) * 1000,
        "applications": [
            {"name": "rabbit", "description": "RabbitMQ", "version": VERSION},
            {"name": "rabbitmq_management", "description": "Management", "version": VERSION},
        ],
    }


def _queues(world: World) -> Iterable[dict[str, Any]]:
    """Make the queues that OpenStack declares: shared ones, one per reader, and its fan-outs."""
    controllers = _controllers(world)
    alive = [host for host in controllers if not host.dead]
    for topic in SHARED:
        yield _quorum(controllers, topic, consumers=2 * len(alive), waiting=0)
    for host in world.scenario.hosts:
        minutes = int(span(host.dead).total_seconds() // 60) if host.dead else 0
        topics = sorted({topic for role in host.roles for topic in OF_HOST[role]})
        for topic in topics:
            name = f"{topic}.{host.name}"
            waiting = minutes * PER_MINUTE
            yield _quorum(controllers, name, consumers=0 if host.dead else 1, waiting=waiting)
            if not host.dead:
                yield _fanout(f"{topic}_fanout_{uuid_of('fanout', name).replace('-', '')}")


def _quorum(controllers: list[Host], name: str, *, consumers: int, waiting: int) -> dict[str, Any]:
    return {
        "vhost": "/",
        "name": name,
        "type": "quorum",
        "durable": True,
        "auto_delete": False,
        "exclusive": False,
        "arguments": {"x-queue-type": "quorum"},
        "consumers": consumers,
        "messages": waiting,
        "messages_ready": waiting,
        "messages_unacknowledged": 0,
        "members": [f"rabbit@{host.name}" for host in controllers],
        "online": [f"rabbit@{host.name}" for host in controllers if not host.dead],
        "state": "running",
    }


def _fanout(name: str) -> dict[str, Any]:
    return {
        "vhost": "/",
        "name": name,
        "type": "classic",
        "durable": False,
        "auto_delete": False,
        "exclusive": False,
        "arguments": {"x-expires": 1_800_000},
        "consumers": 1,
        "messages": 0,
        "messages_ready": 0,
        "messages_unacknowledged": 0,
        "state": "running",
    }


def _columns(request: Request, row: Row) -> Row:
    wanted = request.first("columns")
    return {k: v for k, v in row.items() if k in wanted.split(",")} if wanted else row


def _number(request: Request, name: str, default: int) -> int:
    text = request.first(name) or str(default)
    if not text.lstrip("-").isdecimal():
        said = f"{name} {text}"
        raise Refused(http.BAD_REQUEST, said, kind="invalid_pagination_parameters")
    return int(text)


def _spread(name: str, most: int) -> int:
    return int(uuid_of("rabbitmq", name).replace("-", "")[:8], 16) % most
