# SPDX-License-Identifier: Apache-2.0
"""Which containers Kolla-Ansible runs on a host of which role, and its groups in the inventory."""

from collections.abc import Iterable

EVERYWHERE = ("cron", "fluentd", "kolla_toolbox")
OPENVSWITCH = ("openvswitch_db", "openvswitch_vswitchd", "neutron_openvswitch_agent")
BY_ROLE: dict[str, tuple[str, ...]] = {
    "control": (
        "keepalived", "haproxy", "mariadb", "rabbitmq", "memcached", "opensearch",
        "prometheus_server", "prometheus_alertmanager", "prometheus_openstack_exporter",
        "keystone", "keystone_ssh", "keystone_fernet", "glance_api", "placement_api",
        "nova_api", "nova_scheduler", "nova_conductor", "nova_novncproxy", "neutron_server",
        "cinder_api", "cinder_scheduler", "heat_api", "heat_api_cfn", "heat_engine",
        "octavia_api", "octavia_worker", "octavia_health_manager", "octavia_housekeeping",
        "horizon",
    ),
    "network": (*OPENVSWITCH, "neutron_dhcp_agent", "neutron_l3_agent", "neutron_metadata_agent"),
    "compute": (*OPENVSWITCH, "nova_ssh", "nova_libvirt", "nova_compute"),
    "storage": ("cinder_volume", "cinder_backup"),
}  # fmt: skip
WITHOUT_CHECK = frozenset(
    {"cron", "kolla_toolbox", "keepalived", "keystone_fernet", "prometheus_server"}
)
FIRST_ADDRESS = 10
VIRTUAL_ADDRESS = "127.1.255.250"
VERSION, RELEASE = "20.1.0", "2025.1-debian-bookworm"


def containers(roles: Iterable[str]) -> list[str]:
    """Return the containers of a host with these roles, by name."""
    return sorted({*EVERYWHERE, *(name for role in roles for name in BY_ROLE.get(role, ()))})


def image(name: str) -> str:
    """Return the image that a container is made from."""
    return f"kolla/{name.replace('_', '-')}:{RELEASE}"


def inventory(hosts: dict[str, list[str]]) -> dict[str, object]:
    """Return what `ansible-inventory --list` prints of hosts with these roles."""
    groups: dict[str, object] = {
        role: {"hosts": [name for name, own in hosts.items() if role in own]} for role in BY_ROLE
    }
    services: dict[str, list[str]] = {name: list(BY_ROLE) for name in EVERYWHERE}
    for role, names in BY_ROLE.items():
        for name in names:
            services.setdefault(name, []).append(role)
    groups |= {name.replace("_", "-"): {"children": roles} for name, roles in services.items()}
    groups["baremetal"] = {"children": list(BY_ROLE)}
    groups["deployment"] = {"hosts": ["localhost"]}
    found = addresses(hosts)
    groups["_meta"] = {"hostvars": {name: {"ansible_host": ip} for name, ip in found.items()}}
    return groups


def addresses(hosts: Iterable[str]) -> dict[str, str]:
    """Return the address of every host, in the order of the scenario."""
    return {name: address(number) for number, name in enumerate(hosts, start=FIRST_ADDRESS)}


def address(number: int) -> str:
    """Return the address of a host: each has one of its own on the loopback interface."""
    return f"127.{1 + number // 62500}.{number // 250 % 250}.{number % 250 + 1}"
