# SPDX-License-Identifier: Apache-2.0
"""Configuration of MariaDB (two servers) and RabbitMQ."""

import base64
import hashlib
import json
from pathlib import Path

from lab.facts import CELL2_VHOST, Facts


def infrastructure_files(facts: Facts) -> dict[Path, str]:
    """Return path and text of each file."""
    etc = facts.place.etc
    return {
        etc / "mariadb.cnf": _mariadb(facts, "mariadb", "256M"),
        etc / "mariadb-cell2.cnf": _mariadb(facts, "mariadb-cell2", "32M"),
        etc / "rabbitmq.conf": _rabbitmq(facts),
        etc / "rabbitmq-definitions.json": json.dumps(_definitions(facts)),
        etc / "rabbitmq-plugins": "[rabbitmq_management].\n",
    }


def _mariadb(facts: Facts, name: str, buffer_pool: str) -> str:
    place = facts.place
    return f"""[mysqld]
user = root
datadir = {place.data / name}
tmpdir = {place.run / name}-tmp
socket = {place.run / name}.sock
pid-file = {place.run / name}.pid
log-error = {place.log / name}.err
bind-address = 127.0.0.1
port = {facts.port(name)}
max_connections = 500
innodb_buffer_pool_size = {buffer_pool}
innodb_log_file_size = 48M
innodb_flush_log_at_trx_commit = 0
innodb_fast_shutdown = 1
sync_binlog = 0
skip-name-resolve
performance_schema = off
character-set-server = utf8mb3
"""


def _rabbitmq(facts: Facts) -> str:
    return f"""listeners.tcp.1 = 127.0.0.1:{facts.port("rabbitmq")}
distribution.listener.interface = 127.0.0.1
management.tcp.ip = 127.0.0.1
management.tcp.port = {facts.port("rabbitmq-management")}
load_definitions = {facts.place.etc / "rabbitmq-definitions.json"}
loopback_users.none = true
vm_memory_high_watermark.absolute = 1GB
disk_free_limit.absolute = 200MB
collect_statistics_interval = 10000
log.file.level = warning
"""


def _definitions(facts: Facts) -> dict[str, object]:
    """Describe users and virtual hosts: loaded at each start, so the broker has no golden state."""
    users = {
        "openstack": (facts.passwords["rabbitmq_password"], ["administrator"]),
        "monitoring": (facts.passwords["rabbitmq_monitoring_password"], ["monitoring"]),
    }
    vhosts = ["/", CELL2_VHOST]
    rights = {
        "openstack": {"configure": ".*", "write": ".*", "read": ".*"},
        "monitoring": {"configure": "^$", "write": "^$", "read": ".*"},
    }
    return {
        "users": [
            {
                "name": name,
                "password_hash": _password_hash(password),
                "hashing_algorithm": "rabbit_password_hashing_sha256",
                "tags": tags,
            }
            for name, (password, tags) in users.items()
        ],
        "vhosts": [{"name": vhost} for vhost in vhosts],
        "permissions": [
            {"user": user, "vhost": vhost, **rights[user]} for user in users for vhost in vhosts
        ],
    }


def _password_hash(password: str) -> str:
    """Hash as RabbitMQ does: four bytes of salt, then SHA-256 over salt and password."""
    salt = hashlib.sha256(password.encode()).digest()[:4]
    return base64.b64encode(salt + hashlib.sha256(salt + password.encode()).digest()).decode()
