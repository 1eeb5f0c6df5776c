# SPDX-License-Identifier: Apache-2.0
"""Put a prepared data folder in the place of a server's own, which is kept aside.

This works where the folder is: on the server's host, as root. The server's user owns the files, as
it owned those that were there; nobody guesses its number.
"""

import contextlib
import os
import shutil
from pathlib import Path

from day2.errors import BadUsage, Refused

GALERA = ("xtrabackup_galera_info", "mariadb_backup_galera_info")
OURS = ("xtrabackup_", "mariadb_backup_", "backup-my.cnf")
"""What the backup's program left for people and for itself; a server has no use for it."""
_STATE = """# GALERA saved state
version: 2.1
uuid:    {uuid}
seqno:   {seqno}
safe_to_bootstrap: 1
"""


def place(
    prepared: Path, datadir: Path, *, aside: Path, owner: tuple[int, int] | None = None
) -> str:
    """Move the prepared content into the data folder, and what was there aside.

    Returns the position in its cluster that a node starts with (`uuid:seqno`), empty without one;
    such a node is marked as the one to begin the cluster with. `owner` is needed when the folder is
    new; otherwise it is that of the folder.

    Raises:
        Refused: while a server works in the folder, or when `aside` is there already; nothing was
            touched.
        BadUsage: when the prepared folder is none, or the data folder is missing.

    """
    if not (prepared / "ibdata1").exists():
        raise BadUsage(f"{prepared} is no prepared data folder", hint="unpack and prepare it first")
    if not datadir.is_dir():
        raise BadUsage(f"there is no folder {datadir}", hint="make it, with the server's owner")
    _require_idle(datadir)
    uid, gid = owner or (datadir.stat().st_uid, datadir.stat().st_gid)
    reached = position(prepared)
    _set_aside(datadir, aside)
    for entry in sorted(prepared.iterdir()):
        if not entry.name.startswith(OURS):
            _move(entry, datadir / entry.name)
    if reached:
        uuid, _colon, seqno = reached.partition(":")
        (datadir / "grastate.dat").write_text(_STATE.format(uuid=uuid, seqno=seqno))
    _own(datadir, uid, gid)
    _flush(datadir)
    return reached


def take_back(datadir: Path, aside: Path, *, instead: Path) -> None:
    """Put what was kept aside in its place again; what was restored goes into `instead`.

    Raises:
        Refused: while a server works in the folder, or when `instead` is there already.
        BadUsage: when nothing was kept there.

    """
    if not aside.is_dir():
        raise BadUsage(f"nothing was kept in {aside}")
    _require_idle(datadir)
    _set_aside(datadir, instead)
    for entry in sorted(aside.iterdir()):
        _move(entry, datadir / entry.name)
    aside.rmdir()
    _flush(datadir)


def _require_idle(datadir: Path) -> None:
    place = datadir.stat()
    for process in Path("/proc").iterdir():
        if not process.name.isdigit():
            continue
        with contextlib.suppress(OSError):
            works = (process / "cwd").stat()
            if (works.st_dev, works.st_ino) == (place.st_dev, place.st_ino) and _is_server(process):
                raise Refused(
                    f"process {process.name} still works in {datadir}",
                    hint="stop the database on this node first: kolla-ansible stop -t mariadb",
                )


def _is_server(process: Path) -> bool:
    return (process / "comm").read_text(errors="replace").strip() in {"mariadbd", "mysqld"}


def _set_aside(datadir: Path, aside: Path) -> None:
    try:
        aside.mkdir(mode=0o700)
    except FileExistsError:
        raise Refused(
            f"{aside} exists already", hint="it may hold the only copy; move it"
        ) from None
    except OSError as error:
        raise BadUsage(f"cannot make {aside}: {error.strerror}") from None
    try:
        for entry in sorted(datadir.iterdir()):
            _move(entry, aside / entry.name)
    except OSError as error:
        raise BadUsage(
            f"cannot move {datadir} aside: {error.strerror}",
            hint=f"what was moved already is in {aside}; move it back by hand",
        ) from None


def _move(source: Path, target: Path) -> None:
    try:
        source.rename(target)
    except OSError:
        # Another file system: the owner and the times go with it.
        shutil.move(source, target)


def position(prepared: Path) -> str:
    """Return the position in its cluster that a prepared folder was taken at; empty without one."""
    for name in GALERA:
        with contextlib.suppress(FileNotFoundError):
            return (prepared / name).read_text(errors="replace").split()[0]
    return ""


def _own(datadir: Path, uid: int, gid: int) -> None:
    for folder, folders, files in os.walk(datadir):
        for name in (*folders, *files):
            os.chown(Path(folder) / name, uid, gid, follow_symlinks=False)


def _flush(datadir: Path) -> None:
    """Make it last: the files may have been copied, and their names are new."""
    for folder, _folders, files in os.walk(datadir):
        for name in files:
            _sync(Path(folder) / name, os.O_RDONLY)
        _sync(Path(folder), os.O_RDONLY | os.O_DIRECTORY)


def _sync(path: Path, how: int) -> None:
    with contextlib.suppress(OSError):
        handle = os.open(path, how | os.O_NOFOLLOW)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
