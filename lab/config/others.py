# SPDX-License-Identifier: Apache-2.0
"""Configuration of keystone, placement and heat."""

from pathlib import Path

from lab.config.ini import common, render, token_check
from lab.facts import REGION, Facts

# By default Heat lets nobody, the administrator included, list the stacks of all projects.
HEAT_POLICY = '"stacks:global_index": "role:admin"\n'


def other_files(facts: Facts) -> dict[Path, str]:
    """Return path and text of each file."""
    etc = facts.place.etc
    return {
        etc / "keystone.conf": render(_keystone(facts)),
        etc / "placement" / "placement.conf": render(_placement(facts)),
        etc / "heat.conf": render(_heat(facts)),
        etc / "heat-policy.yaml": HEAT_POLICY,
    }


def _keystone(facts: Facts) -> dict[str, dict[str, object]]:
    return {
        "DEFAULT": {"log_file": facts.place.log / "keystone.log", "use_stderr": False},
        **common(facts, "keystone"),
        "token": {"provider": "fernet", "expiration": 86400},
        "fernet_tokens": {"key_repository": facts.place.data / "keystone" / "fernet-keys"},
        "fernet_receipts": {"key_repository": facts.place.data / "keystone" / "fernet-keys"},
        "credential": {"key_repository": facts.place.data / "keystone" / "credential-keys"},
        # The default costs a quarter of a second of CPU for each log-in.
        "identity": {"password_hash_rounds": 4},
        "cache": {
            "enabled": True,
            "backend": "dogpile.cache.pymemcache",
            "memcache_servers": facts.memcached,
        },
    }


def _placement(facts: Facts) -> dict[str, dict[str, object]]:
    return {
        "DEFAULT": {"log_file": facts.place.log / "placement.log", "use_stderr": False},
        "api": {"auth_strategy": "keystone"},
        "placement_database": {"connection": facts.database("placement"), "max_pool_size": 5},
        "keystone_authtoken": token_check(facts, "placement"),
    }


def _heat(facts: Facts) -> dict[str, dict[str, object]]:
    # Nothing listens there: no template of the lab signals back.
    metadata = "http://127.0.0.1:9"
    return {
        "DEFAULT": {
            "transport_url": facts.broker(),
            "log_dir": facts.place.log,
            "use_stderr": False,
            "num_engine_workers": 1,
            "region_name_for_services": REGION,
            # An engine writes its life sign this often, and is `down` after twice that.
            "periodic_interval": 5,
            "stack_domain_admin": "heat_domain_admin",
            "stack_domain_admin_password": facts.passwords["heat_domain_admin_password"],
            "stack_user_domain_name": "heat",
            "heat_metadata_server_url": metadata,
            "heat_waitcondition_server_url": f"{metadata}/v1/waitcondition",
        },
        "paste_deploy": {"api_paste_config": facts.venv / "etc" / "heat" / "api-paste.ini"},
        "trustee": {
            "auth_type": "password",
            "auth_url": facts.url("keystone"),
            "username": "heat",
            "password": facts.passwords["heat_keystone_password"],
            "user_domain_name": "Default",
        },
        "oslo_policy": {"policy_file": facts.place.etc / "heat-policy.yaml"},
        "clients_keystone": {"auth_uri": facts.url("keystone")},
        **common(facts, "heat"),
        "keystone_authtoken": token_check(facts, "heat"),
    }
