#!/usr/bin/python
# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: EXE001, TID251, UP022 - Ansible reads the first line; Python 3.6 knows no newer ways
"""Look at one host and print what was seen as one JSON document; changes nothing.

Ansible feeds this file to the host's own Python (3.6 or newer, standard library only) and puts the
arguments into it. Everything has a time limit; what cannot be seen has a sentence in `errors`.
"""

import json
import os
import re
import subprocess
import time
from typing import Any

# The names of arguments; the marker is replaced by JSON. It also tells Ansible to send the file
# as it is, over standard input where pipelining allows it.
ARGUMENTS = r"""<<INCLUDE_ANSIBLE_MODULE_JSON_ARGS>>"""

# File systems that no one can fill by accident, or that belong to a container.
PASSING = frozenset(
    """
    autofs bdev binfmt_misc bpf cgroup cgroup2 configfs cpuset debugfs devpts devtmpfs efivarfs
    fuse.gvfsd-fuse fuse.lxcfs fuse.portal fusectl hugetlbfs iso9660 mqueue nsfs overlay proc
    pstore ramfs rpc_pipefs securityfs squashfs sysfs tmpfs tracefs udf
    """.split()  # noqa: SIM905 - thirty lines otherwise
)
# A remote file system whose server is gone would hang whoever asks for its size.
REMOTE = ("nfs", "cifs", "smb", "ceph", "fuse.", "9p", "glusterfs", "lustre", "beegfs")
OF_CONTAINERS = ("/var/lib/docker/", "/var/lib/containers/", "/run/", "/snap/", "/var/lib/kubelet/")
DENIED = ("permission denied", "got permission", "access denied")
ENGINES = ("docker", "podman")
# What dpkg and rpm write when a package is installed, changed or removed.
PACKAGES = (
    "/var/lib/dpkg/status",
    "/var/lib/rpm/rpmdb.sqlite",
    "/var/lib/rpm/Packages",
    "/usr/lib/sysimage/rpm/rpmdb.sqlite",
)


def run(words: "list[str]", seconds: float) -> "tuple[int, str, str]":
    """Run a command; return its status (124 when it was too slow), output, errors."""
    try:
        done = subprocess.run(  # noqa: S603 - no shell
            words,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            timeout=seconds,
            check=False,
            env=dict(os.environ, LC_ALL="C"),
        )
    except subprocess.TimeoutExpired:
        return 124, "", "%s did not answer within %g s" % (words[0], seconds)  # noqa: UP031
    except OSError as error:
        return 127, "", str(error)
    return (
        done.returncode,
        done.stdout.decode("utf-8", "replace"),
        done.stderr.decode("utf-8", "replace"),
    )


def find(name: str) -> str:
    """Find an executable; a session over SSH often lacks the system's own folders."""
    folders = os.environ.get("PATH", "").split(":")
    for folder in [*folders, "/usr/local/bin", "/usr/bin", "/bin", "/usr/sbin", "/sbin"]:
        path = os.path.join(folder, name)  # noqa: PTH118
        if folder and os.access(path, os.X_OK):
            return path
    return ""


def read(path: str) -> str:
    """Return a file's text; empty when there is none."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:  # noqa: PTH123
            return file.read()
    except OSError:
        return ""


def pairs(text: str, sign: str) -> "dict[str, str]":
    """Read lines of `name SIGN value`."""
    found = {}
    for line in text.splitlines():
        name, mark, value = line.partition(sign)
        if mark:
            found[name.strip()] = value.strip().strip('"')
    return found


def system() -> "dict[str, object]":
    """Name, distribution, kernel, boot, load, processors, memory."""
    memory = pairs(read("/proc/meminfo"), ":")
    load = read("/proc/loadavg").split()
    return {
        "hostname": os.uname().nodename,
        "os": pairs(read("/etc/os-release"), "=").get("PRETTY_NAME", ""),
        "kernel": os.uname().release,
        "booted_at": number(pairs(read("/proc/stat"), "btime").get("")),
        "load_1m": number(load[0]) if load else None,
        "cpus": os.cpu_count(),
        "memory_total_bytes": kibibytes(memory.get("MemTotal")),
        "memory_available_bytes": kibibytes(memory.get("MemAvailable")),
    }


def number(text: "str | None") -> "float | None":
    """Return a number; None when it is none."""
    try:
        return float(text or "")
    except ValueError:
        return None


def kibibytes(text: "str | None") -> "int | None":
    """Return `123 kB` as bytes."""
    found = number((text or "").split(" ")[0])
    return None if found is None else int(found) * 1024


def mounts() -> "list[dict[str, object]]":
    """Every file system of the host's own, each device once, under its shortest path."""
    devices = {}  # type: dict[str, tuple[str, str]]
    for line in read("/proc/self/mounts").splitlines():
        words = line.split(" ")
        if len(words) < 4:  # noqa: PLR2004
            continue
        device, path, kind = words[0], unescaped(words[1]), words[2]
        options = words[3].split(",")
        if kind in PASSING or kind.startswith(REMOTE) or "ro" in options:
            continue
        if path.startswith(OF_CONTAINERS) or not os.path.isdir(path):  # noqa: PTH112
            continue
        known = devices.get(device)
        if known is None or len(path) < len(known[0]):
            devices[device] = (path, kind)
    found = []
    for device, (path, kind) in sorted(devices.items()):
        try:
            size = os.statvfs(path)
        except OSError:
            continue
        # As df: what is reserved for root counts as neither used nor free.
        used = size.f_blocks - size.f_bfree
        whole = used + size.f_bavail
        if not size.f_blocks or not whole:
            continue
        found.append(
            {
                "path": path,
                "device": device,
                "kind": kind,
                "size_bytes": size.f_blocks * size.f_frsize,
                "used_ratio": round(used / whole, 4),
                "inodes_used_ratio": round(1 - size.f_ffree / size.f_files, 4)
                if size.f_files
                else None,
            }
        )
    return found


