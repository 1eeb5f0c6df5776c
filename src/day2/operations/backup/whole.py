# SPDX-License-Identifier: Apache-2.0
"""What a worker does to put the whole database back; killed anywhere it goes on, or begins again.

The new data folder is made and found sound before anything of the cloud is touched.
"""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from day2.adapters.clock import Clock
from day2.adapters.database import making, node, placing
from day2.adapters.database.beside import Beside
from day2.adapters.database.server import Server
from day2.adapters.database.settings import DatabaseBackupSettings
from day2.adapters.files import write_private
from day2.adapters.vaults.vault import Vault
from day2.errors import BadUsage, Refused
from day2.model.backup import Found, Method, State
from day2.operations.backup.takers import database
from day2.operations.backup.takers.database import ACCOUNTS, DUMP, FILES, artefact
from day2.operations.backup.takers.taker import Say

DONE = "prepared.json"
ROOM_FOR_FILES, ROOM_FOR_DUMP = 2.0, 4.0
"""How much a set needs of its plain size while it is made a data folder: a dump lies beside it."""
ROOM_BYTES = 512 << 20
RESTORABLE = frozenset({Method.LOGICAL, Method.FULL, Method.INCREMENT})


class Made(msgspec.Struct, frozen=True, kw_only=True):
    """A data folder that was made of a set, on this machine.

    `position` is the one in its cluster that it was taken at, empty where there was none.
    """

    folder: str
    bytes: int
    position: str = ""
    facts: dict[str, Any] = {}


def make(
    vault: Vault,
    found: Found,
    settings: DatabaseBackupSettings,
    clock: Clock,
    folder: Path,
    say: Say,
) -> Made:
    """Make a data folder of a set below a folder that is this restore's alone.

    Raises:
        NotVerified: when the set does not hold.
        Refused: when no key opens it, or a link of its chain is missing.
        Day2Error: as `Program.finish`.

    """
    done = folder / DONE
    if done.exists():
        return msgspec.json.decode(done.read_bytes(), type=Made)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700, parents=True)
    beside = Beside(prefix=settings.scratch_command)
    if found.manifest.method is Method.LOGICAL:
        say("decrypting")
        file = vault.fetch(found, artefact(found, DUMP), folder)
        accounts = vault.fetch(found, artefact(found, ACCOUNTS), folder)
        say("loading")
        data, facts = making.of_dump(
            beside,
            folder,
            clock,
            file=file,
            accounts=accounts,
            source=found.manifest.source,
            clients=settings.clients,
            memory_mib=settings.scratch_memory_mib,
        )
        file.unlink()
        accounts.unlink()
    else:
        data, facts = database.prepare(vault, found, beside, folder, say), {}
    made = Made(
        folder=str(data), bytes=node.size(data), position=placing.position(data), facts=facts
    )
    write_private(done, msgspec.json.encode(made))
    return made


def read_made(folder: Path) -> Made:
    """Return what an earlier step made.

    Raises:
        BadUsage: when it is not there.

    """
    try:
        return msgspec.json.decode((folder / DONE).read_bytes(), type=Made)
    except OSError:
        raise BadUsage(f"{folder} holds no data folder that was made of a set") from None


def prove(server: Server, found: Found) -> dict[str, Any]:
    """See that a server holds what a set holds."""
    manifest = found.manifest
    return making.require_restored(
        server, manifest.source, logical=manifest.method is Method.LOGICAL
    )


def room(found: Found, links: list[Found]) -> int:
    """Return how many bytes the making of a data folder may need beside what is there."""
    if found.manifest.method is Method.LOGICAL:
        return int(artefact(found, DUMP).bytes * ROOM_FOR_DUMP) + ROOM_BYTES
    return int(sum(artefact(link, FILES).bytes for link in links) * ROOM_FOR_FILES) + ROOM_BYTES


def log_bytes(source: Mapping[str, Any]) -> int:
    """Return how large a log the server makes beside its data at its start: Kolla's is 2 GiB.

    0 where the set does not tell it.
    """
    told = str(source.get("server", {}).get("innodb_log_file_size", ""))
    return int(told) if told.isdigit() else 0


def require_restorable(found: Found, foundation: str) -> None:
    """See that the whole database can come back from a set, into this cloud.

    Raises:
        Refused: when the set is bad, is no database, or is one of another cloud.

    """
    manifest = found.manifest
    if found.broken or found.state is State.BAD:
        raise Refused(f"{manifest.id} does not hold", hint=f"day2 backup show {manifest.id}")
    if manifest.method not in RESTORABLE or not manifest.source.get("schemas"):
        raise Refused(
            f"{manifest.id} is no set of a whole database",
            hint="day2 backup list --kind database",
        )
    if manifest.foundation and manifest.foundation != foundation:
        raise Refused(
            f"{manifest.id} is of another cloud: {manifest.foundation}, not {foundation}",
            hint="name the cloud with --cloud; day2 backup list shows its sets",
        )


def require_version(source: Mapping[str, Any], version: str, *, what: str, physical: bool) -> None:
    """See that a server's version can take what was backed up.

    Files need the same series; a dump may go into a newer one. Older is refused for both.

    Raises:
        Refused: when it cannot.

    """
    then, now = _numbers(str(source.get("server", {}).get("version", ""))), _numbers(version)
    if not then or not now:
        return
    if now < then or (physical and now[:2] != then[:2]):
        raise Refused(
            f"the set is of MariaDB {_shown(then)}, and {what} is {_shown(now)}",
            hint="use the image of the server that was backed up: "
            + ("files need the same series" if physical else "an older one cannot read it"),
        )


def _numbers(version: str) -> tuple[int, ...]:
    first = version.split("-", 1)[0].split(".")
    return tuple(int(part) for part in first) if all(p.isdigit() for p in first) else ()


def _shown(numbers: tuple[int, ...]) -> str:
    return ".".join(map(str, numbers))
