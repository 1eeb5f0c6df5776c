# SPDX-License-Identifier: Apache-2.0
"""The plan of enabling a host again, and of bringing its servers back."""

from collections.abc import Mapping, Sequence
from datetime import timedelta

import msgspec

from day2.errors import Refused
from day2.model.finding import Subject
from day2.model.plan import Plan, Refusal, Step
from day2.model.survey import Survey
from day2.model.tables import utc
from day2.model.tables.compute import ComputeService, Server, ServerGroup
from day2.operations.hosts import duration, fencing, gates, protections, steps
from day2.operations.hosts.manifest import entry, fingerprint, subject
from day2.operations.hosts.picture import Guest, Picture, look
from day2.operations.hosts.plan import Asked, finish, plan_id
from day2.operations.hosts.policy import DrainPolicy
from day2.operations.hosts.protections import Protection

UNFENCE, ENABLE, UNPROTECT, BACK, VERIFY = range(5)
"""The stages of enabling a host, in order."""
HEARD = timedelta(minutes=2)
"""Nova shows a host that is forced down as down: its last report tells whether it runs."""


class Moved(msgspec.Struct, frozen=True, kw_only=True):
    """What a run of a drain did with one server: where it put it, and whether it moved live."""

    host: str
    live: bool = True


def enable(
    survey: Survey,
    host: str,
    *,
    policy: DrainPolicy,
    asked: Asked,
    back: Mapping[str, Moved] | None = None,
    protected: Sequence[Protection] = (),
) -> Plan:
    """Plan to enable a host that day2 disabled; `back` are the servers to be brought back, by id.

    `protected` is what the run that took it out did to protect it; nothing else is taken back.
    A host that was evacuated stays fenced until Nova has deleted its old copies there.
    A server that is not where the drain put it was moved by somebody since, and stays.

    Raises:
        BadUsage: for an unknown host.
        Refused: when the picture is incomplete, or somebody else disabled the host.

    """
    picture = look(survey, host)
    service = picture.service
    ours = gates.disabled_by_us(service.disabled_reason)
    if service.status == "disabled" and not ours:
        raise Refused(
            f'somebody else disabled {host}: "{service.disabled_reason or "no reason given"}"',
            hint=f"Ask them. openstack compute service set --enable {host} nova-compute enables "
            "it by hand.",
        )
    refused = _down(picture)
    made: list[Step] = []
    if service.forced_down:
        made.append(fencing.unforce_down(service, UNFENCE))
    if service.status == "disabled":
        made.append(_enable(service))
    made += [
        steps.volume_service(one, "enable", one.disabled_reason or "", ENABLE)
        for one in picture.tables.volume_services
        if one.host.split("@")[0] in picture.names
        and one.status == "disabled"
        and gates.disabled_by_us(one.disabled_reason)
    ]
    made += protections.unprotect(picture, protected, UNPROTECT)
    returning, stay = _back(picture, back or {})
    made += [
        step
        for server, was in returning
        for step in _home(Guest(server=server, groups=_groups(picture, server)), was, host, policy)
    ]
    refused += stay + _agents(picture)
    word = f"enable {host}" if service.status == "disabled" else f"{host} is enabled already"
    more = f" and bring {len(returning)} servers back" if returning else ""
    return finish(
        survey,
        Plan(
            id=plan_id("enable", host, survey, asked, policy, *sorted(back or ())),
            kind="host-enable",
            cloud=survey.cloud,
            region=survey.region,
            foundation=asked.foundation,
            subject=Subject(type="host", id=host, host=host),
            summary=f"{word}{more}",
            at=asked.now,
            expires_at=asked.now,
            by=asked.by,
            ticket=asked.ticket,
            steps=made,
            refused=refused,
            totals={"servers": len(returning)},
            manifest={server.id: entry(Guest(server=server)) for server, _was in returning},
        ),
        policy,
    )


def _enable(service: ComputeService) -> Step:
    """Lift our disable; a host that comes out of a fence changes its state just before."""
    made = steps.enable(service, ENABLE)
    if not service.forced_down:
        return made
    kept = {k: v for k, v in made.fingerprint.items() if k not in {"state", "forced_down"}}
    return msgspec.structs.replace(made, fingerprint=kept)


