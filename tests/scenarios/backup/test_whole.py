# SPDX-License-Identifier: Apache-2.0
"""The whole database by command, on a real server without a cloud around it: back, and undone."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pymysql
import pyrage
import pytest

from lab.database_server import PASSWORD, Real, template
from lab.packages import BACKUPS, install_packages
from tests.scenarios.backup.place import Ended, Place, private

NEEDED = {"/usr/sbin/mariadbd": "mariadb-server", "/usr/bin/mariadb-backup": "mariadb-backup"}
SCHEMAS = (
    *("CREATE DATABASE nova", "CREATE DATABASE keystone"),
    (
        "CREATE TABLE nova.instances (id INT PRIMARY KEY, uuid CHAR(36), display_name TEXT, "
        "project_id TEXT, created_at DATETIME, deleted_at DATETIME, deleted INT DEFAULT 0)"
    ),
    "INSERT INTO nova.instances VALUES (1, 'u-1', 'web', 'acme', '2026-01-01', NULL, 0)",
    "CREATE TABLE keystone.alembic_version (version_num VARCHAR(32) PRIMARY KEY)",
    "INSERT INTO keystone.alembic_version VALUES ('11c3b243b4cb')",
    "CREATE USER nova@'127.0.0.1' IDENTIFIED BY 'n'",
    "GRANT ALL ON nova.* TO nova@'127.0.0.1'",
)
LATER = (
    (
        "INSERT INTO nova.instances VALUES (2, 'u-2', 'new\\nname', 'globex', UTC_TIMESTAMP() + "
        "INTERVAL 1 MINUTE, NULL, 0)"
    ),
    "CREATE TABLE nova.newer (id INT)",
)
# A server that is stopped and started by programs, as an operator's words do it.
STOP = """
import os, signal, sys, time
pid = int(open(sys.argv[1]).read() or 0) if os.path.exists(sys.argv[1]) else 0
if pid:
    os.kill(pid, signal.SIGTERM)
    while os.path.exists(f"/proc/{pid}") and open(f"/proc/{pid}/stat").read().split()[2] != "Z":
        time.sleep(0.05)
