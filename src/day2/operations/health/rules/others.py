# SPDX-License-Identifier: Apache-2.0
"""Services that not every cloud has: what they themselves call failed, and what hangs."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from day2.model.finding import Finding, Subject
from day2.model.severity import Severity
from day2.model.tables.others import BaremetalNode, Stack
from day2.operations.health.check import Check, Facts, ago, finding, setting, short_host
from day2.operations.health.rules import crowd, sight

ERROR = "ERROR"


@crowd.bounded("stacks failed", by=crowd.PROJECT, tell="status")
def stacks_failed(facts: Facts) -> Iterator[Finding]:
    """Find failed stacks: their owner's affair, and often the first sign of something else."""
    names = sight.project_names(facts.tables)
    for stack in facts.tables.stacks:
        if not stack.stack_status.endswith("_FAILED"):
            continue
        reason = " ".join(stack.stack_status_reason.split())[:200]
        yield finding(
            "stack.failed",
            Severity.INFO,
            _stack(stack),
            f"stack {stack.stack_name or stack.id} ({sight.owner(names, stack.project)}) is "
            f"{stack.stack_status}" + (f": {reason}" if reason else ""),
            why="Heat reports the stack as failed (info: a stack is its owner's)",
            evidence={"status": stack.stack_status, "reason": reason},
            advice=sight.command("openstack stack failures list --long", stack.id),
        )


@crowd.bounded("stacks are stuck", by=crowd.PROJECT, tell="status")
def stacks_stuck(facts: Facts) -> Iterator[Finding]:
    """Find stacks in progress for too long: the engine that worked on them is gone.

    Heat keeps the start of a creation and of an update only; the age of a deletion is not known.
    """
    bound = timedelta(minutes=facts.policy.stack_minutes)
    names = sight.project_names(facts.tables)
    for stack in facts.tables.stacks:
        action, _, rest = stack.stack_status.partition("_")
        if rest != "IN_PROGRESS":
            continue
        since: datetime | None = None
        if action in {"CREATE", "ADOPT"}:
            since = stack.creation_time
        elif action in {"UPDATE", "ROLLBACK"}:
            since = stack.updated_time
        if not facts.older(since, bound):
            continue
        yield finding(
            "stack.stuck",
            Severity.WARNING,
            _stack(stack),
            f"stack {stack.stack_name or stack.id} ({sight.owner(names, stack.project)}) is "
            f"{stack.stack_status} for {ago(facts.age(since))}",
            why=setting(facts.policy, "stack_minutes"),
            evidence={"status": stack.stack_status, "since": sight.iso(since)},
            advice=f"{sight.command('openstack stack event list --nested-depth 2', stack.id)}; "
            "openstack orchestration service list",
        )


@crowd.bounded("zones are in ERROR", by=crowd.PROJECT)
def zones(facts: Facts) -> Iterator[Finding]:
    """Find zones whose last change did not reach the name servers."""
    names = sight.project_names(facts.tables)
    for zone in facts.tables.zones:
        if zone.status != ERROR:
            continue
        yield finding(
            "zone.error",
            Severity.WARNING,
            Subject(type="zone", id=zone.id, name=zone.name, project=zone.project_id),
            f"zone {zone.name or zone.id} ({sight.owner(names, zone.project_id)}) is in ERROR "
            f"for {ago(facts.age(zone.updated_at or zone.created_at))}, "
            f"after {zone.action or 'an unknown action'}",
            why="Designate reports the zone in ERROR",
            evidence={"action": zone.action, "updated_at": sight.iso(zone.updated_at)},
            advice=f"{sight.command('openstack zone show --all-projects', zone.id)}; "
            "on the controllers: docker logs --tail 200 designate_worker",
        )


@crowd.bounded("shares are in error", by=crowd.PROJECT, tell="status")
def shares(facts: Facts) -> Iterator[Finding]:
    """Find shares in one of Manila's error statuses (`error`, `extending_error`, ...)."""
    names = sight.project_names(facts.tables)
    for share in facts.tables.shares:
        if not (share.status.startswith("error") or share.status.endswith("_error")):
            continue
        yield finding(
            "share.error",
            Severity.WARNING,
            Subject(
                type="share",
                id=share.id,
                name=share.name or "",
                project=share.project_id,
                host=short_host(share.host),
            ),
            f"share {share.name or share.id} ({sight.owner(names, share.project_id)}, "
            f"{share.size} GiB, on {share.host or 'no host'}) is {share.status}",
            why=f"Manila reports the share as {share.status}",
            evidence={"status": share.status, "created_at": sight.iso(share.created_at)},
            advice=f"{sight.command('openstack share show', share.id)}; "
            f"{sight.command('openstack share message list --resource-id', share.id)}",
        )


