# SPDX-License-Identifier: Apache-2.0
"""Where every server goes, so that all of them have a place at once."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from heapq import nsmallest

import msgspec

from day2.operations.hosts.picture import Guest, Picture
from day2.operations.hosts.places.room import Room, said, shares_disk, wanted
from day2.operations.hosts.places.targets import (
    Source,
    Target,
    closed,
    friends,
    grouped,
    lasting,
    likeness,
    objection,
    source,
    targets,
)
from day2.operations.hosts.policy import DrainPolicy

_RESERVED = ("MEMORY_MB", "VCPU", "PCPU")
_REASONS_MAX = 3


class Mover(msgspec.Struct, frozen=True, kw_only=True):
    """A server that needs a place elsewhere; `live` ones cannot go to an older hypervisor."""

    guest: Guest
    live: bool = True


class Assigned(msgspec.Struct, frozen=True, kw_only=True):
    """Who goes where, the first choice first, and who has no place, with the reason.

    `short` says what is missing for the reserve; empty when it holds.
    """

    places: dict[str, list[str]]
    homeless: dict[str, str]
    short: str = ""


def assign(
    picture: Picture, movers: Sequence[Mover], policy: DrainPolicy, *, reserve_hosts: int
) -> Assigned:
    """Give every server a place, the largest first.

    Spread first, as Nova's weighers do; where that leaves somebody without a place, packed tight.
    """
    left = source(picture)
    shared = shares_disk(picture.tables)
    found, hosts = _try(picture, movers, policy, left, shared=shared, packed=False)
    if found.homeless:
        tight, there = _try(picture, movers, policy, left, shared=shared, packed=True)
        if len(tight.homeless) < len(found.homeless):
            found, hosts = tight, there
    short = _short(hosts, left, reserve_hosts) if not found.homeless else ""
    return Assigned(places=found.places, homeless=found.homeless, short=short)


def _try(
    picture: Picture,
    movers: Sequence[Mover],
    policy: DrainPolicy,
    left: Source,
    *,
    shared: bool,
    packed: bool,
) -> tuple[Assigned, list[Target]]:
    hosts = targets(picture)
    places: dict[str, list[str]] = {}
    homeless: dict[str, str] = {}
    fit_for: dict[object, list[Target]] = {}
    for mover in sorted(movers, key=_largest_first):
        guest = mover.guest
        like = likeness(guest, live=mover.live)
        if like not in fit_for:
            fit_for[like] = [
                t for t in hosts if not lasting(t, guest, left, policy, live=mover.live)
            ]
        open_to = [t for t in fit_for[like] if not guest.groups or not grouped(t, guest)]
        fitting = [t for t in open_to if t.room.fits(wanted(guest.needs, t.room, shared=shared))]
        if not fitting:
            homeless[guest.id] = _why(mover, hosts, open_to, left, policy)
            continue
        best = nsmallest(
            policy.targets_max, fitting, key=partial(_rank, guest=guest, packed=packed)
        )
        best[0].room.take(wanted(guest.needs, best[0].room, shared=shared))
        best[0].mates.add(guest.id)
        places[guest.id] = [target.host for target in best]
    return Assigned(places=places, homeless=homeless), hosts


def _largest_first(mover: Mover) -> tuple[int, int, str]:
    needs = mover.guest
    cpus = needs.needs_of("VCPU") + needs.needs_of("PCPU")
    return (-needs.needs_of("MEMORY_MB"), -cpus, needs.id)


def _rank(target: Target, guest: Guest, *, packed: bool) -> tuple[int, float, str]:
    room = target.room
    fit = room.free_of("MEMORY_MB") if packed else -_free_ratio(room)
    return (friends(target, guest), fit, target.host)


def _free_ratio(room: Room) -> float:
    capacity = room.capacity_of("MEMORY_MB")
    return room.free_of("MEMORY_MB") / capacity if capacity else 0.0


def _why(
    mover: Mover,
    hosts: Sequence[Target],
    open_to: Sequence[Target],
    left: Source,
    policy: DrainPolicy,
) -> str:
    if open_to:
        return f"no room: it needs {_needs(mover.guest)}; {_best(mover.guest, open_to)}"
    reasons: Counter[str] = Counter()
    names: dict[str, str] = {}
    for target in hosts:
        reason = objection(target, mover.guest, left, policy, live=mover.live)
        reasons[reason] += 1
        names[reason] = target.host
    if not reasons:
        return "there is no other host"
    told = [
        f"{names[r]} {r}" if n == 1 else f"{names[r]} (and {n - 1} more) {r}"
        for r, n in reasons.most_common(_REASONS_MAX)
    ]
    more = len(reasons) - len(told)
    return f"no host may take it: {'; '.join(told)}{f'; {more} more reasons' if more else ''}"


def _needs(guest: Guest) -> str:
    resources = sorted({name for need in guest.needs for name in need})
    return ", ".join(said(name, guest.needs_of(name)) for name in resources)


def _best(guest: Guest, open_to: Iterable[Target]) -> str:
    """Tell what the host with the most memory lacks."""
    best = max(open_to, key=lambda t: (_lacking(guest, t) == [], t.room.free_of("MEMORY_MB")))
    lacks = _lacking(guest, best)
    free = [f"{said(name, max(best.room.free_of(name), 0))} free" for name in lacks]
    return f"the best host {best.host} has {' and '.join(free) or 'it in pieces only'}"


def _lacking(guest: Guest, target: Target) -> list[str]:
    resources = sorted({name for need in guest.needs for name in need})
    return [r for r in resources if target.room.free_of(r) < guest.needs_of(r)]


def _short(hosts: Iterable[Target], left: Source, reserve_hosts: int) -> str:
    """Say what is missing for the loss of the fullest further hosts of the zone.

    By sums: whether each server would fit somewhere is asked when it comes to that.
    """
    zone = [t for t in hosts if t.service.zone == left.zone and not closed(t)]
    for resource in _RESERVED if reserve_hosts else ():
        taken = {t.host: t.room.capacity_of(resource) - t.room.free_of(resource) for t in zone}
        ordered = sorted(zone, key=lambda t: (-taken[t.host], t.host))
        lost, rest = ordered[:reserve_hosts], ordered[reserve_hosts:]
        need = sum(taken[t.host] for t in lost)
        free = sum(t.room.free_of(resource) for t in rest)
        if need > free:
            names = ", ".join(t.host for t in lost)
            return (
                f"if {names} failed while this host is away, its servers need "
                f"{said(resource, need)}, and {said(resource, max(free, 0))} would be free "
                f"(reserve: {reserve_hosts} host{'' if reserve_hosts == 1 else 's'})"
            )
    return ""


def on(places: Mapping[str, Sequence[str]]) -> Counter[str]:
    """Count the servers by their first choice."""
    return Counter(hosts[0] for hosts in places.values())
