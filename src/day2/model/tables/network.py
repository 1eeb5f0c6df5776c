# SPDX-License-Identifier: Apache-2.0
"""Network: agents, networks and everything that hangs on them."""

from datetime import datetime

from msgspec import field

from day2.model.tables import Row


class NetworkAgent(Row, frozen=True, kw_only=True):
    """One agent of one host."""

    id: str
    binary: str = ""
    host: str = ""
    agent_type: str = ""
    alive: bool = False
    admin_state_up: bool = True
    availability_zone: str | None = None
    heartbeat_timestamp: datetime | None = None
    started_at: datetime | None = None


class Network(Row, frozen=True, kw_only=True):
    """One network of any project."""

    id: str
    name: str = ""
    project_id: str = ""
    status: str = ""
    admin_state_up: bool = True
    shared: bool = False
    external: bool = field(default=False, name="router:external")
    mtu: int | None = None
    network_type: str | None = field(default=None, name="provider:network_type")
    physical_network: str | None = field(default=None, name="provider:physical_network")
    segmentation_id: int | None = field(default=None, name="provider:segmentation_id")
    subnets: list[str] = []
    created_at: datetime | None = None
    updated_at: datetime | None = None


class AllocationPool(Row, frozen=True, kw_only=True):
    """The addresses from `start` to `end`, both included."""

    start: str
    end: str


class Subnet(Row, frozen=True, kw_only=True):
    """One subnet."""

    id: str
    network_id: str
    name: str = ""
    project_id: str = ""
    cidr: str = ""
    ip_version: int = 4
    gateway_ip: str | None = None
    enable_dhcp: bool = False
    allocation_pools: list[AllocationPool] = []
    dns_nameservers: list[str] = []


class SubnetUse(Row, frozen=True, kw_only=True):
    """How full one subnet is."""

    subnet_id: str
    subnet_name: str | None = None
    cidr: str = ""
    ip_version: int = 4
    total_ips: int | float
    used_ips: int | float


class NetworkAvailability(Row, frozen=True, kw_only=True):
    """How full one network is: `network-ip-availability`. Totals of IPv6 exceed 64 bits: floats."""

    network_id: str
    network_name: str | None = None
    project_id: str = ""
    total_ips: int | float
    used_ips: int | float
    subnets: list[SubnetUse] = field(default=[], name="subnet_ip_availability")


class FixedIp(Row, frozen=True, kw_only=True):
    """One address of a port."""

    subnet_id: str = ""
    ip_address: str = ""


class Port(Row, frozen=True, kw_only=True):
    """One port of any project."""

    id: str
    name: str = ""
    network_id: str = ""
    project_id: str = ""
    status: str = ""
    admin_state_up: bool = True
    device_id: str = ""
    device_owner: str = ""
    mac_address: str | None = None
    fixed_ips: list[FixedIp] = []
    security_groups: list[str] = []
    host: str | None = field(default=None, name="binding:host_id")
    vif_type: str | None = field(default=None, name="binding:vif_type")
    vnic_type: str | None = field(default=None, name="binding:vnic_type")
    port_security_enabled: bool | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None
    tags: list[str] = []


class ExternalGateway(Row, frozen=True, kw_only=True):
    """Where a router leaves the cloud."""

    network_id: str
    enable_snat: bool | None = None
    external_fixed_ips: list[FixedIp] = []


class Router(Row, frozen=True, kw_only=True):
    """One router of any project."""

    id: str
    name: str = ""
    project_id: str = ""
    status: str = ""
    admin_state_up: bool = True
    ha: bool | None = None
    distributed: bool | None = None
    external_gateway_info: ExternalGateway | None = None
    created_at: datetime | None = None


class FloatingIp(Row, frozen=True, kw_only=True):
    """One floating IP of any project."""

    id: str
    floating_ip_address: str = ""
    fixed_ip_address: str | None = None
    floating_network_id: str = ""
    project_id: str = ""
    port_id: str | None = None
    router_id: str | None = None
    status: str = ""
    created_at: datetime | None = None
    updated_at: datetime | None = None
    tags: list[str] = []


class SecurityGroup(Row, frozen=True, kw_only=True):
    """One security group; its rules are a table of their own."""

    id: str
    name: str = ""
    project_id: str = ""
    stateful: bool | None = None
    shared: bool | None = None


class SecurityGroupRule(Row, frozen=True, kw_only=True):
    """One rule; None in a range or prefix means "any"."""

    id: str
    security_group_id: str = ""
    project_id: str = ""
    direction: str = ""
    ethertype: str | None = None
    protocol: str | None = None
    port_range_min: int | None = None
    port_range_max: int | None = None
    remote_ip_prefix: str | None = None
    remote_group_id: str | None = None
    remote_address_group_id: str | None = None
