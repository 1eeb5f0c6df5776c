# SPDX-License-Identifier: Apache-2.0
"""MariaDB and Galera as each server tells it for itself."""

from collections.abc import Iterator

from day2.model.finding import Finding, Subject
from day2.model.severity import Severity
from day2.model.tables.infrastructure import DatabaseNode
from day2.operations.health.check import Check, Facts, finding
from day2.operations.health.rules.crowd import HOST, bounded
from day2.operations.health.rules.where import Where

PRIMARY, SYNCED = "Primary", "Synced"
SAFE_NODES = 2
"""With fewer usable servers the next failure is an outage."""
NEEDS = ("database_nodes",)
CLUSTER = Subject(type="database", id="mariadb")


def usable(node: DatabaseNode) -> bool:
    """Tell whether a service could work with this server now."""
    if not node.reachable or node.full:
        return False
    return not node.wsrep_on or (node.cluster_status == PRIMARY and node.ready is not False)


def down(facts: Facts) -> Iterator[Finding]:
    """No server is usable: whatever is asked of any service fails."""
    nodes = facts.tables.database_nodes
    # A server that refused our account is a gap, and may serve others well.
    if not nodes or not facts.survey.is_complete("database_nodes"):
        return
    if any(usable(node) for node in nodes):
        return
    states = {node.address: _state(node) for node in nodes}
    alive = [node for node in nodes if node.reachable]
    galera = len(nodes) > 1 or any(node.wsrep_on for node in nodes)
    advice = "On its host: docker logs --tail 100 mariadb; docker start mariadb"
    if galera:
        advice = (
            "When the servers really are down, and not only closed to this host: "
            "kolla-ansible mariadb-recovery -i INVENTORY"
        )
        if alive:
            advice = (
                "Start the servers that are down first (docker start mariadb); only if no Primary "
                "component forms: kolla-ansible mariadb-recovery -i INVENTORY"
            )
    yield finding(
        "database.down",
        Severity.CRITICAL,
        CLUSTER,
        f"no database server is usable ({len(nodes)} asked): "
        + "; ".join(f"{address} {state}" for address, state in states.items()),
        why="no server of the section `database` answers as a member that takes queries",
        evidence={"nodes": states},
        advice=advice,
    )


@bounded("database servers that do not answer", by=HOST)
def nodes_down(facts: Facts) -> Iterator[Finding]:
    """One server that does not answer; worse when fewer than two are left."""
    nodes = facts.tables.database_nodes
    size = max((node.cluster_size or 0 for node in nodes if usable(node)), default=0)
    for node in nodes:
        if node.reachable or node.full:
            continue
        counted = f"; the others still count {size} members" if size >= len(nodes) > 1 else ""
        yield of_node(
            facts,
            "database.node.down",
            node,
            f"database server {node.address} does not answer ({node.error}){_left(facts)}{counted}",
            why="the server does not answer" + _grade(facts),
            evidence={"error": node.error},
            advice="On its host: docker logs --tail 100 mariadb; docker start mariadb",
        )


@bounded("database servers cut off from their cluster", by=HOST)
def not_primary(facts: Facts) -> Iterator[Finding]:
    """A server outside of the Primary component refuses every query."""
    for node in facts.tables.database_nodes:
        if not node.reachable or not node.wsrep_on or node.cluster_status == PRIMARY:
            continue
        yield of_node(
            facts,
            "database.cluster.not_primary",
            node,
            f"database server {node.address} is cut off from its cluster "
            f"({node.cluster_status}, {node.cluster_size} in view){_left(facts)}",
            why="wsrep_cluster_status is not Primary" + _grade(facts),
            evidence={"status": node.cluster_status, "size": node.cluster_size, "name": node.name},
            advice="See its log and the network on port 4567 (docker logs --tail 100 mariadb); "
            "if it does not come back by itself: docker restart mariadb",
        )


def cluster_size(facts: Facts) -> Iterator[Finding]:
    """The cluster is smaller than the settings say."""
    nodes = facts.tables.database_nodes
    members = [node for node in nodes if usable(node) and node.wsrep_on]
    size = max((node.cluster_size or 0 for node in members), default=0)
    if not members or size >= len(nodes):
        return
    missing = [node.address for node in nodes if node not in members]
    yield finding(
        "database.cluster.size",
        Severity.WARNING if size >= SAFE_NODES else Severity.CRITICAL,
        CLUSTER,
        f"the Galera cluster has {size} of {len(nodes)} members"
        + (f"; missing: {', '.join(missing)}" if missing else ""),
        why=f"the section `database` lists {len(nodes)} servers",
        evidence={"size": size, "expected": len(nodes), "missing": missing},
        advice="On the host of each missing server: docker logs --tail 100 mariadb; "
        "docker start mariadb",
    )