@crowd.bounded("clusters failed", by=crowd.PROJECT, tell="status")
def clusters(facts: Facts) -> Iterator[Finding]:
    """Find container clusters whose last operation failed."""
    names = sight.project_names(facts.tables)
    for cluster in facts.tables.clusters:
        status = cluster.status or ""
        if not status.endswith("_FAILED"):
            continue
        yield finding(
            "cluster.error",
            Severity.WARNING,
            Subject(
                type="cluster",
                id=cluster.uuid,
                name=cluster.name,
                project=cluster.project_id or "",
            ),
            f"cluster {cluster.name or cluster.uuid} "
            f"({sight.owner(names, cluster.project_id)}) is {status} "
            f"for {ago(facts.age(cluster.updated_at or cluster.created_at))}",
            why="Magnum reports the cluster as failed",
            evidence={"status": status, "health": cluster.health_status},
            advice=sight.command("openstack coe cluster show", cluster.uuid),
        )


@crowd.bounded("bare-metal nodes failed", by=crowd.PROJECT, tell="status")
def baremetal_errors(facts: Facts) -> Iterator[Finding]:
    """Find bare-metal nodes whose last change of state failed."""
    for node in facts.tables.baremetal_nodes:
        state = node.provision_state or ""
        if state != "error" and not state.endswith(" failed"):
            continue
        reason = " ".join((node.last_error or "").split())[:300]
        yield finding(
            "baremetal.error",
            Severity.WARNING,
            _node(node),
            f"bare-metal node {node.name or node.uuid} is in state {state!r}"
            + (f": {reason}" if reason else ""),
            why="Ironic reports the last change of state as failed",
            evidence={"status": state, "reason": reason, "server": node.instance_uuid},
            advice=sight.command("openstack baremetal node show", node.uuid),
        )


@crowd.bounded("bare-metal nodes are in maintenance", by=crowd.PROJECT, tell="reason")
def baremetal_maintenance(facts: Facts) -> Iterator[Finding]:
    """Name the bare-metal nodes that somebody, or Ironic itself, took out of service."""
    for node in facts.tables.baremetal_nodes:
        if not node.maintenance:
            continue
        reason = " ".join((node.maintenance_reason or "").split())[:300]
        yield finding(
            "baremetal.maintenance",
            Severity.INFO,
            _node(node),
            f"bare-metal node {node.name or node.uuid} is in maintenance "
            f"({reason or 'no reason given'})" + ("; a server is on it" * bool(node.instance_uuid)),
            why="the node's maintenance flag is set",
            evidence={"reason": reason, "server": node.instance_uuid},
            advice=sight.command("openstack baremetal node show", node.uuid),
        )


def _stack(stack: Stack) -> Subject:
    return Subject(type="stack", id=stack.id, name=stack.stack_name, project=stack.project or "")


def _node(node: BaremetalNode) -> Subject:
    return Subject(
        type="baremetal_node", id=node.uuid, name=node.name or "", project=node.owner or ""
    )


CHECKS = (
    Check(name="stack.failed", title="A stack that failed", needs=("stacks",), judge=stacks_failed),
    Check(
        name="stack.stuck",
        title="A stack in progress for too long",
        needs=("stacks",),
        judge=stacks_stuck,
        settings=("stack_minutes",),
    ),
    Check(name="zone.error", title="A zone in ERROR", needs=("zones",), judge=zones),
    Check(name="share.error", title="A share in error", needs=("shares",), judge=shares),
    Check(
        name="cluster.error",
        title="A container cluster that failed",
        needs=("clusters",),
        judge=clusters,
    ),
    Check(
        name="baremetal.error",
        title="A bare-metal node whose last change failed",
        needs=("baremetal_nodes",),
        judge=baremetal_errors,
    ),
    Check(
        name="baremetal.maintenance",
        title="A bare-metal node in maintenance",
        needs=("baremetal_nodes",),
        judge=baremetal_maintenance,
    ),
)
