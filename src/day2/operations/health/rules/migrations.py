# SPDX-License-Identifier: Apache-2.0
"""Moves of servers: stuck on their way, or failed lately."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import timedelta

from day2.model.finding import Finding, Subject
from day2.model.severity import Severity
from day2.model.tables.compute import Migration
from day2.operations.health.check import Check, Facts, ago, finding, setting, short_host
from day2.operations.health.rules import crowd, sight

FAILED = frozenset({"error", "failed"})


@crowd.bounded("migrations are stuck", by=crowd.HOST, tell="status")
def stuck(facts: Facts) -> Iterator[Finding]:
    """Find moves that neither end nor report progress."""
    bound = timedelta(minutes=facts.policy.migration_minutes)
    down = sight.down_computes(facts.tables)
    names = {server.id: server.name for server in facts.tables.servers} if _any(facts) else {}
    for move in facts.tables.migrations:
        since = move.updated_at or move.created_at
        if move.status not in sight.UNFINISHED or not facts.older(since, bound):
            continue
        name = names.get(move.instance_uuid) or move.instance_uuid or "an unknown server"
        kind = move.migration_type or "migration"
        yield finding(
            "compute.migration.stuck",
            Severity.WARNING,
            Subject(
                type="migration",
                id=move.uuid or str(move.id),
                name=f"{kind} of {name}",
                project=move.project_id or "",
                host=short_host(_where(move, set(down))),
            ),
            f"{kind} of server {name} from {move.source_compute or '?'} to "
            f"{move.dest_compute or '?'} is {move.status} without progress "
            f"for {ago(facts.age(since))}",
            why=setting(facts.policy, "migration_minutes"),
            evidence={
                "status": move.status,
                "server": move.instance_uuid,
                "source": move.source_compute,
                "destination": move.dest_compute,
                "updated_at": sight.iso(move.updated_at),
            },
            advice=sight.command("openstack server migration list --server", move.instance_uuid)
            + f"; on {move.source_compute or 'the source'}: docker logs --tail 200 nova_compute",
        )


def failed(facts: Facts) -> Iterator[Finding]:
    """Count the moves off each host that failed lately: the host will not drain either."""
    bound = timedelta(hours=facts.policy.migration_failed_hours)
    by_host: dict[str, list[Migration]] = defaultdict(list)
    for move in facts.tables.migrations:
        since = move.updated_at or move.created_at
        if move.status not in FAILED or since is None or facts.older(since, bound):
            continue
        by_host[move.source_compute or ""].append(move)
    for host, moves in by_host.items():
        kinds = Counter(move.migration_type or "migration" for move in moves)
        said = ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items()))
        yield finding(
            "compute.migration.failed",
            Severity.INFO,
            Subject(type="host", id=host or "unknown", host=short_host(host)),
            f"moves off {host or 'an unknown host'} failed in the last "
            f"{facts.policy.migration_failed_hours} h: {said}",
            why=setting(facts.policy, "migration_failed_hours"),
            evidence={
                "servers": sorted({m.instance_uuid for m in moves})[: crowd.IDS_MAX],
                "destinations": sorted({m.dest_compute for m in moves if m.dest_compute}),
            },
            advice=sight.command("openstack server migration list --host", host) if host else "",
        )


def _any(facts: Facts) -> bool:
    return any(move.status in sight.UNFINISHED for move in facts.tables.migrations)


def _where(move: Migration, down: set[str]) -> str | None:
    """Say on which host it hangs: the destination where only that one is down, else the source."""
    if move.dest_compute in down and move.source_compute not in down:
        return move.dest_compute
    return move.source_compute


CHECKS = (
    Check(
        name="compute.migration.stuck",
        title="A migration that neither ends nor reports progress",
        needs=("migrations",),
        judge=stuck,
        settings=("migration_minutes",),
    ),
    Check(
        name="compute.migration.failed",
        title="Migrations that failed lately",
        needs=("migrations",),
        judge=crowd.bounded("hosts had failed migrations", by=crowd.HOST)(failed),
        settings=("migration_failed_hours",),
    ),
)
