# SPDX-License-Identifier: Apache-2.0
"""What `day2_look` prints of a host of the sandbox; standard library only."""

import hashlib
import time
from datetime import UTC, datetime, timedelta
from typing import Any

from day2.sandbox.hosts import kolla

GIB = 1 << 30
BOOTED_DAYS = 60
PATCHED_DAYS = 25
ROOT_GIB, DOCKER_GIB = 100, 200


def look(name: str, host: dict[str, Any], at: float) -> dict[str, Any]:
    """Return the program's document; `at` is when the sandbox went up."""
    ahead = float(host.get("clock_ahead", 0.0))
    began = time.time() + ahead  # noqa: TID251 - the host's own clock, as in the real program
    memory = host["memory_mib"] << 20
    return {
        "began": began,
        "hostname": name,
        "os": "Debian GNU/Linux 12 (bookworm)",
        "kernel": "6.1.0-28-amd64",
        "booted_at": at - BOOTED_DAYS * 86400,
        "load_1m": round(0.5 + _share(name, "load") * host["vcpus"] * 0.3, 2),
        "cpus": host["vcpus"],
        "memory_total_bytes": memory,
        "memory_available_bytes": int(memory * (0.35 + 0.2 * _share(name, "memory"))),
        "mounts": _mounts(name, host),
        "clock_synchronized": True,
        "reboot_required": host["reboot_required"],
        "packages_changed_at": at - (PATCHED_DAYS + int(20 * _share(name, "patched"))) * 86400,
        "engine": "docker",
        "containers": containers(name, host, datetime.fromtimestamp(at, UTC)),
        "containers_error": "",
        "ended": time.time() + ahead,  # noqa: TID251
    }


def _mounts(name: str, host: dict[str, Any]) -> list[dict[str, Any]]:
    sizes = {"/": ROOT_GIB, "/boot": 1, "/var/lib/docker": DOCKER_GIB}
    return [
        {
            "path": path,
            "device": f"/dev/mapper/vg0-{path.strip('/').replace('/', '_') or 'root'}",
            "kind": "ext4",
            "size_bytes": size * GIB,
            "used_ratio": host["disks"].get(path, round(0.25 + 0.2 * _share(name, path), 4)),
            "inodes_used_ratio": round(0.02 + 0.06 * _share(name, "inodes", path), 4),
        }
        for path, size in sizes.items()
    ]


def containers(name: str, host: dict[str, Any], at: datetime) -> list[dict[str, Any]]:
    """Return the containers of a host, as the program tells them."""
    odd: dict[str, dict[str, Any]] = host["containers"]
    return [
        _container(name, service, odd.get(service, {}), at)
        for service in kolla.containers(host["roles"])
        if not odd.get(service, {}).get("missing")
    ]


def _container(host: str, name: str, odd: dict[str, Any], at: datetime) -> dict[str, Any]:
    checked = name not in kolla.WITHOUT_CHECK
    state = odd.get("state", "running")
    health = odd.get("health") or ("healthy" if checked and state == "running" else "")
    since = at - timedelta(seconds=odd.get("since", BOOTED_DAYS * 86400 - 90))
    ended = state in {"exited", "restarting"}
    return {
        "id": _hash(host, name),
        "name": name,
        "image": kolla.image(name),
        "image_id": _hash("image", name),
        "state": state,
        "health": health,
        "failing_checks": 12 if health == "unhealthy" else 0 if health else None,
        "restarts": odd.get("restarts", 0),
        "restart_policy": "unless-stopped",
        "exit_code": odd.get("exit_code", 0),
        "started_at": _moment(since - timedelta(seconds=8) if ended else since),
        "finished_at": _moment(since) if ended else "0001-01-01T00:00:00Z",
        "kolla_version": kolla.VERSION,
        "kolla_image": name.replace("_", "-"),
    }


def _moment(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%S}.123456789Z"


def _hash(*words: str) -> str:
    return hashlib.sha256("/".join(words).encode()).hexdigest()


def _share(*words: str) -> float:
    """Return a number between 0 and 1 that is always the same for the same words."""
    return int(_hash(*words)[:6], 16) / 0xFFFFFF
