# SPDX-License-Identifier: Apache-2.0
"""Hosts that must not be away together: those of a zone, of an aggregate, of a quorum.

Looked at when a drain is planned, and again when the host is taken out: between the two, another
run may have taken out its neighbour.
"""

from collections.abc import Iterable, Iterator, Mapping

import msgspec

from day2.model.tables.compute import ComputeService
from day2.operations.hosts.picture import Picture
from day2.operations.hosts.policy import DrainPolicy

OURS = "day2:"
"""How the reason of every disable of ours begins."""
ZONE, AGGREGATE, QUORUM = "zone", "aggregate", "quorum"
SHOWN = 4
UNKNOWN = "UNKNOWN"
"""The status of a service whose cell does not answer: its name is all that is known."""
# Group of Kolla-Ansible's inventory (or of ceph-ansible's): the quorum of its members.
QUORUMS: Mapping[str, str] = {
    "mariadb": "Galera",
    "rabbitmq": "RabbitMQ",
    "ovn-database": "OVN",
    "ovn-nb-db": "OVN",
    "ovn-sb-db": "OVN",
    "etcd": "etcd",
    "mons": "Ceph's monitors",
    "ceph-mon": "Ceph's monitors",
}


class Together(msgspec.Struct, frozen=True, kw_only=True):
    """Hosts of which at most `away_max` may be away at a time; `setting` decides how many."""

    kind: str
    name: str
    hosts: list[str]
    away_max: int = 1
    setting: str = ""

    @property
    def scope(self) -> str:
        """What is held while one of them is taken out: two runs do it one after the other."""
        return f"{self.kind}:{self.name}"

    def too_many(self, host: str, services: Iterable[ComputeService]) -> str:
        """Say who is away, when this host may not be away as well; empty when it may."""
        # A host has more services than one: whether it is away is told by nova-compute alone.
        others = [s for s in services if s.binary == "nova-compute" and s.host != host]
        away = sorted(_told(s) for s in others if is_away(s) and _among(s.host, self.hosts))
        if len(away) < self.away_max:
            return ""
        more = f" and {len(away) - SHOWN} more" if len(away) > SHOWN else ""
        who = f"{', '.join(away[:SHOWN])}{more} {'is' if len(away) == 1 else 'are'} away"
        least = "one at a time" if self.away_max == 1 else f"{self.away_max} at a time"
        setting = f" ({self.setting})" if self.setting else ""
        return f"{who}, of the {self.kind} {self.name} like this one: {least}{setting}"


def together(
    picture: Picture, policy: DrainPolicy, quorums: Mapping[str, Iterable[str]]
) -> Iterator[Together]:
    """List what a host belongs to; `quorums` are the hosts of each quorum by its name."""
    services = [s for s in picture.tables.compute_services if s.binary == "nova-compute"]
    zone = picture.service.zone
    yield Together(
        kind=ZONE,
        name=zone or "?",
        hosts=sorted(s.host for s in services if s.zone == zone),
        away_max=policy.per_zone_max,
        setting="drain.per_zone_max",
    )
    for aggregate in picture.tables.aggregates:
        # One that only makes the zone is the zone.
        if picture.host in aggregate.hosts and not aggregate.metadata.get("availability_zone"):
            yield Together(
                kind=AGGREGATE,
                name=aggregate.name or str(aggregate.id),
                hosts=sorted(aggregate.hosts),
                away_max=policy.per_aggregate_max,
                setting="drain.per_aggregate_max",
            )
    for quorum, hosts in quorums.items():
        members = sorted(hosts)
        if any(_among(name, members) for name in picture.names):
            yield Together(kind=QUORUM, name=quorum, hosts=members)


def is_away(service: ComputeService) -> bool:
    """Tell whether a host is drained by us, or down; of one whose cell is down nobody knows."""
    if service.status == UNKNOWN:
        return True
    ours = service.status == "disabled" and (service.disabled_reason or "").startswith(OURS)
    return ours or service.forced_down or service.state == "down"


def _told(service: ComputeService) -> str:
    return f"{service.host} (its cell is down)" if service.status == UNKNOWN else service.host


def quorums_of(hosts: Mapping[str, Iterable[str]]) -> dict[str, list[str]]:
    """Return the members of each quorum; `hosts` are the inventory's groups by host."""
    found: dict[str, set[str]] = {}
    for host, groups in hosts.items():
        for group in groups:
            if group in QUORUMS:
                found.setdefault(QUORUMS[group], set()).add(host)
    # One member alone is no quorum: whoever takes it out takes all of it.
    return {name: sorted(members) for name, members in sorted(found.items()) if len(members) > 1}


def _among(host: str, members: Iterable[str]) -> bool:
    """Tell whether a host is one of these: Nova and the inventory may name it with a domain or not.

    Two domains that differ are two hosts.
    """
    own, _dot, domain = host.lower().partition(".")
    named = (member.lower().partition(".") for member in members)
    return any(
        own == label and (domain == end or "" in {domain, end}) for label, _dot, end in named
    )