def unescaped(path: str) -> str:
    """Read a path as the kernel writes it: blanks in octal, all other letters as they are."""
    return re.sub(r"\\([0-7]{3})", lambda found: chr(int(found.group(1), 8)), path)


def synchronized() -> "bool | None":
    """Tell whether the clock follows a source; None when nobody here knows."""
    chronyc = find("chronyc")
    if chronyc:
        status, text, _errors = run([chronyc, "-n", "tracking"], 3)
        leap = pairs(text, ":").get("Leap status", "")
        if status == 0 and leap:
            return leap != "Not synchronised"
    timedatectl = find("timedatectl")
    if timedatectl:
        status, text, _errors = run([timedatectl, "show"], 3)
        if status == 0:
            answer = pairs(text, "=").get("NTPSynchronized")
            return None if answer is None else answer == "yes"
    return None


def reboot_required() -> "bool | None":
    """Tell whether an installed update waits for a reboot; None where that is not written down."""
    if os.path.exists("/var/run/reboot-required"):  # noqa: PTH110
        return True
    if os.path.exists("/etc/debian_version"):  # noqa: PTH110
        return False
    needs = find("needs-restarting")
    if needs:
        status, _text, _errors = run([needs, "-r"], 10)
        return {0: False, 1: True}.get(status)
    return None


def packages_changed() -> "float | None":
    """Tell when a package was last changed; None where no package database is known."""
    found = []
    for path in PACKAGES:
        try:
            found.append(os.stat(path).st_mtime)  # noqa: PTH116
        except OSError:
            continue
    return max(found) if found else None


def containers(wanted: str, seconds: float) -> "tuple[str, list[dict[str, object]] | None, str]":
    """Return the engine, its containers (None: not readable), and why not."""
    engine = next((name for name in ENGINES if name in (wanted or name) and find(name)), "")
    if not engine:
        return "", None if wanted else [], "%s is not installed" % wanted if wanted else ""  # noqa: UP031
    if engine == "podman" and os.geteuid() != 0:
        return engine, None, "the containers of root's podman are seen by root only"
    program = find(engine)
    status, text, errors = run([program, "ps", "--all", "--quiet", "--no-trunc"], seconds)
    if status != 0:
        return engine, None, complaint(errors, engine)
    ids = text.split()
    if not ids:
        return engine, [], ""
    # A container that went away in between makes the status 1; the others are still printed.
    status, text, errors = run([program, "inspect", "--type", "container"] + ids, seconds)  # noqa: RUF005
    try:
        listed = json.loads(text)
    except ValueError:
        return engine, None, complaint(errors, engine)
    return engine, [container(entry) for entry in listed if isinstance(entry, dict)], ""


def complaint(errors: str, engine: str) -> str:
    """Say in one line why an engine did not list its containers."""
    if any(word in errors.lower() for word in DENIED):
        return "the Ansible user is not in group %s" % engine  # noqa: UP031
    lines = [line.strip() for line in errors.splitlines() if line.strip()]
    return lines[-1][:300] if lines else "%s said nothing" % engine  # noqa: UP031


def container(entry: "dict[str, Any]") -> "dict[str, object]":
    """Keep of `inspect` what is wanted: never the environment or the command."""
    state = entry.get("State") or {}
    config = entry.get("Config") or {}
    policy = (entry.get("HostConfig") or {}).get("RestartPolicy") or {}
    labels = config.get("Labels") or {}
    health = state.get("Health") or state.get("Healthcheck") or {}
    return {
        "id": entry.get("Id", ""),
        "name": str(entry.get("Name", "")).lstrip("/"),
        "image": entry.get("ImageName") or config.get("Image") or "",
        "image_id": str(entry.get("Image", "")).replace("sha256:", ""),
        "state": state.get("Status", ""),
        "health": health.get("Status", ""),
        "failing_checks": health.get("FailingStreak"),
        "restarts": entry.get("RestartCount", 0),
        "restart_policy": policy.get("Name", ""),
        "exit_code": state.get("ExitCode"),
        "started_at": state.get("StartedAt", ""),
        "finished_at": state.get("FinishedAt", ""),
        "kolla_version": labels.get("kolla_version", ""),
        "kolla_image": labels.get("name", "") if labels.get("kolla_version") else "",
    }


def look(engine: str, seconds: float) -> "dict[str, object]":
    """Look at everything; the clock is read first and last."""
    began = time.time()
    seen = system()
    seen["mounts"] = mounts()
    seen["clock_synchronized"] = synchronized()
    seen["reboot_required"] = reboot_required()
    seen["packages_changed_at"] = packages_changed()
    seen["engine"], seen["containers"], seen["containers_error"] = containers(engine, seconds)
    seen["began"] = began
    seen["ended"] = time.time()
    return seen


def main() -> None:
    """Print the document that Ansible expects."""
    try:
        given = json.loads(ARGUMENTS)
    except ValueError:
        given = {}
    engine = str(given.get("engine", ""))
    seconds = float(given.get("seconds", 10))
    print(json.dumps({"changed": False, "day2": look(engine, seconds)}))  # noqa: T201


if __name__ == "__main__":
    main()
