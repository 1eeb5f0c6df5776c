# SPDX-License-Identifier: Apache-2.0
"""The two MariaDB servers: made, filled with databases and users, asked with SQL."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pymysql
from pymysql.connections import Connection
from pymysql.cursors import Cursor

from lab.facts import DATABASES, Facts

SERVERS = {"mariadb": tuple(DATABASES), "mariadb-cell2": ("nova",)}
"""The databases that each server holds."""

MONITOR_RIGHTS = "PROCESS, REPLICATION CLIENT, REPLICATION SLAVE ADMIN, SLAVE MONITOR"


def install_servers(facts: Facts) -> None:
    """Make empty data folders; the second is a copy of the first, for making one takes seconds."""
    make_temporary_folders(facts)
    first, *others = (facts.place.data / name for name in SERVERS)
    command = [
        "mariadb-install-db",
        f"--defaults-file={facts.place.etc / 'mariadb.cnf'}",
        "--user=root",
        "--auth-root-authentication-method=normal",
        "--skip-test-db",
    ]
    with (facts.place.log / "mariadb-install.log").open("w") as output:
        subprocess.run(command, stdout=output, stderr=subprocess.STDOUT, check=True)
    for other in others:
        shutil.copytree(first, other)


def make_temporary_folders(facts: Facts) -> None:
    """Give each its own: a server that starts deletes the temporary tables that it finds."""
    for name in SERVERS:
        (facts.place.run / f"{name}-tmp").mkdir(exist_ok=True)


def create_databases(facts: Facts) -> None:
    """Create databases, one user for each service, `monitor`, and give root its password last."""
    passwords = facts.passwords
    for server, names in SERVERS.items():
        with _root(facts, server, "") as cursor:
            for name in names:
                user = DATABASES[name]
                account = f"'{user}'@'127.0.0.1'"
                password = passwords[f"{user}_database_password"]
                cursor.execute(f"CREATE DATABASE {name} CHARACTER SET utf8mb3")
                cursor.execute(f"CREATE USER IF NOT EXISTS {account} IDENTIFIED BY '{password}'")
                cursor.execute(f"GRANT ALL ON {name}.* TO {account}")
            monitor = (
                f"'monitor'@'127.0.0.1' IDENTIFIED BY '{passwords['mariadb_monitor_password']}'"
            )
            cursor.execute(f"GRANT {MONITOR_RIGHTS} ON *.* TO {monitor}")
            root = f"IDENTIFIED BY '{passwords['database_password']}'"
            cursor.execute(f"GRANT ALL ON *.* TO 'root'@'127.0.0.1' {root} WITH GRANT OPTION")
            cursor.execute(f"ALTER USER 'root'@'localhost' {root}")


@contextmanager
def sql(facts: Facts, server: str = "mariadb") -> Iterator[Cursor]:
    """Give a cursor of root on a server; each statement commits by itself."""
    with _root(facts, server, facts.passwords["database_password"]) as cursor:
        yield cursor


def answers(facts: Facts, server: str) -> bool:
    """Tell whether the server accepts a client at all, whatever the password."""
    try:
        with _connect(facts.place.run / f"{server}.sock", ""):
            return True
    except pymysql.err.OperationalError as error:
        access_denied = 1045
        return bool(error.args[0] == access_denied)


@contextmanager
def _root(facts: Facts, server: str, password: str) -> Iterator[Cursor]:
    socket = facts.place.run / f"{server}.sock"
    with _connect(socket, password) as connection, connection.cursor() as cursor:
        yield cursor


def _connect(socket: Path, password: str) -> "Connection[Cursor]":
    return pymysql.connect(unix_socket=str(socket), user="root", password=password, autocommit=True)
