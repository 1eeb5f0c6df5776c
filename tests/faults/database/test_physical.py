# SPDX-License-Identifier: Apache-2.0
"""Files of a real server: proven to be its own, in chains, and back in place."""

import hashlib
import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from day2.adapters.clock import SystemClock
from day2.adapters.database import identity, physical, placing, proving, scratch
from day2.adapters.database.beside import Beside, Login
from day2.adapters.database.dump import Taken
from day2.adapters.database.server import Server
from day2.adapters.database.settings import DatabaseBackupSettings
from day2.errors import BadAnswer, BadUsage, NotVerified, Refused
from day2.model.backup import Found, Kind, Method
from day2.operations.backup import work
from day2.operations.backup.takers.database import DatabaseTaker
from lab.database_server import PASSWORD, Real
from tests.faults.database import nasty
from tests.unit.backup.bare_vault import BareVault, draft

Start = Callable[..., Real]


def take(real: Real, file: Path, since: int | None = None) -> Taken:
    with file.open("wb") as opened:
        return physical.take(real.server(), opened.write, since=since)


def nowhere(part: bytes) -> None:
    del part


def parts(file: Path) -> Iterator[bytes]:
    with file.open("rb") as opened:
        while part := opened.read(1 << 16):
            yield part


def settle(real: Real) -> None:
    """Wait until the server's log is not needed from where it was needed before."""
    real.sql("SET GLOBAL innodb_max_dirty_pages_pct_lwm = 0, innodb_max_dirty_pages_pct = 0")

    def checkpoint() -> int:
        found = re.search(r"Last checkpoint at\s+(\d+)", str(real.sql("SHOW ENGINE INNODB STATUS")))
        return int(found[1]) if found else 0

    first = checkpoint()
    until = time.monotonic() + 20
    while time.monotonic() < until and checkpoint() <= first:
        time.sleep(0.1)


def test_a_chain_is_restored_at_each_link_and_proven(
    real: Real, place: Path, clock: SystemClock
) -> None:
    nasty.plant(real)
    full = take(real, place / "full")
    real.sql("INSERT INTO nova.instances VALUES (3, UUID(), 'first')")
    real.sql("FLUSH TABLES")
    one = take(real, place / "one", since=full.source["lsn"]["to"])
    real.sql("CREATE TABLE nova.later (id INT)", "INSERT INTO nova.instances VALUES (4, '', 'two')")
    two = take(real, place / "two", since=one.source["lsn"]["to"])
    chain = [("full", full.source), ("one", one.source), ("two", two.source)]
    physical.require_chain(chain)
    stored = {
        f.name: hashlib.sha256(f.read_bytes()).digest() for f in place.iterdir() if f.is_file()
    }
    for links, rows, source in ((0, 2, full), (1, 3, one), (2, 4, two)):
        copies = place / f"copies{links}"
        for name in ("full", "one", "two")[: links + 1]:
            physical.extract(Beside(), parts(place / name), copies / name)
        physical.prepare(
            Beside(), copies / "full", [copies / name for name in ("one", "two")[:links]]
        )
        with (
            scratch.folder(place / "s") as folder,
            scratch.over(Beside(), folder, clock, prepared=copies / "full") as server,
        ):
            assert server.one("SELECT COUNT(*) FROM nova.instances") == [str(rows)]
            facts = proving.physical(server, source=source.source)
        assert facts["schemas"]["nova"]["rows"] == rows + 1
        shutil.rmtree(copies)
    after = {
        f.name: hashlib.sha256(f.read_bytes()).digest() for f in place.iterdir() if f.is_file()
    }
    assert after == stored
    assert two.source["position"]["gtid"] == real.sql("SELECT @@gtid_binlog_pos")[0][0]


