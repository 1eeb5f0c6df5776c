# SPDX-License-Identifier: Apache-2.0
"""Configuration of neutron-server (ML2 with Open vSwitch) and of the agents that speak to it."""

from pathlib import Path

from lab.config.ini import Ini, common, credentials, render, token_check
from lab.facts import Facts


def network_files(facts: Facts) -> dict[Path, str]:
    """Return path and text of each file."""
    etc = facts.place.etc / "neutron"
    return {
        etc / "neutron.conf": render(_neutron(facts)),
        etc / "ml2.ini": render(_ml2()),
        etc / "agents.conf": render({"DEFAULT": {"log_file": facts.place.log / "agents.log"}}),
    }


def _neutron(facts: Facts) -> Ini:
    return {
        "DEFAULT": {
            "bind_host": "127.0.0.1",
            "bind_port": facts.port("neutron-server"),
            "core_plugin": "ml2",
            "service_plugins": "router,segments,trunk,qos,port_forwarding",
            "auth_strategy": "keystone",
            "transport_url": facts.broker(),
            "log_file": facts.place.log / "neutron-server.log",
            "use_stderr": False,
            "state_path": facts.place.data / "neutron",
            "api_paste_config": facts.venv / "etc" / "neutron" / "api-paste.ini",
            # Release 2025.1 refuses 0 here.
            "api_workers": 1,
            "rpc_workers": 1,
            "rpc_state_report_workers": 0,
            "notify_nova_on_port_status_changes": True,
            "notify_nova_on_port_data_changes": True,
            # At least twice the agents' interval, which is 3 s (lab/files/agents.py).
            "agent_down_time": 10,
            "dhcp_agents_per_network": 2,
            "l3_ha": False,
            "allow_automatic_l3agent_failover": False,
        },
        "nova": credentials(facts, "nova"),
        "placement": credentials(facts, "placement"),
        **common(facts, "neutron"),
        "keystone_authtoken": token_check(facts, "neutron"),
    }


def _ml2() -> Ini:
    return {
        "ml2": {
            "type_drivers": "flat,vlan,vxlan,local",
            "tenant_network_types": "vxlan",
            "mechanism_drivers": "openvswitch",
            "extension_drivers": "port_security,qos",
        },
        "ml2_type_flat": {"flat_networks": "physnet1"},
        "ml2_type_vlan": {"network_vlan_ranges": "physnet1:100:199"},
        "ml2_type_vxlan": {"vni_ranges": "1:1000"},
        "securitygroup": {"enable_security_group": True},
    }
