#!/usr/bin/python
# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: EXE001, PTH118, TID251, UP031 - Ansible reads the first line; Python 3.6
"""Say which guests libvirt has on this host, and which of them run.

Ansible feeds this file to the host's own Python (3.6 or newer, standard library only) and puts the
arguments into it. It changes nothing. libvirt is asked in the container nova_libvirt, or on the
host itself where there is no such container.
"""

import json
import os
import subprocess
from typing import Any

ARGUMENTS = r"""<<INCLUDE_ANSIBLE_MODULE_JSON_ARGS>>"""

ENGINES = ("docker", "podman")
CONTAINER = "nova_libvirt"


class Missing(Exception):
    """It could not be asked."""


def find(name: str) -> str:
    """Find an executable; a session over SSH often lacks the system's own folders."""
    folders = os.environ.get("PATH", "").split(":")
    for folder in folders + ["/usr/local/bin", "/usr/bin", "/bin"]:  # noqa: RUF005
        path = os.path.join(folder, name)
        if folder and os.access(path, os.X_OK):
            return path
    return ""


def output(words: "list[str]", seconds: float) -> str:
    """Run a program to its end and return what it prints."""
    try:
        child = subprocess.Popen(  # noqa: S603 - no shell, our own words
            words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
    except OSError as error:
        raise Missing("%s: %s" % (words[0], error))  # noqa: B904
    try:
        printed, complaint = child.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        child.kill()
        child.communicate()
        raise Missing("%s did not end in time" % " ".join(words[:4]))  # noqa: B904
    if child.returncode:
        lines = complaint.decode("utf-8", "replace").strip().splitlines()
        raise Missing(lines[-1] if lines else "%s ended with %d" % (words[0], child.returncode))
    return printed.decode("utf-8", "replace")


def virsh(given: "dict[str, Any]", seconds: float) -> "list[str]":
    """Return the words that run virsh here; empty where there is no libvirt."""
    wanted = str(given.get("engine", ""))
    for name in [wanted] if wanted else ENGINES:
        engine = find(name)
        if not engine:
            continue
        names = output([engine, "ps", "--all", "--format", "{{.Names}}"], seconds).split()
        if CONTAINER in names:
            return [engine, "exec", CONTAINER, "virsh"]
    own = find("virsh")
    return [own] if own else []


def look(given: "dict[str, Any]") -> "dict[str, Any]":
    """Return the guests, None where there is no libvirt, or why it could not be asked."""
    seconds = float(given.get("seconds", 20)) / 3
    try:
        words = virsh(given, seconds)
        if not words:
            return {"guests": None}
        every = output(words + ["list", "--all", "--uuid"], seconds).split()  # noqa: RUF005
        running = set(output(words + ["list", "--uuid"], seconds).split())  # noqa: RUF005
    except Missing as missing:
        return {"error": str(missing)[:300]}
    return {"guests": [{"id": own, "running": own in running} for own in every]}


def main() -> None:
    """Print the document that Ansible expects."""
    print(json.dumps({"changed": False, "day2": look(json.loads(ARGUMENTS))}))  # noqa: T201


if __name__ == "__main__":
    main()