def _down(picture: Picture) -> list[Refusal]:
    service = picture.service
    left = [
        m
        for m in picture.tables.migrations
        if m.migration_type == "evacuation"
        and m.source_compute == picture.host
        and m.status == "done"
    ]
    found = []
    if left:
        count = f"copies of {len(left)} evacuated servers are" if len(left) > 1 else "a copy is"
        found.append(
            gates.blocker(
                picture,
                "stale-copies",
                f"{count} still on it: start nova-compute there, which deletes them (their "
                "evacuations then turn from done to completed), and ask again",
            )
        )
    why = _not_running(picture, service)
    return [*found, gates.blocker(picture, "service-down", why)] if why else found


def _not_running(picture: Picture, service: ComputeService) -> str:
    if not service.forced_down:
        state = service.state or "in no known state"
        return "" if service.state == "up" else f"nova-compute is {state}: start it first"
    heard = utc(service.updated_at)
    if heard is not None and picture.survey.started_at - heard <= HEARD:
        return ""
    last = f"{heard:%Y-%m-%d %H:%M} UTC" if heard else "never"
    return f"it is forced down, and nova-compute was last heard {last}: start it first"


def _agents(picture: Picture) -> list[Refusal]:
    """Neutron keeps no reason, so whose disable it is cannot be told."""
    off = [
        agent
        for agent in picture.tables.agents
        if agent.host in picture.names and not agent.admin_state_up
    ]
    return [
        Refusal(
            subject=Subject(
                type="agent", id=agent.id, name=f"{agent.binary} on {agent.host}", host=agent.host
            ),
            why="it is disabled, and Neutron does not say by whom: openstack network agent set "
            f"--enable {agent.id}",
            kind="agent-disabled",
        )
        for agent in off
    ]


def _back(
    picture: Picture, back: Mapping[str, Moved]
) -> tuple[list[tuple[Server, Moved]], list[Refusal]]:
    servers = {server.id: server for server in picture.tables.servers}
    returning: list[tuple[Server, Moved]] = []
    stay: list[Refusal] = []
    for identifier, moved in sorted(back.items()):
        server = servers.get(identifier)
        if server is None or server.host == picture.host:
            continue
        why = _stays(server, moved)
        if why:
            stay.append(Refusal(subject=subject(server), why=why, kind="stays"))
        else:
            returning.append((server, moved))
    return returning, stay


def _groups(picture: Picture, server: Server) -> list[ServerGroup]:
    return [group for group in picture.tables.server_groups if server.id in group.members]


def _stays(server: Server, moved: Moved) -> str:
    if server.host != moved.host:
        return f"it is on {server.host or 'no host'} now, the drain put it on {moved.host}"
    if server.task_state:
        return f"it is busy ({server.task_state})"
    if moved.live and server.status not in {"ACTIVE", "PAUSED"}:
        return f"it is {server.status} now, and costs nothing where it is"
    if not moved.live and server.status != "SHUTOFF":
        return "it runs, and going back would restart it"
    return ""


def _home(guest: Guest, was: Moved, host: str, policy: DrainPolicy) -> list[Step]:
    server = guest.server
    expected = duration.seconds(guest, policy, live=was.live)
    arguments = {
        "source": server.host,
        "targets": [host],
        "seconds_max": duration.patience(expected, policy),
        "tries": policy.tries,
    }
    if was.live:
        arguments |= {
            "block": "auto",
            "memory_mib": server.flavor.ram,
            "force_complete": False,
            "abort": policy.abort,
        }
    else:
        arguments |= {"confirm": True, "status": server.status}
    return [
        Step(
            action="server.live-migrate" if was.live else "server.cold-migrate",
            subject=subject(server),
            why="it was here before the drain",
            stage=BACK,
            chain=steps.chain_of(guest),
            arguments=arguments,
            fingerprint=fingerprint(server),
            undo=f"migrate it to {server.host} once more",
            limits={f"source:{server.host}": policy.per_source_max, "cloud": policy.cloud_max},
            radius=[f"volume {volume.id}" for volume in server.volumes],
            seconds_expected=expected,
        )
    ]
