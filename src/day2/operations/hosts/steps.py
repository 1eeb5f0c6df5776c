# SPDX-License-Identifier: Apache-2.0
"""The steps of plans about hosts: each names its action with what that needs, and its way back."""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from day2.model.finding import Subject
from day2.model.plan import Facts, Step
from day2.model.tables.compute import ComputeService, Server
from day2.model.tables.storage import VolumeService
from day2.operations.hosts import duration
from day2.operations.hosts.agents import Duty
from day2.operations.hosts.guests.ways import Choice, Way
from day2.operations.hosts.manifest import fingerprint, subject
from day2.operations.hosts.picture import Guest
from day2.operations.hosts.policy import DrainPolicy
from day2.operations.hosts.together import Together

PROTECT, DISABLE, SETTLE, AMPHORAE, CANARY, GUESTS, AGENTS, VERIFY = range(8)
"""The stages of a drain, in order."""
REASON_MAX = 255
"""What Nova keeps of a reason."""


def numbered(steps: Iterable[Step]) -> list[Step]:
    """Number the steps in the order of their stages, from 1; within a stage as given."""
    ordered = sorted(steps, key=lambda step: step.stage)
    return [msgspec.structs.replace(step, n=n) for n, step in enumerate(ordered, start=1)]


def host_subject(host: str) -> Subject:
    """Name a host as the subject of a step."""
    return Subject(type="host", id=host, host=host)


def disable(service: ComputeService, reason: str, neighbours: Sequence[Together] = ()) -> Step:
    """Take the host out of scheduling, unless too many of its neighbours are away by then."""
    arguments: dict[str, Any] = {"service_id": str(service.id), "reason": reason[:REASON_MAX]}
    if neighbours:
        arguments["neighbours"] = [msgspec.to_builtins(one) for one in neighbours]
    return Step(
        action="compute.disable",
        subject=host_subject(service.host),
        why="no new server may arrive",
        stage=DISABLE,
        arguments=arguments,
        fingerprint=service_facts(service),
        undo="enable it again, while the reason is still ours",
        required=True,
        limits={one.scope: 1 for one in neighbours},
    )


def enable(service: ComputeService, stage: int) -> Step:
    """Let the scheduler use the host again."""
    return Step(
        action="compute.enable",
        subject=host_subject(service.host),
        why="the work on it is done, and its disable is ours",
        stage=stage,
        arguments={"service_id": str(service.id), "reason": service.disabled_reason or ""},
        fingerprint=service_facts(service),
        undo="disable it again with the same reason",
    )


def service_facts(service: ComputeService) -> Facts:
    """Return the facts of a service that its actions read again."""
    return {
        "status": service.status,
        "state": service.state,
        "disabled_reason": service.disabled_reason,
        "forced_down": service.forced_down,
    }


def volume_service(service: VolumeService, verb: str, reason: str, stage: int) -> Step:
    """Disable or enable a block-storage service of the host."""
    back = "enable" if verb == "disable" else "disable"
    return Step(
        action=f"volume-service.{verb}",
        subject=Subject(type="volume-service", id=f"{service.binary} {service.host}"),
        why="no new volume may arrive" if verb == "disable" else "its disable is ours",
        stage=stage,
        chain=f"volume-service:{service.host}",
        arguments={"host": service.host, "binary": service.binary, "reason": reason[:REASON_MAX]},
        undo=f"{back} it again",
    )


def settle(host: str, policy: DrainPolicy) -> Step:
    """Wait until nothing arrives any more: disabling stops scheduling, not what was sent."""
    return Step(
        action="host.settle",
        subject=host_subject(host),
        why="what was scheduled before still arrives",
        stage=SETTLE,
        arguments={"seconds_max": policy.settle_seconds_max},
        readonly=True,
        required=True,
    )


def verify(host: str, guests: Iterable[str], left: dict[str, str]) -> Step:
    """Read the truth again and account for every server: `left` are those that stay, and why."""
    return Step(
        action="host.verify-drained",
        subject=host_subject(host),
        why="read anew: what is elsewhere, what stays, and that nothing else is here",
        stage=VERIFY,
        arguments={"left": left, "guests": sorted(guests)},
        readonly=True,
    )


def guest(
    guest: Guest, choice: Choice, places: Sequence[str], policy: DrainPolicy, stage: int = GUESTS
) -> list[Step]:
    """Make the steps of one server: its move, or its staying, or its amphora's failover."""
    if choice.way is Way.FAILOVER:
        return [_failover(guest, choice, policy)]
    if choice.way is Way.LEAVE:
        return [_leave(guest, choice)]
    made = [confirm(guest.server, choice.confirm, stage)] if choice.confirm is not None else []
    move = _cold if choice.way is Way.COLD else _live
    step = move(guest, choice, places, policy)
    chain = chain_of(guest)
    return [
        msgspec.structs.replace(
            one,
            chain=chain,
            stage=stage,
            limits=limits(guest, policy),
            required=stage == CANARY,
        )
        for one in (*made, step)
    ]


def limits(guest: Guest, policy: DrainPolicy) -> dict[str, int]:
    """Return what a move counts against."""
    return {f"source:{guest.server.host}": policy.per_source_max, "cloud": policy.cloud_max}


