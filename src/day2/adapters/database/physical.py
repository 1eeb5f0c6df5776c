# SPDX-License-Identifier: Apache-2.0
"""Take the physical backup, whole or since a position in the log, and prepare copies of it.

The program is the one of the server's own image: another version may not be able to prepare it.
What was taken is never prepared itself: preparing changes it, and it can be done only once.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from day2.adapters.database import contents, identity, programs
from day2.adapters.database.beside import Beside
from day2.adapters.database.dump import Taken, described
from day2.adapters.database.programs import Write
from day2.adapters.database.server import Server
from day2.errors import BadAnswer, NotVerified, Refused

NAMES = ("mariadb-backup", "mariabackup")
STREAM = ("mbstream",)
DONE = "completed OK!"
PLACE = "/tmp"  # noqa: S108 - beside the server; the folder in it is made private and new
PREPARE_SECONDS = 4 * 3600.0
CHECKPOINTS = ("xtrabackup_checkpoints", "mariadb_backup_checkpoints")
INFOS = ("xtrabackup_info", "mariadb_backup_info")
_POSITION = re.compile(
    r"filename '([^']*)', position '(\d+)'(?:, GTID of the last change '([^']*)')?"
)


class Checkpoints(msgspec.Struct, frozen=True, kw_only=True):
    """From where to where in the server's log a backup of files reaches; a whole one from 0."""

    from_lsn: int
    to_lsn: int


def take(
    server: Server,
    into: Write,
    *,
    since: int | None = None,
    base: Mapping[str, Any] | None = None,
    parallel: int = 1,
    silence_seconds: float = programs.SILENCE_SECONDS,
) -> Taken:
    """Write the stream of a whole backup, or of what changed since a position in the log.

    `since` is the `to_lsn` of the set that it builds on, `base` the source of that set. The source
    tells the positions as `lsn`.

    Raises:
        Denied: when the server hides schemas from the account.
        Refused: when the files that would be read are not proven to be the answering server's, or
            the base is of another server, or of files that were replaced since.
        NotVerified: when the program does not say that it completed, or the server was replaced.
        Day2Error: as `Program.finish`.

    """
    who, told = identity.read(server)
    process = identity.require_files(server, who.datadir)
    identity.require_same(server, told, (base or {}).get("server") or {})
    born = identity.born(server, who.datadir)
    identity.require_born(server, born, str((base or {}).get("files_born", "")))
    contents.require_sight(server)
    known = contents.read(server)
    folder = programs.run(
        server.beside,
        ["mktemp", "-d", "-p", PLACE, "day2-lsn.XXXXXXXX"],
        what="a folder beside the server",
    )
    place = folder.decode().strip()
    try:
        _stream(server, into, place, who.datadir, since, parallel, silence_seconds)
        reached, info = _reached(server, place)
    finally:
        programs.run(server.beside, ["rm", "-rf", "--", place], what="removing a folder")
    if reached.from_lsn != (since or 0) or reached.to_lsn < reached.from_lsn:
        raise NotVerified(
            f"{server.name}: the backup reaches from {reached.from_lsn} to {reached.to_lsn}, and "
            f"was to begin at {since or 0}",
            hint="positions are of one node only: was the set before it taken of another one?",
        )
    if identity.read(server)[0] != who or identity.require_files(server, who.datadir) != process:
        raise NotVerified(
            f"{server.name}: the server was replaced while its files were read",
            hint="take it again",
        )
    return Taken(
        source={
            **described(told, known),
            "schemas": {
                name: {
                    "charset": charset,
                    "collation": collation,
                    "tables": sum(
                        t.schema == name and t.kind == contents.TABLE for t in known.tables
                    ),
                    "revisions": known.revisions.get(name, []),
                }
                for name, (charset, collation) in known.schemas.items()
            },
            "position": _position(info),
            "lsn": {"from": reached.from_lsn, "to": reached.to_lsn},
            "files": "proven by its socket",
            "files_born": born,
        },
        exits={"backup": 0},
    )


def _stream(
    server: Server,
    into: Write,
    place: str,
    datadir: str,
    since: int | None,
    parallel: int,
    silence_seconds: float,
) -> None:
    words = [
        *(server.program(*NAMES), "--backup", "--stream=mbstream", "--galera-info"),
        *(f"--target-dir={place}", f"--extra-lsndir={place}/lsn", f"--datadir={datadir}"),
        f"--parallel={parallel}",
    ]
    if since is not None:
        words.append(f"--incremental-lsn={since}")
    program = server.start(words, what="the backup of files", silence_seconds=silence_seconds)
    with program:
        for part in program.parts():
            into(part)
        require_done(program)


