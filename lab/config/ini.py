# SPDX-License-Identifier: Apache-2.0
"""INI files as dictionaries, and the sections that several services share."""

from collections.abc import Mapping

from lab.facts import REGION, Facts

Ini = dict[str, dict[str, object]]


def render(config: Mapping[str, Mapping[str, object]]) -> str:
    """Write sections and options in the order given; booleans in oslo.config's spelling."""
    lines = []
    for section, options in config.items():
        lines.append(f"[{section}]")
        for name, value in options.items():
            text = str(value).lower() if isinstance(value, bool) else str(value)
            lines.append(f"{name} = {text}")
    return "\n".join(lines) + "\n"


def credentials(facts: Facts, user: str) -> dict[str, object]:
    """Return how one service logs in to others."""
    return {
        "auth_type": "password",
        "auth_url": facts.url("keystone", "/v3"),
        "project_domain_name": "Default",
        "user_domain_name": "Default",
        "project_name": "service",
        "username": user,
        "password": facts.passwords[f"{user}_keystone_password"],
        "region_name": REGION,
    }


def token_check(facts: Facts, user: str) -> dict[str, object]:
    """Return the section with which a service validates its callers' tokens."""
    return {
        **credentials(facts, user),
        "www_authenticate_uri": facts.url("keystone"),
        "memcached_servers": facts.memcached,
        "service_token_roles_required": True,
        "service_token_roles": "service,admin",
    }


def common(facts: Facts, database: str, *, server: str = "mariadb") -> Ini:
    """Return database, locks, messaging; small pools, for all hosts share two cores."""
    return {
        "database": {
            "connection": facts.database(database, server=server),
            "max_pool_size": 5,
            "max_overflow": 20,
            "connection_recycle_time": 600,
            # A database that a test has just stopped comes back within seconds, not within ten.
            "retry_interval": 1,
            "max_retries": -1,
        },
        "oslo_concurrency": {"lock_path": facts.place.run / "locks"},
        "oslo_messaging_notifications": {"driver": "noop"},
        "oslo_messaging_rabbit": {"heartbeat_in_pthread": False, "rpc_conn_pool_size": 10},
    }
