# SPDX-License-Identifier: Apache-2.0
"""The files that a node gets before its first start: keys, /etc/kolla, the list of containers."""

import io
import json
import secrets
import tarfile
from pathlib import Path

from lab.parts import nodes_services as services
from lab.parts.tools import FILES, template

PASSWORDS = (
    "database_password", "mariadb_backup_database_password", "mariadb_monitor_password",
    "rabbitmq_password", "rabbitmq_monitoring_password", "rabbitmq_cluster_cookie",
    "keystone_admin_password", "keystone_database_password", "glance_database_password",
    "glance_keystone_password", "nova_database_password", "nova_api_database_password",
    "nova_keystone_password", "placement_database_password", "placement_keystone_password",
    "neutron_database_password", "neutron_keystone_password", "metadata_secret",
    "cinder_database_password", "cinder_keystone_password", "cinder_rbd_secret_uuid",
    "heat_database_password", "heat_keystone_password", "haproxy_password", "keepalived_password",
    "memcache_secret_key", "horizon_secret_key", "grafana_admin_password",
    "prometheus_password",
)  # fmt: skip
DOCKER = {
    "bridge": "none",
    "ip-forward": False,
    "ip-masq": False,
    "iptables": False,
    "log-opts": {"max-file": "5", "max-size": "50m"},
    "storage-driver": "overlay2",
}


def node_files(host: str, public_key: str, group: str, vip: str) -> bytes:
    """Return a tar archive for the node's root."""
    daemon = DOCKER | {"cgroup-parent": f"/{group}/{host}"}
    rows = [service.row() for service in services.services(host)]
    texts = {
        "etc/lab/containers.json": (json.dumps(rows), 0o644),
        "etc/docker/daemon.json": (json.dumps(daemon), 0o644),
        "usr/local/sbin/lab-containers": ((FILES / "nodes-containers.py").read_text(), 0o755),
        "root/.ssh/authorized_keys": (public_key, 0o600),
    }
    for service in services.services(host):
        folder = f"etc/kolla/{service.config}"
        texts[f"{folder}/config.json"] = (_config(service), 0o660)
        texts[f"{folder}/{service.image.split('-')[0]}.conf"] = (_conf(service, vip), 0o660)
    if host.startswith("control"):
        texts["etc/kolla/globals.yml"] = (template("nodes-globals.yml", vip=vip), 0o640)
        lines = [f"{name}: {secrets.token_urlsafe(30)}\n" for name in sorted(PASSWORDS)]
        texts["etc/kolla/passwords.yml"] = ("---\n" + "".join(lines), 0o600)
    memory = io.BytesIO()
    with tarfile.open(fileobj=memory, mode="w") as archive:
        for folder in sorted({str(Path(name).parent) for name in texts if "kolla/" in name}):
            _add(archive, f"{folder}/", "", 0o770)
        for name, (text, mode) in texts.items():
            _add(archive, name, text, mode)
        # The second user's key belongs to it: Debian's first ordinary user has number 1000.
        _add(archive, "home/day2/.ssh/authorized_keys", public_key, 0o600, owner=1000)
    return memory.getvalue()


def _config(service: services.Service) -> str:
    name = service.image.split("-")[0]
    source = f"/var/lib/kolla/config_files/{name}.conf"
    files = [{"source": source, "dest": f"/etc/{name}/{name}.conf", "owner": name, "perm": "0600"}]
    config = {
        "command": f"{service.image} --config-file /etc/{name}/{name}.conf",
        "config_files": files,
        "permissions": [{"path": f"/var/log/kolla/{name}", "owner": f"{name}:{name}"}],
    }
    return json.dumps(config, indent=4) + "\n"


def _conf(service: services.Service, vip: str) -> str:
    return (
        f"[DEFAULT]\nlog_dir = /var/log/kolla/{service.image.split('-')[0]}\ndebug = False\n"
        f"transport_url = rabbit://openstack:lab@{vip}:5672//\n"
        f"[keystone_authtoken]\nwww_authenticate_uri = https://{vip}:5000\n"
    )


def _add(archive: tarfile.TarFile, name: str, text: str, mode: int, *, owner: int = 0) -> None:
    """Add a file, or a folder when the name ends with a slash."""
    entry = tarfile.TarInfo(name)
    entry.type = tarfile.DIRTYPE if name.endswith("/") else tarfile.REGTYPE
    entry.mode, entry.uid, entry.gid = mode, owner, owner
    data = text.encode()
    entry.size = len(data)
    archive.addfile(entry, io.BytesIO(data))
