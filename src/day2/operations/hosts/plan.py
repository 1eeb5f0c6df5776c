# SPDX-License-Identifier: Apache-2.0
"""The plan of a drain: a survey goes in; every server with its way, or every blocker, comes out."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec

from day2.model.finding import Subject
from day2.model.plan import Bounds, Plan, Refusal, Step
from day2.model.survey import Survey
from day2.operations.hosts import duration, gates, protections, steps
from day2.operations.hosts.agents import Duties, duties
from day2.operations.hosts.dangers import allowed
from day2.operations.hosts.guests.strategies import choose, homeless
from day2.operations.hosts.guests.ways import MOVING, Choice, Intent, Purpose, Way
from day2.operations.hosts.manifest import entry, subject
from day2.operations.hosts.picture import Guest, Picture, look
from day2.operations.hosts.places import destinations
from day2.operations.hosts.places.destinations import Assigned, Mover
from day2.operations.hosts.policy import DrainPolicy
from day2.operations.hosts.together import OURS, QUORUM, Together, together

Chosen = list[tuple[Guest, Choice]]
_UNDISTURBED = frozenset({Way.LIVE, Way.BLOCK_LIVE})


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """Who asks for a plan, when, and of which cloud it is."""

    now: datetime
    by: str
    ticket: str = ""
    foundation: str = ""


def drain(
    survey: Survey,
    host: str,
    *,
    policy: DrainPolicy,
    purpose: Purpose | str = Purpose.REBOOT,
    allow: Sequence[str] = (),
    asked: Asked,
    addresses: Sequence[str] = (),
    quorums: Mapping[str, Sequence[str]] | None = None,
) -> Plan:
    """Plan how every server leaves a host that is alive.

    `addresses` are what monitoring may call the host beside its names, `quorums` the hosts of
    each quorum (Galera, ...) by its name.

    Raises:
        BadUsage: for an unknown host or word of `allow`, or a pattern in place of a host.
        Refused: when the picture is incomplete, or the host serves bare metal.

    """
    intent = Intent(purpose=Purpose(purpose), policy=policy, allow=allowed(allow), now=asked.now)
    picture = look(survey, host)
    chosen = [(guest, choose(guest, picture, intent)) for guest in picture.guests]
    reserve = (
        policy.reserve_hosts_reboot
        if intent.purpose is Purpose.REBOOT
        else policy.reserve_hosts_decommission
    )
    movers = [
        Mover(guest=guest, live=choice.way is not Way.COLD)
        for guest, choice in chosen
        if choice.way in MOVING or choice.way is Way.FAILOVER
    ]
    found = destinations.assign(picture, movers, policy, reserve_hosts=reserve)
    chosen = [
        (guest, homeless(guest, choice, found.homeless[guest.id], intent))
        if guest.id in found.homeless
        else (guest, choice)
        for guest, choice in chosen
    ]
    neighbours = list(together(picture, policy, quorums or {}))
    moved = duties(picture) if policy.agents == "move" else Duties()
    refused = [
        *gates.gates(picture, intent, neighbours, addresses),
        *_reserve(picture, found, intent),
        *_agents(picture, moved, intent),
        *_guests(chosen),
    ]
    identifier = plan_id(
        "drain", host, survey, asked, policy, intent.purpose, *sorted(intent.allow)
    )
    out = _taken_out(picture, reason(identifier, intent, asked), _held(neighbours, intent))
    made = [*out, *_steps(picture, chosen, found, moved, intent)]
    made += protections.protect(picture, policy, whole_time(made, policy), addresses)
    return finish(
        survey,
        Plan(
            id=identifier,
            kind="host-drain",
            cloud=survey.cloud,
            region=survey.region,
            foundation=asked.foundation,
            subject=Subject(type="host", id=host, host=host),
            summary=_summary(host, intent, chosen),
            at=asked.now,
            expires_at=asked.now,
            by=asked.by,
            ticket=asked.ticket,
            steps=made,
            refused=refused,
            totals=_totals(chosen),
            manifest={guest.id: entry(guest) for guest in picture.guests},
        ),
        policy,
    )


def finish(survey: Survey, plan: Plan, policy: DrainPolicy) -> Plan:
    """Number the steps of a plan, and give it its bounds, its end and its expected time."""
    numbered = steps.numbered(plan.steps)
    return msgspec.structs.replace(
        plan,
        steps=numbered,
        expires_at=min(survey.started_at, plan.at) + timedelta(minutes=policy.valid_minutes),
        bounds=Bounds(changed_ratio_max=policy.changed_ratio_max, failed_max=policy.failed_max),
        totals={**plan.totals, "blockers": len(plan.blockers)},
        seconds_expected=round(whole_time(numbered, policy)),
    )


def whole_time(made: Iterable[Step], policy: DrainPolicy) -> float:
    """Estimate a plan: stage after stage, of each as many moves at once as may run."""
    stages: dict[int, list[float]] = {}
    for step in made:
        stages.setdefault(step.stage, []).append(step.seconds_expected)
    at_once = min(policy.per_source_max, policy.cloud_max)
    return sum(duration.together(times, at_once) for times in stages.values())


def plan_id(
    verb: str, host: str, survey: Survey, asked: Asked, policy: DrainPolicy, *more: str
) -> str:
    """Name a plan: the same request of the same moment is the same; `more` is what it allows."""
    said = [verb, host, survey.cloud, survey.region, asked.foundation, asked.by]
    said += [asked.now.isoformat(), survey.started_at.isoformat(), asked.ticket]
    said += [msgspec.json.encode(policy, order="sorted").decode(), *more]
    short = "".join(c for c in host.partition(".")[0] if c.isascii() and (c.isalnum() or c == "-"))
    digest = hashlib.sha256("|".join(said).encode()).hexdigest()
    return f"{verb}-{short[:40]}-{digest[:8]}"


def reason(identifier: str, intent: Intent, asked: Asked) -> str:
    """Write the reason that Nova keeps with a disable of ours."""
    what = "reboot" if intent.purpose is Purpose.REBOOT else "decommission"
    return reason_of(f"drain to {what}, plan {identifier}", asked)


def reason_of(what: str, asked: Asked) -> str:
    """Write a reason that says who did it, when, and for which ticket."""
    ticket = f", {asked.ticket}" if asked.ticket else ""
    return f"{OURS} {what}, {asked.by}, {asked.now:%Y-%m-%dT%H:%M:%SZ}{ticket}"


def _guests(chosen: Chosen) -> list[Refusal]:
    return [
        Refusal(
            subject=subject(guest.server),
            why=choice.why,
            kind=choice.kind,
            blocker=True,
            allow=choice.allow,
        )
        for guest, choice in chosen
        if choice.way is Way.ASK
    ]


def _reserve(picture: Picture, found: Assigned, intent: Intent) -> list[Refusal]:
    if not found.short:
        return []
    return [
        gates.settle(gates.blocker(picture, "reserve", found.short, "use-reserve"), intent.allow)
    ]


def _agents(picture: Picture, moved: Duties, intent: Intent) -> list[Refusal]:
    alone = [duty for duty in moved.moves if duty.to is None]
    cut = [
        *moved.cut,
        *(
            f"{duty.type} {duty.name or duty.id} has no other agent that could serve it"
            for duty in alone
        ),
    ]
    notes = [
        Refusal(subject=steps.host_subject(picture.host), why=why, kind="agents")
        for why in moved.notes
    ]
    return [
        *(
            gates.settle(gates.blocker(picture, "agents", why, "agents-cut"), intent.allow)
            for why in cut
        ),
        *notes,
    ]


def _steps(
    picture: Picture,
    chosen: Chosen,
    found: Assigned,
    moved: Duties,
    intent: Intent,
) -> list[Step]:
    policy = intent.policy
    guests: list[Step] = []
    canary = _canary(chosen, found, policy)
    ready = [(guest, choice) for guest, choice in chosen if choice.way is not Way.ASK]
    for guest, choice in sorted(ready, key=lambda pair: _big_first(pair[0])):
        stage = steps.CANARY if guest.id == canary else steps.GUESTS
        guests += steps.guest(guest, choice, found.places.get(guest.id, ()), policy, stage)
    decommission = intent.purpose is Purpose.DECOMMISSION
    left = {g.id: c.why for g, c in chosen if c.way is Way.LEAVE}
    if not decommission:
        left |= {server.id: gates.OLD_DISK for server in gates.resized_away(picture)}
    last = steps.verify(picture.host, (guest.id for guest in picture.guests), left)
    return [
        steps.settle(picture.host, policy),
        *guests,
        *(_confirmed(picture) if decommission and "confirm-resize" in intent.allow else ()),
        *steps.agents(moved.moves, disabled=decommission),
        last,
    ]


def _held(neighbours: Sequence[Together], intent: Intent) -> list[Together]:
    """List what is looked at again when the host is taken out: all but what was accepted."""
    accepted = "other-work" in intent.allow
    return [one for one in neighbours if one.kind == QUORUM or not accepted]


def _taken_out(picture: Picture, why: str, neighbours: Sequence[Together]) -> list[Step]:
    """Disable what is not disabled yet: a disable of anybody's is not written over."""
    made = []
    if picture.service.status != "disabled":
        made.append(steps.disable(picture.service, why, neighbours))
    made += [
        steps.volume_service(service, "disable", why, steps.DISABLE)
        for service in picture.tables.volume_services
        if service.host.split("@")[0] in picture.names
        and service.binary == "cinder-volume"
        and service.status == "enabled"
    ]
    return made


