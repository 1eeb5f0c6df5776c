#!/usr/bin/python
# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: EXE001, PTH112, PTH116, PTH118, PTH119, PTH123, PTH207, TID251, UP022, UP031
"""Gather what one host can tell of the last hours, and print it sealed; changes nothing.

Ansible feeds this file, with those that it imports before it, to the host's own Python (3.6 or
newer, standard library only) and puts the arguments into it. Everything is bounded in time, lines
and bytes; what could not be had has a sentence in `errors`. Of files there are names, times and
hashes, never contents; of what was logged, the last lines, with secrets masked here.
"""

import glob
import hashlib
import hmac
import io
import json
import os
import subprocess
import tarfile
import time
from typing import Any

from day2.adapters.remote.host_facts import LINE_LENGTH, changed_at, cut, find, hashed, moment
from day2.adapters.remote.log_masks import masked
from day2.adapters.remote.sealing import seal

# The names of arguments; the marker is replaced by JSON. It also tells Ansible to send the file
# as it is, over standard input where pipelining allows it.
ARGUMENTS = r"""<<INCLUDE_ANSIBLE_MODULE_JSON_ARGS>>"""

ENGINES = ("docker", "podman")
FERNET = (
    ("keystone", "/etc/keystone/fernet-keys"),
    ("keystone_fernet", "/etc/keystone/fernet-keys"),
)
DENIED = ("permission denied", "got permission", "access denied")
ABSENT = ("could not find the file", "no such file", "could not be found", "no such container")
TAIL_BYTES = 64 << 10
PROCESSES = 12


