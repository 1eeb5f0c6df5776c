# SPDX-License-Identifier: Apache-2.0
"""Configuration of nova: one file for all, a small one more for each process that differs."""

from pathlib import Path

from lab.config.ini import Ini, common, credentials, render, token_check
from lab.facts import CELL2_VHOST, COMPUTES, MAIN_ZONE, REGION, Facts


def compute_files(facts: Facts) -> dict[Path, str]:
    """Return path and text of each file; a later `--config-file` overrides an earlier one."""
    etc = facts.place.etc / "nova"
    log = facts.place.log
    cell2: Ini = {
        "DEFAULT": {"transport_url": facts.broker(CELL2_VHOST)},
        "database": {"connection": facts.database("nova", server="mariadb-cell2")},
    }
    files = {
        etc / "nova.conf": render(_nova(facts)),
        etc / "cell2.conf": render(cell2),
        etc / "conductor-cell2.conf": render(
            {"DEFAULT": {"log_file": log / "nova-conductor-cell2.log", "host": "conductor-cell2"}}
        ),
        etc / "api.conf": render({"DEFAULT": {"log_file": log / "nova-api.log"}}),
    }
    for host in COMPUTES:
        own = {
            "host": host,
            "state_path": facts.place.data / "nova" / host,
            "log_file": log / f"nova-compute-{host}.log",
        }
        files[etc / f"{host}.conf"] = render({"DEFAULT": own})
    return files


FILTERS = (
    "ComputeFilter",
    "ComputeCapabilitiesFilter",
    "ImagePropertiesFilter",
    "ServerGroupAntiAffinityFilter",
    "ServerGroupAffinityFilter",
    "AggregateInstanceExtraSpecsFilter",
)


def _nova(facts: Facts) -> Ini:
    return {
        "DEFAULT": _default(facts),
        "api": {"auth_strategy": "keystone"},
        "api_database": {"connection": facts.database("nova_api"), "max_pool_size": 5},
        **common(facts, "nova"),
        "wsgi": {"api_paste_config": facts.venv / "etc" / "nova" / "api-paste.ini"},
        "conductor": {"workers": 1},
        # Hosts are mapped to cells at set-up (lab/setup.py): nothing to discover.
        "scheduler": {"workers": 1, "discover_hosts_in_cells_interval": -1},
        # Nova's default and what many clouds add to it for their aggregates.
        "filter_scheduler": {"enabled_filters": ",".join(FILTERS)},
        "vnc": {"enabled": False},
        "spice": {"enabled": False},
        "compute": {"live_migration_wait_for_vif_plug": False},
        "glance": {"api_servers": facts.url("glance-api")},
        "placement": credentials(facts, "placement"),
        "neutron": credentials(facts, "neutron"),
        "cinder": {
            "catalog_info": "volumev3:cinderv3:publicURL",
            "os_region_name": REGION,
            **credentials(facts, "cinder"),
        },
        "service_user": {"send_service_user_token": True, **credentials(facts, "nova")},
        "keystone": credentials(facts, "nova"),
        "keystone_authtoken": token_check(facts, "nova"),
    }


def _default(facts: Facts) -> dict[str, object]:
    return {
        "host": "control01",
        "my_ip": "127.0.0.1",
        "log_dir": facts.place.log,
        "use_stderr": False,
        "transport_url": facts.broker(),
        "state_path": facts.place.data / "nova",
        "osapi_compute_listen": "127.0.0.1",
        "osapi_compute_listen_port": facts.port("nova-api"),
        "osapi_compute_workers": 1,
        "enabled_apis": "osapi_compute",
        "compute_driver": "labdrv.LabDriver",
        "allow_resize_to_same_host": False,
        # Nobody lands in the second cell without asking for its zone.
        "default_schedule_zone": MAIN_ZONE,
        "vif_plugging_is_fatal": False,
        "vif_plugging_timeout": 0,
        "report_interval": 2,
        "service_down_time": 10,
        "sync_power_state_interval": -1,
        "instance_usage_audit": False,
        "reserved_host_memory_mb": 0,
        "cpu_allocation_ratio": 4.0,
        "ram_allocation_ratio": 1.0,
        # A call to a host or cell that a test has stopped should not hold a request for a minute.
        "rpc_response_timeout": 20,
        # Nova's default of one would make every drain a queue.
        "max_concurrent_live_migrations": 4,
    }
