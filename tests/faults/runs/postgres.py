# SPDX-License-Identifier: Apache-2.0
"""A PostgreSQL server of our own, on a socket in a folder, for as long as a test needs it."""

import os
import pwd
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

USER = "postgres"


def programs() -> Path:
    """Return the folder of the newest server's programs.

    Raises:
        RuntimeError: when none is installed.

    """
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    if not found:
        raise RuntimeError("no PostgreSQL server is installed: apt-get install postgresql")
    return found[-1]


@contextmanager
def postgres(folder: Path) -> Iterator[str]:
    """Start one and yield the URL of an empty database; it ends with the block."""
    data, socket = folder / "data", folder / "socket"
    for made in (folder, data, socket):
        made.mkdir(exist_ok=True)
        if os.getuid() == 0:
            shutil.chown(made, USER, USER)
    reachable(folder)
    run(programs() / "initdb", "-D", data, "-A", "trust", "-U", USER, "--no-sync")
    control = (programs() / "pg_ctl", "-D", data, "-w", "-l", folder / "log")
    run(*control, "-o", f"-k {socket} -c listen_addresses=", "start")
    try:
        run(programs() / "createdb", "-h", socket, "-U", USER, "engine")
        yield f"postgresql://{USER}@/engine?host={socket}"
    finally:
        run(*control, "-m", "immediate", "stop")


def reachable(folder: Path) -> None:
    """Let the server's user through to its folder: pytest's own folders are closed to others."""
    for parent in (folder, *folder.parents):
        if parent.stat().st_uid == os.getuid() and not parent.stat().st_mode & 0o001:
            parent.chmod(parent.stat().st_mode | 0o001)


def run(*words: str | Path) -> None:
    """Run a program of the server as its own user: it refuses to be root."""
    own = pwd.getpwnam(USER)
    user = {"user": own.pw_uid, "group": own.pw_gid, "extra_groups": []} if os.getuid() == 0 else {}
    done = subprocess.run(
        [str(word) for word in words],
        capture_output=True,
        text=True,
        check=False,
        cwd="/",
        **user,  # type: ignore[call-overload]
    )
    if done.returncode:
        raise RuntimeError(f"{words[0]} ended with {done.returncode}: {done.stderr}{done.stdout}")
