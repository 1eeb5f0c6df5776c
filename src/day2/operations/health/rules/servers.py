# SPDX-License-Identifier: Apache-2.0
"""Servers as Nova tells of them: stuck, in ERROR, waiting, and not running as they should."""

from collections.abc import Iterator
from datetime import timedelta

from day2.model.finding import Finding
from day2.model.severity import Severity
from day2.operations.health.check import Check, Facts, ago, finding, setting
from day2.operations.health.rules import crowd, sight

BUILD, ERROR, ACTIVE, SHUTOFF = "BUILD", "ERROR", "ACTIVE", "SHUTOFF"
# A task of a server in one of these is told by another check, or cannot be seen.
TOLD_ELSEWHERE = frozenset({BUILD, ERROR, sight.UNKNOWN, "DELETED"})
RUNNING = 1
POWER = {0: "no state", 1: "running", 3: "paused", 4: "shut down", 6: "crashed", 7: "suspended"}


@crowd.bounded("servers stuck in a task", by=crowd.HOST, tell="task")
def tasks_stuck(facts: Facts) -> Iterator[Finding]:
    """Find servers in one task for too long; those that move are judged by their migration.

    A migration that copies memory for an hour is well as long as it reports progress, which the
    server's own time of change does not show.
    """
    bound = timedelta(minutes=facts.policy.server_task_minutes)
    moving = sight.moving(facts.tables)
    names = sight.project_names(facts.tables)
    for server in facts.tables.servers:
        if not server.task_state or server.status in TOLD_ELSEWHERE or server.id in moving:
            continue
        if not facts.older(server.updated, bound):
            continue
        yield finding(
            "server.task.stuck",
            Severity.WARNING,
            sight.server_subject(server),
            f"{sight.server_said(server, names)} is in task {server.task_state} "
            f"for {ago(facts.age(server.updated))}",
            why=setting(facts.policy, "server_task_minutes"),
            evidence={
                "task": server.task_state,
                "status": server.status,
                "updated": sight.iso(server.updated),
            },
            advice=f"{sight.command('openstack server event list', server.id)}; when nobody works "
            f"on it any more: {sight.command('openstack server set --state error', server.id)}",
        )


@crowd.bounded("servers stuck in BUILD", by=crowd.HOST, tell="task")
def builds_stuck(facts: Facts) -> Iterator[Finding]:
    """Find servers that are being built for too long: nobody works on them any more."""
    bound = timedelta(minutes=facts.policy.server_build_minutes)
    names = sight.project_names(facts.tables)
    for server in facts.tables.servers:
        if server.status != BUILD:
            continue
        since = server.updated or server.created
        if not facts.older(since, bound):
            continue
        yield finding(
            "server.build.stuck",
            Severity.WARNING,
            sight.server_subject(server),
            f"{sight.server_said(server, names)} is in BUILD without progress "
            f"for {ago(facts.age(since))}",
            why=setting(facts.policy, "server_build_minutes"),
            evidence={
                "task": server.task_state,
                "created": sight.iso(server.created),
                "updated": sight.iso(server.updated),
            },
            advice=f"{sight.command('openstack server event list', server.id)}; then its request "
            "id in the logs of nova-scheduler, nova-conductor and nova-compute",
        )


@crowd.bounded("servers in ERROR", by=crowd.PROJECT, tell="fault")
def errors(facts: Facts) -> Iterator[Finding]:
    """Find servers in ERROR, with what Nova says of the reason."""
    names = sight.project_names(facts.tables)
    # The list tells the faults of one cell's database; the others are on each server's own page.
    pages = {row.server_id: row for row in facts.tables.server_faults}
    for server in facts.tables.servers:
        if server.status != ERROR:
            continue
        page = pages.get(server.id)
        fault = server.fault or (page.fault if page else None)
        message = " ".join(fault.message.split())[:300] if fault else ""
        unsaid = "Nova keeps no fault" if page or fault else "its fault was not read"
        since = (fault.created if fault else None) or server.updated
        yield finding(
            "server.error",
            Severity.WARNING,
            sight.server_subject(server),
            f"{sight.server_said(server, names)} is in ERROR for {ago(facts.age(since))}: "
            f"{message or unsaid}",
            why="Nova reports the server in ERROR",
            evidence={
                "fault": message,
                "code": fault.code if fault else None,
                "since": sight.iso(since),
                "task": server.task_state,
            },
            advice=f"{sight.command('openstack server show -c fault', server.id)}; "
            f"{sight.command('openstack server event list', server.id)}",
        )


