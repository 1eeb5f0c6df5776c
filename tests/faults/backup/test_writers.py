# SPDX-License-Identifier: Apache-2.0
"""Several writers, dead ones, and those that come back; and clocks that lie."""

import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from day2.errors import Locked, Refused
from day2.model.backup import Told
from tests.unit.backup.stand import SQL, Stand, draft, names, record, require_sound, take

ROOT = Path(__file__).parents[3]
FIRST, SECOND = "database-20261126-060000-1a2b", "database-20261127-060000-2b3c"
HOLD = """
import sys
from pathlib import Path
from tests.faults.backup.drive import again
from tests.unit.backup.stand import draft, names
from day2.errors import Day2Error
stand = again(Path(sys.argv[1]))
try:
    with stand.vault().write(draft(sys.argv[2])) as writer:
        with writer.sink("dump", "dump.sql") as sink:
            sink.write(b"x" * 100000)
        print("begun", flush=True)
        sys.stdin.readline()
        writer.commit(source={}, exits={})
        print("committed", flush=True)
except Day2Error as error:
    print(error.kind, error, flush=True)
"""


@contextmanager
def holding(stand: Stand, name: str) -> Iterator["subprocess.Popen[str]"]:
    """Another process that has begun a set, and commits it when it reads a line."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(stand.folder), name],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate(timeout=10)


def hear(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def answer(process: "subprocess.Popen[str]") -> str:
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()
    return hear(process)


def test_of_two_processes_one_writes_and_the_other_is_told_who(stand: Stand) -> None:
    vault = stand.vault()
    with holding(stand, FIRST) as other:
        assert hear(other) == "begun"
        with pytest.raises(Locked, match=f"{FIRST}, process {other.pid} on ctl1"):
            take(vault, SECOND)
        assert answer(other) == "committed"
    assert [one.manifest.id for one in vault.sets()] == [FIRST]
    assert take(vault, SECOND).manifest.token == vault.find(FIRST).manifest.token + 1


def test_a_dead_writer_holds_nothing_and_its_leavings_are_swept(stand: Stand) -> None:
    vault = stand.vault()
    with holding(stand, FIRST) as other:
        assert hear(other) == "begun"
        other.send_signal(signal.SIGKILL)
        other.wait(timeout=10)
        assert f".{FIRST}.partial" in names(vault.folder)
        assert vault.sets() == []
        require_sound(vault, take(vault, SECOND), SQL, stand.into)
    assert names(vault.folder) == [".locks", SECOND]


@pytest.mark.parametrize("double", [FIRST, SECOND])
@pytest.mark.parametrize("lost", ["the lock", "all locks"])
def test_a_writer_that_outlived_its_lock_commits_nothing(
    lost: str, double: str, stand: Stand
) -> None:
    """It stood still, its lock was forgotten, another took over: what it has is void."""
    vault = stand.vault()
    with holding(stand, FIRST) as zombie:
        assert hear(zombie) == "begun"
        zombie.send_signal(signal.SIGSTOP)
        locks = vault.folder / ".locks"
        for file in list(locks.iterdir()):
            if lost == "all locks" or file.name == "database.lock":
                file.unlink()
        with vault.write(draft(double)) as writer:
            with writer.sink("dump", "dump.sql") as sink:
                sink.write(SQL)
            zombie.send_signal(signal.SIGCONT)
            assert "another process has taken over" in answer(zombie)
            zombie.wait(timeout=10)
            found = writer.commit(source={}, exits={})
    assert vault.sets() == [found]
    require_sound(vault, found, SQL, stand.into)


def test_many_writers_of_all_kinds_make_a_row_of_sets(stand: Stand) -> None:
    """Threads have locks of their own; sequence numbers are given once."""
    kinds = ("database", "config", "identity", "images", "volumes", "rbd", "day2")
    failed: list[str] = []

    def work(kind: str) -> None:
        for number in range(4):
            try:
                take(stand.vault(), f"{kind}-{number}")
            except Exception as error:  # noqa: BLE001 - shown below
                failed.append(f"{kind} {error}")

    threads = [threading.Thread(target=work, args=(kind,)) for kind in kinds]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    found = stand.vault().sets()
    assert [one.manifest.sequence for one in found] == list(range(1, 29))
    assert [stand.vault().check(one) for one in found] == [""] * 28


def test_records_of_many_are_all_kept_in_one_row(stand: Stand) -> None:
    found = take(stand.vault())
    failed: list[str] = []

    def work(who: int) -> None:
        vault = stand.vault()
        for number in range(10):
            try:
                vault.record(record(found, detail=f"{who}/{number}"))
            except Exception as error:  # noqa: BLE001 - shown below
                failed.append(str(error))

    threads = [threading.Thread(target=work, args=(who,)) for who in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    records = stand.vault().find(found.manifest.id).records
    told = sorted(one.detail for one in records)
    assert told == sorted(f"{who}/{number}" for who in range(5) for number in range(10))


@pytest.mark.parametrize("days", [-365, 365])
def test_clocks_that_jump_change_neither_order_nor_duration(days: int, stand: Stand) -> None:
    vault = stand.vault()
    first = take(vault, FIRST)
    with vault.write(draft(SECOND)) as writer:
        with writer.sink("dump", "dump.sql") as sink:
            sink.write(SQL)
        stand.clock.sleep(2.5)
        stand.clock.jump(days=days)
        second = writer.commit(source={}, exits={})
    assert second.manifest.seconds == 2.5
    assert [one.manifest.id for one in vault.sets()] == [FIRST, SECOND]
    assert vault.left(hours=1) == []
    for found in (first, second):
        require_sound(vault, found, SQL, stand.into)


def test_the_number_of_a_lock_is_not_given_twice_when_its_file_is_lost(stand: Stand) -> None:
    vault = stand.vault()
    tokens = [take(vault, f"database-{number}").manifest.token for number in range(3)]
    for content in (None, b"", b"garbage\n", b"-5 x\n", b"9" * 5000):
        file = vault.folder / ".locks" / "database.token"
        file.unlink() if content is None else file.write_bytes(content)
        tokens.append(take(vault, f"database-{len(tokens)}").manifest.token)
    assert tokens == sorted(set(tokens))


def test_a_parent_cannot_be_removed_under_its_increment(stand: Stand) -> None:
    from day2.model.backup import Method

    vault = stand.vault()
    full = take(vault, FIRST, method=Method.FULL)
    given = draft(
        SECOND, method=Method.INCREMENT, parent=full.manifest.id, parent_sha256=full.sha256
    )
    with vault.write(given) as writer:
        with writer.sink("dump", "x") as sink:
            sink.write(b"x")
        vault.record(record(full, Told.CONDEMNED))
        vault.remove(full)
        with pytest.raises(Refused, match="is gone"):
            writer.commit(source={}, exits={})
    assert vault.sets() == []