class Gathering:
    """Everything that this host has to say."""

    def __init__(self, given: "dict[str, Any]") -> None:
        self.given = given
        self.since = float(given.get("since", 0))
        self.deadline = time.monotonic() + float(given.get("seconds", 20))
        self.engine = ""
        self.errors = []  # type: list[dict[str, str]]

    def run(self) -> "dict[str, Any]":
        """Gather it, the quick and telling things first."""
        found = {"addresses": self.addresses()}  # type: dict[str, Any]
        listed = self.inspect()
        odd = [entry for entry in listed if self.why(entry)]
        # What is down tells more than what was only begun again.
        odd.sort(key=lambda entry: (not self.bad(entry), str(entry.get("Name"))))
        found["containers"] = [self.container(entry) for entry in odd]
        found["containers_total"] = len(listed)
        found["tails"] = self.tails(odd)
        found["images"] = self.images(listed)
        found["keys"] = self.keys({str(e.get("Name", "")).lstrip("/") for e in listed})
        folder = str(self.given.get("config_folder", "/etc/kolla"))
        found["files"], found["files_total"] = self.files(folder)
        found["processes"] = self.processes()
        found["errors"] = self.errors[:50]
        return found

    def error(self, what: str, why: str, kind: str = "broken") -> None:
        """Remember what could not be had."""
        self.errors.append({"what": what[:200], "why": masked(why)[:300], "kind": kind})

    def left(self, most: float = 10.0) -> float:
        """How many seconds one question may take."""
        return max(0.5, min(most, self.deadline - time.monotonic()))

    def late(self) -> bool:
        """Tell whether the time is up."""
        return time.monotonic() > self.deadline

    def call(self, words: "list[str]", seconds: float = 10.0) -> "tuple[int, bytes, str]":
        """Run a program; return its status (124 when it was too slow), output and last words."""
        try:
            done = subprocess.run(  # noqa: S603 - no shell, our own words
                words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                timeout=self.left(seconds), check=False, env=dict(os.environ, LC_ALL="C"),
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            return 124, b"", "it did not end in time"
        except OSError as error:
            return 127, b"", str(error)
        lines = done.stderr.decode("utf-8", "replace").strip().splitlines()
        return done.returncode, done.stdout, lines[-1] if lines else "it said nothing"

    def addresses(self) -> "list[dict[str, str]] | None":
        """Return the addresses of this host, as the kernel has them; None: not known."""
        program = find("ip")
        if not program:
            self.error("addresses", "there is no program ip", "missing")
            return None
        status, text, said = self.call([program, "-j", "addr"])
        try:
            listed = json.loads(text.decode("utf-8", "replace")) if status == 0 else None
        except ValueError:
            listed, said = None, "it answered in an unknown form"
        if not isinstance(listed, list):
            self.error("addresses", "ip -j addr: %s" % said)
            return None
        return [
            {"interface": str(link.get("ifname", "")), "address": str(one.get("local", ""))}
            for link in listed if isinstance(link, dict)
            for one in link.get("addr_info") or [] if isinstance(one, dict)
        ]  # fmt: skip

    def inspect(self) -> "list[dict[str, Any]]":
        """Return every container as the engine tells it."""
        wanted = str(self.given.get("engine", ""))
        name = next((n for n in ENGINES if n in (wanted or n) and find(n)), "")
        if not name:
            if wanted:
                self.error("containers", "%s is not installed" % wanted, "missing")
            return []
        if name == "podman" and os.geteuid() != 0:
            self.error(
                "containers", "the containers of root's podman are seen by root only", "denied"
            )
            return []
        self.engine = find(name)
        status, text, said = self.call([self.engine, "ps", "--all", "--quiet", "--no-trunc"])
        if status:
            denied = "denied" if any(word in said.lower() for word in DENIED) else "broken"
            self.error("containers", "%s: %s" % (name, said), denied)
            self.engine = ""
            return []
        ids = text.decode().split()
        if not ids:
            return []
        words = [self.engine, "inspect", "--type", "container"]
        _status, text, said = self.call(words + ids)
        try:
            return [
                one for one in json.loads(text.decode("utf-8", "replace")) if isinstance(one, dict)
            ]
        except ValueError:
            self.error("containers", "%s inspect: %s" % (name, said))
            return []

    def bad(self, entry: "dict[str, Any]") -> bool:
        """Tell whether a container does not do its work."""
        state = entry.get("State") or {}
        health = state.get("Health") or state.get("Healthcheck") or {}
        return state.get("Status") != "running" or health.get("Status") == "unhealthy"

    def why(self, entry: "dict[str, Any]") -> "list[str]":
        """Say what makes a container worth a word; nothing: it is well, and as it was."""
        state = entry.get("State") or {}
        health = state.get("Health") or state.get("Healthcheck") or {}
        said = []
        if state.get("Status") != "running":
            said.append(str(state.get("Status", "in an unknown state")))
        if health.get("Status") == "unhealthy":
            said.append("unhealthy")
        if moment(entry.get("Created")) >= self.since:
            said.append("made since")
        elif moment(state.get("StartedAt")) >= self.since and state.get("Status") == "running":
            said.append("started since")
        return said

    def container(self, entry: "dict[str, Any]") -> "dict[str, Any]":
        """Keep of `inspect` what is wanted: never the environment or the command."""
        state = entry.get("State") or {}
        health = state.get("Health") or state.get("Healthcheck") or {}
        checks = health.get("Log") or []
        last = str((checks[-1] or {}).get("Output", "")) if checks else ""
        return {
            "name": str(entry.get("Name", "")).lstrip("/"),
            "why": self.why(entry),
            "state": str(state.get("Status", "")),
            "health": str(health.get("Status", "")),
            "health_said": masked(last.strip())[-LINE_LENGTH:] if self.bad(entry) else "",
            "exit_code": state.get("ExitCode"),
            "oom_killed": bool(state.get("OOMKilled")),
            "error": masked(str(state.get("Error", "")))[:LINE_LENGTH],
            "restarts": entry.get("RestartCount", 0),
            "created_at": str(entry.get("Created", "")),
            "started_at": str(state.get("StartedAt", "")),
            "finished_at": str(state.get("FinishedAt", "")),
            "image": str(entry.get("ImageName") or (entry.get("Config") or {}).get("Image") or ""),
        }

    def tails(self, odd: "list[dict[str, Any]]") -> "list[dict[str, Any]]":
        """Return the last lines of what is odd: of its files, and of what it printed."""
        found = []  # type: list[dict[str, Any]]
        most = int(self.given.get("tails_max", 8))
        count = int(self.given.get("lines", 40))
        for entry in odd[:most]:
            name = str(entry.get("Name", "")).lstrip("/")
            if self.late():
                self.error("last lines of %s" % name, "not in time", "late")
                continue
            for path in self.logs_of(name):
                found.append({"container": name, "source": path, "lines": self.tail(path, count)})  # noqa: PERF401
            words = [self.engine, "logs", "--tail", str(count), name]
            try:
                done = subprocess.run(  # noqa: S603 - no shell, our own words
                    words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT, timeout=self.left(5), check=False,
                )  # fmt: skip
            except (OSError, subprocess.TimeoutExpired) as problem:
                self.error("what %s printed" % name, str(problem))
                continue
            if done.returncode:
                self.error("what %s printed" % name, " ".join(cut(ending(done.stdout), 3)))
                continue
            printed = cut(ending(done.stdout), count)
            found.append({"container": name, "source": "printed", "lines": printed})
        if len(odd) > most:
            self.error(
                "last lines", "of %d more containers none were read" % (len(odd) - most), "crowd"
            )
        return found

    def logs_of(self, name: str) -> "list[str]":
        """Return the log file of a container: the one called so, else its folder's newest."""
        folder = os.path.join(str(self.given.get("log_folder", "/var/log/kolla")), "")
        first = name.split("_", maxsplit=1)[0]
        exact = [
            path
            for inner in (name, name.replace("_", "-"), first)
            for word in (name, name.replace("_", "-"))
            for path in glob.glob("%s%s/%s.log" % (folder, glob.escape(inner), glob.escape(word)))
        ]
        if exact:
            return exact[:1]
        near = glob.glob("%s%s/*.log" % (folder, glob.escape(first)))
        near = [path for path in near if "access" not in os.path.basename(path)]
        return sorted(near, key=changed_at, reverse=True)[:1]

    def tail(self, path: str, count: int) -> "list[str]":
        """Return the last lines of a file."""
        try:
            with open(path, "rb") as file:
                file.seek(0, os.SEEK_END)
                file.seek(max(0, file.tell() - TAIL_BYTES - 1))
                return cut(ending(file.read(TAIL_BYTES + 1)), count)
        except OSError as problem:
            kind = "denied" if isinstance(problem, PermissionError) else "broken"
            self.error(path, problem.strerror or "not readable", kind)
            return []

    def images(self, listed: "list[dict[str, Any]]") -> "list[dict[str, Any]]":
        """Return each image in use, with its digests and the containers made of it."""
        by_id = {}  # type: dict[str, dict[str, Any]]
        for entry in listed:
            own = str(entry.get("Image", ""))
            config = entry.get("Config") or {}
            one = by_id.setdefault(
                own,
                {
                    "image": str(entry.get("ImageName") or config.get("Image") or ""),
                    "id": own.replace("sha256:", ""),
                    "digests": [],
                    "containers": [],
                },
            )
            one["containers"].append(str(entry.get("Name", "")).lstrip("/"))
        if not by_id:
            return []
        _status, text, said = self.call([self.engine, "image", "inspect"] + sorted(by_id))  # noqa: RUF005
        try:
            for told in json.loads(text.decode("utf-8", "replace")):
                own = str(told.get("Id", ""))
                for known in (own, own.replace("sha256:", "")):
                    if known in by_id:
                        by_id[known]["digests"] = [str(d) for d in told.get("RepoDigests") or []]
        except (ValueError, AttributeError):
            self.error("image digests", said)
        return [by_id[own] for own in sorted(by_id)]

    def keys(self, names: "set[str]") -> "dict[str, str]":
        """Return a mark for each Fernet key: the same key has the same mark on every host."""
        salt = bytes.fromhex(str(self.given.get("salt", "")))
        for name, folder in FERNET:
            if name not in names or not self.engine:
                continue
            status, packed, said = self.call([self.engine, "cp", "%s:%s" % (name, folder), "-"])
            if status:
                if not any(word in said.lower() for word in ABSENT):
                    self.error("Fernet keys", said)
                continue
            marks = {}
            try:
                with tarfile.open(fileobj=io.BytesIO(packed), mode="r:") as opened:
                    for member in opened:
                        content = opened.extractfile(member) if member.isreg() else None
                        if content is not None:
                            mark = hmac.new(salt, content.read(), hashlib.sha256).hexdigest()
                            marks[os.path.basename(member.name)] = mark[:12]
            except tarfile.TarError as problem:
                self.error("Fernet keys", str(problem))
                continue
            return marks
        return {}

    def files(self, folder: str) -> "tuple[list[dict[str, Any]], int | None]":
        """Return files below a folder, those that changed since first, and their number."""
        found, total, denied = [], 0, 0
        if not os.path.isdir(folder):
            self.error(folder, "there is no such folder", "missing")
            return [], None
        refused = []  # type: list[OSError]
        for inner, _folders, names in os.walk(folder, onerror=refused.append):
            for name in names:
                path = os.path.join(inner, name)
                total += 1
                try:
                    seen = os.stat(path)
                except OSError:
                    continue
                since = seen.st_mtime >= self.since
                if not since and not self.given.get("files_all"):
                    continue
                found.append((not since, path, seen))
        found.sort(key=lambda one: (one[0], one[1]))
        most = int(self.given.get("files_max", 500))
        salt = bytes.fromhex(str(self.given.get("salt", "")))
        rows = []
        for old, path, seen in found[:most]:
            if self.late():
                self.error(folder, "not all hashed in time", "late")
                break
            row = {
                "path": path,
                "changed_at": seen.st_mtime,
                "bytes": seen.st_size,
                "since": not old,
            }
            try:
                row.update(hashed(path, seen.st_size, salt))
            except OSError:
                denied += 1
            rows.append(row)
        if denied or refused:
            self.error(
                folder, "%d files or folders may not be read" % (denied + len(refused)), "denied"
            )
        if len(found) > most:
            self.error(folder, "%d files are not listed" % (len(found) - most), "crowd")
        return rows, total

    def processes(self) -> "list[str]":
        """Return the processes that hold most memory; what they were started with is masked."""
        program = find("ps")
        if not program:
            return []
        words = ["-eo", "pid,rss,pcpu,etimes,args", "--sort=-rss"]
        status, text, said = self.call([program] + words)  # noqa: RUF005
        if status:
            self.error("processes", said)
            return []
        lines = text[:TAIL_BYTES].decode("utf-8", "replace").splitlines()[1 : PROCESSES + 1]
        return [masked(line)[:LINE_LENGTH] for line in lines]


def ending(data: bytes) -> str:
    """Return the end of a text, from where a line begins: half of one may be half a secret."""
    if len(data) > TAIL_BYTES:
        data = data[-TAIL_BYTES - 1 :].partition(b"\n")[2]
    return data.decode("utf-8", "replace")


def main() -> None:
    """Print the document that Ansible expects."""
    try:
        given = json.loads(ARGUMENTS)
    except ValueError:
        given = {}
    document = json.dumps(Gathering(given).run()).encode("utf-8")
    key = given.get("key") or {}
    hidden = seal(document, int(str(key.get("n", "3")), 16), int(key.get("e", 3)))
    print(json.dumps({"changed": False, "day2": hidden}))  # noqa: T201


if __name__ == "__main__":
    main()
