# SPDX-License-Identifier: Apache-2.0
"""Faults of the network plane, planted on the real Neutron."""

import ipaddress
from typing import Any

from tests.lab.fault import Expected, Fault
from tests.lab.hands import Hands

OVS, DHCP, L3, METADATA = (
    "neutron-openvswitch-agent",
    "neutron-dhcp-agent",
    "neutron-l3-agent",
    "neutron-metadata-agent",
)


def dead(binary: str, host: str) -> str:
    return f"network.agent.down:service:{binary}@{host}"


def silence(host: str, binary: str) -> Any:
    def plant(hands: Hands) -> Expected:
        hands.cloud.silence(host, binary)
        return {dead(binary, host): "Neutron reports the agent as not alive"}

    return plant


def unsilence(host: str, binary: str | None = None) -> Any:
    def undo(hands: Hands) -> None:
        hands.cloud.unsilence(host, binary)

    return undo


def silence_host(hands: Hands) -> Expected:
    hands.cloud.silence("net02")
    return {"host.down:host:net02": "every service and agent of the host is down"}


def disable_agent(hands: Hands) -> Expected:
    (agent,) = hands.api.network.agents(host="net01", binary=METADATA)
    hands.api.network.update_agent(agent, admin_state_up=False)
    return {}


def enable_agent(hands: Hands) -> None:
    (agent,) = hands.api.network.agents(host="net01", binary=METADATA)
    hands.api.network.update_agent(agent, admin_state_up=True)


def fill(name: str, cidr: str, share: float, setting: str) -> Any:
    def plant(hands: Hands) -> Expected:
        network = hands.api.network.create_network(name=name, shared=True)
        subnet = hands.api.network.create_subnet(
            name=name, network_id=network.id, ip_version=4, cidr=cidr, enable_dhcp=False
        )
        usable = ipaddress.ip_network(cidr).num_addresses - 3
        ports = [
            {"network_id": network.id, "name": f"{name}-{i}"} for i in range(int(usable * share))
        ]
        hands.api.network.create_ports(ports)
        return {f"network.subnet.full:subnet:{subnet.id}": f"health.{setting}"}

    return plant


def drop_network(name: str) -> Any:
    def undo(hands: Hands) -> None:
        network = hands.api.network.find_network(name)
        for port in hands.api.network.ports(network_id=network.id):
            hands.api.network.delete_port(port)
        hands.api.network.delete_network(network)

    return undo


def binding_failed(hands: Hands) -> Expected:
    network = hands.api.network.find_network("acme-net")
    port = hands.api.network.create_port(
        network_id=network.id, name="unbindable", binding_host_id="nohost99"
    )
    return {f"network.port.binding_failed:port:{port.id}": ""}


def drop_binding_failed(hands: Hands) -> None:
    hands.api.network.delete_port(hands.api.network.find_port("unbindable"))


def floating_ip_down(hands: Hands) -> Expected:
    """Attach a floating IP while no L3 agent is there to carry it (net02 is silent already)."""
    hands.cloud.silence("net01", L3)
    network = hands.api.network
    public = network.find_network("public")
    router = network.create_router(
        name="agentless", external_gateway_info={"network_id": public.id}
    )
    inner = network.create_network(name="agentless")
    subnet = network.create_subnet(
        name="agentless", network_id=inner.id, ip_version=4, cidr="10.99.0.0/24", enable_dhcp=False
    )
    network.add_interface_to_router(router, subnet_id=subnet.id)
    port = network.create_port(network_id=inner.id, name="agentless")
    address = network.create_ip(floating_network_id=public.id, port_id=port.id)
    hands.kept["floating_ip"] = address.id
    for moment in ("created_at", "updated_at"):
        hands.age("floating_ip", address.id, moment, hours=1)
    return {
        f"network.floating_ip.not_active:floating_ip:{address.id}": "health.port_grace_minutes",
        dead(L3, "net01"): "Neutron reports the agent as not alive",
    }


def drop_floating_ip(hands: Hands) -> None:
    hands.cloud.unsilence("net01", L3)
    network = hands.api.network
    network.delete_ip(hands.kept.pop("floating_ip"))
    router = network.find_router("agentless")
    subnet = network.find_subnet("agentless")
    network.delete_port(network.find_port("agentless"))
    network.remove_interface_from_router(router, subnet_id=subnet.id)
    network.delete_router(router)
    network.delete_network(network.find_network("agentless"))


def quota_full(hands: Hands) -> Expected:
    project = hands.api.identity.find_project("globex")
    used = len(list(hands.api.network.networks(project_id=project.id)))
    hands.api.network.update_quota(project.id, network=used)
    key = f"quota.nearly_full:project:{project.id}:network.network"
    return {key: "health.quota_used_warning_ratio"}


def quota_back(hands: Hands) -> None:
    project = hands.api.identity.find_project("globex")
    hands.api.network.update_quota(project.id, network=100)


FAULTS = (
    Fault(
        name="Open vSwitch agent of a compute host silent",
        plane="network",
        batch="network",
        means="its reports stop",
        plant=silence("compute04", OVS),
        undo=unsilence("compute04", OVS),
    ),
    Fault(
        name="one of two DHCP agents silent",
        plane="network",
        batch="compute",
        means="its reports stop",
        plant=silence("net01", DHCP),
        undo=unsilence("net01", DHCP),
    ),
    Fault(
        name="one of two L3 agents silent",
        plane="network",
        batch="moves",
        means="its reports stop",
        plant=silence("net02", L3),
        undo=unsilence("net02", L3),
    ),
    Fault(
        name="a whole network host silent",
        plane="network",
        batch="network",
        means="all its reports stop",
        plant=silence_host,
        undo=unsilence("net02"),
    ),
    Fault(
        name="metadata agent disabled",
        plane="network",
        batch="moves",
        means="network API",
        plant=disable_agent,
        undo=enable_agent,
        quiet=True,
    ),
    Fault(
        name="subnet full",
        plane="network",
        batch="network",
        means="ports fill it",
        plant=fill("full", "192.0.2.0/27", 1.0, "subnet_used_critical_ratio"),
        undo=drop_network("full"),
    ),
    Fault(
        name="subnet nearly full",
        plane="network",
        batch="network",
        means="ports fill it",
        plant=fill("nearly", "198.51.100.0/26", 0.9, "subnet_used_warning_ratio"),
        undo=drop_network("nearly"),
    ),
    Fault(
        name="port that cannot be bound",
        plane="network",
        batch="network",
        means="network API",
        plant=binding_failed,
        undo=drop_binding_failed,
    ),
    Fault(
        name="floating IP that never gets active",
        plane="network",
        batch="network",
        means="no L3 agent is left; aged",
        plant=floating_ip_down,
        undo=drop_floating_ip,
    ),
    Fault(
        name="quota of networks used up",
        plane="network",
        batch="network",
        means="network API",
        plant=quota_full,
        undo=quota_back,
    ),
)
