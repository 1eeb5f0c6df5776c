#!/usr/bin/python
# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: EXE001, PTH110, PTH113, PTH116, PTH118, PTH123, TID251, UP022, UP031, UP035
"""Read one host's logs of the last hours and print their errors, grouped; changes nothing.

Asked for requests it prints every line that names one of them instead, of any level, one by one.

Ansible feeds this file, with those that it imports before it, to the host's own Python (3.6 or
newer, standard library only) and puts the arguments into it. Nearly all lines are well: they are
passed over as bytes, without being decoded. What is kept is bounded in time, lines and bytes; what
was left out has a sentence in `errors`. Secrets are masked here, before anything leaves the host.
"""

import base64
import gzip
import json
import os
import select
import subprocess
import time
import zlib
from typing import IO, Any, Callable

from day2.adapters.remote.log_finder import Finder
from day2.adapters.remote.log_groups import EVENT_BYTES_HEAD, EVENT_BYTES_TAIL, Groups
from day2.adapters.remote.log_scanner import STAMP, WINDOW_BYTES, Scanner
from day2.adapters.remote.log_times import Times

# The names of arguments; the marker is replaced by JSON. It also tells Ansible to send the file
# as it is, over standard input where pipelining allows it.
ARGUMENTS = r"""<<INCLUDE_ANSIBLE_MODULE_JSON_ARGS>>"""

# Rotated files are packed at night; anything else that is packed is no log.
PACKED = (".xz", ".bz2", ".zst", ".lz4", ".zip")
SEEK_BYTES_MIN = 1 << 20
# Unpacked; who asked takes a little more than that.
PLAIN_BYTES_MAX = 48 << 20