def require_done(program: programs.Program) -> None:
    """See that the program itself says that it completed: its exit code alone does not tell.

    Raises:
        NotVerified: when it does not.

    """
    said = program.said()
    if not said or not said[-1].endswith(DONE):
        raise NotVerified(
            f"{program.what} ended with 0, but does not say that it completed: "
            f"{said[-1] if said else 'it said nothing'}",
        )


def _reached(server: Server, place: str) -> tuple[Checkpoints, str]:
    def text(names: Sequence[str]) -> str:
        script = (
            'cd "$1" && shift && for f in "$@"; do [ -e "$f" ] && cat "$f" && exit; done; exit 1'
        )
        words = ["sh", "-c", script, "day2", f"{place}/lsn", *names]
        found = programs.run(server.beside, words, what="the positions of the backup")
        return found.decode(errors="replace")

    return checkpoints(text(CHECKPOINTS)), text(INFOS)


def checkpoints(text: str) -> Checkpoints:
    """Read the file that tells from where to where a backup reaches.

    Raises:
        BadAnswer: when it does not.

    """
    told = dict(line.split(" = ", 1) for line in text.splitlines() if " = " in line)
    try:
        return Checkpoints(from_lsn=int(told["from_lsn"]), to_lsn=int(told["to_lsn"]))
    except (KeyError, ValueError):
        raise BadAnswer("the backup does not tell its positions in the log") from None


def _position(info: str) -> dict[str, Any]:
    found = _POSITION.search(info)
    if found is None:
        return {"file": "", "at": 0, "gtid": ""}
    return {"file": found[1], "at": int(found[2]), "gtid": found[3] or ""}


def require_chain(sources: Sequence[tuple[str, Mapping[str, Any]]]) -> None:
    """See that each set (its id and its source) begins where the one before it ends.

    Raises:
        Refused: at the first gap; the set before it is the newest that can be restored.

    """
    reached, last = 0, ""
    for name, source in sources:
        lsn = source.get("lsn") or {}
        if lsn.get("from") != reached:
            raise Refused(
                f"{name} begins at {lsn.get('from')} of the server's log, but "
                f"{last or 'a whole backup'} ends at {reached}",
                hint=f"the newest that can be restored is {last}" if last else "take a whole one",
            )
        reached, last = int(lsn.get("to", 0)), name


def extract(beside: Beside, parts: Iterable[bytes], folder: Path) -> None:
    """Unpack a stream into an empty folder, where `beside` sees it under the same name.

    Raises:
        Day2Error: as `Program.finish`; the folder is worth nothing then.

    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    words = [programs.find(beside, *STREAM), "-x", "-C", str(folder)]
    with programs.Program(beside, words, what="unpacking the backup", fed=True) as program:
        for part in parts:
            program.write(part)
        program.close()
        for _said in program.parts():
            pass


def prepare(
    beside: Beside, full: Path, increments: Sequence[Path] = (), *, memory_mib: int = 256
) -> None:
    """Make an unpacked whole backup a data folder, with its increments in their order.

    All are changed by it: these are copies.

    Raises:
        Refused: when an increment does not begin where the one before ends.
        NotVerified: when the program does not say that it completed.
        Day2Error: as `Program.finish`.

    """
    require_chain([(f.name, {"lsn": _lsn(f)}) for f in (full, *increments)])
    name = programs.find(beside, *NAMES)
    for increment in (None, *increments):
        words = [name, "--no-defaults", "--prepare", f"--target-dir={full}"]
        words.append(f"--use-memory={memory_mib}M")
        if increment is not None:
            words.append(f"--incremental-dir={increment}")
        program = programs.Program(
            beside, words, what="preparing the backup", silence_seconds=PREPARE_SECONDS
        )
        with program:
            for _said in program.parts():
                pass
            require_done(program)


def _lsn(folder: Path) -> dict[str, int]:
    for name in CHECKPOINTS:
        if (folder / name).exists():
            found = checkpoints((folder / name).read_text(errors="replace"))
            return {"from": found.from_lsn, "to": found.to_lsn}
    raise BadAnswer(f"{folder} holds no unpacked backup: its positions are missing")
