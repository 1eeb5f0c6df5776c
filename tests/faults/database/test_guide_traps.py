# SPDX-License-Identifier: Apache-2.0
"""Where the guide's two scripts fail, on a real server; and what ours does in the same place.

`docker` and the folders are the only things that differ from the guide's text.
"""

import os
import stat
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from day2.adapters.clock import SystemClock
from day2.adapters.database import dump, loading, physical, proving, restoring, scratch
from day2.adapters.database.beside import Beside, Login
from day2.adapters.database.server import Server
from day2.errors import Day2Error, Denied, NotVerified
from lab.database_server import PASSWORD, Real
from tests.faults.database import nasty, taking
from tests.faults.database.sampler import Sampler

Start = Callable[..., Real]

BACKUP = """
BACKUP_DIR="{folder}/backups"
DATE=$(date +%Y%m%d_%H%M%S)
RETENTION_DAYS=30
mkdir -p $BACKUP_DIR
DB_PASSWORD=$(grep database_password {folder}/passwords.yml | awk '{{print $2}}')
for db in keystone glance nova nova_api nova_cell0 neutron cinder heat; do
echo "Backing up $db..."
docker exec mariadb mysqldump \
-uroot -p$DB_PASSWORD \
--single-transaction \
--routines \
--triggers \
$db | gzip > $BACKUP_DIR/${{db}}_${{DATE}}.sql.gz
done
docker exec mariadb mysqldump \
-uroot -p$DB_PASSWORD \
--all-databases \
--single-transaction \
--routines \
--triggers | gzip > $BACKUP_DIR/all_databases_${{DATE}}.sql.gz
find $BACKUP_DIR -name "*.sql.gz" -mtime +$RETENTION_DAYS -delete
echo "Backup completed: $BACKUP_DIR"
ls -lh $BACKUP_DIR | tail -5
"""
RESTORE = "zcat $BACKUP_FILE | docker exec -i mariadb mysql -uroot -p$DB_PASSWORD $DB_NAME"
SECRET = "rootpass4711"
MANY = "\n".join(f"{name}_database_password: value{n}" for n, name in enumerate("abcdefgh"))


def docker(real: Real, place: Path, rest: str = 'exec "$@"') -> None:
    """Stand for docker: `exec`, `-i` and the container's name are taken off, and the rest runs."""
    file = place / "tools" / "docker"
    file.write_text(
        '#!/bin/sh\nshift\n[ "$1" = -i ] && shift\nshift\np=$1; shift\n'
        f'set -- "$p" --socket={real.socket} "$@"\n{rest}\n'
    )
    file.chmod(0o700)


def around(place: Path, text: str) -> tuple[str, ...]:
    """Return a prefix that runs our programs through a script."""
    file = place / "around"
    file.write_text(f"#!/bin/sh\n{text}\n")
    file.chmod(0o700)
    return (str(file),)