class Review:
    """Everything that this host has to say."""

    def __init__(self, given: "dict[str, Any]") -> None:
        self.since = float(given.get("since", 0))
        self.until = float(given.get("until", 1 << 40))
        self.folder = str(given.get("folder", "/var/log/kolla"))
        self.engine = str(given.get("engine", ""))
        self.source = str(given.get("source", "auto"))
        self.deadline = time.monotonic() + float(given.get("seconds", 30))
        self.left = int(given.get("read_bytes", 4 << 30))
        self.answer_bytes = int(given.get("answer_bytes", 2 << 20))
        self.plain_bytes = int(given.get("plain_bytes", PLAIN_BYTES_MAX))
        self.services = [str(name) for name in given.get("services", [])]
        self.marks = [str(mark).encode("utf-8") for mark in given.get("marks", [])]
        self.requests = [str(one).encode("utf-8") for one in given.get("requests", [])]
        self.lines_max = int(given.get("lines_max", 2000))
        self.times = Times(time.time())
        self.files = []  # type: list[dict[str, Any]]
        self.errors = []  # type: list[dict[str, str]]
        self.lines = self.bytes = 0

    def run(self) -> "dict[str, Any]":
        """Read what is wanted."""
        used = "files"
        if self.source == "containers" or (
            self.source == "auto" and not os.path.exists(self.folder)
        ):
            used = "containers"
            self.read_containers()
        else:
            self.read_files()
        packed = self.packed()
        return {"source": used, "lines": self.lines, "bytes": self.bytes, "packed": packed}

    def error(self, kind: str, what: str, why: str) -> None:
        """Remember what could not be read, within reason."""
        if len(self.errors) < 50:  # noqa: PLR2004 - bounded
            self.errors.append({"kind": kind, "what": what[:200], "why": why[:200]})

    def wants(self, name: str) -> bool:
        """Tell whether this file or container is one of those asked for; all when none is."""
        return not self.services or any(
            service in name.replace("_", "-") for service in self.services
        )

    def read_files(self) -> None:
        """Read every log below the folder that was written since, small ones first."""
        if not os.path.exists(self.folder):
            self.error("missing", self.folder, "there is no such folder")
        for size, path in sorted(self.written()):
            if time.monotonic() > self.deadline:
                self.error("late", path, "not read in time")
                continue
            try:
                self.read_file(path, size)
            except PermissionError as problem:
                self.error("denied", path, problem.strerror or "permission denied")
            except (OSError, EOFError, zlib.error) as problem:
                self.error("broken", path, str(problem))

    def written(self) -> "list[tuple[int, str]]":
        """Return size and path of each log that was written since."""
        found = []

        def refused(error: OSError) -> None:
            kind = "denied" if isinstance(error, PermissionError) else "broken"
            if not isinstance(error, FileNotFoundError):
                self.error(kind, str(error.filename), error.strerror or "not readable")

        for folder, _folders, names in os.walk(self.folder, onerror=refused):
            for name in names:
                path = os.path.join(folder, name)
                wanted = self.wants(os.path.relpath(path, self.folder))
                if "access" in name or name.endswith(PACKED) or not wanted:
                    continue
                try:
                    seen = os.stat(path)
                except OSError:
                    continue
                if seen.st_mtime >= self.since and os.path.isfile(path) and seen.st_size:
                    found.append((seen.st_size, path))
        return found

    def read_file(self, path: str, size: int) -> None:
        """Read one file, from where the time that is reviewed begins."""
        if path.endswith(".gz"):
            with gzip.open(path, "rb") as packed:
                self.scan(path, lambda: packed.read(WINDOW_BYTES))
            return
        with open(path, "rb") as file:
            if b"\0" in file.read(1024):
                return
            file.seek(self.beginning(file, size))
            self.scan(path, lambda: file.read(WINDOW_BYTES))

    def beginning(self, file: "IO[bytes]", size: int) -> int:
        """Find by halving where the lines begin that are young enough."""
        low, high = 0, size
        while high - low > SEEK_BYTES_MIN:
            middle = (low + high) // 2
            at = self.moment_after(file, middle)
            if at is not None and at < self.since - 60:
                low = middle
            else:
                high = middle
        # Several processes write one file: the order of its lines is not quite that of time.
        low = max(0, low - SEEK_BYTES_MIN // 8)
        file.seek(low)
        return low + (len(file.readline()) if low else 0)

    def moment_after(self, file: "IO[bytes]", place: int) -> "float | None":
        """Return the first moment that is written after a place of a file."""
        file.seek(place)
        file.readline(1 << 16)
        for line in file.read(1 << 16).split(b"\n")[:-1]:
            if STAMP.match(line):
                at = self.times.of(line)
                if at is not None:
                    return at
        return None

    def scan(self, name: str, read: "Callable[[], bytes]") -> None:
        """Scan one stream to its end, or to the end of what is allowed."""
        if self.requests:
            self.follow(name, read)
            return
        groups = Groups(self.since, self.until)
        scanner = Scanner(groups, self.times, self.marks)
        self.drain(name, read, scanner)
        if groups.dropped:
            self.error("crowd", name, "%d errors of too many kinds were not kept" % groups.dropped)
        rows = groups.listed()
        if rows:
            self.files.append({"name": name, "groups": rows})

    def follow(self, name: str, read: "Callable[[], bytes]") -> None:
        """Find the lines of one stream that name the requests."""
        finder = Finder(self.requests, self.times, self.since, self.until, self.lines_max)
        self.drain(name, read, finder)
        self.lines_max -= len(finder.rows)
        if finder.dropped:
            self.error("crowd", name, "%d lines of the requests were not kept" % finder.dropped)
        if finder.rows:
            self.files.append({"name": name, "groups": finder.rows})

    def drain(self, name: str, read: "Callable[[], bytes]", scanner: "Scanner | Finder") -> None:
        """Feed a stream to its end, or to the end of what is allowed."""
        while True:
            data = read()
            if not data:
                break
            scanner.feed(data)
            self.left -= len(data)
            self.bytes += len(data)
            if self.left < 0 or time.monotonic() > self.deadline:
                why = "not read to its end: %s" % (
                    "too many bytes" if self.left < 0 else "not in time"
                )
                self.error("late", name, why)
                break
        scanner.close()
        self.lines += scanner.lines

    def read_containers(self) -> None:
        """Read what each of Kolla's containers printed."""
        names = ("docker", "podman")
        engine = next(
            (find(name) for name in names if name in (self.engine or name) and find(name)), ""
        )
        if not engine:
            self.error(
                "missing", self.folder, "there is no such folder, and neither docker nor podman"
            )
            return
        if engine.endswith("podman") and os.geteuid() != 0:
            self.error(
                "denied", "containers", "the containers of root's podman are seen by root only"
            )
            return
        words = [engine, "ps", "--all", "--format", "{{.Names}}", "--filter", "label=kolla_version"]
        try:
            done = subprocess.run(  # noqa: S603 - no shell
                words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                timeout=max(1, self.deadline - time.monotonic()), check=False,
            )  # fmt: skip
        except (OSError, subprocess.TimeoutExpired) as problem:
            self.error("broken", engine, str(problem))
            return
        if done.returncode:
            said = done.stderr.decode("utf-8", "replace").strip().splitlines() or [
                "it said nothing"
            ]
            denied = "denied" if "permission" in said[-1].lower() else "broken"
            self.error(denied, engine, said[-1])
            return
        for name in sorted(done.stdout.decode("utf-8", "replace").split()):
            if not self.wants(name):
                continue
            if time.monotonic() > self.deadline:
                self.error("late", name, "not read in time")
                continue
            self.read_container(engine, name)

    def read_container(self, engine: str, name: str) -> None:
        """Read one container's output since the beginning."""
        words = [engine, "logs", "--since", "%d" % self.since, name]
        with subprocess.Popen(  # noqa: S603 - no shell
            words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        ) as child:
            if child.stdout is not None:
                stream = child.stdout.fileno()
                self.scan(name, lambda: self.piece(name, stream))
            child.kill()

    def piece(self, name: str, stream: int) -> bytes:
        """Return what an engine says next; one that hangs has said all once the time is up."""
        left = self.deadline - time.monotonic()
        if left > 0 and select.select([stream], [], [], left)[0]:
            return os.read(stream, WINDOW_BYTES)
        self.error("late", name, "not read to its end: not in time")
        return b""

    def packed(self) -> str:
        """Pack what was found; what is too much is shortened first and left out last."""
        packed = ""
        for length in (EVENT_BYTES_HEAD + EVENT_BYTES_TAIL, 3000, 1000, 300):
            for file in self.files:
                for group in file["groups"]:
                    if len(group["text"]) > length:
                        text = group["text"]
                        group["text"] = text[: length // 2] + "\n…\n" + text[-length // 2 :]
            packed = self.fitting()
            if packed:
                return packed
        left = 0
        while not packed and self.files:
            left += len(self.files.pop()["groups"])
            packed = self.fitting()
        self.error("crowd", "answer", "%d kinds of errors did not fit into the answer" % left)
        return pack({"files": self.files, "errors": self.errors})

    def fitting(self) -> str:
        """Return what was found, packed; nothing when it is more than is taken."""
        plain = json.dumps({"files": self.files, "errors": self.errors}).encode("utf-8")
        packed = compressed(plain) if len(plain) <= self.plain_bytes else ""
        return packed if len(packed) <= self.answer_bytes else ""


def pack(document: "dict[str, Any]") -> str:
    """Pack a document into text."""
    return compressed(json.dumps(document).encode("utf-8"))


def compressed(plain: bytes) -> str:
    """Return bytes as packed text."""
    return base64.b64encode(zlib.compress(plain, 6)).decode("ascii")


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
    try:
        given = json.loads(ARGUMENTS)
    except ValueError:
        given = {}
    # The host has better things to do.
    os.nice(10)
    print(json.dumps({"changed": False, "day2": Review(given).run()}))  # noqa: T201


if __name__ == "__main__":
    main()
