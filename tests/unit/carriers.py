# SPDX-License-Identifier: Apache-2.0
"""Rows of a database, a load balancer and a bus that are well: override what matters."""

from typing import Any

from day2.model.tables.infrastructure import (
    BusEndpoint,
    BusNode,
    BusQueue,
    DatabaseNode,
    ProxyServer,
)

NODES = ("rabbit@ctl1", "rabbit@ctl2", "rabbit@ctl3")


def database(number: int = 1, **fields: Any) -> DatabaseNode:
    given = {
        "address": f"10.0.0.{number}:3306",
        "reachable": True,
        "name": f"ctl{number}",
        "version": "10.11.9-MariaDB-log",
        "connections": 120,
        "connections_max": 1000,
        "connections_used_max": 200,
        "uptime_seconds": 86_400,
        "wsrep_on": True,
        "cluster_status": "Primary",
        "cluster_size": 3,
        "cluster_state_uuid": "11111111-2222-3333-4444-555555555555",
        "cluster_conf_id": 7,
        "ready": True,
        "connected": True,
        "local_state": "Synced",
        "flow_control_paused_ratio": 0.0,
        "flow_control_paused_ns": 0,
        "receive_queue_average": 0.1,
        "certification_failures": 3,
        "last_committed": 1000,
    }
    return DatabaseNode(**{**given, **fields})


def dead_database(number: int = 1, **fields: Any) -> DatabaseNode:
    given = {"address": f"10.0.0.{number}:3306", "error": "connection refused"}
    return DatabaseNode(**{**given, "reachable": False, **fields})


def three(**fields: Any) -> list[DatabaseNode]:
    return [database(number, **fields) for number in (1, 2, 3)]


def line(server: str, backend: str = "mariadb", **fields: Any) -> ProxyServer:
    given = {"proxy": "10.0.0.1:1984", "status": "UP", "check_status": "L7OK"}
    return ProxyServer(**{**given, "backend": backend, "server": server, **fields})


def endpoint(number: int = 1, **fields: Any) -> BusEndpoint:
    given = {
        "address": f"10.0.0.{number}:15672",
        "reachable": True,
        "node": NODES[number - 1],
        "cluster": "rabbit@ctl1",
        "version": "3.13.7",
    }
    return BusEndpoint(**{**given, **fields})


def silent_endpoint(number: int = 1, error: str = "connection refused") -> BusEndpoint:
    return BusEndpoint(address=f"10.0.0.{number}:15672", reachable=False, error=error)


def bus_node(number: int = 1, **fields: Any) -> BusNode:
    given = {"name": NODES[number - 1], "running": True, "version": "3.13.7"}
    return BusNode(**{**given, **fields})


def queue(name: str = "conductor", **fields: Any) -> BusQueue:
    given = {
        "vhost": "/",
        "type": "quorum",
        "consumers": 3,
        "members": list(NODES),
        "online": list(NODES),
        "state": "running",
    }
    return BusQueue(**{**given, "name": name, **fields})


def bus(**fields: Any) -> dict[str, Any]:
    """Return the tables of a bus of three nodes that is well."""
    return {
        "bus_endpoints": [endpoint(n) for n in (1, 2, 3)],
        "bus_nodes": [bus_node(n) for n in (1, 2, 3)],
        "bus_queues": [queue()],
        **fields,
    }