@pytest.fixture
def guide(real: Real, place: Path) -> Callable[[str], str]:
    """Run a script of the guide; its docker runs the program here."""
    nasty.plant(real)
    for schema in ("keystone", "glance", "nova_api", "nova_cell0", "neutron", "cinder", "heat"):
        real.sql(f"CREATE DATABASE {schema}", f"CREATE TABLE {schema}.t (id INT)")
    real.sql(f"ALTER USER root@localhost IDENTIFIED BY '{SECRET}'", "DROP VIEW nasty.broken")
    tools = place / "tools"
    tools.mkdir()
    docker(real, place)
    (place / "passwords.yml").write_text(f"database_password: {SECRET}\n")

    def run(script: str) -> str:
        path = f"{tools}:{os.environ['PATH']}"
        environment = {"PATH": path, "HOME": str(place)}
        done = subprocess.run(
            ["bash", "-c", script], env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


def newest(place: Path, schema: str) -> Path:
    return max((place / "backups").glob(f"{schema}_2*.sql.gz"))


def plain(file: Path) -> str:
    return subprocess.run(["zcat", file], capture_output=True, check=True).stdout.decode(
        errors="replace"
    )


def nowhere(part: bytes) -> None:
    del part


def ours(real: Real, place: Path, name: str = "ours") -> taking.Logical:
    return taking.take(real.server(), place, name)


def test_the_pattern_matches_every_password_and_the_dumps_are_empty_but_good(
    real: Real, place: Path, guide: Callable[[str], str]
) -> None:
    (place / "passwords.yml").write_text(f"{MANY}\ndatabase_password: {SECRET}\n")
    assert "Backup completed" in guide(BACKUP.format(folder=place))
    for file in (newest(place, "keystone"), newest(place, "all_databases")):
        assert file.stat().st_size == 20
        assert subprocess.run(["gzip", "-t", file], check=False).returncode == 0
        assert plain(file) == ""
    wrong = Server(Beside(), Login(user="day2", password="value0", socket=str(real.socket)))
    with pytest.raises(Denied):
        dump.take(wrong, dump=nowhere, accounts=nowhere)


def test_a_dump_that_breaks_off_is_a_success(
    real: Real, place: Path, guide: Callable[[str], str]
) -> None:
    docker(real, place, '"$@" | head -c 1500\nexit 2')
    assert "Backup completed" in guide(BACKUP.format(folder=place))
    assert "CREATE TABLE" in plain(newest(place, "nova"))
    assert "Dump completed" not in plain(newest(place, "nova"))
    cut = around(place, 'case "$*" in *--quick*) "$@" | head -c 1500;; *) exec "$@";; esac')
    with pytest.raises(NotVerified):
        dump.take(real.server(cut), dump=nowhere, accounts=nowhere)


def test_after_a_month_of_empty_files_the_last_good_one_is_deleted(
    place: Path, guide: Callable[[str], str]
) -> None:
    guide(BACKUP.format(folder=place))
    good = newest(place, "nova")
    assert "INSERT INTO" in plain(good)
    os.utime(good, (1, 1))
    (place / "passwords.yml").write_text("database_password: changed\n")
    guide(BACKUP.format(folder=place).replace("%H%M%S", "%H%M%Sx"))
    assert not good.exists()
    assert plain(newest(place, "nova")) == ""


def test_schemas_events_accounts_and_position_are_missing(
    real: Real, place: Path, guide: Callable[[str], str]
) -> None:
    guide(BACKUP.format(folder=place))
    assert not list((place / "backups").glob("placement_*"))
    whole = plain(newest(place, "all_databases"))
    assert "CREATE TABLE `instances`" in whole
    assert "EVENT `e`" not in whole
    # At the beginning of a line: the server's own help is in there as well.
    assert "\n-- CHANGE MASTER TO" not in whole
    assert "\nCREATE USER" not in whole
    assert stat.S_IMODE(newest(place, "nova").stat().st_mode) & 0o044
    took = ours(real, place)
    text = took.dump.read_text(errors="replace")
    assert "EVENT `e`" in text
    assert "Current Database: `placement`" in text
    assert "CREATE USER IF NOT EXISTS `nova`@`%`" in took.accounts.read_text()
    assert took.source["position"]["at"] > 0


def test_schemas_are_dumped_at_different_instants(
    real: Real, place: Path, guide: Callable[[str], str]
) -> None:
    # A server is made while the script is between two schemas: a port without its server.
    real.sql("CREATE TABLE neutron.ports (id INT PRIMARY KEY, server INT)")
    server, port = "INSERT INTO nova.instances VALUES (99, '', 'late')", "INSERT INTO neutron.ports"
    made = f"{server}; {port} VALUES (1, 99)"
    late = f'mysql --socket={real.socket} -uroot -p{SECRET} -e "{made}"'
    docker(real, place, f'case "$*" in *\\ neutron) {late};; esac\nexec "$@"')
    guide(BACKUP.format(folder=place))
    assert "(1,99)" in plain(newest(place, "neutron"))
    assert "'web'" in plain(newest(place, "nova"))
    assert "'late'" not in plain(newest(place, "nova"))
    real.sql("DELETE FROM nova.instances WHERE id = 99", "DELETE FROM neutron.ports")
    seen = bytearray()

    def slow(part: bytes) -> None:
        if not seen:
            for statement in made.split(";"):
                real.sql(statement)
        seen.extend(part)

    dump.take(real.server(), dump=slow, accounts=nowhere)
    assert b"(1,99)" not in seen
    assert b"'late'" not in seen


def test_a_replay_leaves_newer_tables_and_loses_comments_in_bodies(
    real: Real, place: Path, guide: Callable[[str], str]
) -> None:
    guide(BACKUP.format(folder=place))
    took = ours(real, place)
    real.sql("CREATE TABLE nova.newer (id INT)")
    names = f"BACKUP_FILE={newest(place, 'nova')}; DB_NAME=nova; DB_PASSWORD={SECRET}"
    guide(f"{names}; {RESTORE}")
    assert ("newer",) in real.sql("SHOW TABLES FROM nova")
    told = loading.index(took.dump)
    restoring.replace(real.server(), took.dump, told, "nova", aside=place / "aside")
    assert ("newer",) not in real.sql("SHOW TABLES FROM nova")


def test_the_programs_names_are_gone_in_newer_images(
    real: Real, place: Path, guide: Callable[[str], str]
) -> None:
    # As in an image without the older names.
    gone = 'case "$1" in mysql*) echo "$1: not found" >&2; exit 127;; esac\nexec "$@"'
    docker(real, place, gone)
    assert "Backup completed" in guide(BACKUP.format(folder=place))
    assert plain(newest(place, "nova")) == ""
    dump.take(real.server(around(place, gone)), dump=nowhere, accounts=nowhere)


def test_the_password_is_in_the_list_of_processes_with_the_guide(
    real: Real, place: Path, guide: Callable[[str], str]
) -> None:
    # Its programs blank their own words soon after they began; the shell and docker do not.
    docker(real, place, '"$@"\nsleep 0.1')
    with Sampler((SECRET,)) as sampler:
        guide(BACKUP.format(folder=place))
    assert any(name.startswith("cmdline") for name in sampler.seen)


def test_no_password_is_seen_anywhere_at_any_moment(
    real: Real, place: Path, start: Start, clock: SystemClock
) -> None:
    nasty.plant(real, row_bytes=2 << 20)
    other = start("db2")
    slow = threading.Event()
    with Sampler((PASSWORD, PASSWORD.split()[0])) as sampler:
        took = ours(real, place)
        with (place / "full").open("wb") as file:
            full = physical.take(real.server(), file.write)
        with pytest.raises(Day2Error):
            physical.take(real.server(), nowhere, since=1 << 60)
        with (
            scratch.folder(place / "s") as folder,
            scratch.empty(Beside(), folder, clock, like=took.source["server"]) as server,
        ):
            proving.logical(server, took.dump, source=took.source, accounts=took.accounts)
        physical.extract(Beside(), [(place / "full").read_bytes()], place / "copy")
        physical.prepare(Beside(), place / "copy")
        restoring.fill(other.server(), took.dump)
        slow.wait(0.2)
    assert sampler.seen == set()
    assert sampler.looked > 1000
    assert full.source["lsn"]["to"]
    # Other tests beside this one have files there for moments; what stays was left behind.
    before = left_behind()
    time.sleep(2)
    assert before & left_behind() == set()


def left_behind() -> set[Path]:
    places = ((Path("/dev/shm"), "day2.*"), (Path(physical.PLACE), "day2-lsn.*"))  # noqa: S108
    return {file for place, names in places for file in place.glob(names)}
