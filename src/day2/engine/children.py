# SPDX-License-Identifier: Apache-2.0
"""Programs that a step runs: begun once, adopted by the next engine, never run twice at a time."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from day2.adapters import children, processes
from day2.adapters.processes import Process
from day2.adapters.reasons import one_line
from day2.engine.action import Ran
from day2.errors import Unreachable
from day2.memory import runs
from day2.memory.store import Memory

LINE_BYTES_MAX = 4096
SAID_MAX = 200


class Begun(msgspec.Struct, frozen=True, kw_only=True):
    """A program of a step that was begun: now, or by an engine before this one."""

    pid: int
    started: str
    adopted: bool = False


def begin(
    memory: Memory,
    run: str,
    name: str,
    argv: Sequence[str],
    *,
    environment: Mapping[str, str],
    alone_on: str,
) -> Begun:
    """Begin a program, or find the one that was begun for this step before.

    Raises:
        Unreachable: while another playbook works on the inventory; asked again like an outage.

    """
    folder = folder_of(memory, run, name)
    known = runs.child(memory, run, name)
    if known is not None:
        process = Process(pid=known[0], started=known[1])
        if children.began(folder) or processes.runs(process):
            return Begun(pid=process.pid, started=process.started, adopted=True)
    if alone_on:
        others = children.playbooks(Path(alone_on))
        if others:
            pid, line = others[0]
            raise Unreachable(f"process {pid} works on {alone_on}: {line[:120]}")
    process = children.start(
        argv,
        folder=folder,
        environment=environment,
        remember=lambda found: runs.put_child(memory, run, name, found.pid, found.started),
    )
    return Begun(pid=process.pid, started=process.started)


def poll(memory: Memory, run: str, name: str, begun: Begun) -> Ran | None:
    """Return how it ended; None while it runs. One that died without a word is `lost`."""
    folder = folder_of(memory, run, name)
    code = children.ended(folder)
    log = str(folder / "log")
    if code is not None:
        return Ran(code=code, log=log, adopted=begun.adopted)
    if processes.runs(Process(pid=begun.pid, started=begun.started)):
        return None
    code = children.ended(folder)
    return Ran(code=code, log=log, adopted=begun.adopted, lost=code is None)


def last_line(memory: Memory, run: str, name: str) -> str:
    """Return what a program said last; empty when it has said nothing."""
    try:
        with (folder_of(memory, run, name) / "log").open("rb") as log:
            log.seek(0, os.SEEK_END)
            log.seek(max(log.tell() - LINE_BYTES_MAX, 0))
            lines = log.read().decode(errors="replace").split("\n")
    except OSError:
        return ""
    said = [line for line in map(one_line, lines) if line]
    return said[-1][:SAID_MAX] if said else ""


def folder_of(memory: Memory, run: str, name: str) -> Path:
    """Return the private folder of one program of one run."""
    return memory.folder / "runs" / run / name.replace("/", "-")
