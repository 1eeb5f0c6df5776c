# SPDX-License-Identifier: Apache-2.0
"""Programs that outlive who started them: known before they begin, and their exit code after.

A shell stands before each: it begins the program only when it is told to, which is after its number
was kept, and writes down how the program ended. Whoever dies in between leaves nothing unknown.
"""

import os
import subprocess  # noqa: TID251 - this adapter is one of those that start processes
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from day2.adapters import processes
from day2.adapters.processes import Process

NEVER_BEGAN = 125
_SHELL = """
read -r go || exit 125
: > began
"$@"
echo "$?" > ended.new && mv ended.new ended
"""


def start(
    argv: Sequence[str],
    *,
    folder: Path,
    environment: Mapping[str, str],
    remember: Callable[[Process], None],
) -> Process:
    """Start a program in a session of its own; `remember` is called before it begins.

    Its output goes to `log` in the folder, which is private and this program's alone. Secrets
    belong neither in `argv` nor in `environment`.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = os.open(folder / "log", os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600)
    try:
        child = subprocess.Popen(  # noqa: S603 - our own words
            ["/bin/sh", "-c", _SHELL, "day2-child", *argv],
            stdin=subprocess.PIPE,
            stdout=descriptor,
            stderr=descriptor,
            cwd=folder,
            env=dict(environment),
            start_new_session=True,
        )
    finally:
        os.close(descriptor)
    # It lives on without us: the interpreter must not say at its end that it was left running.
    child.returncode = 0
    process = processes.remembered(child.pid) or Process(pid=child.pid, started="")
    if child.stdin is None:  # pragma: no cover - asked for above
        raise RuntimeError
    with child.stdin:
        remember(process)
        child.stdin.write(b"go\n")
    return process


def ended(folder: Path) -> int | None:
    """Return the exit code of the program that ran in this folder; None when none is written."""
    try:
        return int((folder / "ended").read_text(encoding="ascii"))
    except (FileNotFoundError, ValueError):
        return None


def began(folder: Path) -> bool:
    """Tell whether the program in this folder was ever begun."""
    return (folder / "began").exists()


def playbooks(inventory: Path) -> list[tuple[int, str]]:
    """List the Ansible playbooks of this machine that work on an inventory: pid and command line.

    A colleague's are among them.
    """
    wanted = inventory.resolve()
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            words = (entry / "cmdline").read_bytes().decode(errors="replace").split("\0")
        except OSError:
            continue
        runs = any(Path(word).name == "ansible-playbook" for word in words[:3])
        if runs and any(_is(part, wanted, entry) for part in _values(words)):
            found.append((int(entry.name), " ".join(words).strip()))
    return found


def _values(words: Sequence[str]) -> set[str]:
    """Return every word, and what stands in it after `=` or `-i`."""
    parts = {part for word in words for part in (word, word.partition("=")[2])}
    return {part for part in parts | {word.removeprefix("-i") for word in words} if part}


def _is(part: str, wanted: Path, process: Path) -> bool:
    """Tell whether a word names this file, for a process that may stand in another folder."""
    try:
        # Another user's process does not show its folder: only a whole path can be told then.
        folder = Path() if Path(part).is_absolute() else (process / "cwd").readlink()
        return folder.joinpath(part).resolve() == wanted
    except (OSError, RuntimeError):
        return False
