# SPDX-License-Identifier: Apache-2.0
"""A repository of restic as a place for the data of sets: kept, read back, forgotten by their ids.

Of a set the repository knows nothing but its name, as a tag; what the set is stands in its manifest
in the vault, and a copy of that comes last, so that the vault's documents can be had back from
here. A snapshot that no manifest names is nothing.
"""

import contextlib
import hashlib
import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import msgspec

from day2.adapters import processes
from day2.adapters.clock import Clock
from day2.adapters.processes import Process
from day2.adapters.vaults.layout import RESTIC
from day2.adapters.vaults.restic_child import SETTING, Child
from day2.adapters.vaults.restic_settings import ResticSettings
from day2.errors import (
    BadAnswer,
    BadSettings,
    Day2Error,
    Locked,
    NotVerified,
    Refused,
    Unreachable,
)
from day2.model.backup import Artefact, Kind

OURS, DOCUMENTS = "day2", "documents"
PAUSE_SECONDS = 1.0
REAPED_SECONDS = 10.0
SUMMARY_BYTES = 64 << 10
DAY_SECONDS = 86400


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """One snapshot as restic lists it."""

    id: str
    tags: list[str] = []
    paths: list[str] = []


class Stream:
    """The data of one artefact on their way to restic; hashed as they are given."""

    def __init__(self, child: Child) -> None:
        self._child = child
        self._hash = hashlib.sha256()
        self._bytes = 0
        self._kept: _Summary | None = None

    def write(self, part: bytes) -> None:
        """Take the next bytes.

        Raises:
            VaultFull: when there is no room for them.
            Unreachable: when the repository fails.

        """
        self._child.write(part)
        self._hash.update(part)
        self._bytes += len(part)

    def told(self, summary: "_Summary") -> None:
        """Hear what restic made of it."""
        self._kept = summary

    def artefact(self, of: str, name: str) -> Artefact:
        """Return what was kept; its snapshot has only the beginning of its id yet.

        Raises:
            BadAnswer: when restic did not say that it kept what it was given.

        """
        kept = self._kept
        if kept is None or kept.total_bytes_processed != self._bytes or not kept.snapshot_id:
            raise BadAnswer(f"restic did not say that it kept the {self._bytes} bytes of {name}")
        return Artefact(
            of=of,
            name=name,
            bytes=self._bytes,
            sha256=self._hash.hexdigest(),
            # Before 0.15 it tells only what it was before it was compressed.
            stored_bytes=kept.data_added_packed or kept.data_added,
            stored_sha256=kept.snapshot_id,
            compression=RESTIC,
            encryption=RESTIC,
        )


class _Summary(msgspec.Struct, frozen=True, kw_only=True):
    message_type: str
    snapshot_id: str = ""
    data_added: int = 0
    data_added_packed: int | None = None
    total_bytes_processed: int = -1


