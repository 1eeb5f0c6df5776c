# SPDX-License-Identifier: Apache-2.0
"""Run a carried program here, as on a host: in a child, from a folder that stands for its root."""

import json
import os
import sys
from pathlib import Path
from types import CodeType
from typing import Any

MARKER = "<<INCLUDE_ANSIBLE_MODULE_JSON_ARGS>>"


def load(words: list[str]) -> CodeType:
    """Return the program that Ansible's words name, with its arguments put into it."""

    def word(name: str) -> str:
        return words[words.index(name) + 1]

    program = (Path(word("--module-path")) / f"{word('-m')}.py").read_text(encoding="utf-8")
    return compile(program.replace(MARKER, word("-a")), "program", "exec")


def run(program: CodeType, root: Path) -> tuple[str, dict[str, Any]]:
    """Run it to its end; return the kind of event and the result.

    A fork costs a thousandth of a second, a new interpreter fifty times that on every host.
    """
    root.mkdir(parents=True, exist_ok=True)
    read, write = os.pipe()
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        _become(program, root, read, write)
    os.close(write)
    with os.fdopen(read, encoding="utf-8", errors="replace") as opened:
        text = opened.read()
    _pid, status = os.waitpid(child, 0)
    if status == 0:
        return "ok", json.loads(text)
    return "failed", {"msg": "MODULE FAILURE", "module_stderr": text}


def _become(program: CodeType, root: Path, read: int, write: int) -> None:
    """Be the program, and end with it."""
    os.close(read)
    os.chdir(root)
    status = 1
    try:
        with os.fdopen(write, "w", encoding="utf-8") as opened:
            sys.stdout = sys.stderr = opened
            exec(program, {"__name__": "__main__"})  # noqa: S102 - that is what Ansible does
        status = 0
    finally:
        os._exit(status)
