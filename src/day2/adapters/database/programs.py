# SPDX-License-Identifier: Apache-2.0
"""Run the server's own programs under supervision: no silence is waited for, no failure is missed.

A backup is good only when its program ended with 0 *and* said all it had to say; what a program
wrote before it failed is worth nothing, however much it was.
"""

import contextlib
import os
import re
import select
import signal
import subprocess  # noqa: TID251 - this adapter starts processes
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import IO, NoReturn, Self

from day2.adapters.database import beside as places
from day2.adapters.database.beside import Beside
from day2.adapters.reasons import one_line
from day2.errors import BadAnswer, Day2Error, Denied, NotDeployed, Unreachable

SILENCE_SECONDS = 600.0
"""So long a program may say nothing; a server that waits for a lock is silent as well."""
END_SECONDS = 60.0
PART = 1 << 20
ENOUGH = PART // 4
PAUSE_SECONDS = 0.002
WORDS_MAX = 64 << 10
NO_SUCH_PROGRAM = 127
NOT_THERE = re.compile(
    r"(?:Error(?: response from daemon)?: .*(?:is not running|no such container|is restarting"
    r"|is paused|container state improper)|.*Cannot connect to the Docker daemon|ssh: connect to)",
    re.IGNORECASE,
)
"""What docker, podman and ssh say when there is nobody to run a program: a server that stands."""
REPEATED = re.compile(r"\b(near|entry|value:) '.*")
"""Where a server repeats what it could not take: rows, hashes of passwords."""

Write = Callable[[bytes], object]


class Program:
    """One program while it runs; leaving its context ends it, with everything that it started."""

    def __init__(
        self,
        beside: Beside,
        argv: Sequence[str],
        *,
        what: str,
        options: bytes = places.NOBODY,
        fed: bool = False,
        silence_seconds: float = SILENCE_SECONDS,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """Start it. `options` is what only it may know; `fed`: its standard input is ours.

        Raises:
            NotDeployed: when the first word of the prefix does not exist here.

        """
        self.what = what
        self._silence = silence_seconds
        self._words = bytearray()
        self._pause = threading.Event()
        words = beside.words(places.FED if fed else places.HELD, argv)
        try:
            self._child = subprocess.Popen(  # noqa: S603 - our own words, no shell of ours
                words,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                bufsize=0,
                env=places.kept(os.environ if environment is None else environment),
                start_new_session=True,
            )
        except OSError as error:
            raise NotDeployed(f"{what}: cannot run {words[0]}: {error.strerror}") from None
        self._in, self._out, self._err = _pipes(self._child)
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()
        for pipe in (self._in, self._out):
            _widen(pipe)
        os.set_blocking(self._in.fileno(), False)
        try:
            self.write(options)
        except BaseException:
            self.__exit__()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_how: object) -> None:
        self._kill()
        for pipe in (self._in, self._out):
            with contextlib.suppress(OSError):
                pipe.close()
        self._listener.join(1)

    @property
    def pid(self) -> int:
        """Return the number of the process that we started: a shell, or a client of a container."""
        return self._child.pid

    def runs(self) -> bool:
        """Tell whether it has not ended yet."""
        return self._child.poll() is None

    def read(self) -> bytes:
        """Return the next bytes that it prints, none at the end.

        Raises:
            Unreachable: when it says nothing for too long; it is ended then.

        """
        if not select.select([self._out], [], [], self._silence)[0]:
            self._hangs("said nothing")
        part = os.read(self._out.fileno(), PART)
        if 0 < len(part) < ENOUGH:
            # It writes a few kilobytes at a time: taken one by one, they cost more than their use.
            self._pause.wait(PAUSE_SECONDS)
            if select.select([self._out], [], [], 0)[0]:
                part += os.read(self._out.fileno(), PART)
        return part

    def parts(self) -> Iterator[bytes]:
        """Give everything that it prints, and see that it ended well."""
        while part := self.read():
            yield part
        self.finish()

    def write(self, part: bytes | memoryview) -> None:
        """Give it the next bytes; one that has ended is found out by `finish`.

        Raises:
            Unreachable: when it takes nothing for too long; it is ended then.
            Day2Error: as `finish`, when it ended before it took them.

        """
        left = memoryview(part)
        while left:
            if not select.select([], [self._in], [], self._silence)[1]:
                self._hangs("took nothing")
            try:
                left = left[os.write(self._in.fileno(), left) :]
            except BlockingIOError:  # pragma: no cover - a race of the kernel's
                continue
            except BrokenPipeError:
                self._drain()
                self.finish()
                raise BadAnswer(f"{self.what} ended before it had read everything") from None

    def close(self) -> None:
        """Say that nothing more is coming; a program that is held by us ends."""
        self._in.close()

    def finish(self) -> str:
        """Wait for its end and return its last words.

        Raises:
            Denied: the account was refused.
            Unreachable: the server did not answer it, or it does not end.
            NotDeployed: there is no such program there.
            BadAnswer: it failed otherwise; whatever it printed before is worth nothing.

        """
        try:
            code = self._child.wait(timeout=min(self._silence, END_SECONDS))
        except subprocess.TimeoutExpired:
            self._hangs("closed its output, but did not end")
        self._listener.join(1)
        if code:
            raise failure(self.what, code, self.said())
        return self.said()[-1] if self.said() else ""

    def said(self) -> list[str]:
        """Return what it told people, the newest lines of it."""
        lines = bytes(self._words).decode(errors="replace").splitlines()
        return [line for line in map(one_line, lines) if line]

    def _listen(self) -> None:
        with self._err:
            while part := os.read(self._err.fileno(), PART):
                self._words += part
                del self._words[:-WORDS_MAX]

    def _drain(self) -> None:
        while select.select([self._out], [], [], END_SECONDS)[0]:
            if not os.read(self._out.fileno(), PART):
                return

    def _hangs(self, how: str) -> NoReturn:
        self._kill()
        raise Unreachable(
            f"{self.what} {how} for {self._silence:g} s and was ended",
            hint="look at the server's processlist and disk; what was written of the set is gone",
        )

    def _kill(self) -> None:
        # Only while it was not waited for: afterwards its number may be somebody else's. It is not
        # asked whether it still runs: what it started may, although it has ended itself.
        if self._child.returncode is None:
            with contextlib.suppress(OSError):
                self._in.close()
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._child.pid, signal.SIGKILL)
            self._child.wait()


