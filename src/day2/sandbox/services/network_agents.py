# SPDX-License-Identifier: Apache-2.0
"""Network: which agents serve what, how that is changed, and the bindings of ports."""

from collections.abc import Callable
from typing import Any, Literal

import msgspec

from day2.sandbox import http
from day2.sandbox.http import Answer, Refused, Request
from day2.sandbox.services import network_views as views
from day2.sandbox.services.network import SERVICE, route
from day2.sandbox.tables import Row
from day2.sandbox.timing import NEUTRON_DOWN_SECONDS, is_up
from day2.sandbox.world import World


class Served(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of thing that agents serve: routers by L3 agents, networks by DHCP agents."""

    one: Literal["router", "network"]
    binary: str
    title: str
    below_agent: str
    below_own: str
    owners: tuple[str, ...]
    error: str
    view: Callable[[World, Row], dict[str, Any]]

    @property
    def table(self) -> str:
        """The table of these things."""
        return f"{self.one}s"

    def ports(self, world: World, own: str) -> list[Row]:
        """List the ports that the serving agents' hosts hold for one of them."""
        field = "device_id" if self.one == "router" else "network_id"
        rows = world["ports"].find(**{field: own})
        return [row for row in rows if row["device_owner"] in self.owners]


ROUTERS = Served(
    one="router",
    binary="neutron-l3-agent",
    title="L3",
    below_agent="l3-routers",
    below_own="l3-agents",
    owners=("network:router_interface", "network:router_gateway"),
    error="RouterNotFound",
    view=views.router,
)
NETWORKS = Served(
    one="network",
    binary="neutron-dhcp-agent",
    title="DHCP",
    below_agent="dhcp-networks",
    below_own="dhcp-agents",
    owners=("network:dhcp",),
    error="NetworkNotFound",
    view=views.network,
)


def serving(world: World, kind: Served, own: str) -> set[str]:
    """Return the ids of the agents that serve it: those of its ports' hosts, until it is moved."""
    if own in world.served:
        return world.served[own]
    hosts = {row["host"] for row in kind.ports(world, own)}
    agents = world["agents"].find(binary=kind.binary)
    return {row["id"] for row in agents if row["host"] in hosts}


def _agent(request: Request, world: World) -> Row:
    own = request.parts["id"]
    row = world["agents"].get(own)
    if row is None:
        raise Refused(http.NOT_FOUND, f"Agent {own} could not be found.", kind="AgentNotFound")
    return row


def _thing(world: World, kind: Served, own: str) -> Row:
    row = world[kind.table].get(own)
    if row is None:
        said = f"{kind.one.capitalize()} {own} could not be found."
        raise Refused(http.NOT_FOUND, said, kind=kind.error)
    return row


def _shown(world: World, row: Row) -> dict[str, Any]:
    return {**views.agent(world, row), "resource_versions": {}}


@route("PUT", "/v2.0/agents/{id}")
def update_agent(request: Request, world: World) -> Answer:
    """Enable or disable an agent."""
    SERVICE.require_admin(request, "update_agent")
    wanted = request.document("agent")
    up = wanted.get("admin_state_up")
    row = _agent(request, world)
    if isinstance(up, bool):
        row = world["agents"].change(row["id"], admin_state_up=up)
    return Answer(body={"agent": views.agent(world, row)})


def _declare(kind: Served) -> None:
    below = f"/v2.0/agents/{{id}}/{kind.below_agent}"

    @route("GET", below)
    def of_agent(request: Request, world: World) -> Answer:
        SERVICE.require_admin(request, f"get_{kind.below_agent}")
        own = request.parts["id"]
        rows = [r for r in world[kind.table] if own in serving(world, kind, r["id"])]
        return Answer(body={kind.table: [kind.view(world, row) for row in rows]})

    @route("POST", below)
    def add(request: Request, world: World) -> Answer:
        SERVICE.require_admin(request, f"create_{kind.below_agent}")
        agent = _agent(request, world)
        own = str(request.document().get(f"{kind.one}_id"))
        _thing(world, kind, own)
        _refuse_unfit(world, kind, agent)
        now = serving(world, kind, own)
        here = agent["id"] in now
        if kind is NETWORKS and here:
            said = f"The network {own} has been already hosted by the DHCP Agent {agent['id']}."
            raise Refused(http.CONFLICT, said, kind="NetworkHostedByDHCPAgent")
        if kind is ROUTERS and now and not here:
            first = next(iter(now))
            said = f"The router {own} has been already hosted by the L3 Agent {first}."
            raise Refused(http.CONFLICT, said, kind="RouterHostedByL3Agent")
        world.served[own] = now | {agent["id"]}
        if kind is ROUTERS:
            for port in kind.ports(world, own):
                world["ports"].change(port["id"], host=agent["host"], updated_at=world.now())
        return Answer(status=http.CREATED, body=b"null")

    @route("DELETE", f"{below}/{{own}}")
    def remove(request: Request, world: World) -> Answer:
        SERVICE.require_admin(request, f"delete_{kind.below_agent}")
        agent, own = _agent(request, world), request.parts["own"]
        _thing(world, kind, own)
        now = serving(world, kind, own)
        if kind is NETWORKS and agent["id"] not in now:
            said = f"The network {own} is not hosted by the DHCP Agent {agent['id']}."
            raise Refused(http.CONFLICT, said, kind="NetworkNotHostedByDhcpAgent")
        world.served[own] = now - {agent["id"]}
        return Answer(status=http.NO_CONTENT)

    @route("GET", f"/v2.0/{kind.table}/{{id}}/{kind.below_own}")
    def agents_of(request: Request, world: World) -> Answer:
        SERVICE.require_admin(request, f"get_{kind.below_own}")
        ids = serving(world, kind, request.parts["id"])
        rows = [row for row in world["agents"] if row["id"] in ids]
        more: dict[str, Any] = {"ha_state": None} if kind is ROUTERS else {}
        return Answer(body={"agents": [{**_shown(world, row), **more} for row in rows]})


def _refuse_unfit(world: World, kind: Served, agent: Row) -> None:
    fits = agent["binary"] == kind.binary and agent["admin_state_up"]
    if fits and is_up(agent, world.now(), NEUTRON_DOWN_SECONDS):
        return
    own = agent["id"]
    if kind is ROUTERS:
        said = f"Agent {own} is not a L3 Agent or has been disabled"
        raise Refused(http.NOT_FOUND, said, kind="InvalidL3Agent")
    said = f"Agent {own} is not a valid DHCP Agent or has been disabled."
    raise Refused(http.NOT_FOUND, said, kind="InvalidDHCPAgent")


for _kind in (ROUTERS, NETWORKS):
    _declare(_kind)


@route("GET", "/v2.0/ports/{id}/bindings")
def bindings(request: Request, world: World) -> Answer:
    """List the bindings of a port; a move that went wrong leaves an inactive one behind."""
    own = request.parts["id"]
    port = world["ports"].get(own)
    if port is not None and not request.who.admin:
        raise Refused(http.NOT_FOUND, "The resource could not be found.", kind="HTTPNotFound")
    if port is None:
        raise Refused(http.NOT_FOUND, f"Port {own} could not be found.", kind="PortNotFound")
    shown = [_binding(port["host"], "ACTIVE")]
    server = world["servers"].get(port["device_id"]) or {}
    if server.get("stray"):
        shown.append(_binding(server["stray"], "INACTIVE"))
    return Answer(body={"bindings": shown})


def _binding(host: str, status: str) -> dict[str, Any]:
    return {
        "host": host,
        "vif_type": "ovs" if host else "unbound",
        "vif_details": views.BOUND if host else {},
        "vnic_type": "normal",
        "profile": {},
        "status": status,
    }
