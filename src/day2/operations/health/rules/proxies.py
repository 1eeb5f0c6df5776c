# SPDX-License-Identifier: Apache-2.0
"""HAProxy's view: which servers it takes for dead, and whether each HAProxy answers."""

from collections import defaultdict
from collections.abc import Iterable, Iterator

from day2.model.finding import Finding, Subject
from day2.model.severity import Severity
from day2.model.tables.infrastructure import ProxyServer
from day2.operations.health.check import Check, Facts, finding
from day2.operations.health.rules.crowd import HOST, bounded
from day2.operations.health.rules.where import Where

BACKEND = "BACKEND"


@bounded("HAProxies that do not answer", by=HOST)
def down(facts: Facts) -> Iterator[Finding]:
    """An HAProxy that does not answer; behind keepalived another one takes over."""
    proxies = facts.tables.proxy_endpoints
    alive = sum(1 for proxy in proxies if proxy.reachable)
    # One that refused our account is a gap, and works.
    safe = alive > 0 or not facts.survey.is_complete("proxy_endpoints")
    for proxy in proxies:
        if proxy.reachable:
            continue
        yield finding(
            "proxy.down",
            Severity.WARNING if safe else Severity.CRITICAL,
            Subject(type="proxy", id=proxy.address, host=Where(facts).of_address(proxy.address)),
            f"HAProxy {proxy.address} does not answer ({proxy.error}); "
            + (f"{alive} of {len(proxies)} answer" if alive else "none answers"),
            why="the statistics page does not answer" + (" (a warning: others do)" if safe else ""),
            evidence={"error": proxy.error, "answering": alive},
            advice="On its host: docker logs --tail 50 haproxy; docker start haproxy; "
            "who holds the VIP: ip address show",
        )


@bounded("servers that HAProxy takes for dead", by=HOST)
def backends_down(facts: Facts) -> Iterator[Finding]:
    """A server that HAProxy took out; critical when its backend has none left."""
    views: dict[str, dict[str, list[ProxyServer]]] = defaultdict(lambda: defaultdict(list))
    where = Where(facts)
    proxies = {row.proxy for row in facts.tables.proxy_servers}
    for row in facts.tables.proxy_servers:
        views[row.backend][row.server].append(row)
    for backend, servers in sorted(views.items()):
        dead = [row.proxy for row in servers.get(BACKEND, ()) if _is_down(row)]
        if dead:
            yield _whole(backend, servers, dead, proxies)
        for server, rows in sorted(servers.items()):
            # A backend without a server in one HAProxy says it all for that HAProxy.
            seen = [row for row in rows if _is_down(row) and row.proxy not in dead]
            if server != BACKEND and seen:
                yield _one(where, backend, server, seen, proxies)


def _whole(
    backend: str, servers: dict[str, list[ProxyServer]], dead: list[str], proxies: set[str]
) -> Finding:
    names = sorted(name for name in servers if name != BACKEND)
    return finding(
        "proxy.backend.down",
        Severity.CRITICAL,
        Subject(type="proxy", id=backend),
        f"HAProxy has no server left for {backend} ({', '.join(names)}){_seen(dead, proxies)}",
        why="the backend is DOWN: every request to it fails with 503 or a closed connection",
        evidence={"servers": names, "proxies": sorted(dead)},
        advice=f"On a host of the list: docker ps --all | grep {_service(backend)}; "
        f"docker logs --tail 100 {_service(backend)}",
    )


def _one(
    where: Where, backend: str, server: str, seen: list[ProxyServer], proxies: set[str]
) -> Finding:
    row = seen[0]
    since = f" for {row.last_change_seconds} s" if row.last_change_seconds is not None else ""
    return finding(
        "proxy.backend.down",
        Severity.WARNING,
        Subject(type="proxy", id=f"{backend}/{server}", host=where.of_name(server)),
        f"HAProxy takes {server} of {backend} for dead{since} ({row.status}, {row.check_status})"
        + _seen([found.proxy for found in seen], proxies),
        why="HAProxy's own check fails (a warning: the backend has other servers)",
        evidence={
            "status": row.status,
            "check": row.check_status,
            "proxies": sorted(found.proxy for found in seen),
        },
        advice=f"On {server}: docker ps --all | grep {_service(backend)}; "
        f"docker logs --tail 100 {_service(backend)}",
    )


def _is_down(row: ProxyServer) -> bool:
    """Maintenance and draining are somebody's decision; a name that does not resolve is not."""
    return row.status.startswith("DOWN") or row.status == "MAINT (resolution)"


def _service(backend: str) -> str:
    """Return what Kolla calls the service: its backends are `nova_api_back`."""
    return backend.removesuffix("_back").removesuffix("_external")


def _seen(by: Iterable[str], proxies: set[str]) -> str:
    count = len(set(by))
    return f", as {count} of {len(proxies)} HAProxy see it" if count < len(proxies) else ""


CHECKS = (
    Check(
        name="proxy.down",
        title="A load balancer in front of the APIs that does not answer",
        needs=("proxy_endpoints",),
        judge=down,
    ),
    Check(
        name="proxy.backend.down",
        title="A server that HAProxy takes for dead",
        needs=("proxy_servers",),
        judge=backends_down,
    ),
)