def _confirmed(picture: Picture) -> list[Step]:
    """Confirm resizes of servers that are elsewhere and still have their old disk here."""
    servers = {server.id: server for server in gates.resized_away(picture)}
    return [
        steps.confirm(servers[m.instance_uuid], m.id, steps.GUESTS)
        for m in picture.unconfirmed
        if m.instance_uuid in servers
    ]


def _canary(chosen: Chosen, found: Assigned, policy: DrainPolicy) -> str:
    """Choose the smallest server that moves without any risk; none when it would be alone."""
    safe = [
        guest
        for guest, choice in chosen
        if choice.way in _UNDISTURBED
        and not choice.risks
        and guest.server.status == "ACTIVE"
        and guest.id in found.places
    ]
    movers = sum(choice.way in MOVING for _guest, choice in chosen)
    if not policy.canary or movers < 2 or not safe:  # noqa: PLR2004 - alone it is no canary
        return ""
    return min(safe, key=lambda g: (bool(g.groups), g.server.flavor.ram, g.local_disk_gib, g.id)).id


def _big_first(guest: Guest) -> tuple[int, int, str]:
    return (-guest.server.flavor.ram, -guest.local_disk_gib, guest.id)


def _totals(chosen: Chosen) -> dict[str, int]:
    counts = Counter(choice.way.value for _guest, choice in chosen)
    return {"servers": len(chosen), **{name: counts[name] for name in sorted(counts)}}


def _summary(host: str, intent: Intent, chosen: Chosen) -> str:
    what = "to reboot it" if intent.purpose is Purpose.REBOOT else "for good"
    return f"drain {host} {what}: {said(_totals(chosen))}"


_WORDS: Mapping[str, str] = {
    Way.LIVE: "{n} live",
    Way.BLOCK_LIVE: "{n} live with their disks",
    Way.COLD: "{n} cold",
    Way.FAILOVER: "{n} replaced by Octavia",
    Way.LEAVE: "{n} left in place",
    Way.ASK: "{n} in the way",
}


def said(totals: Mapping[str, Any]) -> str:
    """Say how many servers go which way."""
    parts = [words.format(n=totals[way]) for way, words in _WORDS.items() if totals.get(way)]
    servers = totals["servers"]
    if not servers:
        return "no server is on it"
    return f"{servers} server{'' if servers == 1 else 's'}: {', '.join(parts)}"
