# SPDX-License-Identifier: Apache-2.0
"""What keeps a port from getting its address: DHCP, the subnet, metadata, security groups."""

from day2.model.tables.network import Network, NetworkAgent, Port, SecurityGroupRule, Subnet
from day2.operations.explain.picture import Causes, Picture, few, is_open

DHCP = "neutron-dhcp-agent"
METADATA = ("neutron-metadata-agent", "neutron-ovn-metadata-agent", "neutron-ovn-agent")
IPV4 = 4


def add(causes: Causes, picture: Picture, port: Port, network: Network | None) -> None:
    """Add what keeps a port from its address."""
    subnets = _subnets(picture, port)
    if network is not None and not subnets and picture.knows("subnets"):
        causes.add(
            90,
            "network-without-subnet",
            f"network {network.name or network.id} has no subnet: nothing gives an address",
            pro=["Neutron lists no subnet of it"],
            advice=f"openstack subnet create --network {network.id} --subnet-range CIDR NAME",
        )
    _without(causes, picture, port, subnets)
    _dhcp(causes, picture, port, subnets)
    _metadata(causes, picture, port)


def _subnets(picture: Picture, port: Port) -> list[Subnet]:
    return [s for s in picture.tables.subnets if s.network_id == port.network_id]


def full(picture: Picture, network: str) -> list[str]:
    """Name the subnets of a network that have no address left."""
    return [
        f"{use.cidr or use.subnet_id} ({int(use.used_ips)} of {int(use.total_ips)})"
        for row in picture.tables.availabilities
        if row.network_id == network
        for use in row.subnets
        if use.ip_version == IPV4 and use.total_ips and use.used_ips >= use.total_ips
    ]


def _without(causes: Causes, picture: Picture, port: Port, subnets: list[Subnet]) -> None:
    taken = full(picture, port.network_id)
    if taken:
        causes.add(
            40 if port.fixed_ips else 91,
            "subnet-full",
            f"no address is left in {few(taken)}",
            pro=["Neutron counts every address of its pools as used"],
            con=["this port has its address: only new ones get none"] if port.fixed_ips else [],
            advice="Ports that nobody uses hold addresses: openstack port list --network "
            f"{port.network_id} --long; else another allocation pool, or another subnet",
        )
    if not port.fixed_ips and subnets:
        causes.add(
            75,
            "port-without-address",
            "the port has no address",
            pro=["fixed_ips is empty"],
            con=["some want it so: openstack port create --no-fixed-ip"],
            advice=f"openstack port set --fixed-ip subnet=SUBNET {port.id}",
        )


def _dhcp(causes: Causes, picture: Picture, port: Port, subnets: list[Subnet]) -> None:
    own = {ip.subnet_id for ip in port.fixed_ips}
    mine = [s for s in subnets if s.ip_version == IPV4 and (not own or s.id in own)]
    if not mine or not picture.knows("subnets"):
        return
    if not any(s.enable_dhcp for s in mine):
        causes.add(
            62,
            "dhcp-disabled",
            f"DHCP is off in {few(s.cidr or s.id for s in mine)}",
            pro=["enable_dhcp is false: the guest asks for an address and nobody answers"],
            con=["with a config drive or a fixed address in the guest none is needed"],
            advice=f"openstack subnet set --dhcp {mine[0].id}",
        )
        return
    agents = [a for a in picture.tables.agents if a.binary == DHCP]
    serving = picture.serving.get(port.network_id)
    if not picture.knows("agents") or not agents or serving is None:
        return  # OVN answers DHCP itself, or it is not known who serves
    _served(causes, picture, port, serving, agents)


