# SPDX-License-Identifier: Apache-2.0
"""Who is affected by a plan about a host: projects and users, and what they will feel."""

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from day2.model.impact import AffectedProject, AffectedServer, Felt
from day2.model.plan import Plan, Refusal, Step
from day2.model.survey import Survey
from day2.operations.hosts.guests.strategies import ALIVE

_PASSED = frozenset({"direct", "macvtap", "vdpa", "remote-managed"})


def impact(plan: Plan, survey: Survey) -> list[AffectedProject]:
    """List the projects that a plan affects, the most disturbed first; every server once.

    Names are those of the survey; ids where it has none.
    """
    projects = {project.id: project.name for project in survey.tables.projects}
    users = {user.id: user.name for user in survey.tables.users}
    balancers = {balancer.id: balancer for balancer in survey.tables.load_balancers}
    felt = _felt(plan)
    found: dict[str, list[AffectedServer]] = defaultdict(list)
    seen: set[str] = set()
    for step in plan.steps:
        if step.action != "amphora.failover":
            continue
        name = _balancer(step)
        balancer = balancers.get(name)
        if balancer is not None and name not in seen:
            seen.add(name)
            found[balancer.project_id].append(
                AffectedServer(
                    id=balancer.id,
                    name=f"load balancer {balancer.name or balancer.id}",
                    user="",
                    felt=Felt.SWITCH,
                    why="one of its amphorae is replaced",
                )
            )
    for identifier, row in plan.manifest.items():
        how, why = felt.get(identifier, (Felt.NOTHING, ""))
        if how is Felt.SWITCH:
            continue
        found[row["project"]].append(
            AffectedServer(
                id=identifier,
                name=row["name"],
                user=users.get(row["user"], row["user"]),
                felt=how,
                why=why,
            )
        )
    order = list(Felt)
    affected = [
        AffectedProject(
            id=project,
            name=projects.get(project, project),
            servers=sorted(servers, key=lambda s: (-order.index(s.felt), s.name, s.id)),
        )
        for project, servers in found.items()
    ]
    return sorted(affected, key=lambda p: (-order.index(p.worst), -len(p.servers), p.name))


def _felt(plan: Plan) -> dict[str, tuple[Felt, str]]:
    found: dict[str, tuple[Felt, str]] = {}
    for refusal in plan.refused:
        if refusal.subject.id in plan.manifest:
            found[refusal.subject.id] = _refused(plan, refusal)
    for step in plan.steps:
        identifier = _server(step)
        if identifier in plan.manifest and step.action != "server.confirm-resize":
            found[identifier] = (_of(step, plan.manifest[identifier]), step.why)
    return found


def _refused(plan: Plan, refusal: Refusal) -> tuple[Felt, str]:
    if plan.kind == "host-evacuate":
        return (Felt.STOP, f"it stays down: {refusal.why}")
    return (Felt.UNDECIDED if refusal.blocker else Felt.NOTHING, refusal.why)


def _of(step: Step, row: Mapping[str, Any]) -> Felt:
    match step.action:
        case "server.live-migrate":
            if row["power_state"] not in ALIVE:
                return Felt.NOTHING
            passed = any(port["vnic"] in _PASSED for port in row["ports"])
            return Felt.PACKETS if passed else Felt.PAUSE
        case "server.cold-migrate":
            runs = step.arguments["status"] == "ACTIVE"
            return Felt.RESTART if runs else Felt.NOTHING
        case "server.leave":
            return Felt.STOP if row["power_state"] in ALIVE else Felt.NOTHING
        case "server.evacuate":
            return Felt.RESTART if step.arguments["was"] == "ACTIVE" else Felt.NOTHING
        case "amphora.failover":
            return Felt.SWITCH
    return Felt.NOTHING


def _server(step: Step) -> str:
    if step.action == "amphora.failover":
        return _named(step, "server ")
    return step.subject.id


def _balancer(step: Step) -> str:
    return _named(step, "load balancer ")


def _named(step: Step, what: str) -> str:
    return next((r.removeprefix(what) for r in step.radius if r.startswith(what)), "")
