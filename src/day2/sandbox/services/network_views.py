# SPDX-License-Identifier: Apache-2.0
"""What Neutron shows of a row: every field of 2025.1 with ML2/OVS, in its order."""

from typing import Any

from day2.sandbox import addresses
from day2.sandbox.tables import Row
from day2.sandbox.timing import NEUTRON_DOWN_SECONDS, heartbeat, is_up, spaced, zulu
from day2.sandbox.world import World

TOPICS = {"neutron-dhcp-agent": "dhcp_agent", "neutron-l3-agent": "l3_agent"}
BOUND = {
    "connectivity": "l2",
    "port_filter": True,
    "ovs_hybrid_plug": False,
    "datapath_type": "system",
    "bridge_name": "br-int",
    "bound_drivers": {"0": "openvswitch"},
}
EXTENSIONS = {
    "agent": "agent",
    "availability_zone": "Availability Zone",
    "binding": "Port Binding",
    "external-net": "Neutron external network",
    "network-ip-availability": "Network IP Availability",
    "pagination": "Pagination support",
    "port-security": "Port Security",
    "project-id": "project_id field enabled",
    "provider": "Provider Network",
    "quota_details": "Quota details management support",
    "quotas": "Quota management support",
    "router": "Neutron L3 Router",
    "security-group": "security-group",
    "sorting": "Sorting support",
    "standard-attr-tag": "Tag support for resources with standard attribute: trunk, network",
    "standard-attr-timestamp": "Resource timestamps",
}


def extension(alias: str) -> dict[str, Any]:
    """Show an extension."""
    return {
        "name": EXTENSIONS[alias],
        "alias": alias,
        "description": EXTENSIONS[alias],
        "updated": "2017-02-10T10:00:00-00:00",
        "links": [],
    }


def _stamps(row: Row) -> dict[str, Any]:
    created = row["created_at"]
    return {
        "tags": row.get("tags", []),
        "created_at": zulu(created),
        "updated_at": zulu(row.get("updated_at") or created),
        "revision_number": row.get("revision", 1),
        "project_id": row["project_id"],
    }


def network(_world: World, row: Row) -> dict[str, Any]:
    """Show a network."""
    return {
        "id": row["id"],
        "name": row["name"],
        "tenant_id": row["project_id"],
        "admin_state_up": True,
        "mtu": row["mtu"],
        "status": "ACTIVE",
        "subnets": row["subnets"],
        "shared": row["shared"],
        "availability_zone_hints": [],
        "availability_zones": ["nova"],
        "ipv4_address_scope": None,
        "ipv6_address_scope": None,
        "router:external": row["external"],
        "description": "",
        "port_security_enabled": True,
        "qos_policy_id": None,
        "l2_adjacency": True,
        **({"is_default": False} if row["external"] else {}),
        **_stamps(row),
        "provider:network_type": row["network_type"],
        "provider:physical_network": row["physical_network"],
        "provider:segmentation_id": row["segmentation_id"],
    }


def subnet(_world: World, row: Row) -> dict[str, Any]:
    """Show a subnet."""
    return {
        "id": row["id"],
        "name": row["name"],
        "tenant_id": row["project_id"],
        "network_id": row["network_id"],
        "ip_version": 4,
        "subnetpool_id": None,
        "enable_dhcp": row["enable_dhcp"],
        "ipv6_ra_mode": None,
        "ipv6_address_mode": None,
        "gateway_ip": row["gateway_ip"],
        "cidr": row["cidr"],
        "allocation_pools": [{"start": start, "end": end} for start, end in row["pools"]],
        "host_routes": [],
        "dns_nameservers": [],
        "description": "",
        "router:external": row["external"],
        "service_types": [],
        "segment_id": None,
        **_stamps(row),
    }


def port(_world: World, row: Row) -> dict[str, Any]:
    """Show a port."""
    bound = bool(row["host"])
    return {
        "id": row["id"],
        "name": row["name"],
        "network_id": row["network_id"],
        "tenant_id": row["project_id"],
        "mac_address": row["mac_address"],
        "admin_state_up": True,
        "status": row["status"],
        "device_id": row["device_id"],
        "device_owner": row["device_owner"],
        "fixed_ips": row["fixed_ips"],
        "allowed_address_pairs": [],
        "extra_dhcp_opts": [],
        "security_groups": row["security_groups"],
        "description": "",
        "binding:vnic_type": "normal",
        "binding:profile": {},
        "binding:host_id": row["host"],
        "binding:vif_type": "ovs" if bound else "unbound",
        "binding:vif_details": BOUND if bound else {},
        "port_security_enabled": row["port_security_enabled"],
        "qos_policy_id": None,
        "qos_network_policy_id": None,
        "ip_allocation": "immediate",
        "resource_request": None,
        **_stamps(row),
    }


def agent(world: World, row: Row) -> dict[str, Any]:
    """Show an agent; its heartbeat moves with the clock unless it is dead."""
    now = world.now()
    binary = row["binary"]
    return {
        "id": row["id"],
        "agent_type": row["agent_type"],
        "binary": binary,
        "topic": TOPICS.get(binary, "N/A"),
        "host": row["host"],
        "admin_state_up": row["admin_state_up"],
        "created_at": spaced(row["created_at"]),
        "started_at": spaced(row["started_at"]),
        "heartbeat_timestamp": spaced(heartbeat(row, now)),
        "description": None,
        "resources_synced": None,
        "availability_zone": "nova" if binary in TOPICS else None,
        "alive": is_up(row, now, NEUTRON_DOWN_SECONDS),
        "configurations": _configurations(binary),
    }