class Repository:
    """One repository; its password is told to restic through memory, never by word or variable."""

    def __init__(
        self,
        settings: ResticSettings,
        password: str,
        *,
        host: str,
        clock: Clock,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.place = settings.repository
        self._settings = settings
        self._password = password
        self._host = host
        self._clock = clock
        self._environment = os.environ if environment is None else environment

    def takes(self, kind: Kind) -> bool:
        """Tell whether the data of such sets go here."""
        return kind in self._settings.kinds

    def require(self, *, new: bool = True) -> None:
        """See that it can be opened; make it where there is none, if it may be `new`.

        Raises:
            BadSettings: when no password is set, or there is no repository and there must be.
            Refused: when the password is wrong.
            Unreachable: when it does not answer.

        """
        if not self._password:
            raise BadSettings(
                "the repository of restic has no password", hint=f"setting {SETTING}.password"
            )
        try:
            self.call("cat", "config", what="opening the repository")
        except BadSettings as error:
            if not new:
                raise BadSettings(
                    f"{error}, and there are sets whose data are in it",
                    hint=f"mount the share of the repository, or mend setting {SETTING}.repository",
                ) from None
            # Somebody else may make it at this moment.
            with contextlib.suppress(Unreachable):
                self.call("init", what="making the repository")
            self.call("cat", "config", what="opening the repository")

    @contextlib.contextmanager
    def keep(
        self, tags: Sequence[str], name: str, began: Callable[[Process], None]
    ) -> Iterator[Stream]:
        """Take one stream; left by an exception, restic is ended and there is no snapshot of it.

        `began` hears of the process before it gets a byte, so that it can be ended when we are not
        there any more.

        Raises:
            VaultFull, Locked, Refused, Unreachable: when restic fails.

        """
        words = ["backup", "--stdin", f"--stdin-filename={name}", *self._tagged(tags)]
        with self._child([*words, "--json"], what=f"keeping {name}") as child:
            began(processes.remembered(child.pid) or Process(pid=child.pid, started=""))
            heard = _Heard(child)
            stream = Stream(child)
            yield stream
            child.close()
            stream.told(heard.summary())
            child.finish()

    def keep_documents(self, tags: Sequence[str], folder: Path) -> None:
        """Take a copy of a set's documents.

        Raises:
            VaultFull, Locked, Refused, Unreachable: when restic fails.

        """
        words = ["backup", *self._tagged([*tags, DOCUMENTS]), "."]
        self.call(*words, what="keeping the documents", folder=folder)

    def snapshots(self, tag: str = OURS) -> list[Snapshot]:
        """List those of our snapshots that have this tag.

        Raises:
            BadSettings, Refused, Unreachable: when it cannot be read.

        """
        found = self.call("snapshots", "--json", f"--tag={OURS},{tag}", what="listing snapshots")
        try:
            return msgspec.json.decode(found or b"[]", type=list[Snapshot] | None) or []
        except msgspec.MsgspecError as error:
            raise BadAnswer(f"restic lists snapshots in a way that is not known: {error}") from None

    def read(self, artefact: Artefact, take: Callable[[bytes], object]) -> None:
        """Hand out the plain bytes of an artefact; nobody may use them before this has returned.

        Raises:
            NotVerified: when they are damaged, or not what the manifest says.
            Refused, BadSettings, Unreachable: when the repository cannot be read.

        """
        count, plain = 0, hashlib.sha256()
        words = ["dump", artefact.stored_sha256, f"/{artefact.name}"]
        try:
            with self._child(words, what=f"reading {artefact.name}") as child:
                child.close()
                for part in child.parts():
                    count += len(part)
                    if count > artefact.bytes:
                        break
                    plain.update(part)
                    take(part)
                else:
                    child.finish()
        except NotVerified:
            # A share that has gone says the same of a file as a file that has gone.
            self.call("cat", "config", what="opening the repository")
            raise
        if (count, plain.hexdigest()) != (artefact.bytes, artefact.sha256):
            raise NotVerified(
                f"{artefact.name} is not what the manifest says: {count} bytes come out of "
                f"{artefact.bytes}, or others than were read",
                hint="take another set: day2 backup list",
            )

    def check(self, artefacts: Sequence[Artefact]) -> str:
        """Say what is wrong with these; empty: nothing.

        The whole repository's structure is looked at, and one part of its data is read, another
        one each day. When anything does not hold, these artefacts are read whole: damage to others
        says nothing of them.

        Raises:
            Refused, BadSettings, Locked, Unreachable: when the repository cannot be read.

        """
        there = {one.id for one in self.snapshots()}
        gone = [one for one in artefacts if one.stored_sha256 not in there]
        if gone:
            return f"snapshot {gone[0].stored_sha256[:8]} of {gone[0].name} is not there"
        parts = self._settings.sample_parts
        part = int(self._clock.now().timestamp() // DAY_SECONDS) % parts + 1
        try:
            subset = f"--read-data-subset={part}/{parts}"
            self.call("check", "--no-lock", subset, what="checking the repository")
        except (Refused, BadSettings, Locked):
            raise
        except Day2Error:
            for one in artefacts:
                try:
                    self.read(one, len)
                except NotVerified as error:
                    return str(error)
        return ""

    def clear(
        self, tag: str, before: Process | None = None, *, left: bool = False, prune: bool = False
    ) -> None:
        """Forget every snapshot of a set that is none (any more), by their ids.

        `before` is the restic of a writer that is gone: it is ended first. `left`: a writer left it
        so, and its restic may have left a lock; restic removes those whose process has ended on
        this host, and no other. `prune`: make room as well, which takes its time.

        Raises:
            Locked: when somebody else uses the repository.
            BadAnswer: when they are still there.
            Refused, BadSettings, Unreachable: when the repository cannot be used.

        """
        if before is not None:
            processes.end(before, self._clock)
            self._await_nobody(before.pid)
        if left:
            self.call("unlock", what="unlocking the repository")
        found = self.snapshots(tag)
        if not found:
            return
        words = ["forget", *(["--prune"] if prune else []), *(one.id for one in found)]
        self.call(*words, what="forgetting snapshots")
        if kept := self.snapshots(tag):
            raise BadAnswer(f"restic forgot {tag}, and {len(kept)} snapshots are still there")

    def call(self, *words: str, what: str, folder: Path | None = None) -> bytes:
        """Run restic to its end and return what it printed; wait for others that lock it.

        Raises:
            Refused, BadSettings, Locked, VaultFull, NotVerified, Unreachable: as it failed.

        """
        until = self._clock.monotonic() + self._settings.locked_seconds
        while True:
            try:
                with self._child(words, what=what, folder=folder) as child:
                    child.close()
                    printed = b"".join(child.parts())
                    child.finish()
                    return printed
            except Locked:
                if self._clock.monotonic() >= until:
                    raise
                self._clock.sleep(PAUSE_SECONDS)

    @contextlib.contextmanager
    def _child(
        self, words: Sequence[str], *, what: str, folder: Path | None = None
    ) -> Iterator[Child]:
        settings = self._settings
        with _secret(self.place) as place, _secret(self._password) as password:
            cache = [f"--cache-dir={settings.cache_folder}"] if settings.cache_folder else []
            argv = [
                *settings.command,
                f"--repository-file=/proc/self/fd/{place}",
                f"--password-file=/proc/self/fd/{password}",
                *(cache or ["--no-cache"]),
                *words,
            ]
            child = Child(
                argv,
                self._environment,
                what=what,
                keep=(place, password),
                silent_seconds=settings.silent_seconds,
                folder=folder,
                credentials_file=settings.credentials_file,
            )
        try:
            yield child
        finally:
            if child.end():
                self._unlock()

    def _await_nobody(self, pid: int) -> None:
        """Wait until a process that has ended has no number any more: restic asks by that alone."""
        until = self._clock.monotonic() + REAPED_SECONDS
        while Path(f"/proc/{pid}").exists() and self._clock.monotonic() < until:
            self._clock.sleep(PAUSE_SECONDS / 10)

    def _unlock(self) -> None:
        """Remove the lock that a child left; only once it has ended, and never that of others."""
        with contextlib.suppress(Day2Error):
            self.call("unlock", what="unlocking the repository")

    def _tagged(self, tags: Sequence[str]) -> list[str]:
        return [f"--host={self._host}", *(f"--tag={tag}" for tag in (OURS, *tags))]


class _Heard:
    """Takes what a child prints, in a thread of its own, and keeps the end of it."""

    def __init__(self, child: Child) -> None:
        self._child = child
        self._printed = bytearray()
        self._count = 0
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def _listen(self) -> None:
        # Who waits for its end finds out what was wrong.
        with contextlib.suppress(Day2Error, OSError, ValueError):
            for part in self._child.parts(patient=True):
                self._printed += part
                self._count += len(part)
                del self._printed[:-SUMMARY_BYTES]

    def summary(self) -> _Summary:
        """Wait for its last word, and return it; `Unreachable` when it prints nothing for long."""
        while self._thread.is_alive():
            before = self._count
            self._thread.join(self._child.silent_seconds)
            if self._thread.is_alive() and self._count == before:
                raise self._child.silence()
        for line in reversed(bytes(self._printed).splitlines()):
            with contextlib.suppress(msgspec.MsgspecError):
                found = msgspec.json.decode(line, type=_Summary)
                if found.message_type == "summary":
                    return found
        return _Summary(message_type="")


@contextlib.contextmanager
def _secret(text: str) -> Iterator[int]:
    """Hold a text in a file that has no name and lies in memory only."""
    handle = os.memfd_create("day2")
    try:
        os.write(handle, f"{text}\n".encode())
        yield handle
    finally:
        os.close(handle)
