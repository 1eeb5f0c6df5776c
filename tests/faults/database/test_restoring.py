# SPDX-License-Identifier: Apache-2.0
"""Databases put back into real servers, and what was there kept."""

import stat
from collections.abc import Callable
from pathlib import Path

import pymysql
import pytest

from day2.adapters.database import loading, restoring
from day2.adapters.database.loading import Ways
from day2.errors import BadAnswer, NotVerified, Refused
from lab.database_server import PASSWORD, Real
from tests.faults.backup.test_power_cut import follow, watched
from tests.faults.database import nasty, taking

Start = Callable[..., Real]


def test_one_schema_goes_back_and_its_newer_tables_with_it(real: Real, place: Path) -> None:
    nasty.plant(real)
    took = taking.take(real.server(), place)
    told = loading.index(took.dump)
    before = real.sql("SELECT * FROM nova.instances")
    real.sql(
        "DELETE FROM nova.instances",
        "CREATE TABLE nova.newer (id INT)",
        "INSERT INTO nova.newer VALUES (1)",
        "UPDATE placement.allocations SET consumer = 9",
    )
    aside = place / "aside.sql"
    facts = restoring.replace(real.server(), took.dump, told, "nova", aside=aside)
    assert facts["aside"] == str(aside)
    assert real.sql("SELECT * FROM nova.instances") == before
    assert [r[0] for r in real.sql("SHOW TABLES FROM nova")] == ["alembic_version", "instances"]
    assert real.sql("SELECT DISTINCT consumer FROM placement.allocations") == [(9,)]
    assert stat.S_IMODE(aside.stat().st_mode) == 0o600
    # The way back is the same road.
    restoring.swap(real.server(), aside, loading.index(aside), "nova")
    assert real.sql("SELECT id FROM nova.newer") == [(1,)]
    with pytest.raises(Refused, match="exists already"):
        restoring.replace(real.server(), took.dump, told, "nova", aside=aside)
    assert real.sql("SELECT id FROM nova.newer") == [(1,)]


def test_a_schema_in_use_is_refused_and_who_uses_it_is_named(real: Real, place: Path) -> None:
    nasty.plant(real)
    took = taking.take(real.server(), place)
    told = loading.index(took.dump)
    link = pymysql.connect(
        unix_socket=str(real.socket), user="day2", password=PASSWORD, database="nova"
    )
    with link, pytest.raises(Refused, match=r"in use: day2 from localhost \(1\)"):
        restoring.replace(real.server(), took.dump, told, "nova", aside=place / "aside")
    assert not (place / "aside").exists()
    with pytest.raises(Refused, match="does not hold"):
        restoring.replace(real.server(), took.dump, told, "glance", aside=place / "aside")


def test_what_cannot_be_loaded_leaves_everything_as_it_was(real: Real, place: Path) -> None:
    nasty.plant(real)
    took = taking.take(real.server(), place)
    whole = took.dump.read_bytes()
    # A dump of a newer server, whose definitions this one does not understand.
    took.dump.write_bytes(whole.replace(b"`uuid` varchar(36)", b"`uuid` varstring(36)"))
    told = loading.index(took.dump)
    real.sql("INSERT INTO nova.instances VALUES (7, '', 'since the set')")
    with pytest.raises(NotVerified, match="it is as it was before"):
        restoring.replace(real.server(), took.dump, told, "nova", aside=place / "aside")
    assert real.sql("SELECT id FROM nova.instances") == [(1,), (2,), (7,)]


def test_what_is_kept_aside_lasts_before_anything_is_dropped(real: Real, place: Path) -> None:
    nasty.plant(real)
    with watched() as acts:
        restoring.keep_aside(real.server(), "nova", place / "aside.sql")
    follow(acts, ("flush", "aside.sql"), ("flush", place.name))


