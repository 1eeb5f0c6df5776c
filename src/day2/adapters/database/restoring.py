# SPDX-License-Identifier: Apache-2.0
"""Put a database back: one schema of a running server, a whole one into an empty server.

What is there now is kept first, and its way back is the same road. Nothing is replayed over what
lives: a table that is newer than the dump would stay.
"""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from day2.adapters.database import contents, dump, identity, loading, proving
from day2.adapters.database.loading import Ways
from day2.adapters.database.programs import Write
from day2.adapters.database.sections import Dump
from day2.adapters.database.server import SYSTEM, Server, identifier, literal
from day2.errors import Day2Error, NotVerified, Refused


def require_unused(server: Server, schema: str) -> None:
    """Refuse while anybody else is connected to a schema.

    Raises:
        Refused: naming who.

    """
    rows = server.ask(
        "SELECT USER, SUBSTRING_INDEX(HOST, ':', 1), COUNT(*) FROM information_schema.PROCESSLIST "
        f"WHERE ID <> CONNECTION_ID() AND DB = {literal(schema)} GROUP BY 1, 2 ORDER BY 1, 2"
    )
    if rows:
        who = contents.few(f"{user} from {host or 'here'} ({n})" for user, host, n in rows)
        raise Refused(
            f"{server.name}: the schema {schema} is in use: {who}",
            hint="stop the services that use it first; they would write into it meanwhile",
        )


def users(server: Server) -> str:
    """Say who else is connected to a schema that is none of the server's own; empty: nobody.

    Raises:
        Day2Error: when it does not answer.

    """
    own = ",".join(map(literal, SYSTEM))
    rows = server.ask(
        "SELECT USER, DB, COUNT(*) FROM information_schema.PROCESSLIST WHERE ID <> CONNECTION_ID() "
        f"AND DB IS NOT NULL AND DB NOT IN ({own}) GROUP BY 1, 2 ORDER BY 1, 2"
    )
    return contents.few(f"{user} in {schema} ({count})" for user, schema, count in rows)


def keep_aside(server: Server, schema: str, aside: Path) -> Dump | None:
    """Dump a schema of the running server into a new private file; None when there is none.

    That there was none is kept as well: what a killed restore has made of it was not there before.

    Raises:
        Refused: when the file exists: it may be the only copy of something.
        Day2Error: as `dump.write`.

    """
    nothing = aside.with_name(f"{aside.name}.none")
    if nothing.exists():
        return None
    known = contents.read(server)
    if schema not in known.schemas:
        with _new(nothing):
            return None
    with _new(aside) as write:
        return dump.write(server, known, write, told={}, schemas=[schema])


def replace(
    server: Server, file: Path, told: Dump, schema: str, *, aside: Path, ways: Ways | None = None
) -> dict[str, object]:
    """Replace one schema by that of a dump, and return what was measured.

    What was there is in `aside` from then on. When the new content does not prove itself, the old
    one is put back; where there was none, there is none.

    Raises:
        Refused: while it is in use, or when the dump does not hold it; nothing was touched.
        NotVerified: when it does not hold what was dumped; the message says how it stands now.

    """
    if schema not in told.schemas():
        raise Refused(f"the dump does not hold the schema {schema}")
    contents.require_quiet(server)
    require_unused(server, schema)
    before = keep_aside(server, schema, aside)
    try:
        swap(server, file, told, schema, ways=ways)
    except Day2Error as error:
        raise NotVerified(
            f"{schema} was not restored: {error}; {_put_back(server, schema, aside, before, ways)}",
            hint=f"what was there before is in {aside}" if before else error.hint,
        ) from error
    return {"aside": str(aside) if before else "", "schemas": dump.summary(told).get(schema, {})}


def swap(server: Server, file: Path, told: Dump, schema: str, *, ways: Ways | None = None) -> None:
    """Drop a schema, load it from a dump, and hold it against the dump.

    The way back of `replace` is this, with the file that it kept aside.

    Raises:
        NotVerified: when it does not hold what was dumped.
        Day2Error: as `Program.finish`.

    """
    how = ways or Ways()
    _drop(server, schema, how)
    loading.load(server, file, told, schemas=[schema], ways=how)
    again = dump.write(server, contents.read(server), _nowhere, told={}, schemas=[schema])
    proving.require_same(told, again, what="the server", schemas=[schema])


def fill(
    server: Server, file: Path, *, accounts: Path | None = None, ways: Ways | None = None
) -> dict[str, object]:
    """Load a whole dump into a server that has no schemas yet, and return what was measured.

    `accounts` comes last, and sets the passwords of its time: that of the account in use included.

    Raises:
        Refused: when there are schemas already.
        NotVerified: when it does not hold what was dumped.

    """
    who, _told = identity.read(server)
    if present := contents.read(server).schemas:
        raise Refused(
            f"{server.name} ({who.hostname}) is not empty: it has {contents.few(present)}",
            hint="restore schema by schema, or into a new data folder",
        )
    told = loading.index(file)
    loading.load(server, file, told, ways=ways)
    again = dump.write(server, contents.read(server), _nowhere, told={}, schemas=told.schemas())
    proving.require_same(told, again, what="the server")
    facts: dict[str, object] = {"schemas": dump.summary(again)}
    if accounts is not None:
        count, refused = loading.load_accounts(server, accounts.read_bytes())
        facts |= {"accounts": count, "rights_refused": refused}
    return facts


def _put_back(
    server: Server, schema: str, aside: Path, before: Dump | None, ways: Ways | None
) -> str:
    try:
        if before is None:
            _drop(server, schema, ways or Ways())
            return "there was none before, and there is none now"
        swap(server, aside, before, schema, ways=ways)
    except Day2Error as error:
        return f"and could not be put back as it was: {error}"
    return "it is as it was before"


def _drop(server: Server, schema: str, how: Ways) -> None:
    silent = "" if how.logged else "SET SESSION sql_log_bin=0;"
    server.ask(f"{silent}DROP DATABASE IF EXISTS {identifier(schema)}", seconds=how.silence_seconds)


@contextlib.contextmanager
def _new(file: Path) -> Iterator[Write]:
    """Write a private file that lasts; left by an exception, it is gone."""
    try:
        handle = os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        raise Refused(f"{file} exists already", hint="it may hold the only copy; move it") from None
    try:
        with os.fdopen(handle, "wb") as opened:
            yield opened.write
            opened.flush()
            os.fsync(opened.fileno())
        _flush(file.parent)
    except BaseException:
        file.unlink()
        raise


def _flush(folder: Path) -> None:
    """Make the new name last: it lives in the folder."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _nowhere(part: bytes) -> None:
    del part
