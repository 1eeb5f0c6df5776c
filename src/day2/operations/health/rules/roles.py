# SPDX-License-Identifier: Apache-2.0
"""What Kolla's containers are for: facts about their names."""

import fnmatch

# What stops with them stops for every guest of the host; another host's twin is no help.
OF_ONE_HOST = (
    "nova_compute*",
    "nova_libvirt",
    "openvswitch_db",
    "openvswitch_vswitchd",
    "ovsdpdk_*",
    "ovn_controller",
    "neutron_openvswitch_agent",
    "neutron_linuxbridge_agent",
    "neutron_sriov_agent",
    "neutron_ovn_metadata_agent",
    "cinder_volume",
    "iscsid",
    "multipathd",
    "tgtd",
)
# No request of any user passes through them.
ASIDE = (
    "cron",
    "fluentd",
    "kolla_toolbox",
    "kolla_logs",
    "prometheus*",
    "grafana",
    "opensearch*",
    "elasticsearch*",
    "kibana",
    "influxdb",
    "telegraf",
    "collectd",
    "skyline*",
    "nova_ssh",
    "keystone_ssh",
    "keystone_fernet",
    "*_exporter",
)
# They run once and end: Kolla's own preparation steps.
ONCE = ("*bootstrap*", "*_init", "mariabackup*", "mariadb_backup*", "bifrost*", "kolla_ansible*")


def is_of_one_host(name: str) -> bool:
    """Tell whether only this host's guests depend on the container, and all of them do."""
    return _matches(name, OF_ONE_HOST)


def is_aside(name: str) -> bool:
    """Tell whether users notice nothing when it stops."""
    return _matches(name, ASIDE)


def runs_once(name: str) -> bool:
    """Tell whether it is meant to end."""
    return _matches(name, ONCE)


def _matches(name: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)
