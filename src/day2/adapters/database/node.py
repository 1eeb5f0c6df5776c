# SPDX-License-Identifier: Apache-2.0
"""The data folder of one server on its host, while the server stands: kept aside, put in place.

Folders are renamed, never emptied: what was there is there under another name, whole, at any
moment. Everything may be begun again after a kill, and goes on where it was.
"""

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import msgspec

from day2.adapters.database import programs
from day2.adapters.database.beside import Beside
from day2.adapters.database.programs import Program
from day2.adapters.recovery import DatabaseNode
from day2.errors import NotVerified, Refused

KIB = 1 << 10
COPY_SECONDS = 3600.0

_LOOK = r"""
d=$1; p=$(dirname "$d")
[ -d "$p" ] || exit 0
echo "parent yes"
echo "free $(df -Pk "$p" | awk 'NR == 2 { print $4 }')"
if [ -d "$d" ]; then
  echo "owner $(stat -c %u:%g "$d")"
  [ "$(stat -c %d "$d")" = "$(stat -c %d "$p")" ] || echo "mount yes"
  if [ -e "$d/ibdata1" ] || [ -d "$d/mysql" ]; then echo "holds data"
  else
    h=nothing
    for f in $(ls -A "$d"); do
      case $f in
        ib_buffer_pool*|ib_logfile*|ibtmp*|aria_log*|tc.log|ddl_recovery*.log|multi-master.info);;
        grastate.dat|gvwstate.dat|galera.cache|wsrep_recovery*|*_upgrade_info|*.pid|*.sock|*.err);;
        *.state|*.index|*[a-z].[0-9][0-9][0-9][0-9][0-9][0-9]|core|core.*|.day2-*);;
        *) h=other;;
      esac
    done
    echo "holds $h"
  fi
fi
same='' ; [ -d "$d" ] && same=$(find -L /proc/[0-9]*/cwd -maxdepth 0 -samefile "$d" 2>/dev/null)
gone=$(find /proc/[0-9]*/cwd -maxdepth 0 \( -lname "$d" -o -lname "$d (deleted)" \) 2>/dev/null)
for c in $same $gone; do
  p=${c%/cwd}
  case $(cat "$p/comm" 2>/dev/null) in mariadbd|mysqld) echo "busy ${p#/proc/}";; esac
done
exit 0
"""
# A rename is whole or not there; the empty folder in its place has its owner and mode.
_KEEP = r"""
set -eu
d=$1 a=$2 owner=$3
if [ ! -e "$a" ] && [ -d "$d" ] && [ -n "$(ls -A "$d")" ]; then mv -T -- "$d" "$a"; fi
if [ ! -d "$d" ]; then
  if [ -d "$a" ]; then o=$(stat -c %u:%g "$a") m=$(stat -c %a "$a"); else o=$owner m=750; fi
  mkdir -m 700 -- "$d"; chown "$o" "$d"; chmod "$m" "$d"
fi
sync -f "$d"
if [ -e "$a" ]; then echo kept; else echo nothing; fi
"""
_STATE = r"""
d=$1 n=$2 mark=$3
if [ -e "$d/.day2-$mark" ]; then echo placed
elif [ -e "$n" ]; then echo delivered
else echo nothing; fi
"""
_RECEIVE = r"""
set -eu
rm -rf -- "$1"; mkdir -m 700 -- "$1"; tar -C "$1" --numeric-owner -xpf -
"""
_FINISH = r"""
set -eu
n=$1 d=$2 mark=$3 uuid=$4 seqno=$5
[ -d "$d" ] && [ -z "$(ls -A "$d")" ]
: > "$n/.day2-$mark"
rm -f -- "$n"/xtrabackup_* "$n"/mariadb_backup_* "$n"/backup-my.cnf
if [ -n "$uuid" ]; then
  printf '%s\n' '# GALERA saved state' 'version: 2.1' "uuid:    $uuid" "seqno:   $seqno" \
    'safe_to_bootstrap: 1' > "$n/grastate.dat"
fi
chown -R "$(stat -c %u:%g "$d")" "$n"; chmod "$(stat -c %a "$d")" "$n"
sync -f "$n"; mv -T -- "$n" "$d"; sync -f "$d"
"""
_TAKE_AWAY = r"""
set -eu
d=$1 i=$2
if [ -d "$d" ] && [ -n "$(ls -A "$d")" ] && [ ! -e "$i" ]; then mv -T -- "$d" "$i"; fi
if [ ! -d "$d" ] && [ -d "$i" ]; then
  mkdir -m 700 -- "$d"; chown "$(stat -c %u:%g "$i")" "$d"; chmod "$(stat -c %a "$i")" "$d"
fi
"""
_PUT_BACK = r"""
set -eu
d=$1 a=$2 i=$3
[ -e "$a" ] || { echo nothing; exit 0; }
if [ -d "$d" ] && [ -n "$(ls -A "$d")" ]; then
  [ ! -e "$i" ] || { echo "both $d and $i hold data" >&2; exit 1; }
  mv -T -- "$d" "$i"
fi
mv -T -- "$a" "$d"; sync -f "$d"; echo back
"""


