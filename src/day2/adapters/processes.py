# SPDX-License-Identifier: Apache-2.0
"""Start a process that outlives us, know it again, and end it: never another one with its number.

A number alone is no name: it is given again after a process has ended. With the moment of its
start, and the boot it belongs to, it is one.
"""

import os
import signal
import subprocess  # noqa: TID251 - this adapter is one of those that start processes
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from day2.adapters.clock import Clock

START_FIELD = 19
POLL_SECONDS = 0.02
TERM_SECONDS = 5.0
KEPT = ("PATH", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "PYTHONPATH", "VIRTUAL_ENV")
"""What a program of ours needs of the environment to run at all."""


class Process(msgspec.Struct, frozen=True, kw_only=True):
    """A process as one remembers it: its number, and when it started (boot and ticks)."""

    pid: int
    started: str


def start(
    argv: Sequence[str],
    *,
    log: Path,
    folder: Path,
    environment: Mapping[str, str],
    keep: Sequence[int],
    also: Sequence[str] = (),
) -> Process:
    """Start a process in a session of its own; its output goes to the end of a private file.

    It inherits the open descriptors `keep`, and of the environment only what a program needs to
    run and the variables named in `also`: no secret of ours.
    """
    descriptor = os.open(log, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600)
    try:
        child = subprocess.Popen(  # noqa: S603 - our own words
            list(argv),
            stdin=subprocess.DEVNULL,
            stdout=descriptor,
            stderr=descriptor,
            cwd=folder,
            env={name: environment[name] for name in (*KEPT, *also) if name in environment},
            pass_fds=tuple(keep),
            start_new_session=True,
        )
    finally:
        os.close(descriptor)
    # It lives on without us: the interpreter must not say at its end that it was left running.
    child.returncode = 0
    return remembered(child.pid) or Process(pid=child.pid, started="")


def remembered(pid: int) -> Process | None:
    """Return a process that runs, as one remembers it; None when it has ended."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return None
    # The name stands in brackets and may hold anything, brackets and spaces included.
    fields = text.rpartition(")")[2].split()
    if len(fields) <= START_FIELD or fields[0] in {"Z", "X"}:
        return None
    return Process(pid=pid, started=f"{boot}:{fields[START_FIELD]}")


def runs(process: Process) -> bool:
    """Tell whether this very process still runs."""
    return remembered(process.pid) == process


def end(process: Process, clock: Clock) -> bool:
    """End a process: ask, wait, then force; False when it was not there any more."""
    if not runs(process):
        return False
    for how, seconds in ((signal.SIGTERM, TERM_SECONDS), (signal.SIGKILL, TERM_SECONDS)):
        try:
            os.kill(process.pid, how)
        except ProcessLookupError:
            return True
        until = clock.monotonic() + seconds
        while clock.monotonic() < until:
            if not runs(process):
                return True
            clock.sleep(POLL_SECONDS)
    return not runs(process)
