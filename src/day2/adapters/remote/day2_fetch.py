#!/usr/bin/python
# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: EXE001, PTH118, TID251, UP031 - Ansible reads the first line; Python 3.6
"""Fetch what a cloud needs for its recovery and that lies in this host's containers only.

Ansible feeds this file, with the one that it imports before it, to the host's own Python (3.6 or
newer, standard library only) and puts the arguments into it. Files are read through the container
engine, so that no root is needed where the user may use the engine. Nothing is changed but that
etcd's snapshot is a file in its container for a moment. What was found leaves sealed: Ansible
writes answers to files.
"""

import base64
import json
import os
import select
import subprocess
import tempfile
import time
import zlib
from typing import Any

from day2.adapters.remote.sealing import seal

# The names of arguments; the marker is replaced by JSON. It also tells Ansible to send the file
# as it is, over standard input where pipelining allows it.
ARGUMENTS = r"""<<INCLUDE_ANSIBLE_MODULE_JSON_ARGS>>"""

DENIED = ("permission denied", "got permission", "access denied")
ABSENT = ("could not find the file", "no such file", "could not be found", "no such container:path")
ENGINES = ("docker", "podman")
SNAPSHOT = "/tmp/day2-etcd-snapshot"  # noqa: S108 - in the container


class Missing(Exception):
    """Something that could not be had."""


class Absent(Missing):
    """Something that is proven not to be there."""