def _served(
    causes: Causes,
    picture: Picture,
    port: Port,
    serving: list[NetworkAgent],
    agents: list[NetworkAgent],
) -> None:
    alive = [a for a in agents if a.alive and a.admin_state_up]
    show = f"openstack network agent list --network {port.network_id}"
    if not serving:
        causes.add(
            84,
            "dhcp-not-bound",
            "no DHCP agent serves its network",
            pro=["a subnet has DHCP on, and Neutron has scheduled the network to no agent"],
            con=[] if alive else ["no DHCP agent is alive that could be taken"],
            advice=f"{show}; then: openstack network agent add network --dhcp AGENT "
            f"{port.network_id}"
            + (f" (alive: {few(f'{a.id} on {a.host}' for a in alive)})" if alive else ""),
        )
        return
    dead = [a for a in serving if not a.alive]
    off = [a for a in serving if a.alive and not a.admin_state_up]
    if len(dead) + len(off) == len(serving):
        causes.add(
            86,
            "dhcp-agent-down",
            f"every DHCP agent of its network is down: {few(a.host for a in [*dead, *off])}",
            pro=[
                f"the last report of {a.host} is {picture.said(a.heartbeat_timestamp)} old"
                for a in dead[:2]
            ]
            + [f"that of {a.host} is administratively down" for a in off[:2]],
            con=["a guest that has its lease keeps it until it ends (a day by default)"],
            advice=f"On {few(a.host for a in [*dead, *off])}: docker ps -a, docker logs --tail 100 "
            "neutron_dhcp_agent"
            + (
                f"; meanwhile an agent that lives: {alive[0].id} on {alive[0].host}: openstack "
                f"network agent add network --dhcp {alive[0].id} {port.network_id}"
                if alive
                else ""
            ),
        )
    elif dead:
        left = [a.host for a in serving if a not in dead and a not in off]
        causes.add(
            30,
            "dhcp-agent-down",
            f"of {len(serving)} DHCP agents of its network {len(dead)} "
            f"{'is' if len(dead) == 1 else 'are'} down ({few(a.host for a in dead)})",
            pro=[f"the last report is {picture.said(dead[0].heartbeat_timestamp)} old"],
            con=[f"{few(left)} answers as well"],
            advice=show,
        )


def _metadata(causes: Causes, picture: Picture, port: Port) -> None:
    """With DHCP agents metadata come through their hosts, with OVN through the port's own."""
    serving = picture.serving.get(port.network_id) or []
    hosts = {a.host for a in serving} or {port.host or ""}
    agents = [a for a in picture.tables.agents if a.binary in METADATA and a.host in hosts]
    dead = [a for a in agents if not a.alive or not a.admin_state_up]
    if agents and len(dead) == len(agents):
        causes.add(
            38,
            "metadata-agent-down",
            f"metadata are not answered: the agent on {few(sorted(a.host for a in dead))} is down",
            pro=[f"its last report is {picture.said(dead[0].heartbeat_timestamp)} old"],
            con=["the address itself does not need it; keys and user data do"],
            advice=f"On {dead[0].host}: docker logs --tail 100 neutron_metadata_agent",
        )


def add_rules(causes: Causes, picture: Picture, port: Port, *, from_outside: bool) -> None:
    """Add what its security groups do not let through; `from_outside`: for a floating IP."""
    if port.port_security_enabled is False or not picture.knows(
        "security_groups", "security_group_rules"
    ):
        return
    names = {g.id: g.name or g.id for g in picture.tables.security_groups}
    groups = few(names.get(group, group) for group in port.security_groups) or "none at all"
    rules = [r for r in picture.tables.security_group_rules if _of(r, port)]
    inwards = [r for r in rules if r.direction == "ingress"]
    outside = [r for r in inwards if r.remote_group_id is None and is_open(r.remote_ip_prefix)]
    if from_outside and not outside:
        causes.add(
            58,
            "security-group-blocks",
            f"its security groups let nothing in from outside ({groups})",
            pro=[
                "no rule of them is for ingress from an address outside",
                f"{len(inwards)} for ingress, all from groups or private networks"
                if inwards
                else "no rule is for ingress",
            ],
            con=["who needs it from inside only wants it so"],
            advice="openstack security group rule create --ingress --protocol tcp --dst-port PORT "
            f"--remote-ip CIDR {port.security_groups[0] if port.security_groups else 'GROUP'}",
        )
    elif not inwards:
        causes.add(
            28,
            "security-group-blocks",
            f"its security groups let nothing in ({groups})",
            pro=["no rule of them is for ingress"],
            con=["DHCP and answers to what the guest begins pass all the same"],
            advice=f"openstack security group rule list {' '.join(port.security_groups[:1])}",
        )
    if not any(r.direction == "egress" for r in rules):
        causes.add(
            48,
            "security-group-blocks-egress",
            f"its security groups let nothing out ({groups}): neither metadata nor names",
            pro=["no rule of them is for egress; what Neutron put there was deleted"],
            con=["DHCP passes all the same"],
            advice="openstack security group rule create --egress GROUP",
        )


def _of(rule: SecurityGroupRule, port: Port) -> bool:
    return rule.security_group_id in port.security_groups
