# SPDX-License-Identifier: Apache-2.0
"""MariaDB under load: flow control, conflicting writes, connections."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from fractions import Fraction

from day2.model.finding import Finding
from day2.model.severity import Severity
from day2.model.tables.infrastructure import DatabaseNode
from day2.operations.health.check import Check, Facts, setting
from day2.operations.health.rules.crowd import HOST, bounded
from day2.operations.health.rules.database import NEEDS, of_node

RATE_SPAN = timedelta(hours=1)
"""A rate over less than this says nothing."""


@bounded("database servers paused by flow control", by=HOST)
def flow_control(facts: Facts) -> Iterator[Finding]:
    """A slow member that makes all wait."""
    bound = facts.policy.database_flow_control_warning_ratio
    for node in facts.tables.database_nodes:
        grown = _grown(facts, node, lambda n: n.flow_control_paused_ns)
        if grown:
            pause, span = grown
            ratio: float | None = float(min(Fraction(1), Fraction(pause, span * 10**9)))
            since = "since the last survey"
        else:
            ratio, since = node.flow_control_paused_ratio, "since its start"
        if ratio is None or not bound < ratio <= 1:
            continue
        yield of_node(
            facts,
            "database.node.flow_control",
            node,
            f"database server {node.address} was paused by flow control for {ratio:.0%} of the "
            f"time {since}",
            why=setting(facts.policy, "database_flow_control_warning_ratio"),
            evidence={"paused_ratio": round(ratio, 4), "queue": node.receive_queue_average},
            advice="Find the member with the longest receive queue (wsrep_local_recv_queue_avg): "
            "its disks or CPU are too slow for the writes",
            severity=Severity.WARNING,
        )


@bounded("database servers that throw away transactions", by=HOST)
def certification(facts: Facts) -> Iterator[Finding]:
    """Transactions thrown away because two members took writes to the same rows.

    The counter only grows, and OpenStack repeats such a transaction, so that its height says
    nothing: what counts is how fast it grows, since the last survey, else since the start.
    """
    bound = facts.policy.database_certification_failures_warning_per_hour
    for node in facts.tables.database_nodes:
        grown = _grown(facts, node, lambda n: n.certification_failures)
        since = "since the last survey"
        if not grown and node.certification_failures is not None and node.uptime_seconds:
            grown = (node.certification_failures, node.uptime_seconds)
            since = "since its start"
        if not grown or grown[1] < RATE_SPAN.total_seconds():
            continue
        # Counters of a hostile server may be larger than any float.
        hourly = round(Fraction(grown[0] * 3600, grown[1]))
        if hourly < bound:
            continue
        yield of_node(
            facts,
            "database.node.certification",
            node,
            f"database server {node.address} threw away {hourly:,} transactions an hour {since}: "
            "several members take writes to the same rows",
            why=setting(facts.policy, "database_certification_failures_warning_per_hour"),
            evidence={
                "failures_per_hour": hourly,
                "failures": node.certification_failures,
            },
            advice="Let one member take all writes: in HAProxy's backend every other server must "
            "be `backup`",
            severity=Severity.WARNING,
        )


@bounded("database servers short of connections", by=HOST)
def connections(facts: Facts) -> Iterator[Finding]:
    """Connections run out, or did so nearly once."""
    bound = facts.policy.database_connections_warning_ratio
    why = setting(facts.policy, "database_connections_warning_ratio")
    advice = (
        "Who holds them: SELECT user, COUNT(*) FROM information_schema.processlist GROUP BY user; "
        "then fewer workers, or a larger max_connections"
    )
    for node in facts.tables.database_nodes:
        if node.full:
            yield of_node(
                facts,
                "database.connections",
                node,
                f"database server {node.address} refuses new connections: all are in use",
                why="the server says: too many connections",
                evidence={"error": node.error},
                advice=advice,
                severity=Severity.CRITICAL,
            )
        if not node.connections_max:
            continue
        now, most = node.connections or 0, node.connections_used_max or 0
        least = Fraction(str(bound)) * node.connections_max
        if max(now, most) < least:
            continue
        busy = now >= least
        yield of_node(
            facts,
            "database.connections",
            node,
            f"database server {node.address} "
            + (f"has {now} of" if busy else f"once had {most} of")
            + f" {node.connections_max} connections in use"
            + ("" if busy else f"; now {now}"),
            why=why + ("" if busy else " (info: reached once since its start, not now)"),
            evidence={"connections": now, "max": node.connections_max, "most": most},
            advice=advice,
            severity=Severity.WARNING if busy else Severity.INFO,
        )


def _grown(
    facts: Facts, node: DatabaseNode, counter: Callable[[DatabaseNode], int | None]
) -> tuple[int, int] | None:
    """Return by how much a counter grew, over how many seconds, since an earlier survey.

    None without one that is old enough and of the same run of the server.
    """
    now, up = counter(node), node.uptime_seconds
    for survey in facts.history if now is not None and up else ():
        for earlier in survey.tables.database_nodes:
            then, was_up = counter(earlier), earlier.uptime_seconds
            if earlier.address != node.address or then is None or not was_up:
                continue
            span = (up or 0) - was_up
            if span >= RATE_SPAN.total_seconds() and (now or 0) >= then:
                return (now or 0) - then, span
    return None


CHECKS = (
    Check(
        name="database.node.flow_control",
        title="A database cluster held up by its slowest member",
        needs=NEEDS,
        judge=flow_control,
        settings=("database_flow_control_warning_ratio",),
    ),
    Check(
        name="database.node.certification",
        title="Transactions lost to conflicting writes",
        needs=NEEDS,
        judge=certification,
        settings=("database_certification_failures_warning_per_hour",),
    ),
    Check(
        name="database.connections",
        title="A database server short of connections",
        needs=NEEDS,
        judge=connections,
        settings=("database_connections_warning_ratio",),
    ),
)
