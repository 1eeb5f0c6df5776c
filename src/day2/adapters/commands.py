# SPDX-License-Identifier: Apache-2.0
"""Run a program that the settings name, bounded in time and output, and return what it prints.

It runs without a shell, in a session of its own, so that nothing can ask a person for a password.
"""

import contextlib
import os
import signal
import subprocess  # noqa: TID251 - this adapter starts a process
import threading
from collections.abc import Mapping, Sequence
from typing import IO

from day2.adapters.kolla.virtualenv import PASSED
from day2.adapters.reasons import one_line
from day2.errors import BadAnswer, BadSettings, Unreachable

ANSWER_BYTES_MAX = 16 << 20
COMPLAINT_BYTES_MAX = 64 << 10
CHUNK = 1 << 16


def run(
    argv: Sequence[str],
    environment: Mapping[str, str],
    *,
    what: str,
    setting: str,
    seconds: float,
    bytes_max: int = ANSWER_BYTES_MAX,
) -> bytes:
    """Run it to its end and return its standard output.

    `what` names it in messages, `setting` is the section (`clouds.NAME.ceph`) whose `command` it is
    and whose `seconds_max` bounds it. Of our environment it gets where things are, and no secret.

    Raises:
        BadSettings: when it does not exist.
        Unreachable: when it does not end in time, or ends with a failure: the message then closes
            with its last words.
        BadAnswer: when it prints more than `bytes_max`.

    """
    told = f"setting {setting}"
    try:
        child = subprocess.Popen(  # noqa: S603 - no shell, the words are the settings'
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=child_environment(environment),
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        raise BadSettings(f"{what}: cannot run {argv[0]}: {error}", hint=told) from None
    assert child.stdout is not None  # noqa: S101 - for the type checker: both are pipes
    assert child.stderr is not None  # noqa: S101
    answer, complaint = bytearray(), bytearray()
    readers = [
        threading.Thread(target=_take, args=(pipe, into, most), daemon=True)
        for pipe, into, most in (
            (child.stdout, answer, bytes_max),
            (child.stderr, complaint, COMPLAINT_BYTES_MAX),
        )
    ]
    for reader in readers:
        reader.start()
    try:
        status = child.wait(timeout=seconds)
    except subprocess.TimeoutExpired:
        raise Unreachable(
            f"{what} did not end within {seconds:g} s",
            hint=f"{told}, and seconds_max beside it; try it by hand",
        ) from None
    finally:
        _end(child)
        for reader in readers:
            reader.join(1)
    if status:
        said = _last_words(bytes(complaint)) or f"exit code {status}"
        raise Unreachable(f"{what} failed: {said}", hint=told)
    if len(answer) > bytes_max:
        raise BadAnswer(f"{what}: the answer is larger than {_size(bytes_max)}")
    return bytes(answer)


def _take(pipe: IO[bytes], into: bytearray, most: int) -> None:
    """Read to the end and keep one byte more than allowed: the rest is let go, never kept."""
    with pipe:
        while part := pipe.read1(CHUNK):  # type: ignore[attr-defined]
            into += part[: max(most + 1 - len(into), 0)]


def _end(child: "subprocess.Popen[bytes]") -> None:
    """End it with all that it started: a client must not outlive the question.

    Unless it was waited for: its number may be somebody else's then. It is not asked whether it
    still runs: what it started may, although it has ended itself.
    """
    if child.returncode is None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()


def _last_words(complaint: bytes) -> str:
    lines = [one_line(line) for line in complaint.decode(errors="replace").splitlines()]
    return next((line for line in reversed(lines) if line), "")


def _size(count: int) -> str:
    return f"{count >> 20} MiB" if count >= 1 << 20 else f"{count >> 10} KiB"


def child_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Return of our environment where things are, and no secret."""
    kept = {
        name: value
        for name, value in environment.items()
        if name in PASSED or name == "CEPH_CONF" or name.startswith("LC_")
    }
    return {**kept, "PATH": environment.get("PATH", os.defpath)}
