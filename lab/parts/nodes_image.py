# SPDX-License-Identifier: Apache-2.0
"""The image of a node: Debian with systemd, sshd and Docker, and the stand-ins' image archive."""

import hashlib
import io
import json
import tarfile
from pathlib import Path

from lab.parts import nodes_services as services
from lab.parts.tools import FILES, cached, key, remove, run
from lab.place import Place

SUITE = "bookworm"
PACKAGES = (
    "systemd,systemd-sysv,dbus,openssh-server,sudo,python3,python3-docker,python3-dbus,docker.io,"
    "iproute2,iptables,procps,chrony,tzdata,ca-certificates,libfaketime,netbase,iputils-ping,"
    "busybox-static"
)
APPLETS = ("sh", "date", "sleep", "mkdir", "cat", "ls", "ps", "echo", "test", "touch", "rm", "id")
SCRIPTS = ("nodes-image.sh", "nodes-standin.sh", "nodes-healthcheck.sh")


def node_image(place: Place) -> Path:
    """Return the archive of the node image, built once for all labs in about two minutes."""
    recipe = [(FILES / name).read_text() for name in SCRIPTS]
    name = key(SUITE, PACKAGES, *APPLETS, services.fingerprint(), *recipe)
    return cached(place.cache / "images" / f"node-{name}.tar", _build)


def mirror() -> str:
    """Return the package mirror that this machine's apt uses."""
    lines = run(
        [
            *("apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages"),
            *(f"Codename: {SUITE}", "Component: main"),
        ]
    ).split()
    if not lines:
        message = f"apt knows no mirror for {SUITE}"
        raise RuntimeError(message)
    return lines[0]


def _build(target: Path) -> None:
    root = target.with_suffix(".root")
    remove(root)
    try:
        run(
            ["debootstrap", "--variant=minbase", f"--include={PACKAGES}", SUITE, root, mirror()],
            seconds=900,
        )
        run(["chroot", root, "sh", "-s"], data=(FILES / "nodes-image.sh").read_bytes())
        (root / "opt/lab").mkdir(parents=True)
        _standins(root / "bin/busybox", root / "opt/lab/standins.tar")
        run(["tar", "--numeric-owner", "-C", root, "-cf", target, "."])
    finally:
        remove(root)


def _standins(busybox: Path, target: Path) -> None:
    """Write an archive as `docker save` does: one layer, shared by one image per service."""
    layer = _layer(busybox)
    digest = hashlib.sha256(layer).hexdigest()
    manifest = []
    with tarfile.open(target, "w") as archive:
        _add(archive, "layer.tar", layer)
        for service in services.every():
            config = {
                "architecture": "amd64",
                "os": "linux",
                "created": "2025-10-14T03:12:45Z",
                "config": {
                    "Cmd": ["kolla_start"],
                    "Env": ["PATH=/usr/local/bin:/bin", "KOLLA_BASE_DISTRO=debian"],
                    "Labels": service.labels(),
                },
                "history": [{"created": "2025-10-14T03:12:45Z", "created_by": service.image}],
                "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}"]},
            }
            text = json.dumps(config, sort_keys=True).encode()
            name = f"{hashlib.sha256(text).hexdigest()}.json"
            _add(archive, name, text)
            manifest.append(
                {"Config": name, "RepoTags": [service.reference], "Layers": ["layer.tar"]}
            )
        _add(archive, "manifest.json", json.dumps(manifest).encode())


def _layer(busybox: Path) -> bytes:
    memory = io.BytesIO()
    with tarfile.open(fileobj=memory, mode="w") as archive:
        for folder in ("bin", "etc", "tmp", "usr", "usr/local", "usr/local/bin", "var", "var/log"):
            _add(archive, folder, b"", kind=tarfile.DIRTYPE)
        _add(archive, "etc/passwd", b"root:x:0:0:root:/:/bin/sh\n", mode=0o644)
        _add(archive, "bin/busybox", busybox.read_bytes())
        for applet in APPLETS:
            _add(archive, f"bin/{applet}", b"busybox", kind=tarfile.SYMTYPE)
        _add(archive, "usr/local/bin/kolla_start", (FILES / "nodes-standin.sh").read_bytes())
        check = (FILES / "nodes-healthcheck.sh").read_bytes()
        for command in sorted(services.health_commands()):
            _add(archive, f"usr/local/bin/{command}", check)
    return memory.getvalue()


def _add(
    archive: tarfile.TarFile, name: str, data: bytes, *, mode: int = 0o755, kind: bytes = b"0"
) -> None:
    entry = tarfile.TarInfo(name)
    entry.mode = mode
    entry.type = kind
    if kind == tarfile.SYMTYPE:
        entry.linkname = data.decode()
        data = b""
    entry.size = len(data)
    archive.addfile(entry, io.BytesIO(data))
