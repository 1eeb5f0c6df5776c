# SPDX-License-Identifier: Apache-2.0
"""Endpoints of the catalogue and the token: answering, fast, with the right time."""

from collections import defaultdict
from collections.abc import Iterator

from day2.model.finding import Finding, Subject
from day2.model.severity import Severity
from day2.model.tables.infrastructure import ApiProbe
from day2.operations.health.check import Check, Facts, finding, setting

SERVER_ERROR = 500
# What people and services use; without its admin endpoint a service still works for them.
USED = frozenset({"public", "internal"})


def _subject(service_type: str) -> Subject:
    return Subject(type="service", id=service_type)


def _fails(probe: ApiProbe) -> bool:
    """Tell a dead endpoint: any answer of its own (300, 401, 404) shows that it lives."""
    return probe.status is None or probe.status >= SERVER_ERROR


def _by_service(facts: Facts, *, failing: bool) -> dict[str, list[ApiProbe]]:
    found: dict[str, list[ApiProbe]] = defaultdict(list)
    for probe in facts.tables.api_probes:
        if _fails(probe) == failing:
            found[probe.service_type].append(probe)
    return dict(sorted(found.items()))


def apis_down(facts: Facts) -> Iterator[Finding]:
    """An endpoint that does not answer, or answers with a server error: one finding per service."""
    for service_type, probes in _by_service(facts, failing=True).items():
        interfaces = sorted({name for probe in probes for name in probe.interfaces})
        used = not interfaces or bool(USED & set(interfaces))
        places = [f"{p.url} ({p.error or f'HTTP {p.status}'})" for p in probes]
        yield finding(
            "api.down",
            Severity.CRITICAL if used else Severity.WARNING,
            _subject(service_type),
            f"the {service_type} API does not work at {', '.join(places)}"
            + (f"; {', '.join(interfaces)}" if interfaces else ""),
            why="its endpoint does not answer, or answers with a server error"
            + ("" if used else "; only the admin endpoint, which people do not use"),
            evidence={
                "urls": [probe.url for probe in probes],
                "interfaces": interfaces,
                "status": [probe.status for probe in probes],
                "error": [probe.error for probe in probes],
            },
            advice="See whether its containers run and the load balancer knows them: "
            "docker ps -a on the controllers; the service's log in /var/log/kolla.",
        )


def apis_slow(facts: Facts) -> Iterator[Finding]:
    """An endpoint that answers its version document late."""
    bound = facts.policy.api_latency_warning_ms
    for service_type, probes in _by_service(facts, failing=False).items():
        slow = [p for p in probes if p.latency_ms is not None and p.latency_ms > bound]
        if not slow:
            continue
        worst = max(p.latency_ms or 0.0 for p in slow)
        yield finding(
            "api.slow",
            Severity.WARNING,
            _subject(service_type),
            f"the {service_type} API takes {worst:,.0f} ms for its version document",
            why=setting(facts.policy, "api_latency_warning_ms"),
            evidence={"urls": [p.url for p in slow], "latency_ms": [p.latency_ms for p in slow]},
            advice="Look at the load of the controllers and at the service's workers.",
        )


def api_clocks(facts: Facts) -> Iterator[Finding]:
    """A service whose Date header is off; without one, nothing was measured."""
    policy = facts.policy
    for service_type, probes in _by_service(facts, failing=False).items():
        offsets = [p.clock_offset_seconds for p in probes if p.clock_offset_seconds is not None]
        off = max(offsets, key=abs, default=0.0)
        if abs(off) <= policy.clock_offset_warning_seconds:
            continue
        critical = abs(off) > policy.clock_offset_critical_seconds
        name = "clock_offset_critical_seconds" if critical else "clock_offset_warning_seconds"
        yield finding(
            "api.clock.offset",
            Severity.CRITICAL if critical else Severity.WARNING,
            _subject(service_type),
            f"the clock of the {service_type} API is at least {abs(off):,.1f} s "
            f"{'ahead of' if off > 0 else 'behind'} the clock of this machine",
            why=setting(policy, name),
            evidence={"offset_seconds": off},
            advice="See which of the two clocks is wrong: chronyc tracking, here and there. "
            "Tokens and heartbeats fail when clocks differ.",
        )


def token_failed(facts: Facts) -> Iterator[Finding]:
    """No token could be had: nothing that needs one could be read."""
    yield from _no_token(facts, "identity.token.failed", tls=False)


def token_tls_failed(facts: Facts) -> Iterator[Finding]:
    """No token, because Keystone's own certificate is refused: the certificate is the cause."""
    yield from _no_token(facts, "identity.token.tls", tls=True)


def _no_token(facts: Facts, check: str, *, tls: bool) -> Iterator[Finding]:
    gap = next((gap for gap in facts.survey.gaps if gap.kind == "tokens"), None)
    if gap is None or ("TLS failed" in gap.message) != tls:
        return
    yield finding(
        check,
        Severity.CRITICAL,
        _subject("identity"),
        f"no token could be had: {gap.message}",
        why="without a token no API of the cloud can be used",
        evidence={"error": gap.error, "message": gap.message},
        advice=gap.hint
        or "See Keystone's containers and its database: the log is /var/log/kolla/keystone.",
    )


def token_slow(facts: Facts) -> Iterator[Finding]:
    """A token that took long: every request of every user waits for Keystone."""
    bound = facts.policy.api_latency_warning_ms
    for token in facts.tables.tokens:
        if token.latency_ms <= bound:
            continue
        yield finding(
            "identity.token.slow",
            Severity.WARNING,
            _subject("identity"),
            f"a token took {token.latency_ms:,.0f} ms",
            why=setting(facts.policy, "api_latency_warning_ms"),
            evidence={"latency_ms": token.latency_ms},
            advice="Look at Keystone's workers, its memcached, and its database.",
        )


CHECKS = (
    Check(
        name="api.down",
        title="Endpoints of the catalogue that do not answer",
        needs=("api_probes",),
        judge=apis_down,
    ),
    Check(
        name="api.slow",
        title="Endpoints that answer late",
        needs=("api_probes",),
        judge=apis_slow,
        settings=("api_latency_warning_ms",),
    ),
    Check(
        name="api.clock.offset",
        title="Services whose clock is off",
        needs=("api_probes",),
        judge=api_clocks,
        settings=("clock_offset_warning_seconds", "clock_offset_critical_seconds"),
    ),
    Check(
        name="identity.token.failed",
        title="No token can be had",
        needs=("tokens",),
        judge=token_failed,
    ),
    Check(
        name="identity.token.tls",
        title="No token can be had over TLS",
        needs=("tokens",),
        judge=token_tls_failed,
    ),
    Check(
        name="identity.token.slow",
        title="Tokens take long",
        needs=("tokens",),
        judge=token_slow,
        settings=("api_latency_warning_ms",),
    ),
)
