# SPDX-License-Identifier: Apache-2.0
"""Moves of servers: stuck on their way, or failed lately."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import timedelta

from day2.model.finding import Finding, Subject
from day2.model.severity import Severity
from day2.model.tables.compute import MIGRATION_UNFINISHED, Migration
from day2.operations.health.check import Check, Facts, ago, finding, setting, short_host
from day2.operations.health.rules import crowd, sight

FAILED = frozenset({"error", "failed"})
LIVE = "live-migration"


@crowd.bounded("migrations are stuck", by=crowd.HOST, tell="status")
def stuck(facts: Facts) -> Iterator[Finding]:
    """Find moves that neither end nor report progress."""
    bound = timedelta(minutes=facts.policy.migration_minutes)
    down = sight.down_computes(facts.tables)
    names = {server.id: server.name for server in facts.tables.servers} if _any(facts) else {}
    for move in facts.tables.migrations:
        since = move.updated_at or move.created_at
        if move.status not in MIGRATION_UNFINISHED or not facts.older(since, bound):
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


def half_done(facts: Facts) -> Iterator[Finding]:
    """Find servers that are on the host that their last live migration says they left."""
    if not sight.complete(facts, "migrations", "servers"):
        return
    newest: dict[str, Migration] = {}
    for move in facts.tables.migrations:
        before = newest.get(move.instance_uuid)
        if before is None or move.id > before.id:
            newest[move.instance_uuid] = move
    for server in facts.tables.servers:
        done = newest.get(server.id)
        if done is None or done.migration_type != LIVE or done.status != "completed":
            continue
        if not sight.settled(facts, done.updated_at) or server.host != done.source_compute:
            continue
        if done.dest_compute in {None, server.host}:
            continue
        yield finding(
            "compute.migration.half_done",
            Severity.WARNING,
            sight.server_subject(server),
            f"server {server.name or server.id} is on {server.host}, which its last live migration "
            f"to {done.dest_compute} left, as Nova says",
            why="the migration is completed and the server's host is still its source",
            evidence={"migration": done.id, "destination": done.dest_compute},
            advice="See on which of the two it runs, before anything else: "
            "docker exec nova_libvirt virsh list --all on both",
        )


def _any(facts: Facts) -> bool:
    return any(move.status in MIGRATION_UNFINISHED for move in facts.tables.migrations)


def _where(move: Migration, down: set[str]) -> str | None:
    """Say on which host it hangs: the destination where only that one is down, else the source."""
    if move.dest_compute in down and move.source_compute not in down:
        return move.dest_compute
    return move.source_compute


CHECKS = (
    Check(
        name="compute.migration.half_done",
        title="A server that its own migration says is elsewhere",
        needs=("migrations", "servers"),
        judge=half_done,
        settings=("settle_minutes",),
    ),
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
