# SPDX-License-Identifier: Apache-2.0
"""The logical backup of a real server: whole, of one instant, or not at all."""

import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pymysql
import pytest

from day2.adapters.clock import SystemClock
from day2.adapters.database import contents, dump, identity, loading, physical, proving, scratch
from day2.adapters.database.beside import Beside, Login
from day2.adapters.database.server import Server
from day2.errors import BadAnswer, Day2Error, Denied, NotDeployed, NotVerified, Refused, Unreachable
from lab.database_server import PASSWORD, Real
from tests.faults.database import nasty, taking

Start = Callable[..., Real]


def nowhere(part: bytes) -> None:
    del part


def executable(file: Path, text: str) -> tuple[str, ...]:
    file.write_text(f"#!/bin/sh\n{text}\n")
    file.chmod(0o700)
    return (str(file),)


def test_everything_nasty_comes_back_the_same(
    real: Real, place: Path, clock: SystemClock, start: Start
) -> None:
    nasty.plant(real, row_bytes=nasty.HUGE)
    took = taking.take(real.server(), place)
    source = took.source
    assert source["views_broken"] == ["nasty.broken"]
    assert source["counts"] == {"events": 1, "routines": 2, "triggers": 1, "users": 8}
    assert source["schemas"]["nova"]["revisions"] == ["alembic_version=1acf2c98e646"]
    assert source["schemas"]["nova"]["rows"] == 3
    assert source["files"] == "proven by its socket"
    told = loading.index(took.dump)
    rows = {f"{s.schema}.{s.name}": s.rows for s in told.sections if s.kind == "data"}
    assert rows["nasty.näsTy`t ✓"] == 6
    assert rows["--all-databases.--help"] == 1
    with (
        scratch.folder(place / "s") as folder,
        scratch.empty(Beside(), folder, clock, like=source["server"]) as server,
    ):
        facts = proving.logical(server, took.dump, source=source, accounts=took.accounts)
    assert facts["accounts"] == 8
    assert facts["schemas"]["nasty"]["sha256"] == source["schemas"]["nasty"]["sha256"]
    # Another zone, another server: the same moments.
    other = start("db2", "--default-time-zone=+09:00")
    loading.load(other.server(), took.dump, told)
    for statement in (
        "SELECT UNIX_TIMESTAMP(at), dt FROM nasty.moments",
        "SELECT id, words, bytes, bits + 0, latin, two FROM nasty.`näsTy``t ✓`",
        "SELECT * FROM nasty.achild",
    ):
        assert real.sql(statement) == other.sql(statement)


def test_both_schemas_are_of_one_instant_and_nothing_is_locked(real: Real) -> None:
    nasty.plant(real)
    moved = threading.Event()
    seen = bytearray()

    def slow(part: bytes) -> None:
        if not moved.is_set():
            # The dump has begun; nova has been read or not, placement has not.
            real.sql("START TRANSACTION", "DELETE FROM nova.instances", "COMMIT")
            real.sql("DELETE FROM placement.allocations")
            moved.set()
        seen.extend(part)

    before = (real.data / "general.log").read_text(errors="replace")
    dump.take(real.server(), dump=slow, accounts=nowhere)
    assert b"INSERT INTO `allocations` VALUES\n(1,1),\n(2,2);" in seen
    assert seen.count(b",'web')") == 1
    log = (real.data / "general.log").read_text(errors="replace")[len(before) :].upper()
    assert "WITH CONSISTENT SNAPSHOT" in log
    assert "READ LOCK" not in log
    assert "LOCK TABLES" not in log.replace("UNLOCK TABLES", "")


def test_position_is_that_of_the_snapshot(real: Real) -> None:
    nasty.plant(real)
    found = dump.take(real.server(), dump=nowhere, accounts=nowhere).source["position"]
    status = real.sql("SHOW MASTER STATUS")[0]
    assert (found["file"], found["at"]) == status[:2]
    assert found["gtid"] == real.sql("SELECT @@gtid_binlog_pos")[0][0]


@pytest.mark.parametrize("after", [1, 100_000, 4_000_000])
def test_a_program_killed_at_any_byte_is_a_failure(real: Real, after: int) -> None:
    nasty.plant(real, row_bytes=4 << 20)
    taken = 0

    def kill(part: bytes) -> None:
        nonlocal taken
        taken += len(part)
        if taken >= after:
            for process in Path("/proc").glob("[0-9]*"):
                words = _words(process)
                if words[:1] == [b"/usr/bin/mariadb-dump"] or words[:1] == [b"mariadb-dump"]:
                    os.kill(int(process.name), signal.SIGKILL)

    with pytest.raises(BadAnswer, match="137"):
        dump.take(real.server(), dump=kill, accounts=nowhere)


