# SPDX-License-Identifier: Apache-2.0
"""The story of a floating IP: from the outside through its router to the port and its server."""

from collections.abc import Sequence

from day2.model.explanation import Explanation, Link
from day2.model.finding import Subject
from day2.model.tables.network import FloatingIp, Network, NetworkAgent, Port, Router
from day2.operations.explain import port as ports
from day2.operations.explain.picture import Causes, Picture, event, few, short, told

# What weighs less of its port does not keep an address from answering.
PORT_WEIGHT_MIN = 45
GATEWAY, INTERFACE = "network:router_gateway", "network:router_interface"
INTERFACES = (
    INTERFACE,
    "network:ha_router_replicated_interface",
    "network:router_interface_distributed",
)
OVN_GATEWAY = "OVN Controller Gateway agent"


def explain(picture: Picture, address: FloatingIp) -> Explanation:
    """Tell it; pure."""
    causes = Causes()
    outer = _network(picture, address.floating_network_id)
    _outside(causes, picture, address, outer)
    port = next((p for p in picture.tables.ports if p.id == address.port_id), None)
    if not address.port_id:
        _unattached(causes, picture, address, outer)
    else:
        _way(causes, picture, address, port)
        if port is not None:
            inner = ports.causes(picture, port, from_outside=True)
            about = f"port {address.fixed_ip_address or port.id}"
            causes.take(inner, less=4, about=about, least=PORT_WEIGHT_MIN)
    return told(
        picture,
        Subject(
            type="floating_ip",
            id=address.id,
            name=address.floating_ip_address,
            project=address.project_id,
            host=short(port.host) if port else "",
        ),
        _state(address),
        causes,
        links=_links(picture, address, port),
        events=[
            *event(address.created_at, "floating IP created", service="neutron"),
            *event(address.updated_at, f"last changed: {address.status}", service="neutron"),
            *(ports.events(picture, port) if port else []),
        ],
        unknown=["whether ARP, MTU and the uplink of the bridge are well: only packets tell that"],
    )


def _state(address: FloatingIp) -> str:
    to = f" → {address.fixed_ip_address}" if address.fixed_ip_address else ", attached to nothing"
    return f"{address.status}{to}"


def _network(picture: Picture, own: str) -> Network | None:
    return next((n for n in picture.tables.networks if n.id == own), None)


def _outside(causes: Causes, picture: Picture, address: FloatingIp, outer: Network | None) -> None:
    if outer is None:
        if picture.knows("networks"):
            causes.add(
                96,
                "external-network-gone",
                f"its network {address.floating_network_id} is not there",
                pro=["Neutron lists no network of this id"],
            )
        return
    if not outer.external:
        causes.add(
            94,
            "external-network-not-external",
            f"network {outer.name or outer.id} is not external any more",
            pro=["router:external is false"],
            advice=f"openstack network set --external {outer.id}",
        )
    if not outer.admin_state_up:
        causes.add(
            94,
            "network-admin-down",
            f"the external network {outer.name or outer.id} is administratively down",
            pro=["admin_state_up is false"],
            advice=f"openstack network set --enable {outer.id}",
        )


def _unattached(
    causes: Causes, picture: Picture, address: FloatingIp, outer: Network | None
) -> None:
    routers = [r for r in picture.tables.routers if r.project_id == address.project_id]
    leading = [r for r in routers if _leads(r, address.floating_network_id)]
    without = [r for r in routers if r.external_gateway_info is None]
    name = outer.name if outer and outer.name else address.floating_network_id
    if without and not leading:
        causes.add(
            90,
            "router-without-gateway",
            f"router {few(r.name or r.id for r in without)} has no gateway: the address cannot "
            "be attached behind it",
            pro=[
                "external_gateway_info is empty",
                f"no router of the project leads to {name}",
            ],
            advice=f"openstack router set --external-gateway {address.floating_network_id} "
            f"{without[0].id}",
        )
    elif not leading and picture.knows("routers"):
        causes.add(
            88,
            "network-not-reachable",
            f"no router of its project leads to {name}",
            pro=["Neutron lists none; it refuses the address: 'External network is not reachable'"],
            con=["a router of another project may do it, when its network is shared"],
            advice="A router with a gateway there and an interface in the subnet is needed",
        )
    causes.add(
        70,
        "floating-ip-unattached",
        "it is attached to no port",
        pro=[f"port_id is empty, last changed {picture.said(address.updated_at)} ago"],
        con=["whoever keeps it for later wants it so"],
        advice=f"openstack floating ip set --port PORT {address.id}",
    )


def _leads(router: Router, network: str) -> bool:
    gateway = router.external_gateway_info
    return gateway is not None and gateway.network_id == network


def _way(causes: Causes, picture: Picture, address: FloatingIp, port: Port | None) -> None:
    router = next((r for r in picture.tables.routers if r.id == address.router_id), None)
    if router is None:
        if picture.knows("routers"):
            causes.add(
                92,
                "floating-ip-without-router",
                "no router carries it"
                if not address.router_id
                else f"its router {address.router_id} is not there",
                pro=["Neutron names none that is there"],
                advice="Attach it again: openstack floating ip unset --port, then set --port PORT",
            )
        return
    _gateway(causes, address, router)
    if port is not None:
        _interface(causes, picture, router, port)
        _server(causes, picture, port)
    _carried(causes, picture, address, router, port)