def chain_of(guest: Guest) -> str:
    """Two members of one server group never move at the same time."""
    groups = sorted(group.id for group in guest.groups)
    return f"group:{groups[0]}" if groups else f"server:{guest.id}"


def confirm(server: Server, migration: int, stage: int) -> Step:
    """Confirm a resize in its owner's place."""
    return Step(
        action="server.confirm-resize",
        subject=subject(server),
        why="a server whose resize is not confirmed cannot move",
        stage=stage,
        chain=f"server:{server.id}",
        arguments={"migration": migration},
        fingerprint=fingerprint(server),
        irreversible="the old size and its disk are given up",
    )


def _live(guest: Guest, choice: Choice, places: Sequence[str], policy: DrainPolicy) -> Step:
    expected = duration.seconds(guest, policy, live=True)
    arguments: dict[str, Any] = {
        "source": guest.server.host,
        "targets": list(places),
        # Nova finds out itself whether disks have to be copied (2.25).
        "block": "auto",
        "seconds_max": duration.patience(expected, policy),
        "memory_mib": guest.server.flavor.ram,
        "force_complete": policy.force_complete and choice.forcible,
        "abort": policy.abort,
        "tries": policy.tries,
    }
    return Step(
        action="server.live-migrate",
        subject=subject(guest.server),
        why=choice.why,
        arguments=arguments,
        fingerprint=fingerprint(guest.server, choice.status),
        undo=f"live-migrate it back to {guest.server.host}",
        radius=radius(guest),
        seconds_expected=expected,
    )


def _cold(guest: Guest, choice: Choice, places: Sequence[str], policy: DrainPolicy) -> Step:
    expected = duration.seconds(guest, policy, live=False)
    status = choice.status or guest.server.status
    return Step(
        action="server.cold-migrate",
        subject=subject(guest.server),
        why=choice.why,
        arguments={
            "source": guest.server.host,
            "targets": list(places),
            "confirm": True,
            "status": status,
            "seconds_max": duration.patience(expected, policy),
            "tries": policy.tries,
        },
        fingerprint=fingerprint(guest.server, choice.status),
        undo=f"cold-migrate it back to {guest.server.host}"
        + (", which restarts it once more" if status == "ACTIVE" else ""),
        radius=radius(guest),
        seconds_expected=expected,
    )


def _leave(guest: Guest, choice: Choice) -> Step:
    return Step(
        action="server.leave",
        subject=subject(guest.server),
        why=choice.why,
        stage=GUESTS,
        chain=f"server:{guest.id}",
        arguments={"why": choice.why},
        fingerprint=fingerprint(guest.server),
        readonly=True,
    )


def _failover(guest: Guest, choice: Choice, policy: DrainPolicy) -> Step:
    amphora = guest.amphora
    if amphora is None:  # pragma: no cover - `failover` is chosen for amphorae only
        raise ValueError(guest.id)
    balancer = amphora.loadbalancer_id or ""
    return Step(
        action="amphora.failover",
        subject=Subject(
            type="amphora",
            id=amphora.id,
            name=guest.server.name,
            project=guest.server.project_id,
            host=guest.server.host or "",
        ),
        why=choice.why,
        stage=AMPHORAE,
        # Two amphorae of one load balancer never at the same time.
        chain=f"load-balancer:{balancer}",
        arguments={"amphora_id": amphora.id, "seconds_max": policy.amphora_seconds_max},
        irreversible="Octavia deletes the old amphora once the new one serves",
        limits={"cloud": policy.cloud_max},
        radius=[f"load balancer {balancer}", f"server {guest.id}"],
        seconds_expected=120.0,
    )


def radius(guest: Guest) -> list[str]:
    """Name what moves along with a server."""
    volumes = [f"volume {volume.id}" for volume in guest.server.volumes]
    return [*(f"port {port.id}" for port in guest.ports), *volumes]


def agents(duties: Sequence[Duty], *, disabled: bool) -> list[Step]:
    """Move what the agents serve, one by one for each agent; then disable them, if wanted.

    Not the other way round: a disabled agent gives up everything at once.
    """
    made = [_duty(duty) for duty in duties if duty.to is not None]
    served = {duty.agent.id: duty.agent for duty in duties}
    if disabled:
        made += [
            Step(
                action="agent.disable",
                subject=Subject(type="agent", id=a.id, name=f"{a.binary} on {a.host}", host=a.host),
                why="nothing new may be given to it",
                stage=AGENTS,
                chain=f"agent:{a.id}",
                undo="enable it again",
            )
            for a in served.values()
        ]
    return made


def _duty(duty: Duty) -> Step:
    to = duty.to
    if to is None:  # pragma: no cover - asked for by `agents` only
        raise ValueError(duty.id)
    return Step(
        action=f"agent.move-{duty.type}",
        subject=Subject(
            type=duty.type, id=duty.id, name=duty.name, project=duty.project, host=duty.agent.host
        ),
        why=f"only this host serves it; {to.host} takes it over",
        stage=AGENTS,
        chain=f"agent:{duty.agent.id}",
        arguments={"from_agent": duty.agent.id, "to_agent": to.id},
        undo=f"give it back to the agent on {duty.agent.host}",
        seconds_expected=10.0,
    )
