# SPDX-License-Identifier: Apache-2.0
"""What keeps a port from working: its own switches, its binding, the agent of its host."""

from collections.abc import Iterator

from day2.model.tables.details import AgentDetail
from day2.model.tables.network import Network, Port
from day2.operations.explain.picture import Causes, Picture, few, short

BINDING_FAILED, UNBOUND = "binding_failed", "unbound"
# What wires ports on a host; of an OVN host it is its controller.
WIRING = ("openvswitch", "linuxbridge", "ovn-controller", "sriov", "macvtap", "OVN Controller")
TUNNELS = ("vxlan", "gre", "geneve")
PLUGGING = ("VirtualInterfaceCreate", "Failed to allocate the network", "network-vif-plugged")


def add(causes: Causes, picture: Picture, port: Port, network: Network | None) -> None:
    """Add what speaks against a port by itself, its network and its host."""
    if not port.admin_state_up:
        causes.add(
            95,
            "port-admin-down",
            "the port is administratively down",
            pro=["admin_state_up is false"],
            advice=f"If nobody wants it so: openstack port set --enable {port.id}",
        )
    if network is not None and not network.admin_state_up:
        causes.add(
            94,
            "network-admin-down",
            f"its network {network.name or network.id} is administratively down",
            pro=["admin_state_up of the network is false: its DHCP is off as well"],
            advice=f"openstack network set --enable {network.id}",
        )
    _agent_down(causes, picture, port)
    if port.vif_type == BINDING_FAILED:
        _binding_failed(causes, picture, port, network)
    elif port.status == "DOWN" and port.admin_state_up:
        _down(causes, picture, port)
    _left_bindings(causes, picture, port)


def wiring(picture: Picture, host: str | None) -> list[AgentDetail]:
    """Return the agents that wire ports on a host."""
    return [a for a in picture.details if a.host == short(host) and _wires(a)]


def _wires(agent: AgentDetail) -> bool:
    return any(word in agent.binary or word in agent.agent_type for word in WIRING)


def _agent_down(causes: Causes, picture: Picture, port: Port) -> None:
    host = short(port.host)
    if not host or not picture.knows("agent_details"):
        return
    agents = wiring(picture, host)
    if not agents:
        if picture.details or port.vif_type == BINDING_FAILED:
            causes.add(
                88 if port.vif_type == BINDING_FAILED else 35,
                "network-agent-missing",
                f"Neutron knows no agent that wires ports on {host}",
                pro=["its complete list of agents has none of this host"],
                con=["the port is ACTIVE"] if port.status == "ACTIVE" else [],
                advice=f"Is {host} spelled as the agents spell it? openstack network agent list; "
                f"then the container neutron_openvswitch_agent or ovn_controller on {host}",
            )
        return
    for agent in agents:
        if agent.alive:
            continue
        active = port.status == "ACTIVE" and port.vif_type != BINDING_FAILED
        causes.add(
            40 if active else 92,
            "network-agent-down",
            f"{agent.binary or agent.agent_type} on {host} is down",
            pro=[
                f"its last report is {picture.said(agent.heartbeat_timestamp)} old",
                "changes of the port, its addresses and its security groups are not carried out",
            ],
            con=["the port is ACTIVE: what was wired before goes on"] if active else [],
            advice=f"On {host}: docker ps -a and docker logs --tail 100 "
            "neutron_openvswitch_agent (with OVN: ovn_controller); is the whole host well? "
            f"day2 explain {host}",
        )


def _binding_failed(causes: Causes, picture: Picture, port: Port, network: Network | None) -> None:
    host = short(port.host)
    alive = [agent for agent in wiring(picture, host) if agent.alive]
    for text in _unfit(alive, network):
        causes.add(
            93,
            "physical-network-mapping",
            text,
            pro=[
                "the port could not be bound there (vif_type binding_failed)",
                f"the agent on {host} is alive and says what it maps",
            ],
            advice=f"bridge_mappings (OVN: ovn-bridge-mappings) of {host}: "
            "neutron_external_interface and neutron_bridge_name of Kolla's globals for that host, "
            "then kolla-ansible reconfigure --tags neutron --limit HOST",
        )
    causes.add(
        80,
        "binding-failed",
        f"no mechanism driver could bind the port on {host or 'its host'}",
        pro=[
            "Neutron reports vif_type binding_failed",
            f"last changed {picture.said(port.updated_at)} ago",
        ],
        con=["an agent that is down explains it"] if not alive and picture.details else [],
        advice="'Failed to bind port' in the log of neutron-server tells each driver's reason; "
        "once it is mended the server needs a hard reboot, or the port another binding",
    )


def _unfit(agents: list[AgentDetail], network: Network | None) -> Iterator[str]:
    if network is None:
        return
    kind, physical = network.network_type, network.physical_network
    for agent in agents:
        mappings, tunnels = agent.bridge_mappings, agent.tunnel_types
        if physical and mappings is not None and physical not in mappings:
            has = f"only {few(mappings)}" if mappings else "none at all"
            yield f"{agent.host} has no way to the physical network {physical}: it maps {has}"
        if kind in TUNNELS and tunnels is not None and kind not in tunnels:
            has = few(tunnels) if tunnels else "none"
            yield f"{agent.host} builds no {kind} tunnels (it builds {has})"


def _down(causes: Causes, picture: Picture, port: Port) -> None:
    if not port.device_id:
        return
    server = picture.server(port.device_id)
    if server is not None and server.status != "ACTIVE":
        causes.add(
            60,
            "server-not-active",
            f"its server {server.name or server.id} is {server.status}: its port is down with it",
            pro=[f"task state {server.task_state}"] if server.task_state else [],
            advice=f"day2 explain {server.id}",
        )
        return
    if not port.host or port.vif_type in {UNBOUND, "", None}:
        if port.device_owner.startswith("compute:"):
            causes.add(
                65,
                "port-unbound",
                "the port is bound to no host",
                pro=[f"vif_type {port.vif_type or 'empty'}, although it belongs to a server"],
                advice="A server that was never placed, or is shelved, has its ports unbound: "
                f"day2 explain {port.device_id}",
            )
        return
    alive = any(agent.alive for agent in wiring(picture, port.host))
    said = [
        a.message or ""
        for a in picture.actions
        if any(word in (a.message or "") for word in PLUGGING)
    ]
    if server is not None or said:
        causes.add(
            85 if said else 70,
            "vif-plugging",
            f"the port is bound to {short(port.host)} and was never wired there",
            pro=[
                f"DOWN for {picture.said(port.updated_at)}",
                f"Nova said: {said[-1]}" if said else "",
            ],
            con=[] if alive else ["the agent that wires it is not alive"],
            advice=f"On {short(port.host)}: docker logs --tail 200 neutron_openvswitch_agent (OVN: "
            "ovn_controller) and nova_compute; DHCP must have answered for the port as well: a "
            "port waits for both",
        )


def _left_bindings(causes: Causes, picture: Picture, port: Port) -> None:
    inactive = [b.host for b in picture.bindings or () if b.status == "INACTIVE"]
    moving = any(
        m.status in {"running", "queued", "preparing", "accepted", "pre-migrating"}
        for m in picture.migrations
    )
    if inactive and not moving:
        causes.add(
            45,
            "stale-port-binding",
            f"a move left a binding on {few(inactive)}: the next move there will fail",
            pro=["the binding is INACTIVE, and no move of the server goes on"],
            con=["traffic of today is not hurt by it"],
            advice="When no move of the server is under way: DELETE "
            f"/v2.0/ports/{port.id}/bindings/HOST of the network API (the openstack client has no "
            "command for it)",
        )
