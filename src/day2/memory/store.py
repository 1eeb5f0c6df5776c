# SPDX-License-Identifier: Apache-2.0
"""Open the memory: private files, the right schema, one writer at a time, nothing half-written."""

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event, exc

from day2.errors import Locked, MemoryUnusable
from day2.memory.schema import HEAD

BUSY_SECONDS = 30
READING = "day2_reading"
Connection = sa.Connection
MIGRATIONS = Path(__file__).parent / "migrations"


class Memory:
    """The open memory of one installation; serves every cloud, each row carries its own."""

    def __init__(self, engine: sa.Engine, folder: Path) -> None:
        self.folder = folder
        self._engine = engine

    @contextlib.contextmanager
    def writing(self) -> Iterator[sa.Connection]:
        """Open one transaction that holds the write lock from its start, or wait for it.

        Raises:
            Locked: when another process held it for more than 30 seconds.
            MemoryUnusable: when the disk is full or the file is damaged; nothing is half-written.

        """
        try:
            with self._engine.begin() as connection:
                yield connection
        except exc.DBAPIError as error:
            raise _named(error, self.folder) from error

    @contextlib.contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """Open one consistent view.

        Raises:
            MemoryUnusable: when the file is damaged.

        """
        try:
            with self._engine.connect().execution_options(**{READING: True}) as connection:
                yield connection
        except exc.DBAPIError as error:
            raise _named(error, self.folder) from error

    def close(self) -> None:
        """Let go of the file."""
        self._engine.dispose()


def open_memory(folder: Path) -> Memory:
    """Open `memory.sqlite` in this folder, created and brought to the newest schema if need be.

    Raises:
        MemoryUnusable: when the folder cannot be made or written, or a newer day2 wrote the file.
        Locked: when another process is migrating it.

    """
    file = folder / "memory.sqlite"
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not file.exists():
            os.close(os.open(file, os.O_CREAT | os.O_WRONLY, 0o600))
    except OSError as error:
        raise MemoryUnusable(
            f"cannot keep a memory in {folder}: {error.strerror}",
            hint="choose another folder with DAY2_STATE, or give this user the right to write it",
        ) from None
    engine = sa.create_engine(
        f"sqlite:///{file}", connect_args={"timeout": BUSY_SECONDS}, json_serializer=None
    )
    event.listen(engine, "connect", _on_connect)
    event.listen(engine, "begin", _on_begin)
    memory = Memory(engine, folder)
    _migrate(memory)
    return memory


def open_engine_database(folder: Path, url: str = "") -> sa.Engine:
    """Open the database of durable steps; its tables are the engine library's own.

    Without a URL it is `engine.sqlite` in the folder: WAL with synchronous FULL, so that a step
    that was recorded survives the loss of power. A URL names a PostgreSQL database, with its
    password; nobody prints it.
    """
    if url:
        wanted = sa.make_url(url).set(drivername="postgresql+psycopg")
        return sa.create_engine(wanted, pool_size=10, max_overflow=20, pool_pre_ping=True)
    file = folder / "engine.sqlite"
    if not file.exists():
        os.close(os.open(file, os.O_CREAT | os.O_WRONLY, 0o600))
    engine = sa.create_engine(f"sqlite:///{file}", pool_size=10, max_overflow=-1)
    event.listen(engine, "connect", _on_engine_connect)
    return engine


def _on_engine_connect(connection: Any, _record: Any) -> None:  # noqa: ANN401 - a DBAPI connection
    connection.isolation_level = "IMMEDIATE"
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout={BUSY_SECONDS * 1000}")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.close()


def _on_connect(connection: Any, _record: Any) -> None:  # noqa: ANN401 - a DBAPI connection
    # SQLAlchemy, not sqlite3, begins transactions: only so can BEGIN IMMEDIATE be said.
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.close()


def _on_begin(connection: sa.Connection) -> None:
    reading = connection.get_execution_options().get(READING)
    connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")


def _migrate(memory: Memory) -> None:
    with memory.writing() as connection:
        found = _revision(connection)
        if found == HEAD:
            return
        from alembic import command  # noqa: PLC0415 - 0.3 s, once per release
        from alembic.config import Config  # noqa: PLC0415
        from alembic.util.exc import CommandError  # noqa: PLC0415

        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS))
        config.attributes["connection"] = connection
        try:
            command.upgrade(config, "head")
        except CommandError:
            raise MemoryUnusable(
                f"{memory.folder} was written by a newer day2 (schema {found}, this one: {HEAD})",
                hint="install that release, or name another folder with DAY2_STATE",
            ) from None


def _revision(connection: sa.Connection) -> str | None:
    known = connection.exec_driver_sql(
        "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'alembic_version'"
    ).first()
    if known is None:
        return None
    row = connection.exec_driver_sql("SELECT version_num FROM alembic_version").first()
    return None if row is None else str(row[0])


def _named(error: exc.DBAPIError, folder: Path) -> MemoryUnusable | Locked:
    cause = error.orig
    text = str(cause)
    if isinstance(cause, sqlite3.OperationalError) and "locked" in text:
        return Locked(
            f"the memory in {folder} was busy for more than {BUSY_SECONDS} s",
            hint="another day2 is writing; try again",
        )
    if "full" in text:
        return MemoryUnusable(
            f"the disk of {folder} is full: nothing was written",
            hint="make room; nothing that was kept before is lost",
        )
    return MemoryUnusable(f"the memory in {folder} cannot be used: {text}")