def _configurations(binary: str) -> dict[str, Any]:
    if binary == "neutron-dhcp-agent":
        return {
            "dhcp_driver": "neutron.agent.linux.dhcp.Dnsmasq",
            "dhcp_lease_duration": 86400,
            "log_agent_heartbeats": False,
            "networks": 0,
            "ports": 0,
            "subnets": 0,
        }
    if binary == "neutron-l3-agent":
        return {
            "agent_mode": "legacy",
            "ex_gw_ports": 0,
            "extensions": [],
            "floating_ips": 0,
            "handle_internal_only_routers": True,
            "interface_driver": "openvswitch",
            "interfaces": 0,
            "log_agent_heartbeats": False,
            "routers": 0,
        }
    if binary == "neutron-metadata-agent":
        return {
            "log_agent_heartbeats": False,
            "metadata_proxy_socket": "/var/lib/neutron/metadata_proxy",
            "nova_metadata_port": 8775,
        }
    return {
        "arp_responder_enabled": False,
        "bridge_mappings": {"physnet1": "br-ex"},
        "datapath_type": "system",
        "devices": 0,
        "enable_distributed_routing": False,
        "extensions": [],
        "in_distributed_mode": False,
        "integration_bridge": "br-int",
        "l2_population": False,
        "log_agent_heartbeats": False,
        "ovs_capabilities": {"datapath_types": ["netdev", "system"], "iface_types": []},
        "ovs_hybrid_plug": False,
        "tunnel_types": ["vxlan"],
        "tunneling_ip": "",
        "vhostuser_socket_dir": "/var/run/openvswitch",
    }


def router(_world: World, row: Row) -> dict[str, Any]:
    """Show a router."""
    return {
        "id": row["id"],
        "name": row["name"],
        "tenant_id": row["project_id"],
        "admin_state_up": True,
        "status": "ACTIVE",
        "external_gateway_info": row["gateway"],
        "description": "",
        "availability_zones": ["nova"],
        "distributed": False,
        "ha": False,
        "availability_zone_hints": [],
        "routes": [],
        "flavor_id": None,
        **_stamps(row),
    }


def floating_ip(world: World, row: Row) -> dict[str, Any]:
    """Show a floating IP."""
    inner = world["ports"].get(row["port_id"]) if row["port_id"] else None
    keys = ("name", "network_id", "mac_address", "status", "device_id", "device_owner")
    details = None if inner is None else {"admin_state_up": True} | {k: inner[k] for k in keys}
    return {
        "id": row["id"],
        "tenant_id": row["project_id"],
        "floating_ip_address": row["floating_ip_address"],
        "floating_network_id": row["floating_network_id"],
        "router_id": row["router_id"],
        "port_id": row["port_id"],
        "fixed_ip_address": row["fixed_ip_address"],
        "status": row["status"],
        "description": row["description"],
        "qos_policy_id": None,
        "port_details": details,
        "port_forwardings": [],
        **_stamps(row),
    }


def security_group(world: World, row: Row) -> dict[str, Any]:
    """Show a security group with its rules."""
    rules = world["security_group_rules"].find(security_group_id=row["id"])
    return {
        "id": row["id"],
        "name": row["name"],
        "stateful": True,
        "tenant_id": row["project_id"],
        "description": row["description"],
        "shared": False,
        "security_group_rules": [security_group_rule(world, rule) for rule in rules],
        **_stamps(row),
    }


def security_group_rule(_world: World, row: Row) -> dict[str, Any]:
    """Show a rule."""
    stamps = _stamps(row)
    keys = ("created_at", "updated_at", "revision_number")
    return {
        "id": row["id"],
        "project_id": row["project_id"],
        "tenant_id": row["project_id"],
        "security_group_id": row["security_group_id"],
        "ethertype": row["ethertype"],
        "direction": row["direction"],
        "protocol": row["protocol"],
        "port_range_min": row["port_range_min"],
        "port_range_max": row["port_range_max"],
        "remote_ip_prefix": row["remote_ip_prefix"],
        "remote_address_group_id": None,
        "normalized_cidr": row["remote_ip_prefix"],
        "remote_group_id": row["remote_group_id"],
        "belongs_to_default_sg": False,
        "description": None,
        **{key: stamps[key] for key in keys},
    }


def availability(world: World, row: Row) -> dict[str, Any]:
    """Show how full a network is."""
    subnets = []
    for own in row["subnets"]:
        found = world.require("subnets", own)
        subnets.append(
            {
                "subnet_id": own,
                "ip_version": 4,
                "cidr": found["cidr"],
                "subnet_name": found["name"],
                "used_ips": len(addresses.taken(world, own, row["id"])),
                "total_ips": addresses.total(found["pools"]),
            }
        )
    return {
        "network_id": row["id"],
        "network_name": row["name"],
        "tenant_id": row["project_id"],
        "project_id": row["project_id"],
        "subnet_ip_availability": subnets,
        "used_ips": sum(found["used_ips"] for found in subnets),
        "total_ips": sum(found["total_ips"] for found in subnets),
    }