class Folder(msgspec.Struct, frozen=True, kw_only=True):
    """What is true of a node's data folder.

    `holds` is `data`, `nothing`, `other` (no data of a server), or empty: there is no folder. What
    a server writes at its end, though its data were removed under it, counts as nothing; it is
    kept aside like everything.
    `busy` are the numbers of servers that work in it.
    """

    holds: str = ""
    owner: str = ""
    is_mount: bool = False
    has_parent: bool = False
    free_bytes: int = 0
    busy: list[int] = []


class NodeFiles:
    """The data folder of a node; `mark` tells this restore's names from those of others."""

    def __init__(self, settings: DatabaseNode, mark: str) -> None:
        self.name = settings.name
        self._mark = mark
        self.datadir = settings.datadir
        self.aside = f"{settings.datadir}.kept-{mark}"
        self.restored = f"{settings.datadir}.taken-back-{mark}"
        self._new = f"{settings.datadir}.new-{mark}"
        self._owner = settings.owner
        self._beside = Beside(prefix=settings.host_command)

    def look(self) -> Folder:
        """Read what is there.

        Raises:
            Day2Error: as `Program.finish`.

        """
        told: dict[str, list[str]] = {}
        for line in self._run(_LOOK, self.datadir, what="looking at the data folder").splitlines():
            name, _space, value = line.partition(" ")
            told.setdefault(name, []).append(value)

        def first(name: str) -> str:
            return told.get(name, [""])[0]

        return Folder(
            holds=first("holds"),
            owner=first("owner") or self._owner,
            is_mount=bool(first("mount")),
            has_parent=bool(first("parent")),
            free_bytes=int(first("free") or 0) * KIB,
            busy=sorted({int(pid) for pid in told.get("busy", [])}),
        )

    def require_fit(self, *, need_bytes: int = 0) -> Folder:
        """See that the folder can be kept aside, and that there is room for another one.

        Raises:
            Refused: when it cannot; nothing was touched.

        """
        found = self.look()
        where = f"{self.datadir} on {self.name}"
        if not found.has_parent:
            raise Refused(f"there is no folder above {where}", hint="is recovery.nodes right?")
        if found.is_mount:
            raise Refused(
                f"{where} is a mount point: it cannot be renamed",
                hint="mount its file system one level higher",
            )
        if found.holds == "other":
            raise Refused(
                f"{where} holds files, and they are no server's data",
                hint="is recovery.nodes right? move them away if they may go",
            )
        if not found.owner:
            raise Refused(
                f"{where} is gone, and nothing tells whose files it must hold",
                hint="set `owner` of the node: the numbers of the server's user and group",
            )
        if found.free_bytes < need_bytes:
            raise Refused(
                f"{self.name} has {found.free_bytes >> 20} MiB beside its data, and "
                f"{need_bytes >> 20} MiB are needed",
                hint="what is there is kept, so both must fit; make room on that file system",
            )
        return found

    def require_idle(self) -> None:
        """See that no server works in the folder.

        Raises:
            Refused: when one does.

        """
        if busy := self.look().busy:
            raise Refused(
                f"{self.name}: process {busy[0]} still works in {self.datadir}",
                hint="do the words of `stop` really stop it, and does nobody start it again?",
            )

    def keep_aside(self) -> bool:
        """Rename the folder, and put an empty one in its place; False when there was nothing.

        Raises:
            Refused: while a server works in it.
            Day2Error: as `Program.finish`.

        """
        self.require_idle()
        owner = self.look().owner
        said = self._run(_KEEP, self.datadir, self.aside, owner, what="keeping the data folder")
        return said.split()[-1:] == ["kept"]

    def place(self, prepared: Path, *, position: str = "") -> None:
        """Put a prepared folder of this machine in place of the empty one, with its owner and mode.

        `position` is the one in its cluster that a first node starts with (`uuid:seqno`).

        Raises:
            Refused: while a server works in it.
            NotVerified: when the prepared folder is not there any more.
            Day2Error: as `Program.finish`.

        """
        self.require_idle()
        new, datadir = self._new, self.datadir
        state = self._run(_STATE, datadir, new, self._mark, what="looking at the data folder")
        if state.strip() == "placed":
            return
        self._deliver(prepared, delivered=state.strip() == "delivered")
        uuid, _colon, seqno = position.partition(":")
        given = (new, datadir, self._mark, uuid, seqno)
        self._run(_FINISH, *given, what="putting the data folder in place")

    def take_away(self) -> None:
        """Rename what was placed; an empty folder stays.

        Raises:
            Refused: while a server works in it.
            Day2Error: as `Program.finish`.

        """
        self.require_idle()
        self._run(_TAKE_AWAY, self.datadir, self.restored, what="taking the new data away")

    def put_back(self) -> bool:
        """Rename what was kept to its old name; False when nothing was kept.

        Raises:
            Refused: while a server works in it.
            Day2Error: as `Program.finish`.

        """
        self.require_idle()
        said = self._run(
            _PUT_BACK, self.datadir, self.aside, self.restored, what="putting the old data back"
        )
        return said.split()[-1:] == ["back"]

    def _deliver(self, prepared: Path, *, delivered: bool) -> None:
        """Bring the prepared folder beside the data folder, whole."""
        if self._beside.prefix or not _same_file_system(prepared, Path(self.datadir)):
            self._copy(prepared)
        elif prepared.exists():
            try:
                prepared.rename(self._new)
            except OSError as error:
                # One file system, and two mounts of it: Docker binds its own folder onto itself.
                if error.errno != errno.EXDEV:
                    raise
                self._copy(prepared)
        elif not delivered:
            raise NotVerified(f"{prepared} is gone", hint="make a plan anew")

    def _copy(self, prepared: Path) -> None:
        if not prepared.is_dir():
            raise NotVerified(f"{prepared} is gone", hint="make a plan anew")
        words = ["sh", "-c", _RECEIVE, "day2", self._new]
        packing = Program(
            Beside(),
            ["tar", "-C", str(prepared), "--numeric-owner", "--sparse", "-cf", "-", "."],
            what="reading the new data folder",
            silence_seconds=COPY_SECONDS,
        )
        unpacking = Program(
            self._beside,
            words,
            what=f"copying the new data folder to {self.name}",
            fed=True,
            silence_seconds=COPY_SECONDS,
        )
        with packing, unpacking:
            for part in packing.parts():
                unpacking.write(part)
            unpacking.close()
            for _said in unpacking.parts():
                pass

    def _run(self, script: str, *given: str, what: str) -> str:
        words = ["sh", "-c", script, "day2", *given]
        said = programs.run(
            self._beside, words, what=f"{what} of {self.name}", silence_seconds=COPY_SECONDS
        )
        return said.decode(errors="replace")


def size(folder: Path) -> int:
    """Return how many bytes a folder takes on its disk."""
    return sum(file.lstat().st_blocks * 512 for file in _files(folder))


def _files(folder: Path) -> Iterator[Path]:
    for place, _folders, names in os.walk(folder):
        yield from (Path(place) / name for name in names)


def _same_file_system(one: Path, other: Path) -> bool:
    def device(path: Path) -> int:
        while not path.exists():
            path = path.parent
        return path.stat().st_dev

    return device(one) == device(other.parent)
