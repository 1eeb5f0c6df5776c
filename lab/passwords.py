# SPDX-License-Identifier: Apache-2.0
"""The lab's passwords: drawn at random once per golden state, under the names Kolla-Ansible uses.

Random, so that a test can look for every one of them in whatever day2 prints or stores.
"""

import secrets
from collections.abc import Mapping
from pathlib import Path

NAMES = (
    "cinder_database_password",
    "cinder_keystone_password",
    "database_password",
    "glance_database_password",
    "glance_keystone_password",
    "heat_database_password",
    "heat_domain_admin_password",
    "heat_keystone_password",
    "keystone_admin_password",
    "keystone_database_password",
    "mariadb_monitor_password",
    "memcache_secret_key",
    "neutron_database_password",
    "neutron_keystone_password",
    "nova_api_database_password",
    "nova_database_password",
    "nova_keystone_password",
    "placement_database_password",
    "placement_keystone_password",
    "rabbitmq_cluster_cookie",
    "rabbitmq_monitoring_password",
    "rabbitmq_password",
    # Not Kolla's: the user that may only look, and the people of lab/world.py.
    "day2_reader_password",
    "world_users_password",
)


def passwords(file: Path) -> Mapping[str, str]:
    """Read the passwords, drawing those which the file does not have yet."""
    known = _read(file)
    missing = [name for name in NAMES if name not in known]
    if missing:
        known |= {name: secrets.token_hex(16) for name in missing}
        new = file.with_suffix(".new")
        new.touch(mode=0o600)
        new.write_text("".join(f"{name}: {known[name]}\n" for name in sorted(known)))
        new.rename(file)
    return known


def _read(file: Path) -> dict[str, str]:
    if not file.exists():
        return {}
    pairs = (line.split(": ", 1) for line in file.read_text().splitlines() if ": " in line)
    return {name: value for name, value in pairs}  # noqa: C416 - mypy wants pairs, not lists
