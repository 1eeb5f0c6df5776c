# SPDX-License-Identifier: Apache-2.0
"""Look at our own files: the settings, the accounts file, the state folder, the memory."""

import os
import shlex
import stat
from collections.abc import Callable, Sequence
from pathlib import Path

from day2.model.examination import Item, State
from day2.operations.setup import files
from day2.operations.setup.doctor import ok


def settings_file(file: Path | None, candidates: Sequence[Path], *, account: bool) -> Item:
    """Say which settings file holds; without one, an account in the environment must do."""
    if file is None:
        looked = ", ".join(str(path) for path in candidates)
        return Item(
            id="settings",
            title="settings",
            state=State.WARNING if account else State.FAILED,
            detail=f"no settings file; looked for {looked}"
            + ("; the OS_* variables are used" if account else ""),
            cure="let day2 write them",
            commands=["day2 init"],
            exit_code=2,
        )
    mode = file.stat().st_mode
    if mode & (stat.S_IWGRP | stat.S_IWOTH):
        return Item(
            id="settings",
            title="settings",
            state=State.FAILED,
            detail=f"{file} can be written by others (mode {stat.S_IMODE(mode):04o}): whoever "
            "writes it decides where day2 sends its password",
            cure="take the right away",
            commands=[f"chmod go-w {shlex.quote(str(file))}"],
            exit_code=2,
        )
    return ok("settings", "settings", f"{file}, every value valid")


def private(name: str, title: str, file: Path) -> Item:
    """Prove that a file with passwords can be read by us, and by nobody else."""
    try:
        mode = file.stat().st_mode
        with file.open("rb"):
            pass
    except OSError as error:
        return Item(
            id=name,
            title=title,
            state=State.FAILED,
            detail=f"cannot read {file}: {error.strerror}",
            cure="give this user the right to read it",
            commands=[f'sudo setfacl -m "u:$USER:r" {shlex.quote(str(file))}'],
            exit_code=2,
        )
    if mode & (stat.S_IRGRP | stat.S_IROTH):
        return Item(
            id=name,
            title=title,
            state=State.WARNING,
            detail=f"{file} holds passwords, and others may read it "
            f"(mode {stat.S_IMODE(mode):04o})",
            cure="make it private",
            commands=[f"chmod 600 {shlex.quote(str(file))}"],
        )
    return ok(name, title, f"{file} is private")


def state(folder: Path) -> Item:
    """Prove that the state folder can be made or written, and is private."""
    quoted = shlex.quote(str(folder))
    nearest = next(p for p in (folder, *folder.parents) if files.there(p))
    if not nearest.is_dir() or not os.access(nearest, os.W_OK | os.X_OK):
        return Item(
            id="state",
            title="state folder",
            state=State.FAILED,
            detail=f"{folder} cannot be written by this user",
            cure="give it to this user, or choose another folder with DAY2_STATE",
            commands=[f'sudo install -d -m 700 -o "$USER" {quoted}'],
            exit_code=2,
        )
    if nearest == folder and folder.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        return Item(
            id="state",
            title="state folder",
            state=State.WARNING,
            detail=f"{folder} is open to others; it holds what is known about the cloud",
            cure="make it private",
            commands=[f"chmod 700 {quoted}"],
        )
    return ok("state", "state folder", f"{folder} is writable and private")


def memory(open_memory: Callable[[], object], folder: Path) -> list[Item]:
    """Open the memory.

    Raises:
        MemoryUnusable, Locked: as opening does.

    """
    open_memory()
    return [ok("memory", "memory", f"{folder}/memory.sqlite opens")]