class Fetching:
    """Everything that this host has to give."""

    def __init__(self, given: "dict[str, Any]") -> None:
        self.given = given
        self.deadline = time.monotonic() + float(given.get("seconds", 60))
        self.left = int(given.get("read_bytes", 64 << 20))
        self.answer_bytes = int(given.get("answer_bytes", 8 << 20))
        self.engine = ""
        self.containers = []  # type: list[dict[str, Any]]
        self.files = []  # type: list[dict[str, str]]
        self.missing = []  # type: list[dict[str, Any]]

    def run(self) -> "dict[str, Any]":
        """Fetch it, in the order in which it is wanted; what does not fit is told as missing."""
        try:
            self.engine = self.find_engine()
            self.containers = self.inspect()
        except Missing as missing:
            return self.sealed({"error": str(missing)})
        for wanted in self.given.get("wanted", []):
            try:
                self.fetch(wanted)
            except Missing as missing:
                self.miss(wanted["what"], str(missing), absent=isinstance(missing, Absent))
        return self.sealed(
            {"files": self.files, "missing": self.missing, "containers": self.images()}
        )

    def miss(self, what: str, why: str, *, absent: bool) -> None:
        """Remember what could not be had."""
        self.missing.append({"what": what, "why": why[:300], "absent": absent})

    def find_engine(self) -> str:
        """Return the engine's path; empty where containers are not used."""
        wanted = str(self.given.get("engine", ""))
        for name in ENGINES:
            if name in (wanted or name) and find(name):
                if name == "podman" and os.geteuid() != 0:
                    raise Missing("the containers of root's podman are seen by root only")
                return find(name)
        if wanted:
            raise Missing("%s is not installed" % wanted)
        return ""

    def inspect(self) -> "list[dict[str, Any]]":
        """Return every container as the engine tells it."""
        if not self.engine:
            return []
        ids = self.output(["ps", "--all", "--quiet", "--no-trunc"]).decode().split()
        if not ids:
            return []
        # A container that went away in between makes the status 1; the others are still printed.
        text = self.output(["inspect", "--type", "container"] + ids, any_status=True)  # noqa: RUF005
        try:
            return [entry for entry in json.loads(text.decode()) if isinstance(entry, dict)]
        except ValueError:
            raise Missing("%s answered in an unknown form" % self.engine)  # noqa: B904

    def fetch(self, wanted: "dict[str, Any]") -> None:
        """Fetch one thing: a volume, a path of a container, or what a command in one prints."""
        what = wanted["what"]
        if "volume" in wanted:
            name, path = self.mount(wanted["volume"])
            self.keep(what, "tar", self.output(["cp", "%s:%s" % (name, path), "-"]))
            return
        name = self.named(wanted["container"])
        if "path" in wanted:
            self.keep(what, "tar", self.output(["cp", "%s:%s" % (name, wanted["path"]), "-"]))
        elif "words" in wanted:
            self.keep(what, "plain", self.output(["exec", name] + wanted["words"]))
        else:
            self.keep(what, "tar", self.etcd(name))

    def etcd(self, name: str) -> bytes:
        """Let etcd write a snapshot into its container, and take it out of there."""
        self.output(["exec", name, "etcdctl", "snapshot", "save", SNAPSHOT])
        try:
            return self.output(["cp", "%s:%s" % (name, SNAPSHOT), "-"])
        finally:
            self.output(["exec", name, "rm", "-f", SNAPSHOT, SNAPSHOT + ".part"], any_status=True)

    def mount(self, volume: str) -> "tuple[str, str]":
        """Return a container that a volume is mounted in, running ones first, and where."""
        found = [
            (container, mount)
            for container in self.containers
            for mount in container.get("Mounts") or []
            if mount.get("Name") == volume and mount.get("Destination")
        ]
        if not found:
            raise Absent("no container mounts it")
        found.sort(key=lambda pair: not is_running(pair[0]))
        container, mount = found[0]
        return str(container.get("Id", "")), str(mount["Destination"])

    def named(self, name: str) -> str:
        """Return the id of a container that runs."""
        for container in self.containers:
            if str(container.get("Name", "")).lstrip("/") == name:
                if not is_running(container):
                    raise Missing("container %s does not run" % name)
                return str(container.get("Id", ""))
        raise Absent("there is no container %s" % name)

    def keep(self, what: str, form: str, data: bytes) -> None:
        """Keep what was fetched, as long as all of it fits into the answer."""
        packed = base64.b64encode(zlib.compress(data, 6)).decode("ascii")
        if sum(len(file["packed"]) for file in self.files) + len(packed) > self.answer_bytes:
            raise Missing("it does not fit into the answer: %d bytes packed" % len(packed))
        self.files.append({"what": what, "form": form, "packed": packed})

    def images(self) -> "list[dict[str, Any]]":
        """Tell which image each container is made of, and by which digests a registry has it."""
        ids = sorted({str(one.get("Image", "")) for one in self.containers} - {""})
        digests = {}  # type: dict[str, list[str]]
        if ids:
            try:
                text = self.output(["image", "inspect"] + ids, any_status=True)  # noqa: RUF005
                for entry in json.loads(text.decode()):
                    name = str(entry.get("Id", "")).replace("sha256:", "")
                    digests[name] = sorted(str(one) for one in entry.get("RepoDigests") or [])
            except (Missing, ValueError, AttributeError):
                self.miss("image digests", "%s did not tell them" % self.engine, absent=False)
        told = []
        for one in self.containers:
            config = one.get("Config") or {}
            image = str(one.get("Image", "")).replace("sha256:", "")
            told.append(
                {
                    "name": str(one.get("Name", "")).lstrip("/"),
                    "image": str(one.get("ImageName") or config.get("Image") or ""),
                    "image_id": image,
                    "digests": digests.get(image, []),
                }
            )
        return sorted(told, key=lambda entry: entry["name"])

    def output(self, words: "list[str]", any_status: bool = False) -> bytes:  # noqa: FBT001, FBT002
        """Run the engine and return what it printed, within what is left of time and bytes."""
        seconds = self.deadline - time.monotonic()
        if seconds <= 0:
            raise Missing("not read in time")
        with tempfile.TemporaryFile() as complaints:
            child = subprocess.Popen(  # noqa: S603 - no shell
                [self.engine] + words,  # noqa: RUF005
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=complaints,
                env=dict(os.environ, LC_ALL="C"),
            )
            try:
                out = self.read(child)
            finally:
                child.kill()
                status = child.wait()
            complaints.seek(0)
            errors = complaints.read(1 << 16).decode("utf-8", "replace")
        if status and not any_status:
            raise missing(errors, self.engine)
        return out

    def read(self, child: "subprocess.Popen[bytes]") -> bytes:
        """Read a child's output to its end and let it end; never more than is to be read."""
        stream = child.stdout
        parts = []  # type: list[bytes]
        while stream is not None:
            seconds = self.deadline - time.monotonic()
            if seconds <= 0 or not select.select([stream], [], [], seconds)[0]:
                raise Missing("not read in time")
            part = os.read(stream.fileno(), 1 << 16)
            if not part:
                break
            parts.append(part)
            self.left -= len(part)
            if self.left < 0:
                raise Missing("more bytes than are to be read")
        try:
            child.wait(timeout=max(0.1, self.deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            raise Missing("not read in time")  # noqa: B904
        return b"".join(parts)

    def sealed(self, document: "dict[str, Any]") -> "dict[str, str]":
        """Seal what was found."""
        key = self.given["key"]
        return seal(json.dumps(document).encode("utf-8"), int(key["n"], 16), int(key["e"]))


def missing(errors: str, engine: str) -> Missing:
    """Say in one line why an engine did not do it."""
    lines = [line.strip() for line in errors.splitlines() if line.strip()]
    said = lines[-1] if lines else "%s said nothing" % engine
    low = errors.lower()
    if any(word in low for word in ABSENT):
        return Absent(said)
    if any(word in low for word in DENIED) and "docker" in low:
        return Missing("the Ansible user may not use docker: %s" % said)
    return Missing(said)


def is_running(container: "dict[str, Any]") -> bool:
    """Tell whether a container runs."""
    return (container.get("State") or {}).get("Status") == "running"


def find(name: str) -> str:
    """Find an executable; a session over SSH often lacks the system's own folders."""
    folders = os.environ.get("PATH", "").split(":")
    for folder in folders + ["/usr/local/bin", "/usr/bin", "/bin"]:  # noqa: RUF005
        path = os.path.join(folder, name)
        if folder and os.access(path, os.X_OK):
            return path
    return ""


def main() -> None:
    """Print the document that Ansible expects."""
    given = json.loads(ARGUMENTS)
    print(json.dumps({"changed": False, "day2": Fetching(given).run()}))  # noqa: T201


if __name__ == "__main__":
    main()
