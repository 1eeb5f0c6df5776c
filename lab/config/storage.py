# SPDX-License-Identifier: Apache-2.0
"""Configuration of glance and cinder, and the stubs of two programs that cinder calls."""

from pathlib import Path

from lab.config.ini import Ini, common, credentials, render, token_check
from lab.facts import NFS_SHARE, Facts
from lab.share import mount_point

SUDO = """#!/bin/sh
# The lab is root already; without sudo and rootwrap each call is a process less, and a slow one.
[ "$1" = cinder-rootwrap ] && shift 2
exec "$@"
"""
MOUNT_NFS = """#!/bin/sh
# cinder only asks whether this exists: the share is a folder that the lab has bind-mounted.
exit 0
"""


def storage_files(facts: Facts) -> dict[Path, str]:
    """Return path and text of each file."""
    etc = facts.place.etc
    return {
        etc / "glance.conf": render(_glance(facts)),
        etc / "cinder.conf": render(_cinder(facts)),
        etc / "nfs_shares": f"{NFS_SHARE}\n",
        etc / "bin" / "sudo": SUDO,
        etc / "bin" / "mount.nfs": MOUNT_NFS,
    }


def _glance(facts: Facts) -> Ini:
    data = facts.place.data / "glance"
    return {
        "DEFAULT": {
            "bind_host": "127.0.0.1",
            "bind_port": facts.port("glance-api"),
            "workers": 0,
            "log_file": facts.place.log / "glance-api.log",
            "use_stderr": False,
            "enabled_backends": "file:file",
            "node_staging_uri": f"file://{data / 'staging'}",
            "transport_url": facts.broker(),
        },
        "glance_store": {"default_backend": "file"},
        "file": {"filesystem_store_datadir": data / "images"},
        "os_glance_tasks_store": {"filesystem_store_datadir": data / "tasks"},
        "os_glance_staging_store": {"filesystem_store_datadir": data / "staging"},
        "paste_deploy": {
            "flavor": "keystone",
            "config_file": facts.venv / "etc" / "glance" / "glance-api-paste.ini",
        },
        **common(facts, "glance"),
        "keystone_authtoken": token_check(facts, "glance"),
    }


def _cinder(facts: Facts) -> Ini:
    etc = facts.venv / "etc" / "cinder"
    # Through sudo, and absolute: sudo's own PATH would not find it in a virtualenv.
    helper = f"{facts.venv}/bin/privsep-helper --config-file {facts.place.etc / 'cinder.conf'}"
    return {
        "DEFAULT": {
            "my_ip": "127.0.0.1",
            "host": "storage01",
            "osapi_volume_listen": "127.0.0.1",
            "osapi_volume_workers": 1,
            "resource_query_filters_file": etc / "resource_filters.json",
            "api_paste_config": etc / "api-paste.ini",
            "rootwrap_config": etc / "rootwrap.conf",
            "auth_strategy": "keystone",
            "transport_url": facts.broker(),
            "log_dir": facts.place.log,
            "use_stderr": False,
            "state_path": facts.place.data / "cinder",
            "glance_api_servers": facts.url("glance-api"),
            "enabled_backends": "nfs1",
            "default_volume_type": "nfs",
            "backup_driver": "cinder.backup.drivers.posix.PosixBackupDriver",
            "backup_posix_path": facts.place.data / "backup",
            "backup_workers": 1,
            "backup_file_size": 52428800,
            "report_interval": 2,
            "service_down_time": 10,
            "volume_clear": "none",
        },
        "cinder_sys_admin": {"helper_command": helper},
        "privsep_osbrick": {"helper_command": helper},
        "nfs1": {
            "volume_driver": "cinder.volume.drivers.nfs.NfsDriver",
            "volume_backend_name": "nfs1",
            "nfs_shares_config": facts.place.etc / "nfs_shares",
            "nfs_mount_point_base": mount_point(facts.place).parent,
            "nfs_snapshot_support": True,
            "nfs_qcow2_volumes": True,
            "nas_secure_file_operations": False,
            "nas_secure_file_permissions": False,
        },
        "nova": credentials(facts, "nova"),
        "service_user": {"send_service_user_token": True, **credentials(facts, "cinder")},
        **common(facts, "cinder"),
        "keystone_authtoken": token_check(facts, "cinder"),
    }
