# SPDX-License-Identifier: Apache-2.0
"""Run a carried program here, as on a host: in a child, from a folder that stands for its root."""

import io
import json
import os
import subprocess  # noqa: TID251 - what the programs call is answered here
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import CodeType
from typing import Any

from day2.sandbox.hosts import engine, machine

CALLED: dict[str, Callable[[Path, list[str]], int]] = {
    "docker": engine.docker,
    "ip": machine.ip,
    "ps": machine.ps,
}
MARKER = "<<INCLUDE_ANSIBLE_MODULE_JSON_ARGS>>"


def _quick(
    here: Path,
    start: Callable[..., "subprocess.CompletedProcess[bytes]"],
    words: list[str],
    **options: Any,  # noqa: ANN401 - those of subprocess
) -> "subprocess.CompletedProcess[bytes]":
    """Call a scripted program of the sandbox; start any other."""
    path = Path(words[0])
    called = CALLED.get(path.name) if path.parent == here / "bin" else None
    if called is None:
        return start(words, **options)
    kept = sys.stdout, sys.stderr
    out, errors = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8") for _n in range(2))
    sys.stdout = out
    sys.stderr = out if options.get("stderr") is subprocess.STDOUT else errors
    try:
        code = called(here, words[1:])
    finally:
        sys.stdout, sys.stderr = kept
    printed = []
    for stream in (out, errors):
        stream.flush()
        printed.append(stream.buffer.getvalue())
    return subprocess.CompletedProcess(words, code, *printed)


def load(words: list[str]) -> CodeType:
    """Return the program that Ansible's words name, with its arguments put into it."""

    def word(name: str) -> str:
        return words[words.index(name) + 1]

    program = (Path(word("--module-path")) / f"{word('-m')}.py").read_text(encoding="utf-8")
    return compile(program.replace(MARKER, word("-a")), "program", "exec")


def run(program: CodeType, root: Path, here: Path | None = None) -> tuple[str, dict[str, Any]]:
    """Run it to its end; return the kind of event and the result.

    A fork costs a thousandth of a second, a new interpreter fifty times that on every host. For
    the same reason the scripted programs of `here`, a sandbox, are called and not started.
    """
    root.mkdir(parents=True, exist_ok=True)
    read, write = os.pipe()
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        _become(program, root, read, write, here)
    os.close(write)
    with os.fdopen(read, encoding="utf-8", errors="replace") as opened:
        text = opened.read()
    _pid, status = os.waitpid(child, 0)
    if status == 0:
        return "ok", json.loads(text)
    return "failed", {"msg": "MODULE FAILURE", "module_stderr": text}


def _become(program: CodeType, root: Path, read: int, write: int, here: Path | None) -> None:
    """Be the program, and end with it."""
    os.close(read)
    os.chdir(root)
    if here is not None:
        # This process is the host's: it ends with the program.
        subprocess.run = partial(_quick, here, subprocess.run)  # type: ignore[assignment]
    status = 1
    try:
        with os.fdopen(write, "w", encoding="utf-8") as opened:
            sys.stdout = sys.stderr = opened
            exec(program, {"__name__": "__main__"})  # noqa: S102 - that is what Ansible does
        status = 0
    finally:
        os._exit(status)
