# SPDX-License-Identifier: Apache-2.0
"""Network (Neutron), as far as moving things off a host needs it: ports, bindings, agents."""

import msgspec

from day2.adapters.clock import Clock
from day2.adapters.openstack.pages import Collection
from day2.adapters.openstack.session import Session
from day2.adapters.openstack.single import Said, Single, part
from day2.errors import Denied, NotDeployed
from day2.model.tables.network import NetworkAgent, Port


class Binding(msgspec.Struct, frozen=True, kw_only=True):
    """One binding of a port: where, and whether it is the one in use."""

    host: str = ""
    status: str = ""
    vif_type: str = ""


class Network:
    """One region's network service."""

    def __init__(self, session: Session, clock: Clock) -> None:
        self._api = Single(session, "network", clock=clock)

    def ports_of(self, device: str) -> list[Port]:
        """List the ports of a device (a server, a router)."""
        return self._api.list(
            Collection(
                kind="ports",
                service="network",
                path="/v2.0/ports",
                key="ports",
                row=Port,
                query={"device_id": device},
            )
        )

    def is_absent(self, kind: str, identifier: str) -> bool:
        """Tell whether a port or a router (`kind`) is proven not to be there.

        Raises:
            Day2Error: when that could not be told.

        """
        path = f"/v2.0/{kind}s/{part(identifier)}"
        return self._api.find(path, f"{kind} {identifier}", dict, kind) is None

    def bindings(self, port: str) -> list[Binding] | None:
        """List the bindings of a port; None where the account or the service does not show them."""
        path = f"/v2.0/ports/{part(port)}/bindings"
        try:
            return self._api.read(path, f"bindings of port {port}", list[Binding], "bindings")
        except (Denied, NotDeployed):
            return None

    def agent(self, agent: str) -> NetworkAgent | None:
        """Read one agent; None when it is proven not to be there."""
        path = f"/v2.0/agents/{part(agent)}"
        return self._api.find(path, f"network agent {agent}", NetworkAgent, "agent")

    def set_agent(self, agent: str, *, up: bool) -> Said:
        """Enable or disable an agent: a disabled one is given nothing new."""
        body = {"agent": {"admin_state_up": up}}
        return self._api.change(
            "PUT", f"/v2.0/agents/{part(agent)}", f"network agent {agent}", body
        )

    def hosting_router(self, router: str) -> list[NetworkAgent] | None:
        """List the L3 agents of a router; None when the router is proven to be gone."""
        return self._hosting("routers", router, "l3-agents")

    def hosting_network(self, network: str) -> list[NetworkAgent] | None:
        """List the DHCP agents of a network; None when the network is proven to be gone."""
        return self._hosting("networks", network, "dhcp-agents")

    def _hosting(self, kind: str, own: str, agents: str) -> list[NetworkAgent] | None:
        # Asked for a router that is not there, the list of its agents is just empty.
        page, one = f"/v2.0/{kind}/{part(own)}", kind.removesuffix("s")
        if self._api.find(page, f"{one} {own}", msgspec.Raw, one) is None:
            return None
        return self._api.read(
            f"{page}/{agents}", f"{agents} of {one} {own}", list[NetworkAgent], "agents"
        )

    def add_router(self, agent: str, router: str) -> Said:
        """Give a router to an L3 agent."""
        path = f"/v2.0/agents/{part(agent)}/l3-routers"
        return self._api.change("POST", path, f"router {router}", {"router_id": router})

    def remove_router(self, agent: str, router: str) -> Said:
        """Take a router from an L3 agent: its traffic stops until another one has it."""
        path = f"/v2.0/agents/{part(agent)}/l3-routers/{part(router)}"
        return self._api.change("DELETE", path, f"router {router}")

    def add_network(self, agent: str, network: str) -> Said:
        """Give a network to a DHCP agent; others may serve it as well."""
        path = f"/v2.0/agents/{part(agent)}/dhcp-networks"
        return self._api.change("POST", path, f"network {network}", {"network_id": network})

    def remove_network(self, agent: str, network: str) -> Said:
        """Take a network from a DHCP agent."""
        path = f"/v2.0/agents/{part(agent)}/dhcp-networks/{part(network)}"
        return self._api.change("DELETE", path, f"network {network}")
