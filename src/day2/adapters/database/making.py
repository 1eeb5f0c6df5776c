# SPDX-License-Identifier: Apache-2.0
"""Make a data folder of a dump, for the server that will work in it; and hold what came of it.

The folder is filled by a scratch server that is closed in order at the end: nobody uses it
meanwhile, and its loading is as fast as a server that need not survive a crash can be.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from day2.adapters.clock import Clock
from day2.adapters.database import contents, dump, loading, proving, scratch
from day2.adapters.database.beside import Beside
from day2.adapters.database.loading import Ways
from day2.adapters.database.server import Server
from day2.errors import NotVerified

# What a new server has of itself; those without a password among them.
_ONLY_OURS = (
    b"DELETE FROM mysql.global_priv WHERE User <> 'mariadb.sys' AND User <> 'PUBLIC' "
    b"AND NOT (User = 'root' AND Host = 'localhost');\nFLUSH PRIVILEGES;\n"
)
_ROOT = (b"'root'@'localhost'", b"`root`@`localhost`")


def of_dump(
    beside: Beside,
    place: Path,
    clock: Clock,
    *,
    file: Path,
    accounts: Path,
    source: Mapping[str, Any],
    clients: int,
    memory_mib: int,
) -> tuple[Path, dict[str, Any]]:
    """Load a dump and its accounts into a new data folder in a place; return it, and facts.

    It has the accounts of the dump and no others.

    Raises:
        NotVerified: when the revisions of the schemas are not those that were dumped.
        Day2Error: as `Program.finish`; the folder is worth nothing then.

    """
    like = source.get("server", {})
    told = loading.index(file)
    with scratch.empty(
        beside, place, clock, like=like, memory_mib=memory_mib, lasting=True
    ) as server:
        loading.load(server, file, told, ways=Ways(clients=clients, logged=False))
        proving.require_revisions(contents.read(server), source)
        statements = accounts.read_bytes()
        root = b"" if any(name in statements for name in _ROOT) else b"DROP USER root@localhost;\n"
        count, refused = loading.load_accounts(server, _ONLY_OURS + statements + b"\n" + root)
    return place / "data", {"accounts": count, "rights_refused": refused}


def require_restored(server: Server, source: Mapping[str, Any], *, logical: bool) -> dict[str, Any]:
    """See that a server holds what a manifest tells, and return what was measured.

    Of a dump every section has its hash; of files what they were is known by tables and revisions.

    Raises:
        NotVerified: when something differs; it is named.
        Day2Error: as `Program.finish`.

    """
    known = contents.read(server)
    expected: Mapping[str, Any] = source.get("schemas") or {}
    if other := sorted(known.schemas.keys() ^ expected.keys()):
        raise NotVerified(
            f"{server.name} has other schemas than the set: {contents.few(other)}",
            hint="day2 run undo puts back what was there",
        )
    proving.require_revisions(known, source)
    if logical:
        read = dump.summary(dump.write(server, known, _nowhere, told={}, schemas=list(expected)))
        wrong = [name for name in sorted(expected) if _held(read[name]) != _held(expected[name])]
    else:
        tables = {
            name: sum(t.schema == name and t.kind == contents.TABLE for t in known.tables)
            for name in expected
        }
        wrong = [name for name in sorted(expected) if tables[name] != expected[name]["tables"]]
        read = {name: {"tables": count} for name, count in tables.items()}
    if wrong:
        raise NotVerified(
            f"{server.name} does not hold what the set holds: {contents.few(wrong)}",
            hint="day2 run undo puts back what was there",
        )
    return {
        "schemas": read,
        "tables": sum(found["tables"] for found in read.values()),
        "compared": "every row" if logical else "tables and revisions",
    }


def _held(told: Mapping[str, Any]) -> tuple[object, ...]:
    return told.get("tables"), told.get("rows"), told.get("sha256")


def _nowhere(part: bytes) -> None:
    del part