def _gateway(causes: Causes, address: FloatingIp, router: Router) -> None:
    name = router.name or router.id
    gateway = router.external_gateway_info
    if gateway is None:
        causes.add(
            95,
            "router-without-gateway",
            f"router {name} has no gateway",
            pro=["external_gateway_info is empty"],
            advice=f"openstack router set --external-gateway {address.floating_network_id} "
            f"{router.id}",
        )
    elif gateway.network_id != address.floating_network_id:
        causes.add(
            93,
            "gateway-elsewhere",
            f"the gateway of router {name} is on another network than the address",
            pro=[f"its gateway is on {gateway.network_id}"],
            advice=f"openstack router show {router.id}",
        )
    if not router.admin_state_up:
        causes.add(
            92,
            "router-admin-down",
            f"router {name} is administratively down",
            pro=["admin_state_up is false"],
            advice=f"openstack router set --enable {router.id}",
        )


def _interface(causes: Causes, picture: Picture, router: Router, port: Port) -> None:
    if not picture.knows("ports"):
        return
    own = {ip.subnet_id for ip in port.fixed_ips}
    joined = {
        ip.subnet_id
        for p in picture.tables.ports
        if p.device_id == router.id and p.device_owner in INTERFACES
        for ip in p.fixed_ips
    }
    if own and not own & joined:
        causes.add(
            91,
            "router-not-in-subnet",
            f"router {router.name or router.id} has no interface in the subnet of the port",
            pro=[f"its interfaces are in {few(sorted(joined)) or 'no subnet'}"],
            advice=f"openstack router add subnet {router.id} {next(iter(own))}",
        )


def _server(causes: Causes, picture: Picture, port: Port) -> None:
    server = picture.server(port.device_id)
    if server is not None and server.status not in {"ACTIVE", "VERIFY_RESIZE"}:
        causes.add(
            87,
            "server-not-active",
            f"its server {server.name or server.id} is {server.status}",
            pro=[f"for {picture.said(server.updated)}"],
            advice=f"day2 explain {server.id}",
        )


def _carried(
    causes: Causes, picture: Picture, address: FloatingIp, router: Router, port: Port | None
) -> None:
    """Say whether somebody carries the router: L3 agents, or a gateway chassis of OVN."""
    active = address.status == "ACTIVE"
    con = ["Neutron calls the address ACTIVE: what was set up before may go on"] if active else []
    agents = picture.serving.get(router.id)
    l3 = [a for a in picture.tables.agents if a.binary == "neutron-l3-agent"]
    if agents is not None and l3:
        _l3(causes, picture, router, agents, con)
        return
    chassis = [a for a in picture.tables.agents if a.agent_type == OVN_GATEWAY]
    if chassis and not any(a.alive for a in chassis):
        causes.add(
            90,
            "gateway-chassis-down",
            f"every gateway chassis is down: {few(a.host for a in chassis)}",
            pro=[f"the last report is {picture.said(chassis[0].heartbeat_timestamp)} old"],
            con=con,
            advice=f"On {chassis[0].host}: docker logs --tail 100 ovn_controller",
        )
    if router.distributed and port is not None:
        _distributed(causes, picture, port)


def _l3(
    causes: Causes,
    picture: Picture,
    router: Router,
    agents: Sequence[NetworkAgent],
    con: list[str],
) -> None:
    name = router.name or router.id
    if not agents:
        causes.add(
            90,
            "router-not-bound",
            f"no L3 agent carries router {name}",
            pro=["Neutron has scheduled it to none"],
            con=con,
            advice=f"openstack network agent add router --l3 AGENT {router.id}",
        )
        return
    dead = [a for a in agents if not a.alive or not a.admin_state_up]
    if len(dead) == len(agents):
        causes.add(
            86 if con else 91,
            "l3-agent-down",
            f"every L3 agent of router {name} is down: {few(a.host for a in dead)}",
            pro=[f"the last report is {picture.said(dead[0].heartbeat_timestamp)} old"],
            con=con,
            advice=f"On {dead[0].host}: docker logs --tail 100 neutron_l3_agent; a router that is "
            "not HA is moved with: openstack network agent remove router --l3, then add router",
        )
    elif dead:
        causes.add(
            32,
            "l3-agent-down",
            f"of {len(agents)} L3 agents of router {name} {len(dead)} is down "
            f"({few(a.host for a in dead)})",
            pro=[f"the last report is {picture.said(dead[0].heartbeat_timestamp)} old"],
            con=[f"{few(a.host for a in agents if a not in dead)} carries it as well", *con],
            advice=f"openstack network agent list --router {router.id} --long tells who is active",
        )


def _distributed(causes: Causes, picture: Picture, port: Port) -> None:
    host = short(port.host)
    dead = [
        a
        for a in picture.tables.agents
        if a.host == host and a.binary == "neutron-l3-agent" and not a.alive
    ]
    if dead:
        causes.add(
            89,
            "l3-agent-down",
            f"the router is distributed, and the L3 agent on {host} is down",
            pro=[f"its last report is {picture.said(dead[0].heartbeat_timestamp)} old"],
            advice=f"On {host}: docker logs --tail 100 neutron_l3_agent",
        )


def _links(picture: Picture, address: FloatingIp, port: Port | None) -> list[Link]:
    found = []
    for router in picture.tables.routers:
        if router.id == address.router_id:
            found.append(
                Link(
                    relation="router",
                    subject=Subject(type="router", id=router.id, name=router.name),
                    state=router.status,
                    bad=router.status != "ACTIVE" or router.external_gateway_info is None,
                )
            )
            found += [
                Link(
                    relation="carries the router",
                    subject=Subject(type="agent", id=f"{a.binary}@{a.host}", host=a.host),
                    state="alive" if a.alive else "down",
                    bad=not a.alive,
                )
                for a in picture.serving.get(router.id) or ()
            ]
    if port is not None:
        found.append(
            Link(
                relation="port",
                subject=ports.subject(port),
                state=ports.state(port),
                bad=port.status != "ACTIVE",
            )
        )
        found += [link for link in ports.links(picture, port) if link.relation != "floating IP"]
    return found
