# SPDX-License-Identifier: Apache-2.0
"""Which files of a folder are backups of databases, told by the names that scripts give them.

The names of Kolla's are those of its images' two backup scripts: a folder per backup since 2024.2,
one file each before. The older script has kept names that promise a method of packing which it
does not use. Dumps are whatever ends as one.
"""

import hashlib
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path, PurePath

import msgspec

from day2.model.backup import Method

_EPOCH = r"\d\d-\d\d-\d{4}-(?P<epoch>\d{9,11})"
FULL = re.compile(rf"^(?:.*/)?full-{_EPOCH}/backup-full-.*\.mbs(?P<gz>\.gz)?$")
INCREMENT = re.compile(
    r"^(?:.*/)?incr-(?P<at>\d\d-\d\d-\d\d-\d\d-\d\d-\d{4})-since-\d\d-\d\d-\d{4}-(?P<base>\d{9,11})/"
    r"(?:backup-incremental-.*\.mbs|incremental-.*\.qp\.xbc\.xbs)(?P<gz>\.gz)?$"
)
_OLD = r"(?:\.qp\.xbc\.xbs|\.qp\.mbc\.mbs|\.mbs)(?P<gz>\.gz)?$"
OLD_FULL = re.compile(rf"^(?:.*/)?mysqlbackup-{_EPOCH}{_OLD}")
OF_FULL = re.compile(rf"^(?:.*/)?incremental-\d\d-mysqlbackup-{_EPOCH}\.qp\.mbc\.mbs(?P<gz>\.gz)?$")
"""The hour alone is its own; the moment is that of the full backup that it stands on."""
OLD_INCREMENT = re.compile(rf"^(?:.*/)?incremental-\d\d-mysqlbackup-{_EPOCH}{_OLD}")
DUMP = re.compile(r"\.(?:sql|dump)(?P<ending>\.gz|\.zst)?$")
# `nova_20260125_100000.sql.gz`: what stands before the date is what the script says it dumped.
STAMP = re.compile(r"(?P<of>.*?)[._-]?(?P<date>20\d{6})[._T-]?(?P<time>\d{6})?")
COMPRESSIONS = {".gz": "gzip", ".zst": "zstd", None: ""}


class Form(StrEnum):
    """How a backup was taken."""

    DUMP = "dump"
    PHYSICAL = "physical"


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """A file that is a backup by its name.

    `taken_at` is by the name where it says so (`dated_by`: name), else by the file's own time,
    which a copy may have changed. `base` is the moment of the full backup that an increment needs.
    """

    path: str
    form: Form
    method: Method
    taken_at: datetime
    dated_by: str
    compression: str = ""
    base: int = 0
    epoch: int = 0
    of: str = ""

    @property
    def id(self) -> str:
        """Name its set: the same each time that it is found."""
        words = hashlib.sha256(self.path.encode(errors="surrogateescape")).hexdigest()[:4]
        return f"database-{self.taken_at:%Y%m%d-%H%M%S}-{words}"


def recognise(files: Sequence[tuple[str, float]]) -> list[Candidate]:
    """Return the backups among these files (path, modification time since 1970), oldest first."""
    found = [one for path, changed in files if (one := _candidate(path, changed)) is not None]
    return sorted(found, key=lambda one: (one.taken_at, one.path))


def listing(folder: Path) -> list[tuple[str, float]]:
    """List the regular files below a folder; links are not followed.

    Raises:
        OSError: when the folder cannot be read.

    """
    found = []
    for path in sorted(folder.rglob("*")):
        if path.is_symlink() or not path.is_file():
            continue
        found.append((str(path), path.stat().st_mtime))
    return found


def _candidate(path: str, changed: float) -> Candidate | None:
    for pattern, method in ((FULL, Method.FULL), (OLD_FULL, Method.FULL)):
        match = pattern.match(path)
        if match:
            return _physical(path, match, method, int(match["epoch"]))
    match = OF_FULL.match(path)
    if match:
        base = int(match["epoch"])
        made = _physical(path, match, Method.INCREMENT, base, base=base)
        written = datetime.fromtimestamp(changed, UTC)
        return msgspec.structs.replace(made, taken_at=written, dated_by="file")
    match = OLD_INCREMENT.match(path)
    if match:
        return _physical(path, match, Method.INCREMENT, int(match["epoch"]))
    match = INCREMENT.match(path)
    if match:
        # The script writes the host's own time of day; what its zone was, nobody knows.
        at = int(
            datetime.strptime(match["at"], "%H-%M-%S-%d-%m-%Y").replace(tzinfo=UTC).timestamp()
        )
        return _physical(path, match, Method.INCREMENT, at, base=int(match["base"]))
    match = DUMP.search(path)
    return _dump(path, changed, match["ending"]) if match else None


def _physical(
    path: str, match: "re.Match[str]", method: Method, epoch: int, base: int = 0
) -> Candidate:
    return Candidate(
        path=path,
        form=Form.PHYSICAL,
        method=method,
        taken_at=datetime.fromtimestamp(epoch, UTC),
        dated_by="name",
        compression=COMPRESSIONS[match["gz"]],
        base=base,
        epoch=epoch,
    )


def _dump(path: str, changed: float, ending: str | None) -> Candidate:
    stem = PurePath(path).name.removesuffix(ending or "").rpartition(".")[0]
    match = STAMP.match(stem)
    taken_at, dated_by, of = datetime.fromtimestamp(changed, UTC), "file", stem
    if match:
        try:
            text = f"{match['date']}{match['time'] or '000000'}"
            taken_at = datetime.strptime(text, "%Y%m%d%H%M%S").replace(tzinfo=UTC)
            dated_by, of = "name", match["of"]
        except ValueError:
            pass
    return Candidate(
        path=path,
        form=Form.DUMP,
        method=Method.ADOPTED,
        taken_at=taken_at,
        dated_by=dated_by,
        compression=COMPRESSIONS[ending],
        of=of,
    )