def _words(process: Path) -> list[bytes]:
    try:
        return (process / "cmdline").read_bytes().split(b"\0")
    except OSError:
        return []


def test_a_server_that_dies_meanwhile_is_a_failure(real: Real) -> None:
    nasty.plant(real)

    def kill(part: bytes) -> None:
        del part
        os.kill(real.pid, signal.SIGKILL)

    with pytest.raises(Day2Error) as caught:
        dump.take(real.server(), dump=kill, accounts=nowhere)
    assert caught.value.exit_code == 20


def test_exit_code_1_after_the_whole_output_is_a_failure(real: Real, place: Path) -> None:
    nasty.plant(real)
    prefix = executable(
        place / "run", 'case "$*" in *--single-transaction*) "$@"; exit 1;; *) exec "$@";; esac'
    )
    with pytest.raises(BadAnswer, match="exit code 1"):
        dump.take(real.server(prefix), dump=nowhere, accounts=nowhere)


def test_output_that_is_cut_with_exit_code_0_is_a_failure(real: Real, place: Path) -> None:
    nasty.plant(real)
    prefix = executable(
        place / "run",
        'case "$*" in *--single-transaction*) "$@" | head -c 5000;; *) exec "$@";; esac',
    )
    with pytest.raises(NotVerified, match="not whole"):
        dump.take(real.server(prefix), dump=nowhere, accounts=nowhere)


def test_a_program_that_hangs_is_ended_with_all_it_started(real: Real, place: Path) -> None:
    nasty.plant(real)
    prefix = executable(
        place / "run",
        'case "$*" in *--single-transaction*) echo first; sleep 4711;; *) exec "$@";; esac',
    )
    began = time.monotonic()
    with pytest.raises(Unreachable, match="said nothing for 1 s"):
        dump.take(real.server(prefix), dump=nowhere, accounts=nowhere, silence_seconds=1)
    assert time.monotonic() - began < 20
    assert not [p for p in Path("/proc").glob("[0-9]*") if _words(p)[:2] == [b"sleep", b"4711"]]


def test_a_sink_that_is_slow_is_no_silence(real: Real) -> None:
    nasty.plant(real)
    waited: list[bool] = []

    def slow(part: bytes) -> None:
        del part
        if not waited:
            waited.append(True)
            time.sleep(3)

    dump.take(real.server(), dump=slow, accounts=nowhere, silence_seconds=2)


def test_a_change_of_definitions_refuses_and_is_named(real: Real) -> None:
    nasty.plant(real)
    holder = pymysql.connect(unix_socket=str(real.socket), user="day2", password=PASSWORD)
    with holder, holder.cursor() as cursor:
        cursor.execute("SELECT * FROM nova.instances")  # holds the table's definition
        alter = threading.Thread(
            target=real.sql, args=("/* sync */ ALTER TABLE nova.instances ADD x INT",)
        )
        alter.start()
        until = time.monotonic() + 10
        while time.monotonic() < until:
            rows = real.sql("SELECT INFO FROM information_schema.PROCESSLIST")
            if any("ADD x" in str(r[0]) for r in rows):
                break
            time.sleep(0.05)
        with pytest.raises(Refused, match=r"ALTER TABLE nova\.instances"):
            dump.take(real.server(), dump=nowhere, accounts=nowhere)
        holder.rollback()
        alter.join(20)


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE placement.more (id INT)",
        "ALTER TABLE nova.instances ADD x INT",
        "UPDATE nova.alembic_version SET version_num = 'newer'",
        "CREATE DATABASE late",
    ],
)
def test_definitions_that_change_meanwhile_fail_the_set(real: Real, statement: str) -> None:
    nasty.plant(real)
    time.sleep(1.1)  # the server tells the time of a definition by the second
    done: list[bool] = []

    def change(part: bytes) -> None:
        del part
        if not done:
            done.append(True)
            changing.start()

    def alter() -> None:
        # It may wait for the dump, and for the end of the server then.
        with contextlib.suppress(pymysql.Error):
            real.sql(statement)

    changing = threading.Thread(target=alter)
    with pytest.raises(Day2Error) as caught:
        dump.take(real.server(), dump=change, accounts=nowhere)
    assert isinstance(caught.value, NotVerified | BadAnswer)
    changing.join(20)


