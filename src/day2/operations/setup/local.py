# SPDX-License-Identifier: Apache-2.0
"""Look at our own files: the settings, the accounts file, the state folder, the memory."""

import os
import shlex
import stat
import struct
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from day2.model.examination import Item, State
from day2.operations.setup import files
from day2.operations.setup.doctor import ok

# A list of rights of a file: a version, then entries of tag, rights, and who.
RIGHTS = "system.posix_acl_access"
ENTRIES = struct.Struct("<HHI")
GROUPS, READ = (0x04, 0x08), 4


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
        found = file.stat()
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
    mode = found.st_mode
    if mode & stat.S_IROTH or (mode & stat.S_IRGRP and _read_by_groups(file)):
        quoted = shlex.quote(str(file))
        ours = found.st_uid == os.geteuid()
        return Item(
            id=name,
            title=title,
            state=State.WARNING,
            detail=f"{file} holds passwords, and others may read it "
            f"(mode {stat.S_IMODE(mode):04o})",
            cure="make it private",
            # Somebody else's file is perhaps open to us by its group only.
            commands=[
                f"chmod 600 {quoted}" if ours else f'sudo setfacl -m "u:$USER:r,g::-,o::-" {quoted}'
            ],
        )
    return ok(name, title, f"{file} is private")


def _read_by_groups(file: Path) -> bool:
    """Tell whether any group may read a file whose mode says so.

    Where single users were given rights, that bit of the mode is the bound of what they were given,
    and says nothing of groups.
    """
    told = b""
    with suppress(OSError):
        told = os.getxattr(file, RIGHTS)
    whole = len(told) >= ENTRIES.size and (len(told) - 4) % ENTRIES.size == 0
    entries = list(ENTRIES.iter_unpack(told[4:])) if whole else []
    return not entries or any(tag in GROUPS and rights & READ for tag, rights, _who in entries)


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