def test_where_there_was_no_schema_a_failure_and_a_kill_leave_none(real: Real, place: Path) -> None:
    nasty.plant(real)
    took = taking.take(real.server(), place)
    told, aside = loading.index(took.dump), place / "aside.sql"
    real.sql("DROP DATABASE nova")
    broken = place / "broken.sql"
    broken.write_bytes(
        took.dump.read_bytes().replace(b"INSERT INTO `instances`", b"INSERT IN  `instances`")
    )
    with pytest.raises(NotVerified, match="there was none before, and there is none now"):
        restoring.replace(real.server(), broken, loading.index(broken), "nova", aside=aside)
    assert "nova" not in {name for (name,) in real.sql("SHOW DATABASES")}
    # As a kill within the load leaves it: what is there now was not there before.
    real.sql("CREATE DATABASE nova", "CREATE TABLE nova.half (id INT)")
    facts = restoring.replace(real.server(), took.dump, told, "nova", aside=aside)
    assert facts["aside"] == ""
    assert not aside.exists()
    assert [r[0] for r in real.sql("SHOW TABLES FROM nova")] == ["alembic_version", "instances"]


def test_why_it_was_not_loaded_tells_nothing_of_what_is_in_it(real: Real, place: Path) -> None:
    """A server repeats what it could not take: a row of Keystone's, the hash of a password."""
    real.sql(
        "CREATE DATABASE nova",
        "CREATE TABLE nova.instances (id INT, secret VARCHAR(64), UNIQUE (secret, id))",
        "INSERT INTO nova.instances VALUES (1, 's3cret'), (2, 's3cret')",
    )
    took = taking.take(real.server(), place)
    whole = took.dump.read_bytes()
    took.dump.write_bytes(whole.replace(b"INSERT INTO `instances`", b"INSERT IN  `instances`"))
    with pytest.raises(NotVerified, match="loading data") as caught:
        restoring.replace(
            real.server(), took.dump, loading.index(took.dump), "nova", aside=place / "aside"
        )
    assert "ERROR 1064 (42000) at line" in str(caught.value)
    assert "near …" in str(caught.value)
    assert "s3c" not in str(caught.value)


def test_what_is_not_what_was_dumped_is_put_back(real: Real, place: Path) -> None:
    nasty.plant(real)
    took = taking.take(real.server(), place)
    told = loading.index(took.dump)
    real.sql("INSERT INTO nova.instances VALUES (7, '', 'since the set')")
    # The file is another one than the one that was proven; it loads well.
    took.dump.write_bytes(took.dump.read_bytes().replace(b"'web'", b"'bew'"))
    with pytest.raises(NotVerified, match=r"data nova\.instances has other content"):
        restoring.replace(real.server(), took.dump, told, "nova", aside=place / "aside")
    assert real.sql("SELECT id, name FROM nova.instances")[0] == (1, "web")
    assert real.sql("SELECT id FROM nova.instances") == [(1,), (2,), (7,)]


@pytest.mark.parametrize("ways", [Ways(), Ways(clients=1), Ways(clients=4, logged=False)])
def test_an_empty_server_is_filled_by_every_way(
    real: Real, start: Start, place: Path, ways: Ways
) -> None:
    nasty.plant(real)
    took = taking.take(real.server(), place)
    real.stop()
    other = start("db2")
    before = other.sql("SHOW MASTER STATUS")[0][1]
    facts = restoring.fill(other.server(), took.dump, accounts=took.accounts, ways=ways)
    assert facts["accounts"] == 8
    assert other.sql("SELECT name FROM nova.instances") == [("web",), ("db",)]
    roles = other.sql("SELECT Role, User, Host FROM mysql.roles_mapping")
    assert ("readers", "nova", "%") in roles
    after = int(str(other.sql("SHOW MASTER STATUS")[0][1]))
    # Only the accounts are written to the log of a server that nobody follows yet.
    assert (after - int(str(before)) < 10_000) is not ways.logged
    with pytest.raises(Refused, match="is not empty"):
        restoring.fill(other.server(), took.dump)


def test_the_first_client_that_fails_ends_the_load(real: Real, start: Start, place: Path) -> None:
    nasty.plant(real)
    took = taking.take(real.server(), place)
    text = took.dump.read_bytes().replace(b"INSERT INTO `instances`", b"INSERT INTO `instance`")
    took.dump.write_bytes(text)
    other = start("db2")
    with pytest.raises(BadAnswer, match=r"nova\.instance' doesn't exist"):
        loading.load(other.server(), took.dump, loading.index(took.dump))
