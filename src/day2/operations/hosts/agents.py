# SPDX-License-Identifier: Apache-2.0
"""What the network agents of the host serve, and who else could: routers, DHCP, OVN gateways.

The lists of what each agent serves are not in a survey; the bindings of the ports that the agents
themselves own tell the same.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator

import msgspec

from day2.model.tables.network import NetworkAgent, Port
from day2.operations.hosts.picture import Picture

L3 = "neutron-l3-agent"
DHCP = "neutron-dhcp-agent"
OVN_GATEWAY = "OVN Controller Gateway agent"
RESERVED = "reserved_dhcp_port"
"""Neutron keeps the port, and its host, of an agent from which a network was taken away."""
_ROUTER_PORTS = frozenset(
    {
        "network:router_interface",
        "network:router_gateway",
        "network:router_centralized_snat",
        "network:router_ha_interface",
        "network:ha_router_replicated_interface",
    }
)


class Duty(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that an agent of the host serves alone.

    `to` is the agent that takes it over; None when no other agent lives that could.
    """

    type: str
    id: str
    name: str
    project: str
    agent: NetworkAgent
    to: NetworkAgent | None


class Duties(msgspec.Struct, frozen=True, kw_only=True):
    """What has to be moved, and what goes on by itself (said in sentences)."""

    moves: list[Duty] = []
    notes: list[str] = []
    cut: list[str] = []


def duties(picture: Picture) -> Duties:
    """Look at the agents of the host."""
    mine = [agent for agent in picture.tables.agents if agent.host in picture.names]
    moves: list[Duty] = []
    notes: list[str] = []
    cut: list[str] = []
    for agent in mine:
        if agent.binary == L3:
            moves += _routers(picture, agent, notes)
        elif agent.binary == DHCP:
            moves += _networks(picture, agent, notes)
        elif agent.agent_type == OVN_GATEWAY:
            others = _others(picture, agent)
            (notes if others else cut).append(
                f"it is an OVN gateway; {len(others)} other{'s' if len(others) != 1 else ''} take "
                "over by themselves within seconds"
                if others
                else "it is the only OVN gateway that lives: what leaves the cloud through it stops"
            )
    return Duties(moves=moves, notes=notes, cut=cut)


def _others(picture: Picture, agent: NetworkAgent) -> list[NetworkAgent]:
    alike = [
        other
        for other in picture.tables.agents
        if other.agent_type == agent.agent_type
        and other.binary == agent.binary
        and other.host not in picture.names
        and other.alive
        and other.admin_state_up
    ]
    return sorted(alike, key=lambda other: other.host)


def _routers(picture: Picture, agent: NetworkAgent, notes: list[str]) -> Iterator[Duty]:
    routers = {router.id: router for router in picture.tables.routers}
    on = _served(picture.tables.ports, _ROUTER_PORTS, lambda port: port.device_id)
    others = _others(picture, agent)
    load = _load(on, others)
    spare = 0
    for identifier in sorted(i for i, hosts in on.items() if hosts & picture.names):
        router = routers.get(identifier)
        if router is None:
            continue
        # The interfaces of a distributed router are on every host; its own exit is on one.
        if router.distributed and not router.ha and not _exit_here(picture, identifier):
            continue
        if router.ha and on[identifier] & {other.host for other in others}:
            spare += 1
            continue
        to = _least(others, load, agent)
        yield Duty(
            type="router",
            id=identifier,
            name=router.name,
            project=router.project_id,
            agent=agent,
            to=to,
        )
    if spare:
        notes.append(
            f"{spare} highly available router{'s' if spare > 1 else ''} of its L3 agent "
            f"go{'' if spare > 1 else 'es'} on elsewhere by "
            f"{'themselves' if spare > 1 else 'itself'} within seconds"
        )


def _networks(picture: Picture, agent: NetworkAgent, notes: list[str]) -> Iterator[Duty]:
    networks = {network.id: network for network in picture.tables.networks}
    on = _served(picture.tables.ports, frozenset({"network:dhcp"}), lambda port: port.network_id)
    others = _others(picture, agent)
    load = _load(on, others)
    spare = 0
    for identifier in sorted(i for i, hosts in on.items() if hosts & picture.names):
        if on[identifier] & {other.host for other in others}:
            spare += 1
            continue
        network = networks.get(identifier)
        yield Duty(
            type="network",
            id=identifier,
            name=network.name if network else "",
            project=network.project_id if network else "",
            agent=agent,
            to=_least(others, load, agent),
        )
    if spare:
        notes.append(f"DHCP of {spare} network{'s' if spare > 1 else ''} goes on by another agent")


def _served(
    ports: Iterable[Port], owners: frozenset[str], key: Callable[[Port], str]
) -> dict[str, set[str]]:
    found: dict[str, set[str]] = defaultdict(set)
    for port in ports:
        if port.device_owner in owners and port.host and port.device_id != RESERVED:
            found[key(port)].add(port.host)
    return found


def _exit_here(picture: Picture, router: str) -> bool:
    return any(
        port.device_id == router
        and port.device_owner == "network:router_centralized_snat"
        and port.host in picture.names
        for port in picture.tables.ports
    )


def _load(on: dict[str, set[str]], others: Iterable[NetworkAgent]) -> Counter[str]:
    load = Counter({other.host: 0 for other in others})
    for hosts in on.values():
        load.update(host for host in hosts if host in load)
    return load


def _least(
    others: list[NetworkAgent], load: Counter[str], agent: NetworkAgent
) -> NetworkAgent | None:
    """Choose the agent that serves least, in the same availability zone where there is one."""
    near = [o for o in others if o.availability_zone == agent.availability_zone] or others
    if not near:
        return None
    chosen = min(near, key=lambda other: (load[other.host], other.host))
    load[chosen.host] += 1
    return chosen
