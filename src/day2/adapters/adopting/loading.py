# SPDX-License-Identifier: Apache-2.0
"""Restore a backup that others took into a scratch server, as far as it can be."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from day2.adapters.adopting.examine import DAMAGE, unpacking
from day2.adapters.adopting.recognise import Candidate, Form
from day2.adapters.clock import Clock
from day2.adapters.database import contents, physical, proving, scratch
from day2.adapters.database.beside import Beside
from day2.adapters.database.server import Server, identifier
from day2.errors import Day2Error, NotVerified, Refused

PART = 1 << 20
QUICKLZ = "*.qp"
LOAD_SECONDS = 4 * 3600.0


def load(
    chain: Sequence[Candidate], beside: Beside, parent: Path, clock: Clock, *, memory_mib: int
) -> dict[str, Any]:
    """Restore the last of a chain, and return what the scratch server holds then.

    Raises:
        NotVerified: when it does not restore; the message says where it ended.
        Refused: when it is of a form that the programs at hand cannot unpack.

    """
    last = chain[-1]
    try:
        with scratch.folder(parent) as place:
            if last.form is Form.DUMP:
                with scratch.empty(beside, place, clock, like={}, memory_mib=memory_mib) as server:
                    _pour(server, last)
                    return _told(server)
            prepared = _prepared(chain, beside, place)
            with scratch.over(
                beside, place, clock, prepared=prepared, memory_mib=memory_mib
            ) as server:
                return _told(server)
    except (Refused, NotVerified):
        raise
    except Day2Error as error:
        raise NotVerified(f"{last.path} does not restore: {error}", hint=error.hint) from None


def _pour(server: Server, candidate: Candidate) -> None:
    """Feed a dump to a client as its script's own restore would."""
    schema = identifier(candidate.of or "adopted")
    with server.client(what="loading the dump", silence_seconds=LOAD_SECONDS) as client:
        # A dump of one database does not say which; one of several names each.
        client.write(f"CREATE DATABASE IF NOT EXISTS {schema};\nUSE {schema};\n".encode())
        for part in plain(candidate):
            client.write(part)
        client.close()
        for _said in client.parts():
            pass


def _prepared(chain: Sequence[Candidate], beside: Beside, place: Path) -> Path:
    folders = []
    for number, link in enumerate(chain):
        folder = place / f"link-{number}"
        physical.extract(beside, plain(link), folder)
        # The name of the file does not tell: Kolla's has promised it ever since, without doing it.
        if next(folder.rglob(QUICKLZ), None) is not None:
            raise Refused(
                f"{link.path} is packed by a method that MariaDB's programs gave up",
                hint="take a new one, and keep this one until the new one is proven",
            )
        folders.append(folder)
    physical.prepare(beside, folders[0], folders[1:])
    return folders[0]


def _told(server: Server) -> dict[str, Any]:
    known = contents.read(server)
    if not known.schemas:
        raise NotVerified("it restores, and there is no schema in it")
    return {
        "tables_checked": proving.check(server, known),
        "schemas": sorted(known.schemas),
        "revisions": known.revisions,
    }


def plain(candidate: Candidate) -> Iterator[bytes]:
    """Unpack a backup part by part.

    Raises:
        NotVerified: when it is damaged, or ends too early; what came until then is worth nothing.
        Refused: when it cannot be read.

    """
    unpack = unpacking(candidate.compression)
    try:
        with Path(candidate.path).open("rb") as file:
            while part := file.read(PART):
                yield from filter(None, unpack.feed(part))
    except DAMAGE as error:
        raise NotVerified(f"{candidate.path} is damaged: {error}") from None
    except OSError as error:
        raise Refused(
            f"cannot read {candidate.path}: {error.strerror}", hint="run as a user who may read it"
        ) from None
    if not unpack.ended:
        raise NotVerified(f"{candidate.path} is truncated: the compressed file has no end")
