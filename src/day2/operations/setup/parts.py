# SPDX-License-Identifier: Apache-2.0
"""What lies below the APIs: which tables of the survey prove it, and what its absence costs."""

import shlex

import msgspec

from day2.adapters.kolla.settings import KollaSettings
from day2.operations.setup.doctor import Part

# What the reads of PARTS start from.
NEEDED_KINDS = ("catalog_services", "endpoints")

PARTS: tuple[Part, ...] = (
    Part(
        id="hosts",
        title="hosts by Ansible",
        kinds=("hosts", "containers"),
        section="kolla.inventory",
        unset="hosts and containers",
        cure="see what Ansible itself says",
    ),
    Part(
        id="database",
        title="database nodes",
        kinds=("database_nodes",),
        section="database",
        unset="MariaDB and Galera",
        cure="see that this machine may connect to each node, and that the account may log in",
    ),
    Part(
        id="proxy",
        title="HAProxy statistics",
        kinds=("proxy_endpoints", "proxy_servers"),
        section="proxy",
        unset="what HAProxy thinks of its servers",
        cure="see that this machine may connect to each statistics page",
    ),
    Part(
        id="bus",
        title="RabbitMQ management",
        kinds=("bus_endpoints", "bus_nodes", "bus_queues"),
        section="bus",
        unset="RabbitMQ",
        cure="see that this machine may connect to each management address, and that the account "
        "has the tag monitoring",
    ),
    Part(
        id="cache",
        title="memcached",
        kinds=("cache_nodes",),
        section="cache",
        unset="memcached",
        cure="see that this machine may connect to each server",
    ),
    Part(
        id="monitoring",
        title="Prometheus and Alertmanager",
        kinds=(
            "monitoring_servers",
            "scrape_targets",
            "alert_rules",
            "alerts",
            "key_series",
            "alertmanagers",
            "routed_alerts",
            "silences",
        ),
        section="monitoring",
        unset="what Prometheus and Alertmanager say",
        cure="see that this machine may connect to each of them, and that the accounts are right",
    ),
    Part(
        id="tls",
        title="TLS of the endpoints",
        kinds=("certificates",),
        section="tls",
        unset="certificates",
        cure="name the CA that signed them: setting clouds.NAME.tls.ca_file",
        needed=False,
    ),
)


def with_commands(kolla: KollaSettings) -> tuple[Part, ...]:
    """Give the hosts the command that shows the same failure without day2."""
    tool = f"{kolla.virtualenv}/bin/ansible" if kolla.virtualenv else "ansible"
    command = shlex.join([tool, "-i", kolla.inventory or "INVENTORY", "-m", "ping", "all"])
    hosts, *others = PARTS
    return (msgspec.structs.replace(hosts, commands=(command,)), *others)