def run(
    beside: Beside,
    argv: Sequence[str],
    *,
    what: str,
    options: bytes = places.NOBODY,
    given: bytes | None = None,
    silence_seconds: float = SILENCE_SECONDS,
) -> bytes:
    """Run a small thing to its end and return what it printed.

    Raises:
        Day2Error: as `Program.finish`.

    """
    program = Program(
        beside,
        argv,
        what=what,
        options=options,
        fed=given is not None,
        silence_seconds=silence_seconds,
    )
    with program:
        if given is not None:
            program.write(given)
            program.close()
        return b"".join(program.parts())


def find(beside: Beside, *names: str) -> str:
    """Return the first of these programs that is there: newer images lost the older names.

    Raises:
        NotDeployed: when there is none.

    """
    script = 'for p in "$@"; do command -v "$p" >/dev/null && echo "$p" && exit; done; exit 127'
    found = run(beside, ["sh", "-c", script, "day2", *names], what=f"looking for {names[0]}")
    return found.decode().strip()


def failure(what: str, code: int, said: Sequence[str]) -> Day2Error:
    """Name a failure by how a program ended and what it said last."""
    last = said[-1] if said else f"exit code {code}"
    last = REPEATED.sub(r"\1 …", last)
    told = f"{what} failed with exit code {code}: {last}"
    everything = " ".join(said)
    if code == NO_SUCH_PROGRAM:
        return NotDeployed(told, hint="is the prefix of the server's image right?")
    if "Access denied" in everything:
        return Denied(told, hint="check user, password and rights of the backup's account")
    if NOT_THERE.match(last):
        return Unreachable(told, hint="does its container run, and does its host answer?")
    if any(f" {sign} " in f" {everything.replace(':', ' ')} " for sign in ("2002", "2003", "2013")):
        return Unreachable(told, hint="does the server run, and is its socket there?")
    return BadAnswer(told, hint="what it wrote before is not used")


def _pipes(child: "subprocess.Popen[bytes]") -> tuple[IO[bytes], IO[bytes], IO[bytes]]:
    if child.stdin is None or child.stdout is None or child.stderr is None:  # pragma: no cover
        raise RuntimeError
    return child.stdin, child.stdout, child.stderr


def _widen(pipe: IO[bytes]) -> None:
    """Let the kernel hold more between the two: fewer turns, and neither waits for the other."""
    import fcntl  # noqa: PLC0415

    with contextlib.suppress(OSError):
        fcntl.fcntl(pipe.fileno(), fcntl.F_SETPIPE_SZ, PART)
