# SPDX-License-Identifier: Apache-2.0
"""The scripted `docker` of a sandbox's hosts: containers are told and files are copied out.

Standard library only: a fetch starts this several times on every host.
"""

import base64
import hashlib
import io
import json
import sys
import tarfile
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from day2.sandbox.hosts import look

FERNET, FERNET_FOLDER = "keystone_fernet_tokens", "/etc/keystone/fernet-keys"
KEYS = 3
CREATED = "2026-01-05T08:00:00Z"
KEYSTONE = "keystone"
MOUNTED = frozenset({KEYSTONE, "keystone_ssh", "keystone_fernet"})
REGISTRY = "registry.example.org"


def docker(here: Path, words: list[str]) -> int:
    """Do what a host asks its engine for; the host is the folder that this is started in."""
    cloud = json.loads((here / "cloud.json").read_text(encoding="utf-8"))
    name = Path.cwd().name
    listed = look.containers(name, cloud["hosts"][name], datetime.fromtimestamp(cloud["at"], UTC))
    verbs: dict[str, Callable[[list[dict[str, Any]], list[str]], int]] = {
        "ps": _ps,
        "inspect": _inspect,
        "image": _images,
        "cp": partial(_copy, other=bool(cloud["hosts"][name].get("other_keys"))),
        "logs": _logs,
    }
    verb = verbs.get(words[0] if words else "")
    if verb is None:
        return _refuse("docker: the engine of a sandbox runs nothing")
    return verb(listed, words[1:])


def _ps(listed: list[dict[str, Any]], _words: list[str]) -> int:
    sys.stdout.write("".join(f"{one['id']}\n" for one in listed))
    return 0


def _inspect(listed: list[dict[str, Any]], words: list[str]) -> int:
    shown = [
        {
            "Id": one["id"],
            "Name": f"/{one['name']}",
            "Created": CREATED,
            "State": {
                "Status": one["state"],
                "ExitCode": one["exit_code"],
                "StartedAt": one["started_at"],
                "FinishedAt": one["finished_at"],
                "Health": {"Status": one["health"], "Log": []},
            },
            "RestartCount": one["restarts"],
            "Image": f"sha256:{one['image_id']}",
            "Config": {"Image": one["image"], "Env": _written("environment", one["name"])},
            "Mounts": _mounts(one["name"]),
        }
        for one in listed
        if one["id"] in words
    ]
    sys.stdout.write(json.dumps(shown))
    return 0


def _written(folder: str, name: str) -> list[str]:
    """Return the lines that a test has written for a container of this host; none is the rule."""
    try:
        return Path(folder, name).read_text(encoding="utf-8").splitlines()
    except OSError:
        return []


def _logs(listed: list[dict[str, Any]], words: list[str]) -> int:
    name = words[-1]
    if name not in {one["name"] for one in listed}:
        return _refuse(f"Error response from daemon: No such container: {name}")
    count = int(words[words.index("--tail") + 1]) if "--tail" in words else 1000
    started = [f"Running command: '{name.replace('_', '-')}'"]
    lines = [*started, *_written("printed", name)][-count:]
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    return 0


def _mounts(name: str) -> list[dict[str, Any]]:
    volumes = {"kolla_logs": "/var/log/kolla"}
    if name in MOUNTED:
        volumes[FERNET] = FERNET_FOLDER
    return [
        {"Type": "volume", "Name": volume, "Destination": place}
        for volume, place in volumes.items()
    ]


def _images(listed: list[dict[str, Any]], words: list[str]) -> int:
    images = {one["image_id"]: one["image"] for one in listed}
    shown = [
        {
            "Id": f"sha256:{own}",
            "RepoTags": [images[own]],
            "RepoDigests": [f"{REGISTRY}/{images[own].partition(':')[0]}@sha256:{_hash(own)}"],
        }
        for own in (word.removeprefix("sha256:") for word in words[1:])
        if own in images
    ]
    sys.stdout.write(json.dumps(shown))
    return 0


def _copy(listed: list[dict[str, Any]], words: list[str], *, other: bool = False) -> int:
    container, _colon, path = words[0].partition(":")
    name = next((one["name"] for one in listed if container in {one["id"], one["name"]}), "")
    if not name:
        return _refuse(f"Error response from daemon: No such container: {container}")
    if name not in MOUNTED or path != FERNET_FOLDER:
        return _refuse(
            f"Error response from daemon: Could not find the file {path} in container {container}"
        )
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        folder = tarfile.TarInfo("fernet-keys")
        folder.type, folder.mode = tarfile.DIRTYPE, 0o770
        archive.addfile(folder)
        for number in range(KEYS):
            key = base64.urlsafe_b64encode(
                bytes.fromhex(_hash(f"fernet {number}{' other' * other}"))
            )
            file = tarfile.TarInfo(f"fernet-keys/{number}")
            file.size, file.mode, file.uid, file.gid = len(key), 0o600, 42425, 42425
            archive.addfile(file, io.BytesIO(key))
    sys.stdout.buffer.write(packed.getvalue())
    return 0


def _refuse(said: str) -> int:
    sys.stderr.write(f"{said}\n")
    return 1


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
