# SPDX-License-Identifier: Apache-2.0
"""The story of a port: who has it, where it is bound, who wires it, who answers its DHCP."""

from day2.model.explanation import Event, Explanation, Link
from day2.model.finding import Subject
from day2.model.tables.network import Network, Port
from day2.operations.explain import addresses, wires
from day2.operations.explain.picture import Causes, Picture, event, few, short, told

OWN = ("network:", "Octavia")


def explain(picture: Picture, port: Port) -> Explanation:
    """Tell it; pure."""
    return told(
        picture,
        subject(port),
        state(port),
        causes(picture, port),
        links=links(picture, port),
        events=events(picture, port),
        unknown=["what the guest itself does with its address is told by no API"],
    )


def subject(port: Port) -> Subject:
    """Name a port."""
    return Subject(
        type="port", id=port.id, name=port.name, project=port.project_id, host=short(port.host)
    )


def state(port: Port) -> str:
    """Say how it is."""
    where = f" on {short(port.host)}" if port.host else ", bound to no host"
    held = few((ip.ip_address for ip in port.fixed_ips), 3) or "without an address"
    return f"{port.status}{where}, {held}"


def causes(picture: Picture, port: Port, *, from_outside: bool = False) -> Causes:
    """Find what speaks against a port; `from_outside`: somebody wants in by a floating IP."""
    found = Causes()
    network = network_of(picture, port)
    wires.add(found, picture, port, network)
    if not port.device_owner.startswith(OWN):
        addresses.add(found, picture, port, network)
        addresses.add_rules(found, picture, port, from_outside=from_outside)
    if port.device_owner.startswith("compute:") and port.device_id in picture.gone:
        found.add(
            89,
            "port-of-no-server",
            f"its server {port.device_id} does not exist",
            pro=["Nova answers 404 for it, to an account that sees everything"],
            advice=f"openstack server show {port.device_id} must find nothing; then: openstack "
            f"port delete {port.id}",
        )
    return found


def network_of(picture: Picture, port: Port) -> Network | None:
    """Return its network, if it was read."""
    return next((n for n in picture.tables.networks if n.id == port.network_id), None)


def links(picture: Picture, port: Port) -> list[Link]:
    """List what hangs on it, and on what it hangs."""
    found = []
    server = picture.server(port.device_id)
    if server is not None:
        about = Subject(type="server", id=server.id, name=server.name, host=server.host or "")
        found.append(
            Link(
                relation="server",
                subject=about,
                state=server.status,
                bad=server.status == "ERROR",
            )
        )
    network = network_of(picture, port)
    if network is not None:
        found.append(
            Link(
                relation="network",
                subject=Subject(type="network", id=network.id, name=network.name),
                state=_network_state(network),
                bad=not network.admin_state_up,
            )
        )
    found += [
        Link(
            relation="floating IP",
            subject=Subject(type="floating_ip", id=f.id, name=f.floating_ip_address),
            state=f.status,
            bad=f.status != "ACTIVE",
        )
        for f in picture.tables.floating_ips
        if f.port_id == port.id
    ]
    found += [
        _agent("wires it", a.host, a.binary or a.agent_type, alive=a.alive)
        for a in wires.wiring(picture, port.host)
    ]
    found += [
        _agent("answers its DHCP", a.host, a.binary, alive=a.alive)
        for a in picture.serving.get(port.network_id) or ()
    ]
    return found


def _network_state(network: Network) -> str:
    kind = network.network_type or ""
    where = f" on {network.physical_network}" if network.physical_network else ""
    return f"{network.status} {kind}{where}".strip()


def _agent(relation: str, host: str, binary: str, *, alive: bool) -> Link:
    return Link(
        relation=relation,
        subject=Subject(type="agent", id=f"{binary}@{host}", host=host),
        state="alive" if alive else "down",
        bad=not alive,
    )


def events(picture: Picture, port: Port) -> list[Event]:
    """List its moments: its own, and what was asked of its server."""
    network = {"service": "neutron"}
    found = event(port.created_at, "port created", **network)
    if port.updated_at != port.created_at:
        found += event(port.updated_at, f"port last changed: {port.status}", **network)
    for agent in wires.wiring(picture, port.host):
        if not agent.alive:
            what = f"last report of {agent.binary or agent.agent_type}"
            found += event(agent.heartbeat_timestamp, what, host=agent.host, **network)
    return found + actions(picture)


def actions(picture: Picture) -> list[Event]:
    """List what was asked of the server of a story."""
    return [
        Event(
            at=action.start_time,
            what=f"server: {action.action}",
            detail=action.message or "",
            request_id=action.request_id,
            failed=bool(action.message),
            service="nova",
        )
        for action in picture.actions
        if action.start_time is not None
    ]