"""
START = """
import subprocess, sys
log = open(sys.argv[1], "ab")
subprocess.Popen(sys.argv[2:], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                 start_new_session=True)
"""


class Database:
    """A server with a place, restored as a whole."""

    def __init__(self, folder: Path, real: Real) -> None:
        self.real = real
        private(folder / "password", f"{PASSWORD}\n")
        self.services = folder / "services"
        server = real.words()
        python = [sys.executable, "-c"]
        node = {
            "name": "db1",
            "datadir": str(real.data),
            "owner": f"{os.getuid()}:{os.getgid()}",
            "stop": [*python, STOP, str(real.folder / "server.pid")],
            "start": [*python, START, str(real.log), *server],
        }
        self.place = Place(
            folder,
            backup_database={
                "user": "day2",
                "password": {"file": str(folder / "password")},
                "socket": str(real.socket),
                "scratch_folder": str(real.folder.parent / "work"),
                "scratch_memory_mib": 64,
            },
            recovery={
                "nodes": [node],
                "stop_services": ["sh", "-c", f"echo stop >> {self.services}"],
                "start_services": ["sh", "-c", f"echo start >> {self.services}"],
                "answers_seconds_max": 0,
            },
        )

    def said(self) -> list[str]:
        return self.services.read_text().split() if self.services.exists() else []

    def take(self, *words: str) -> str:
        done(self.place.apply("run", "database", *words))
        return max(self.place.sets())

    def names(self) -> list[str]:
        return sorted(entry.name for entry in self.real.folder.iterdir() if "data" in entry.name)


@pytest.fixture(scope="module")
def made() -> Iterator[Path]:
    install_packages(NEEDED)
    folder = Path(tempfile.mkdtemp(prefix="d2wh"))
    yield template(folder)
    shutil.rmtree(folder)


@pytest.fixture
def database(made: Path, tmp_path: Path) -> Iterator[Database]:
    folder = Path(tempfile.mkdtemp(prefix="d2wh"))
    real = Real(folder / "db")
    real.install(made)
    real.start()
    real.sql(*SCHEMAS)
    found = Database(tmp_path, real)
    try:
        yield found
    finally:
        # By now it may be another process than the one that was started here.
        real.stop()
        end(real.folder / "server.pid")
        shutil.rmtree(folder)


def end(pid_file: Path) -> None:
    subprocess.run([sys.executable, "-c", STOP, str(pid_file)], check=False)


def done(ended: Ended) -> dict[str, Any]:
    assert ended.code == 0, (ended.stdout, ended.stderr)
    return ended.document


@pytest.mark.parametrize("method", [pytest.param("logical", marks=pytest.mark.full), "full"])
def test_what_came_after_the_set_is_gone_and_an_undo_brings_it_back(
    database: Database, method: str
) -> None:
    real, place = database.real, database.place
    name = database.take("--method", method)
    real.sql(*LATER)
    plan = done(place.run("backup", "restore", name, "--whole", "--plan-only", "-f", "json"))
    said = [one["why"] for one in plan["protected"]]
    assert said[0] == "1 server made since the set: lost to the cloud"
    assert plan["protected"][1]["subject"]["name"] == "new name"
    assert plan["totals"]["lost"] == 1
    run = done(place.run("plan", "apply", plan["id"], "--yes", "-f", "json"))
    assert real.sql("SELECT id, display_name FROM nova.instances") == [(1, "web")]
    assert real.sql("SHOW TABLES FROM nova") == [("instances",)]
    accounts = real.sql("SELECT User, Host FROM mysql.global_priv ORDER BY 1, 2")
    assert ("nova", "127.0.0.1") in accounts
    assert database.said() == ["stop", "start"]
    assert len(database.names()) == 2, database.names()
    undo = done(place.run("run", "undo", run["id"], "--plan-only", "-f", "json"))
    done(place.run("plan", "apply", undo["id"], "--yes", "-f", "json"))
    assert real.sql("SELECT id FROM nova.instances") == [(1,), (2,)]
    assert real.sql("SHOW TABLES FROM nova") == [("instances",), ("newer",)]
    assert database.said() == ["stop", "start", "stop", "start"]
    assert any(".taken-back-" in entry for entry in database.names())


@pytest.mark.full
def test_accounts_that_a_new_server_makes_by_itself_do_not_stay(database: Database) -> None:
    name = database.take()
    before = database.real.sql("SELECT User, Host FROM mysql.global_priv ORDER BY 1, 2")
    done(database.place.apply("restore", name, "--whole"))
    after = database.real.sql("SELECT User, Host FROM mysql.global_priv ORDER BY 1, 2")
    assert after == before
    password = database.real.sql("SELECT COUNT(*) FROM mysql.global_priv WHERE Priv LIKE '%nova%'")
    assert password == [(0,)]


Break = Callable[[Database], None]


def other_cloud(database: Database) -> None:
    text = (database.place.folder / "clouds.yaml").read_text()
    (database.place.folder / "clouds.yaml").write_text(text.replace(":1/v3", ":2/v3"))


def no_key(database: Database) -> None:
    private(database.place.folder / "identity", f"{pyrage.x25519.Identity.generate()}\n")


def strange_folder(database: Database) -> None:
    text = database.place.settings.read_text()
    strange = database.real.folder / "strange"
    strange.mkdir()
    (strange / "letters.txt").touch()
    database.place.settings.write_text(text.replace(str(database.real.data), str(strange)))


def dead_in_a_strange_folder(database: Database) -> None:
    strange_folder(database)
    database.real.stop()


def truncated(database: Database) -> None:
    file = next(database.place.vault.rglob("dump.sql*"))
    file.chmod(0o600)
    with file.open("r+b") as opened:
        opened.truncate(file.stat().st_size // 2)


@pytest.mark.parametrize(
    ("wreck", "said"),
    [
        (other_cloud, "is of another cloud"),
        (no_key, "no key of this host opens"),
        (strange_folder, "a server answers, and it does not work in"),
        (dead_in_a_strange_folder, "they are no server's data"),
    ],
)
def test_a_restore_that_cannot_be_is_refused_before_anything_is_touched(
    database: Database, wreck: Break, said: str
) -> None:
    name = database.take()
    wreck(database)
    ended = database.place.run("backup", "restore", name, "--whole", "--plan-only", "-f", "json")
    assert ended.code == 24, ended.stdout
    assert said in ended.stderr
    assert database.said() == []
    assert database.names() == ["data"]


def test_a_set_whose_data_are_in_a_repository_needs_no_key_of_the_vault(
    database: Database, tmp_path: Path
) -> None:
    install_packages(BACKUPS)
    private(tmp_path / "restic-password", "s3cret-of-restic\n")
    settings = msgspec.yaml.decode(database.place.settings.read_bytes())
    (cloud,) = settings["clouds"].values()
    cloud["backup_bulk"] = {
        "repository": str(tmp_path / "repository"),
        "password": {"file": str(tmp_path / "restic-password")},
        "kinds": ["database"],
        "sample_parts": 1,
    }
    database.place.settings.write_bytes(msgspec.yaml.encode(settings))
    name = database.take()
    planned = done(
        database.place.run("backup", "restore", name, "--whole", "--plan-only", "-f", "json")
    )
    assert planned["refused"] == []


def test_a_set_that_does_not_hold_stops_the_run_before_anything_is_touched(
    database: Database,
) -> None:
    name = database.take()
    truncated(database)
    ended = database.place.apply("restore", name, "--whole")
    assert ended.code == 26, ended.stdout
    assert database.said() == []
    assert database.names() == ["data"]
    again = database.place.run("backup", "restore", name, "--whole", "--plan-only")
    assert again.code == 24
    assert "does not hold" in again.stderr


@pytest.mark.full
def test_a_service_that_was_not_stopped_is_named_and_the_server_left_alone(
    database: Database,
) -> None:
    name = database.take()
    link = pymysql.connect(
        unix_socket=str(database.real.socket), user="day2", password=PASSWORD, database="nova"
    )
    with link:
        ended = database.place.apply("restore", name, "--whole")
    assert ended.code == 3
    (failed,) = [step for step in ended.document["steps"] if step["outcome"] == "failed"]
    assert "db1 is still in use: day2 in nova (1)" in failed["detail"]
    assert database.real.sql("SELECT COUNT(*) FROM nova.instances") == [(1,)]
    assert database.names() == ["data"]
