# SPDX-License-Identifier: Apache-2.0
"""Debian packages that the lab needs; installing them must start nothing."""

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

PROGRAMS = {
    "/usr/sbin/mariadbd": "mariadb-server",
    "/usr/bin/mariadb-backup": "mariadb-backup",
    "/usr/lib/galera/libgalera_smm.so": "galera-4",
    "/usr/lib/rabbitmq/bin/rabbitmq-server": "rabbitmq-server",
    "/usr/bin/memcached": "memcached",
    "/usr/bin/qemu-img": "qemu-utils",
    "/usr/sbin/haproxy": "haproxy",
    "/usr/bin/zstd": "zstd",
}
"""What the cloud itself needs: a file that tells that a package is there, and the package."""

BACKUPS = {"/usr/bin/age": "age", "/usr/bin/restic": "restic"}
"""What sets of backups are read with by hand, and what keeps the data of large ones."""

NODES = {
    "/usr/sbin/debootstrap": "debootstrap",
    "/usr/sbin/dockerd": "docker.io",
    "/usr/bin/ssh": "openssh-client",
    "/usr/sbin/ip": "iproute2",
}
"""What the part `nodes` needs beside it."""

CEPH = {
    "/usr/bin/ceph-mon": "ceph-mon",
    "/usr/bin/ceph-mgr": "ceph-mgr",
    "/usr/share/ceph/mgr/balancer/module.py": "ceph-mgr-modules-core",
    "/usr/bin/ceph-osd": "ceph-osd",
    "/usr/bin/rbd": "ceph-common",
    "/usr/bin/radosgw": "radosgw",
}
"""What the part `ceph` needs beside it."""

POLICY = Path("/usr/sbin/policy-rc.d")


def install_packages(programs: Mapping[str, str] = PROGRAMS) -> None:
    """Install what is missing of these; one call of apt-get, none when nothing is.

    Parts that few tests need bring programs of their own.

    Raises:
        RuntimeError: when a package is missing and this user may not install it.

    """
    missing = [package for file, package in programs.items() if not Path(file).exists()]
    if not missing:
        return
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        message = f"install these packages first: {' '.join(missing)}"
        raise RuntimeError(message)
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
    # Debian starts a daemon when it is installed, unless this program says no.
    ours = not POLICY.exists()
    if ours:
        POLICY.write_text("#!/bin/sh\nexit 101\n")
        POLICY.chmod(0o755)
    command = [
        *("apt-get", "-q", "-o", "DPkg::Lock::Timeout=300", "install", "-y"),
        *("--no-install-recommends", *missing),
    ]
    try:
        if subprocess.run(command, env=environment, check=False).returncode:
            subprocess.run(["apt-get", "-q", "update"], env=environment, check=True)
            subprocess.run(command, env=environment, check=True)
    finally:
        if ours:
            POLICY.unlink()
