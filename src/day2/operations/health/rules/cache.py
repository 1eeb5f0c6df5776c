# SPDX-License-Identifier: Apache-2.0
"""memcached: answering, large enough, not out of connections."""

from collections.abc import Iterator

from day2.model.finding import Finding, Subject
from day2.model.severity import Severity
from day2.model.tables.infrastructure import CacheNode
from day2.operations.health.check import Check, Facts, finding, setting
from day2.operations.health.rules.places import Places
from day2.operations.health.rules.where import machine


def down(facts: Facts) -> Iterator[Finding]:
    """A cache that does not answer slows every token check; without any, services slow down."""
    nodes = facts.tables.cache_nodes
    alive = sum(1 for node in nodes if node.reachable)
    for node in nodes:
        if node.reachable:
            continue
        others = f"{alive} of {len(nodes)} answer" if alive else "none answers"
        yield finding(
            "cache.down",
            Severity.WARNING if alive else Severity.CRITICAL,
            _subject(facts, node),
            f"memcached {node.address} does not answer ({node.error}); {others}",
            why="memcached does not answer its statistics"
            + (" (a warning: others do)" if alive else ""),
            evidence={"error": node.error, "answering": alive},
            advice="On its host: docker logs --tail 50 memcached; docker start memcached",
        )


def evictions(facts: Facts) -> Iterator[Finding]:
    """Many evictions: the cache is too small for what is put into it."""
    for node in facts.tables.cache_nodes:
        if node.evictions is None or node.evictions < facts.policy.cache_evictions_info:
            continue
        yield finding(
            "cache.evictions",
            Severity.INFO,
            _subject(facts, node),
            f"memcached {node.address} threw out {node.evictions} entries since it started",
            why=setting(facts.policy, "cache_evictions_info"),
            evidence={"evictions": node.evictions, "uptime_seconds": node.uptime_seconds},
            advice="More memory: memcached_max_memory of Kolla's globals",
        )


def connections(facts: Facts) -> Iterator[Finding]:
    """At its limit memcached stops answering new clients without a word."""
    bound = facts.policy.cache_connections_warning_ratio
    for node in facts.tables.cache_nodes:
        if not node.connections or not node.connections_max:
            continue
        if node.connections < bound * node.connections_max:
            continue
        yield finding(
            "cache.connections",
            Severity.WARNING,
            _subject(facts, node),
            f"memcached {node.address} has {node.connections} of {node.connections_max} "
            "connections in use",
            why=setting(facts.policy, "cache_connections_warning_ratio"),
            evidence={"connections": node.connections, "connections_max": node.connections_max},
            advice="More connections: memcached_connection_limit of Kolla's globals",
        )


def _subject(facts: Facts, node: CacheNode) -> Subject:
    """Name the cache, and its host where the inventory has its address."""
    where = machine(node.address)
    places = Places(facts)
    host = next(
        (places.of(h.name) for h in facts.tables.hosts if where in {h.address, h.name, h.hostname}),
        "",
    )
    return Subject(type="cache", id=node.address, host=host)


NEEDS = ("cache_nodes",)

CHECKS = (
    Check(name="cache.down", title="A memcached that does not answer", needs=NEEDS, judge=down),
    Check(
        name="cache.evictions",
        title="A memcached that is too small",
        needs=NEEDS,
        judge=evictions,
        settings=("cache_evictions_info",),
    ),
    Check(
        name="cache.connections",
        title="A memcached that is short of connections",
        needs=NEEDS,
        judge=connections,
        settings=("cache_connections_warning_ratio",),
    ),
)
