# SPDX-License-Identifier: Apache-2.0
"""Sets of the databases: a dump of all schemas at one instant, or the files with increments."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from day2.adapters.clock import Clock
from day2.adapters.database import dump, physical, proving, scratch
from day2.adapters.database.beside import Beside
from day2.adapters.database.programs import PART
from day2.adapters.database.server import Server
from day2.adapters.database.settings import DatabaseBackupSettings
from day2.adapters.vaults.vault import Draft, Vault, Writer
from day2.errors import BadUsage
from day2.model.backup import Artefact, Found, Kind, Method
from day2.operations.backup.takers.taker import Say, Taken

DUMP, ACCOUNTS, FILES = "dump", "accounts", "files"
MIB = 1 << 20
SAID_EACH = 64 * MIB


class DatabaseTaker:
    """Takes all schemas of one server; proves a set in a scratch server started for it."""

    kind = Kind.DATABASE

    def __init__(
        self, server: Server, settings: DatabaseBackupSettings, clock: Clock, scratch_parent: Path
    ) -> None:
        self._server = server
        self._settings = settings
        self._clock = clock
        self._parent = scratch_parent

    def take(self, writer: Writer, draft: Draft, parent: Found | None, say: Say) -> Taken:
        """Read everything once."""
        silence = self._settings.silence_seconds
        if draft.method is Method.LOGICAL:
            # A few KiB; a writer has one artefact open at a time.
            accounts: list[bytes] = []
            with writer.sink(DUMP, "dump.sql") as into:
                told = dump.take(
                    self._server,
                    dump=_Heard(into.write, say, "dump"),
                    accounts=accounts.append,
                    silence_seconds=silence,
                )
            with writer.sink(ACCOUNTS, "accounts.sql") as into:
                into.write(b"".join(accounts))
        else:
            below = parent if draft.method is Method.INCREMENT else None
            with writer.sink(FILES, "files.mbstream") as into:
                told = physical.take(
                    self._server,
                    _Heard(into.write, say, "files"),
                    since=_end_of(parent) if draft.method is Method.INCREMENT else None,
                    base=below.manifest.source if below else None,
                    silence_seconds=silence,
                )
        return Taken(source=told.source, exits=told.exits)

    def check(self, vault: Vault, found: Found, say: Say) -> str:
        """Let the vault hash its files."""
        say("hashing")
        return vault.check(found)

    def prove(self, vault: Vault, found: Found, folder: Path, say: Say) -> dict[str, Any]:
        """Restore it into a scratch server, check every table, and hold it against what was read.

        The folder that is given is not used: a server needs one that is swept after a kill.
        """
        del folder
        settings = self._settings
        beside = Beside(prefix=settings.scratch_command)
        source = found.manifest.source
        memory = settings.scratch_memory_mib
        with scratch.folder(self._parent) as place:
            if found.manifest.method is Method.LOGICAL:
                say("decrypting")
                file = vault.fetch(found, artefact(found, DUMP), place)
                accounts = vault.fetch(found, artefact(found, ACCOUNTS), place)
                say("restoring into a scratch server")
                like = source.get("server", {})
                with scratch.empty(
                    beside, place, self._clock, like=like, memory_mib=memory
                ) as server:
                    return proving.logical(
                        server, file, source=source, accounts=accounts, clients=settings.clients
                    )
            prepared = prepare(vault, found, beside, place, say)
            with scratch.over(
                beside, place, self._clock, prepared=prepared, memory_mib=memory
            ) as server:
                return proving.physical(server, source=source)


def prepare(vault: Vault, found: Found, beside: Beside, place: Path, say: Say) -> Path:
    """Unpack a chain of sets into a folder and prepare it: a data folder; return where it is.

    Raises:
        Refused: when a link is missing or does not fit; nothing was unpacked then.
        NotVerified: when a link does not hold.

    """
    links = chain(vault, found)
    physical.require_chain([(link.manifest.id, link.manifest.source) for link in links])
    folders = []
    for number, link in enumerate(links):
        say(f"unpacking {link.manifest.id}")
        file = vault.fetch(link, artefact(link, FILES), place)
        unpacked = place / f"link-{number}"
        physical.extract(beside, _parts(file), unpacked)
        file.unlink()
        folders.append(unpacked)
    say("preparing")
    physical.prepare(beside, folders[0], folders[1:])
    return folders[0]


def chain(vault: Vault, found: Found) -> list[Found]:
    """Return a set with everything that it stands on, the whole one first.

    Raises:
        BadUsage: when a parent is missing, or is not the set that it was taken from.

    """
    links = [found]
    while links[0].manifest.method is Method.INCREMENT:
        first = links[0].manifest
        parent = vault.find(first.parent)
        if parent.sha256 != first.parent_sha256 or parent in links:
            raise BadUsage(f"{first.parent} is not the set that {first.id} was taken from")
        links.insert(0, parent)
    return links


def artefact(found: Found, of: str) -> Artefact:
    """Return the artefact of a set that holds this.

    Raises:
        BadUsage: when it has none.

    """
    for one in found.manifest.artefacts:
        if one.of == of:
            return one
    raise BadUsage(f"{found.manifest.id} holds no {of}")


def _end_of(parent: Found | None) -> int:
    lsn: Mapping[str, Any] = (parent.manifest.source.get("lsn") or {}) if parent else {}
    if "to" not in lsn:
        raise BadUsage(
            "an increment needs a physical set below it",
            hint="day2 backup run database --method full",
        )
    return int(lsn["to"])


def _parts(file: Path) -> Iterator[bytes]:
    with file.open("rb") as opened:
        while part := opened.read(PART):
            yield part


class _Heard:
    """Passes bytes on, and says now and then how many there were."""

    def __init__(self, write: Any, say: Say, what: str) -> None:  # noqa: ANN401 - a sink's own
        self._write = write
        self._say = say
        self._what = what
        self._count = 0
        self._next = SAID_EACH

    def __call__(self, part: bytes) -> None:
        self._write(part)
        self._count += len(part)
        if self._count >= self._next:
            self._next = self._count + SAID_EACH
            self._say(f"{self._what}: {self._count // MIB} MiB")
