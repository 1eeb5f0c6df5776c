# SPDX-License-Identifier: Apache-2.0
"""Who may write sets of a kind, and in which order sets came: locks, tokens, sequence numbers.

A lock dies with its process, and a process may outlive its lock: stopped for hours, or on a share
whose server forgot it. So each holder gets a number above all before it, and what it has written
becomes a set only while that number is the last one given.
"""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import msgspec

from day2.adapters.clock import Clock
from day2.adapters.reasons import one_line
from day2.adapters.vaults.disk import Disk, NotOurs, is_folder, read_file, take_lock, told
from day2.errors import Locked
from day2.model.backup import Kind

FOLDER = ".locks"
MOMENT_SECONDS_MAX = 60.0
PAUSE_SECONDS = 0.05


class Ticket(msgspec.Struct, frozen=True, kw_only=True):
    """What a holder of the lock was given: its number, and a word that tells it from a double."""

    kind: Kind
    number: int
    word: str

    @property
    def line(self) -> str:
        return f"{self.number} {self.word}\n"


class Locks:
    """The locks of one cloud's folder in a vault."""

    def __init__(self, cloud: Path, disk: Disk, clock: Clock, host: str) -> None:
        self._cloud = cloud
        self._folder = cloud / FOLDER
        self._disk = disk
        self._clock = clock
        self._host = host

    @contextlib.contextmanager
    def writing(self, kind: Kind, what: str, known: int) -> Iterator[Ticket]:
        """Hold the lock of a kind; `known` is the highest number that its sets were written under.

        Raises:
            Locked: when somebody else holds it.

        """
        with self._held(kind, what):
            with self.moment(), told(f"cannot lock {kind}", self._cloud, bytes_wanted=4096):
                number = max(self._number(f"{kind}.token"), known) + 1
                ticket = Ticket(kind=kind, number=number, word=os.urandom(8).hex())
                self._disk.write(self._folder, f"{kind}.token", ticket.line.encode())
            yield ticket

    @contextlib.contextmanager
    def idle(self, kind: Kind) -> Iterator[bool]:
        """Tell whether nobody writes a set of this kind, and keep it so for the block."""
        try:
            with self._held(kind, "sweep"):
                yield True
        except Locked:
            yield False

    @contextlib.contextmanager
    def moment(self) -> Iterator[None]:
        """Hold the lock under which sets appear and vanish: for a moment, so it is waited for.

        Raises:
            Locked: when it is not free within a minute.

        """
        self._make()
        file = self._folder / "moment.lock"
        until = self._clock.monotonic() + MOMENT_SECONDS_MAX
        while (handle := self._take(file)) is None:
            if self._clock.monotonic() > until:
                raise Locked(
                    f"another process holds {file}",
                    hint="see who: fuser -v on that file; it may be stopped",
                )
            self._clock.sleep(PAUSE_SECONDS)
        try:
            yield
        finally:
            os.close(handle)

    def holds(self, ticket: Ticket) -> bool:
        """Tell whether nobody was given a number since; asked within `moment`."""
        try:
            return self._read(f"{ticket.kind}.token") == ticket.line
        except (OSError, NotOurs):
            return False

    def next_sequence(self, known: int) -> int:
        """Give the next place in the order of sets; within `moment`, and never twice."""
        number = max(self._number("sequence"), known) + 1
        self._disk.write(self._folder, "sequence", f"{number}\n".encode())
        return number

    @contextlib.contextmanager
    def _held(self, kind: Kind, what: str) -> Iterator[None]:
        self._make()
        file = self._folder / f"{kind}.lock"
        handle = self._take(file)
        if handle is None:
            raise Locked(
                f"another process writes a set of kind {kind}: {self._holder(kind)}",
                hint="let it end; a lock needs no unlocking, it ends with its process",
            )
        try:
            line = f"{what}, process {os.getpid()} on {self._host}, {self._clock.now():%FT%TZ}\n"
            with contextlib.suppress(OSError):
                # For people only: a full disk is no reason to hold no lock.
                os.ftruncate(handle, 0)
                os.pwrite(handle, line.encode(), 0)
            yield
        finally:
            os.close(handle)

    def _holder(self, kind: Kind) -> str:
        try:
            return one_line(self._read(f"{kind}.lock")) or "nobody knows which"
        except (OSError, NotOurs):
            return "nobody knows which"

    def _number(self, name: str) -> int:
        try:
            said = self._read(name).split()
        except (OSError, NotOurs):
            return 0
        return int(said[0]) if said and said[0].isascii() and said[0].isdigit() else 0

    def _read(self, name: str) -> str:
        return read_file(self._folder, name, bytes_max=1 << 12).decode(errors="replace")

    def _make(self) -> None:
        with told(f"cannot make {self._folder}", self._cloud, bytes_wanted=4096):
            if not is_folder(self._folder):
                with contextlib.suppress(FileExistsError):
                    self._disk.make_folder(self._folder)
                self._disk.flush_folder(self._cloud)

    def _take(self, file: Path) -> int | None:
        with told(f"cannot lock {file}", self._cloud, bytes_wanted=4096):
            return take_lock(file)
