# SPDX-License-Identifier: Apache-2.0
"""Run a program that gives or takes a long stream, and know how it ended.

For streams of hours: no limit in time, but one on silence. What a program gave counts only when it
ended well, so whoever takes the bytes must be able to let go of all of them.
"""

import contextlib
import os
import selectors
import signal
import subprocess  # noqa: TID251 - this adapter starts processes
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import IO, BinaryIO, NoReturn

import msgspec

from day2.adapters.commands import child_environment
from day2.adapters.reasons import one_line
from day2.errors import BadSettings, Unreachable

CHUNK = 1 << 20
Take = Callable[[bytes], object]
COMPLAINT_BYTES_MAX = 64 << 10
END_SECONDS = 60.0
POLL_SECONDS = 1.0


class Pipe(msgspec.Struct, frozen=True, kw_only=True):
    """One such program: its words, what it is called in messages, and how long it may be silent.

    `setting` is where its words come from.
    """

    argv: Sequence[str]
    what: str
    setting: str
    silent_seconds: float


def give(pipe: Pipe, environment: Mapping[str, str], take: Take) -> int:
    """Run a program and hand over what it prints, part by part; return how many bytes it was.

    What `take` raises ends the program with all that it started, and is raised again.

    Raises:
        BadSettings: when it does not exist.
        Unreachable: when it is silent for too long, or ends with a failure: the message then
            closes with its last words. What was taken until then is worth nothing.

    """
    count = 0
    with _started(pipe, environment, subprocess.DEVNULL, subprocess.PIPE) as (child, last_words):
        assert child.stdout is not None  # noqa: S101 - for the type checker: a pipe
        with selectors.DefaultSelector() as ready, child.stdout as output:
            ready.register(output, selectors.EVENT_READ)
            while True:
                if not ready.select(pipe.silent_seconds):
                    _hangs(pipe, "gave nothing")
                part = os.read(output.fileno(), CHUNK)
                if not part:
                    break
                take(part)
                count += len(part)
        _require_end(pipe, child, last_words, min(pipe.silent_seconds, END_SECONDS))
    return count


def feed(pipe: Pipe, environment: Mapping[str, str], source: BinaryIO) -> None:
    """Run a program with an open file as its standard input; return when it ended well.

    How far it has read is seen in the file's own position, which both share.

    Raises:
        BadSettings, Unreachable: as `give`; what it made of the file until then is worth nothing.

    """
    with _started(pipe, environment, source, subprocess.DEVNULL) as (child, last_words):
        before, silent = -1, 0.0
        while True:
            try:
                child.wait(timeout=POLL_SECONDS)
                break
            except subprocess.TimeoutExpired:
                now = os.lseek(source.fileno(), 0, os.SEEK_CUR)
            silent = 0.0 if now != before else silent + POLL_SECONDS
            before = now
            if silent >= pipe.silent_seconds:
                _hangs(pipe, "took nothing")
        _require_end(pipe, child, last_words, END_SECONDS)


@contextlib.contextmanager
def _started(
    pipe: Pipe, environment: Mapping[str, str], stdin: BinaryIO | int, stdout: int
) -> "Iterator[tuple[subprocess.Popen[bytes], Callable[[], str]]]":
    try:
        child = subprocess.Popen(  # noqa: S603 - no shell, the words are the settings' and ours
            pipe.argv,
            stdin=stdin,
            stdout=stdout,
            stderr=subprocess.PIPE,
            bufsize=0,
            env=child_environment(environment),
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        told = f"{pipe.what}: cannot run {pipe.argv[0]}: {error}"
        raise BadSettings(told, hint=f"setting {pipe.setting}") from None
    assert child.stderr is not None  # noqa: S101 - for the type checker: a pipe
    said = bytearray()
    listener = threading.Thread(target=_listen, args=(child.stderr, said), daemon=True)
    listener.start()

    def last_words() -> str:
        # It may have said them just before its end: only when it is read out are they all there.
        listener.join(1)
        lines = [one_line(line) for line in bytes(said).decode(errors="replace").splitlines()]
        return next((line for line in reversed(lines) if line), "")

    try:
        yield child, last_words
    finally:
        _end(child)
        if child.stdout is not None:
            child.stdout.close()
        listener.join(1)


def _listen(complaint: IO[bytes], said: bytearray) -> None:
    """Keep the end of what it says, however much that is."""
    with complaint:
        while part := os.read(complaint.fileno(), CHUNK):
            said += part
            del said[:-COMPLAINT_BYTES_MAX]


def _require_end(
    pipe: Pipe, child: "subprocess.Popen[bytes]", last_words: Callable[[], str], seconds: float
) -> None:
    try:
        status = child.wait(timeout=seconds)
    except subprocess.TimeoutExpired:
        _hangs(pipe, "closed its output, but did not end")
    if status:
        told = last_words() or (f"signal {-status}" if status < 0 else f"exit code {status}")
        raise Unreachable(f"{pipe.what} failed: {told}", hint=f"setting {pipe.setting}")


def _hangs(pipe: Pipe, how: str) -> NoReturn:
    raise Unreachable(
        f"{pipe.what} {how} for {pipe.silent_seconds:g} s and was ended",
        hint=f"setting {pipe.setting}; does the cluster answer? ceph -s",
    )


def _end(child: "subprocess.Popen[bytes]") -> None:
    """End it with all that it started, unless its end was seen before.

    Until that is so, its number is nobody else's, though it may have ended by itself meanwhile, of
    a pipe that was closed: what it started in its group may run on.
    """
    if child.returncode is None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()
