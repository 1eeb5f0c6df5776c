# SPDX-License-Identifier: Apache-2.0
"""One restic while it runs: fed or heard, never left alone, and named by how it ended.

Before 0.17 restic takes the end of its input for the end of the data, whatever became of the one
who gave them. So it is told the end only by whoever knows that the data are whole, and is ended
before it could see one otherwise.
"""

import contextlib
import os
import select
import signal
import subprocess  # noqa: TID251 - this adapter starts processes
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO

from day2.adapters.commands import child_environment
from day2.adapters.reasons import one_line
from day2.errors import (
    BadSettings,
    Day2Error,
    Locked,
    NotVerified,
    Refused,
    Unreachable,
    VaultFull,
)

PART = 1 << 20
WORDS_MAX = 64 << 10
INTERRUPT_SECONDS = 5.0
POLL_SECONDS = 0.2
NO_REPOSITORY, LOCKED, WRONG_PASSWORD = 10, 11, 12
"""Exit codes since 0.17; before, every failure is 1, and only its words tell them apart."""
SETTING = "clouds.NAME.backup_bulk"
DAMAGE = (
    "ciphertext verification failed",
    "no matching id found",
    "invalid data returned",
    "does not match",
    "not found in index",
    "not found in repository",
    "no such file or directory",
    "does not exist",
    "unexpected eof",
    "not found in snapshot",
)


class Child:
    """restic with some words; `keep` are descriptors that it may read."""

    def __init__(
        self,
        argv: Sequence[str],
        environment: Mapping[str, str],
        *,
        what: str,
        keep: Sequence[int],
        silent_seconds: float,
        folder: Path | None = None,
        credentials_file: str = "",
    ) -> None:
        """Start it.

        Raises:
            BadSettings: when there is no such program.

        """
        self._what = what
        self._silent = silent_seconds
        self._said = bytearray()
        known = child_environment(environment) | {"RESTIC_PROGRESS_FPS": "0.1"}
        if credentials_file:
            known["AWS_SHARED_CREDENTIALS_FILE"] = credentials_file
        try:
            self._child = subprocess.Popen(  # noqa: S603 - no shell, the words are the settings'
                list(argv),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                bufsize=0,
                cwd=folder,
                env=known,
                pass_fds=tuple(keep),
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            raise BadSettings(
                f"{what}: cannot run {argv[0]}: {error}", hint=f"setting {SETTING}.command"
            ) from None
        self._in, self._out, err = _pipes(self._child)
        os.set_blocking(self._in.fileno(), False)
        self._listener = threading.Thread(target=_listen, args=(err, self._said), daemon=True)
        self._listener.start()

    @property
    def silent_seconds(self) -> float:
        """Return how long it may be silent."""
        return self._silent

    @property
    def pid(self) -> int:
        """Return its number."""
        return self._child.pid

    def write(self, part: bytes) -> None:
        """Give it the next bytes.

        Raises:
            Unreachable: when it takes none for too long.
            Day2Error: as `finish`, when it ended before it took them.

        """
        left = memoryview(part)
        while left:
            if not select.select([], [self._in], [], self._silent)[1]:
                raise Unreachable(
                    f"{self._what} took nothing for {self._silent:g} s and was ended",
                    hint=f"setting {SETTING}.silent_seconds; does the repository answer?",
                )
            try:
                left = left[os.write(self._in.fileno(), left) :]
            except BlockingIOError:  # pragma: no cover - a race of the kernel's
                continue
            except BrokenPipeError:
                self.finish()
                raise Unreachable(f"{self._what} ended before it had read everything") from None

    def close(self) -> None:
        """Say that this was all: only when it was."""
        self._in.close()

    def parts(self, *, patient: bool = False) -> Iterator[bytes]:
        """Give what it prints, to its end; how it ended says `finish`.

        `patient`: it waits for us, who give it nothing at times.

        Raises:
            Unreachable: when it prints nothing for too long.

        """
        while True:
            if not select.select([self._out], [], [], None if patient else self._silent)[0]:
                raise self.silence()
            part = os.read(self._out.fileno(), PART)
            if not part:
                return
            yield part

    def silence(self) -> Unreachable:
        """Return the failure of one that printed nothing for too long."""
        return Unreachable(
            f"{self._what} gave nothing for {self._silent:g} s and was ended",
            hint=f"setting {SETTING}.silent_seconds; does the repository answer?",
        )

    def finish(self) -> None:
        """Wait for its end.

        Raises:
            Refused: the password is wrong.
            BadSettings: there is no repository.
            Locked: another restic has locked it.
            VaultFull: there is no room.
            NotVerified: something in it is damaged or missing.
            Unreachable: it failed otherwise, or does not end.

        """
        try:
            code = self._child.wait(self._silent)
        except subprocess.TimeoutExpired:
            raise Unreachable(f"{self._what} did not end and was ended") from None
        self._listener.join(1)
        if code:
            raise failure(self._what, code, self.words())

    def words(self) -> list[str]:
        """Return what it told people, the newest lines of it."""
        lines = bytes(self._said).decode(errors="replace").splitlines()
        return [line for line in map(one_line, lines) if line]

    def end(self) -> bool:
        """End it before it could see the end of its input; tell whether it may have left a lock.

        Asked, it removes its lock; when it does not listen, it is forced.
        """
        if self._child.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                self._child.send_signal(signal.SIGINT)
            try:
                self._child.wait(INTERRUPT_SECONDS)
            except subprocess.TimeoutExpired:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(self._child.pid, signal.SIGKILL)
                self._child.wait()
        for pipe in (self._in, self._out):
            with contextlib.suppress(OSError):
                pipe.close()
        self._listener.join(1)
        return self._child.returncode < 0


def failure(what: str, code: int, said: Sequence[str]) -> Day2Error:
    """Name a failure by how restic ended and what it said."""
    words = " ".join(said).lower()
    last = said[-1] if said else f"exit code {code}"
    told = f"{what} failed: {last}"
    named: list[tuple[bool, Callable[[], Day2Error]]] = [
        (
            code == WRONG_PASSWORD or "wrong password or no key found" in words,
            lambda: Refused(
                "the password does not open the repository of restic",
                hint=f"setting {SETTING}.password",
            ),
        ),
        (
            code == NO_REPOSITORY or "is there a repository at" in words,
            lambda: BadSettings(
                f"{what}: there is no repository", hint=f"setting {SETTING}.repository"
            ),
        ),
        (
            code == LOCKED or "repository is already locked" in words,
            lambda: Locked(
                f"{what}: another restic has locked the repository",
                hint="let it end; after a crash of its host: restic unlock",
            ),
        ),
        (
            "no space left" in words or "quota" in words,
            lambda: VaultFull(told, hint=f"make room in the repository ({SETTING}.repository)"),
        ),
        (
            any(sign in words for sign in DAMAGE),
            lambda: NotVerified(told, hint="take another set: day2 backup list"),
        ),
    ]
    made = next((make for fits, make in named if fits), None)
    return made() if made else Unreachable(told, hint="does the repository of restic answer?")


def _listen(pipe: IO[bytes], said: bytearray) -> None:
    with pipe:
        while part := os.read(pipe.fileno(), PART):
            said += part
            del said[:-WORDS_MAX]


def _pipes(child: "subprocess.Popen[bytes]") -> tuple[IO[bytes], IO[bytes], IO[bytes]]:
    if child.stdin is None or child.stdout is None or child.stderr is None:  # pragma: no cover
        raise RuntimeError
    return child.stdin, child.stdout, child.stderr