def test_a_name_that_imitates_a_section_fails_the_set(real: Real) -> None:
    real.sql(
        "CREATE DATABASE a",
        "CREATE TABLE a.t (id INT, `x\n--\n-- Table structure for table ``y``\n--\nz` INT)",
    )
    with pytest.raises(NotVerified, match=r"a\.`y`"):
        dump.take(real.server(), dump=nowhere, accounts=nowhere)


def test_wrong_password_no_server_no_program_and_no_schema_are_told_apart(
    real: Real, place: Path
) -> None:
    wrong = Server(Beside(), Login(user="day2", password="wrong", socket=str(real.socket)))
    with pytest.raises(Denied):
        identity.read(wrong)
    nobody = Server(Beside(), Login(user="day2", socket=str(place / "none")))
    with pytest.raises(Unreachable):
        identity.read(nobody)
    without = executable(place / "run", 'PATH=/nowhere exec "$@"')
    with pytest.raises(NotDeployed):
        identity.read(real.server(without))
    with pytest.raises(Refused, match="no schema"):
        dump.take(real.server(), dump=nowhere, accounts=nowhere)


def test_an_account_from_which_schemas_are_hidden_is_denied(real: Real) -> None:
    nasty.plant(real)
    real.sql(
        "CREATE USER part@localhost IDENTIFIED BY 'p'",
        "GRANT ALL ON nova.* TO part@localhost",
        "GRANT PROCESS ON *.* TO part@localhost",
        "GRANT SELECT ON mysql.* TO part@localhost",
    )
    server = Server(Beside(), Login(user="part", password="p", socket=str(real.socket)))
    with pytest.raises(Denied, match=r"part@localhost may not read every schema"):
        dump.take(server, dump=nowhere, accounts=nowhere)
    with pytest.raises(Denied, match="hides"):
        physical.take(server, nowhere)
    real.sql("GRANT SELECT ON *.* TO part@localhost")
    contents.require_sight(server)


def test_a_server_without_a_binary_log_is_dumped_without_a_position(start: Start) -> None:
    real = start("db1", "--skip-log-bin")
    real.sql("CREATE DATABASE a", "CREATE TABLE a.t (id INT)")
    found = dump.take(real.server(), dump=nowhere, accounts=nowhere).source["position"]
    assert found == {"file": "", "at": 0, "gtid": ""}


def test_older_and_newer_names_of_programs(real: Real, place: Path) -> None:
    nasty.plant(real)
    folder = place / "bin"
    folder.mkdir()
    for name in ("sh", "mktemp", "rm", "find", "stat", "readlink"):
        (folder / name).symlink_to(f"/usr/bin/{name}")
    for name, target in (("mysql", "mariadb"), ("mysqldump", "mariadb-dump")):
        (folder / name).symlink_to(f"/usr/bin/{target}")
    older = executable(place / "run", f'PATH={folder} exec "$@"')
    server = real.server(older)
    dump.take(server, dump=nowhere, accounts=nowhere)
    assert server.program("mariadb-dump") == "mysqldump"
    assert contents.read(server).schemas


def test_accounts_that_the_server_ignores_are_told_and_do_not_end_the_dump(
    start: Start, place: Path, clock: SystemClock
) -> None:
    """Without resolving names, a server has no account for the rows of hosts' names."""
    server = start("db1", "--skip-name-resolve").server()
    server.ask(
        "CREATE DATABASE nova; CREATE TABLE nova.t (id INT); CREATE ROLE auditor;"
        "GRANT SELECT ON nova.* TO auditor; CREATE USER 'nova'@'%' IDENTIFIED BY 'it''s; ``p`';"
        "GRANT ALL ON nova.* TO 'nova'@'%'; GRANT auditor TO 'nova'@'%';"
        "SET DEFAULT ROLE auditor FOR 'nova'@'%'; CREATE USER 'nova'@'10.0.0.%';"
        "CREATE USER 'root'@'control01.example' IDENTIFIED BY 'x'; FLUSH PRIVILEGES;"
    )
    took = taking.take(server, place)
    assert "root@control01.example" in took.source["accounts_ignored"]
    text = took.accounts.read_text()
    assert "control01.example" not in text
    assert text.rstrip().endswith("-- Dump completed")
    other = start("db2").server()
    loading.load_accounts(other, took.accounts.read_bytes())
    for name in ("'nova'@'%'", "'nova'@'10.0.0.%'", "auditor"):
        question = f"SHOW GRANTS FOR {name}"
        assert sorted(other.ask(question)) == sorted(server.ask(question)), name
    with (
        scratch.folder(place / "s") as folder,
        scratch.empty(Beside(), folder, clock, like=took.source["server"]) as empty,
    ):
        proving.logical(empty, took.dump, source=took.source, accounts=took.accounts)