def split(facts: Facts) -> Iterator[Finding]:
    """Two halves that both take writes: every further write makes the loss larger."""
    nodes = facts.tables.database_nodes
    views: dict[tuple[str | None, int | None, int], list[str]] = {}
    for node in nodes:
        if usable(node) and node.wsrep_on and node.cluster_size:
            view = (node.cluster_state_uuid, node.cluster_conf_id, node.cluster_size)
            views.setdefault(view, []).append(node.address)
    histories = {uuid for uuid, _conf, _size in views}
    # While a server joins or leaves, two views of one cluster are seen; their sizes overlap.
    apart = sum(size for _uuid, _conf, size in views) <= len(nodes)
    if len(views) < 2 or (len(histories) < 2 and not apart):  # noqa: PLR2004
        return
    halves = sorted(views.values())
    yield finding(
        "database.cluster.split",
        Severity.CRITICAL,
        CLUSTER,
        "the database is split into clusters that do not know each other: "
        + " | ".join(", ".join(half) for half in halves),
        why="servers are Primary with different wsrep_cluster_state_uuid"
        if len(histories) > 1
        else "servers are Primary in views that do not overlap (wsrep_cluster_conf_id)",
        evidence={"halves": halves, "histories": sorted(str(uuid) for uuid in histories)},
        advice="Stop writes now: decide which half is right (SELECT @@wsrep_last_committed, what "
        "HAProxy serves), back up the other one, then stop its servers and let them rejoin: "
        "docker stop mariadb; docker start mariadb",
    )


@bounded("database servers not in step with their cluster", by=HOST)
def not_synced(facts: Facts) -> Iterator[Finding]:
    """A member that lags behind by state: donor, desynced, joining."""
    for node in facts.tables.database_nodes:
        if not node.reachable or not node.wsrep_on or node.cluster_status != PRIMARY:
            continue
        if node.local_state == SYNCED and node.ready is not False:
            continue
        state = node.local_state if node.ready is not False else f"{node.local_state}, not ready"
        yield of_node(
            facts,
            "database.node.not_synced",
            node,
            f"database server {node.address} is not in step with its cluster ({state})",
            why="wsrep_local_state_comment is not Synced"
            if node.ready is not False
            else "wsrep_ready is OFF" + _grade(facts),
            evidence={"state": node.local_state, "ready": node.ready, "name": node.name},
            advice="A backup or a state transfer ends by itself; after that: "
            "SHOW GLOBAL VARIABLES LIKE 'wsrep_desync'; SET GLOBAL wsrep_desync=OFF",
            severity=Severity.WARNING if usable(node) else None,
        )


def versions(facts: Facts) -> Iterator[Finding]:
    """Members of different versions: an upgrade that was not finished."""
    seen: dict[str, list[str]] = {}
    for node in facts.tables.database_nodes:
        if node.version:
            seen.setdefault(node.version, []).append(node.address)
    if len(seen) < 2:  # noqa: PLR2004
        return
    yield finding(
        "database.node.versions",
        Severity.WARNING,
        CLUSTER,
        "the database servers run different versions: "
        + "; ".join(f"{version} on {', '.join(where)}" for version, where in sorted(seen.items())),
        why="all servers of one cluster run one version, except during an upgrade",
        evidence={"versions": seen},
        advice="Finish the upgrade: kolla-ansible upgrade -i INVENTORY --tags mariadb",
    )


def of_node(
    facts: Facts,
    check: str,
    node: DatabaseNode,
    summary: str,
    *,
    why: str,
    evidence: dict[str, object],
    advice: str,
    severity: Severity | None = None,
) -> Finding:
    """Make a finding about one server; without a severity, by how many others are usable."""
    safe = _usable(facts) >= SAFE_NODES
    return finding(
        check,
        severity or (Severity.WARNING if safe else Severity.CRITICAL),
        Subject(
            type="database",
            id=node.address,
            name=node.name,
            host=Where(facts).of_address(node.address),
        ),
        summary,
        why=why,
        evidence=evidence,
        advice=advice,
    )


def _usable(facts: Facts) -> int:
    return sum(1 for node in facts.tables.database_nodes if usable(node))


def _left(facts: Facts) -> str:
    total = len(facts.tables.database_nodes)
    return f"; {_usable(facts)} of {total} are usable" if total > 1 else ""


def _grade(facts: Facts) -> str:
    return " (a warning: two or more others are usable)" if _usable(facts) >= SAFE_NODES else ""


def _state(node: DatabaseNode) -> str:
    if not node.reachable:
        return f"does not answer ({node.error})"
    return f"answers, but is {node.cluster_status}, {node.local_state}"


CHECKS = (
    Check(name="database.down", title="No database server is usable", needs=NEEDS, judge=down),
    Check(
        name="database.node.down",
        title="A database server that does not answer",
        needs=NEEDS,
        judge=nodes_down,
    ),
    Check(
        name="database.cluster.not_primary",
        title="A database server cut off from its cluster",
        needs=NEEDS,
        judge=not_primary,
    ),
    Check(
        name="database.cluster.size",
        title="A Galera cluster with members missing",
        needs=NEEDS,
        judge=cluster_size,
    ),
    Check(
        name="database.cluster.split",
        title="A database split into two",
        needs=NEEDS,
        judge=split,
    ),
    Check(
        name="database.node.not_synced",
        title="A database server not in step with its cluster",
        needs=NEEDS,
        judge=not_synced,
    ),
    Check(
        name="database.node.versions",
        title="Database servers of different versions",
        needs=NEEDS,
        judge=versions,
    ),
)