@crowd.bounded("servers wait for a resize to be confirmed", by=crowd.PROJECT)
def resizes_unconfirmed(facts: Facts) -> Iterator[Finding]:
    """Find resizes and cold migrations that nobody confirmed: they hold their place twice."""
    bound = timedelta(hours=facts.policy.server_resize_confirm_hours)
    names = sight.project_names(facts.tables)
    for server in facts.tables.servers:
        if server.status != "VERIFY_RESIZE" or server.task_state:
            continue
        if not facts.older(server.updated, bound):
            continue
        yield finding(
            "server.resize.unconfirmed",
            Severity.WARNING,
            sight.server_subject(server),
            f"{sight.server_said(server, names)} waits for its resize or cold migration to be "
            f"confirmed for {ago(facts.age(server.updated))}; it holds its old place as well",
            why=setting(facts.policy, "server_resize_confirm_hours"),
            evidence={"updated": sight.iso(server.updated)},
            advice=f"{sight.command('openstack server migration list --server', server.id)}; when "
            f"it works: {sight.command('openstack server resize confirm', server.id)}",
        )


@crowd.bounded("servers whose power state differs from their status", by=crowd.HOST, tell="power")
def powers_differ(facts: Facts) -> Iterator[Finding]:
    """Find guests that do not run although Nova calls them ACTIVE, or the reverse.

    Nova aligns the two every ten minutes, so a lasting difference means that it cannot; an ACTIVE
    guest that is paused was stopped by the hypervisor itself, mostly after an I/O error.
    """
    bound = timedelta(minutes=facts.policy.server_power_minutes)
    names = sight.project_names(facts.tables)
    for server in facts.tables.servers:
        power = server.power_state
        if power is None or server.task_state:
            continue
        wrong = power != RUNNING if server.status == ACTIVE else power == RUNNING
        if not wrong or server.status not in {ACTIVE, SHUTOFF}:
            continue
        if not facts.older(server.updated, bound):
            continue
        said = POWER.get(power, str(power))
        yield finding(
            "server.power.differs",
            Severity.WARNING,
            sight.server_subject(server),
            f"{sight.server_said(server, names)} is {server.status} but its power state is {said}, "
            f"for {ago(facts.age(server.updated))}",
            why=setting(facts.policy, "server_power_minutes"),
            evidence={
                "power": said,
                "status": server.status,
                "updated": sight.iso(server.updated),
            },
            advice=f"On {server.host or 'its host'}: "
            f"{sight.command('docker exec nova_libvirt virsh domstate --reason', server.id)}; "
            "docker logs --tail 100 nova_compute",
        )


CHECKS = (
    Check(
        name="server.task.stuck",
        title="A server stuck in a task",
        needs=("servers",),
        judge=tasks_stuck,
        settings=("server_task_minutes",),
    ),
    Check(
        name="server.build.stuck",
        title="A server stuck in BUILD",
        needs=("servers",),
        judge=builds_stuck,
        settings=("server_build_minutes",),
    ),
    Check(name="server.error", title="A server in ERROR", needs=("servers",), judge=errors),
    Check(
        name="server.resize.unconfirmed",
        title="A resize that nobody confirmed",
        needs=("servers",),
        judge=resizes_unconfirmed,
        settings=("server_resize_confirm_hours",),
    ),
    Check(
        name="server.power.differs",
        title="A server that runs and should not, or the reverse",
        needs=("servers",),
        judge=powers_differ,
        settings=("server_power_minutes",),
    ),
)