def test_a_missing_and_a_swapped_link_are_refused_before_anything_is_touched(
    real: Real, place: Path
) -> None:
    nasty.plant(real)
    full = take(real, place / "full")
    real.sql("CREATE TABLE nova.x (id INT)")
    settle(real)
    one = take(real, place / "one", since=full.source["lsn"]["to"])
    real.sql("CREATE TABLE nova.y (id INT)")
    settle(real)
    two = take(real, place / "two", since=one.source["lsn"]["to"])
    sets = {"full": full.source, "one": one.source, "two": two.source}
    for wrong, newest in ((["full", "two"], "full"), (["full", "two", "one"], "full")):
        with pytest.raises(Refused, match="two begins at") as caught:
            physical.require_chain([(name, sets[name]) for name in wrong])
        assert newest in caught.value.hint
    with pytest.raises(Refused):
        physical.require_chain([("one", sets["one"])])
    for name in sets:
        physical.extract(Beside(), parts(place / name), place / "copies" / name)
    with pytest.raises(Refused, match="two begins at"):
        physical.prepare(Beside(), place / "copies" / "full", [place / "copies" / "two"])


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount in a namespace of its own")
def test_files_of_another_server_are_refused_where_the_bare_program_says_ok(
    start: Start, place: Path
) -> None:
    nova, other = start("db1"), start("db2")
    nova.sql(
        "CREATE DATABASE nova", "CREATE TABLE nova.t (id INT)", "INSERT INTO nova.t VALUES (1)"
    )
    other.sql("CREATE DATABASE other", "CREATE TABLE other.t (id INT)", "FLUSH TABLES")
    # Let the log of the node whose files are read be ahead: then nothing looks wrong.
    for number in range(40):
        nova.sql(f"CREATE TABLE nova.t{number} (id INT)")
    # As on two nodes: the same path, and behind it the files of the node where the program runs.
    there = ("unshare", "-m", "sh", "-c", f'mount --bind {nova.data} {other.data}; exec "$@"', "x")
    # The bare program: files of db1, position of db2, and all is well.
    options = place / "options"
    quoted = PASSWORD.replace("\\", "\\\\").replace('"', '\\"')
    options.write_text(f'[client]\nuser=day2\npassword="{quoted}"\nsocket={other.socket}\n')
    target = place / "wrong"
    program = ("mariadb-backup", f"--defaults-file={options}", "--backup", f"--target-dir={target}")
    done = subprocess.run([*there, *program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-500:]
    assert done.stderr.strip().endswith("completed OK!")
    assert (target / "nova").is_dir()
    gtid = other.sql("SELECT @@gtid_binlog_pos")[0][0]
    assert str(gtid) in (target / "xtrabackup_info").read_text()
    # Ours asks the kernel who listens, and where that process works.
    with pytest.raises(Refused, match="another server's"):
        physical.take(other.server(there), nowhere)
    # The same without a namespace: asked for the wrong folder.
    with pytest.raises(Refused, match="another server's"):
        identity.require_files(other.server(), str(nova.data))
    assert identity.require_files(other.server(), str(other.data)) == other.pid


def test_an_address_proves_nothing(real: Real) -> None:
    server = Server(Beside(), Login(user="day2", password=PASSWORD, host="127.0.0.1"))
    with pytest.raises(Refused, match="local socket"):
        identity.require_files(server, str(real.data))


def test_a_socket_that_nobody_can_be_seen_behind_proves_nothing(real: Real, place: Path) -> None:
    link = place / "link.sock"
    link.symlink_to(real.socket)
    server = Server(Beside(), Login(user="day2", password=PASSWORD, socket=str(link)))
    assert identity.require_files(server, str(real.data)) == real.pid
    other = Server(Beside(), Login(user="day2", socket=str(place / "none.sock")))
    with pytest.raises((Refused, BadAnswer)):
        identity.require_files(other, str(real.data))


def test_a_program_that_does_not_say_that_it_completed_fails(real: Real, place: Path) -> None:
    nasty.plant(real)
    run = place / "run"
    run.write_text(
        '#!/bin/sh\ncase "$*" in *--stream*) "$@" 2>/dev/null; echo half >&2;; '
        '*) exec "$@";; esac\n'
    )
    run.chmod(0o700)
    with pytest.raises(NotVerified, match="does not say that it completed"):
        physical.take(real.server((str(run),)), nowhere)
    assert not list(Path(physical.PLACE).glob("day2-lsn.*/lsn"))


def test_an_increment_of_another_base_is_not_made(real: Real) -> None:
    nasty.plant(real)
    with pytest.raises((BadAnswer, NotVerified)):
        physical.take(real.server(), nowhere, since=1 << 60)


def test_an_increment_is_taken_of_the_node_whose_files_the_set_below_it_holds(
    start: Start, place: Path, clock: SystemClock
) -> None:
    """Each node numbers its log for itself: that the numbers fit says nothing."""
    first, second = start("db1"), start("db2")
    nasty.plant(first)
    vault = BareVault(place / "vault", clock)

    def taken(of: Real, name: str, method: Method, parent: Found | None = None) -> Found:
        taker = DatabaseTaker(of.server(), DatabaseBackupSettings(), clock, place)
        below = {"parent": parent.manifest.id, "parent_sha256": parent.sha256} if parent else {}
        given = draft(Kind.DATABASE, name, method=method, **below)
        return work.take(vault, taker, given, clock, lambda _text: None)

    full = taken(first, "database-1", Method.FULL)
    reached = full.manifest.source["lsn"]["to"]
    number = 0
    while int(str(second.sql("SHOW STATUS LIKE 'Innodb_lsn_current'")[0][1])) <= reached:
        number += 1
        second.sql(f"CREATE DATABASE IF NOT EXISTS d{number}", f"CREATE TABLE d{number}.t (id INT)")
    with pytest.raises(Refused, match="each node numbers its log for itself"):
        taken(second, "database-2", Method.INCREMENT, full)
    assert [one.manifest.id for one in vault.sets()] == ["database-1"]
    taken(first, "database-3", Method.INCREMENT, full)


def test_no_increment_is_taken_of_files_that_were_made_anew(
    real: Real, place: Path, clock: SystemClock
) -> None:
    """As after an SST: the same host, folder and id, and the log of another node."""
    nasty.plant(real)
    vault = BareVault(place / "vault", clock)

    def taken(name: str, method: Method, parent: Found | None = None) -> Found:
        taker = DatabaseTaker(real.server(), DatabaseBackupSettings(), clock, place)
        below = {"parent": parent.manifest.id, "parent_sha256": parent.sha256} if parent else {}
        given = draft(Kind.DATABASE, name, method=method, **below)
        return work.take(vault, taker, given, clock, lambda _text: None)

    full = taken("database-1", Method.FULL)
    real.stop()
    real.start()
    one = taken("database-2", Method.INCREMENT, full)
    real.stop()
    shutil.copytree(real.data, place / "copied", copy_function=shutil.copy2)
    real.data.rename(place / "before")
    (place / "copied").rename(real.data)
    shutil.copystat(place / "before", real.data)
    if os.geteuid() == 0:
        owner = (place / "before").stat()
        for path in (real.data, *real.data.rglob("*")):
            os.chown(path, owner.st_uid, owner.st_gid)
    real.start()
    with pytest.raises(Refused, match="made anew since"):
        taken("database-3", Method.INCREMENT, one)
    taken("database-4", Method.FULL)


def test_a_damaged_stream_is_not_unpacked(real: Real, place: Path) -> None:
    nasty.plant(real)
    take(real, place / "full")
    whole = (place / "full").read_bytes()
    for number, damaged in enumerate((whole[: len(whole) // 2], b"x" + whole[1:])):
        folder = place / str(number)
        with pytest.raises((BadAnswer, NotVerified)):
            physical.extract(Beside(), [damaged], folder)
            physical.prepare(Beside(), folder)


def test_files_are_put_in_place_and_what_was_there_has_a_way_back(real: Real, place: Path) -> None:
    nasty.plant(real)
    take(real, place / "full")
    real.sql("INSERT INTO nova.instances VALUES (9, '', 'after the set')")
    physical.extract(Beside(), parts(place / "full"), place / "copy")
    physical.prepare(Beside(), place / "copy")
    with pytest.raises(Refused, match="still works in"):
        placing.place(place / "copy", real.data, aside=place / "aside")
    assert not (place / "aside").exists()
    real.stop()
    if os.geteuid() == 0:
        os.chown(real.data, 4711, 4712)
    (place / "copy" / "xtrabackup_galera_info").write_text("11-22:33 domain\n")
    position = placing.place(place / "copy", real.data, aside=place / "aside")
    assert position == "11-22:33"
    assert "safe_to_bootstrap: 1" in (real.data / "grastate.dat").read_text()
    assert not (real.data / "xtrabackup_info").exists()
    if os.geteuid() == 0:
        assert {(p.stat().st_uid, p.stat().st_gid) for p in real.data.rglob("*")} == {(4711, 4712)}
    real.start()
    assert real.sql("SELECT COUNT(*) FROM nova.instances") == [(2,)]
    real.stop()
    placing.take_back(real.data, place / "aside", instead=place / "instead")
    real.start()
    assert real.sql("SELECT COUNT(*) FROM nova.instances") == [(3,)]


def test_what_is_no_prepared_folder_is_not_put_anywhere(real: Real, place: Path) -> None:
    (place / "nothing").mkdir()
    with pytest.raises(BadUsage):
        placing.place(place / "nothing", real.data, aside=place / "aside")
    real.stop()
    (place / "aside").mkdir()
    (place / "nothing" / "ibdata1").touch()
    with pytest.raises(Refused, match="exists already"):
        placing.place(place / "nothing", real.data, aside=place / "aside")
    assert (real.data / "ibdata1").exists()
