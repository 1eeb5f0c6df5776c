# SPDX-License-Identifier: Apache-2.0
"""Load balancers and the amphorae that carry them: in ERROR, or waiting for ever."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from day2.model.finding import Finding, Subject
from day2.model.severity import Severity
from day2.model.tables.others import Amphora, LoadBalancer
from day2.operations.health.check import Check, Facts, ago, finding, setting
from day2.operations.health.rules import crowd, sight

ERROR, PENDING = "ERROR", "PENDING_"
AMPHORA_PASSING = frozenset({"BOOTING", "PENDING_CREATE", "PENDING_DELETE"})


@crowd.bounded("load balancers are in ERROR", by=crowd.PROJECT)
def load_balancers_error(facts: Facts) -> Iterator[Finding]:
    """Find load balancers that Octavia could not build or change."""
    names = sight.project_names(facts.tables)
    for balancer in facts.tables.load_balancers:
        if balancer.provisioning_status != ERROR:
            continue
        yield finding(
            "load_balancer.error",
            Severity.WARNING,
            _balancer(balancer),
            f"load balancer {balancer.name or balancer.id} "
            f"({sight.owner(names, balancer.project_id)}) is in ERROR "
            f"for {ago(facts.age(_changed(balancer)))} "
            f"(operating status {balancer.operating_status or 'unknown'})",
            why="Octavia reports provisioning_status ERROR",
            evidence=_evidence(balancer),
            advice=f"{sight.command('openstack loadbalancer status show', balancer.id)}; when the "
            f"cause is mended: {sight.command('openstack loadbalancer failover', balancer.id)}",
        )


@crowd.bounded("load balancers are stuck", by=crowd.PROJECT, tell="status")
def load_balancers_stuck(facts: Facts) -> Iterator[Finding]:
    """Find load balancers that wait for a change which nobody finishes: they are immutable."""
    bound = timedelta(minutes=facts.policy.load_balancer_minutes)
    names = sight.project_names(facts.tables)
    for balancer in facts.tables.load_balancers:
        if not balancer.provisioning_status.startswith(PENDING):
            continue
        if not facts.older(_changed(balancer), bound):
            continue
        yield finding(
            "load_balancer.stuck",
            Severity.WARNING,
            _balancer(balancer),
            f"load balancer {balancer.name or balancer.id} "
            f"({sight.owner(names, balancer.project_id)}) is {balancer.provisioning_status} "
            f"for {ago(facts.age(_changed(balancer)))}",
            why=setting(facts.policy, "load_balancer_minutes"),
            evidence=_evidence(balancer),
            advice=sight.command("openstack loadbalancer amphora list --loadbalancer", balancer.id)
            + "; on the controllers: docker logs --tail 200 octavia_worker",
        )


@crowd.bounded("amphorae are in ERROR", by=crowd.PROJECT)
def amphorae_error(facts: Facts) -> Iterator[Finding]:
    """Find amphorae in ERROR: their load balancer has lost one of its servers, or its only one."""
    for amphora in facts.tables.amphorae:
        if amphora.status == ERROR:
            yield _amphora(facts, "amphora.error", amphora, "Octavia reports the amphora in ERROR")


@crowd.bounded("amphorae are stuck", by=crowd.PROJECT, tell="status")
def amphorae_stuck(facts: Facts) -> Iterator[Finding]:
    """Find amphorae that neither boot nor go."""
    bound = timedelta(minutes=facts.policy.load_balancer_minutes)
    for amphora in facts.tables.amphorae:
        if amphora.status in AMPHORA_PASSING and facts.older(_changed(amphora), bound):
            why = setting(facts.policy, "load_balancer_minutes")
            yield _amphora(facts, "amphora.stuck", amphora, why)


def _changed(row: LoadBalancer | Amphora) -> datetime | None:
    return row.updated_at or row.created_at


def _balancer(balancer: LoadBalancer) -> Subject:
    return Subject(
        type="load_balancer",
        id=balancer.id,
        name=balancer.name,
        project=balancer.project_id,
    )


def _evidence(balancer: LoadBalancer) -> dict[str, str | None]:
    return {
        "status": balancer.provisioning_status,
        "operating_status": balancer.operating_status,
        "provider": balancer.provider,
        "updated_at": sight.iso(balancer.updated_at),
    }


def _amphora(facts: Facts, check: str, amphora: Amphora, why: str) -> Finding:
    balancer = amphora.loadbalancer_id
    return finding(
        check,
        Severity.WARNING,
        Subject(type="amphora", id=amphora.id),
        f"amphora {amphora.id} ({amphora.role or 'no role'}, load balancer {balancer or 'none'}) "
        f"is {amphora.status} for {ago(facts.age(_changed(amphora)))}",
        why=why,
        evidence={
            "status": amphora.status,
            "load_balancer": balancer,
            "server": amphora.compute_id,
            "updated_at": sight.iso(amphora.updated_at),
        },
        advice=sight.command("openstack loadbalancer amphora show", amphora.id)
        + (
            f"; {sight.command('openstack server show', amphora.compute_id)}"
            if amphora.compute_id
            else ""
        ),
    )


CHECKS = (
    Check(
        name="load_balancer.error",
        title="A load balancer in ERROR",
        needs=("load_balancers",),
        judge=load_balancers_error,
    ),
    Check(
        name="load_balancer.stuck",
        title="A load balancer in a PENDING state for too long",
        needs=("load_balancers",),
        judge=load_balancers_stuck,
        settings=("load_balancer_minutes",),
    ),
    Check(
        name="amphora.error",
        title="An amphora in ERROR",
        needs=("amphorae",),
        judge=amphorae_error,
    ),
    Check(
        name="amphora.stuck",
        title="An amphora that neither boots nor goes",
        needs=("amphorae",),
        judge=amphorae_stuck,
        settings=("load_balancer_minutes",),
    ),
)
