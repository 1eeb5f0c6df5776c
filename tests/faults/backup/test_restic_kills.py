# SPDX-License-Identifier: Apache-2.0
"""Dead writers, dead restics and a full repository: nothing half is a set, and the next one works.

Restic 0.14 takes the end of its input for the end of the data, also when its giver was killed.
"""

import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from day2.errors import Day2Error, VaultFull
from tests.faults.backup.drive import PLAIN, nursery
from tests.unit.backup.stand import PASSWORD, Stand, draft, names, read_back, take

ROOT = Path(__file__).parents[3]
FULL = bool(os.environ.get("TEST_FULL"))
OLD, FIRST = "database-20261125-060000-0000", "database-20261126-060000-1a2b"
NOISE = random.Random(5).randbytes(6 << 20)  # noqa: S311 - content, not a secret
BEGIN = """
import sys, time
from pathlib import Path
from tests.faults.backup.drive import again
from tests.unit.backup.stand import draft
stand = again(Path(sys.argv[1]))
with stand.vault().write(draft(sys.argv[2])) as writer:
    with writer.sink("dump", "dump.sql") as sink:
        sink.write(b"x" * 3000000)
        print("begun", flush=True)
        time.sleep(600)
"""
pytestmark = pytest.mark.parametrize("stand", ["restic"], indirect=True)


@contextmanager
def writing(stand: Stand, name: str) -> Iterator["subprocess.Popen[str]"]:
    """Another process that has given restic three megabytes, and gives no more."""
    process = subprocess.Popen(
        [sys.executable, "-c", BEGIN, str(stand.folder), name],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        yield process
    finally:
        process.kill()
        process.communicate(timeout=10)


def restics(parent: int) -> list[int]:
    """Return the restics that a process has started."""
    listed = subprocess.run(
        ["pgrep", "-P", str(parent), "restic"], capture_output=True, text=True, check=False
    )
    return [int(line) for line in listed.stdout.split()]


def gone(pid: int) -> bool:
    until = time.monotonic() + 20
    while time.monotonic() < until:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            return True
        if state == "Z":
            return True
        time.sleep(0.05)
    return False


def sets_of(stand: Stand) -> set[str]:
    """Return what the repository's snapshots are of."""
    found = stand.repository().snapshots()
    return {tag for one in found for tag in one.tags if tag.startswith("set:")}


def test_half_a_stream_of_a_dead_writer_is_no_set_and_is_forgotten(stand: Stand) -> None:
    vault = stand.vault()
    with writing(stand, OLD) as other:
        (restic,) = restics(other.pid)
        other.send_signal(signal.SIGKILL)
        other.wait(timeout=10)
    assert gone(restic)
    assert sets_of(stand) == {f"set:{OLD}"}, "restic took what it had for all of it"
    assert vault.sets() == []
    found = take(vault, FIRST, content={"dump": NOISE})
    assert sets_of(stand) == {f"set:{FIRST}"}
    assert vault.sets() == [found]
    assert names(vault.folder) == [".locks", FIRST]


def test_a_restic_that_outlives_its_writer_is_ended_before_its_lock_is_removed(
    stand: Stand,
) -> None:
    vault = stand.vault()
    with writing(stand, OLD) as other:
        (restic,) = restics(other.pid)
        os.kill(restic, signal.SIGSTOP)
        other.send_signal(signal.SIGKILL)
        other.wait(timeout=10)
        assert any((stand.bulk / "locks").iterdir())
        # It stands still; asked to end it would not hear.
        found = take(vault, FIRST, content={"dump": NOISE})
        assert gone(restic)
    assert (vault.sets(), sets_of(stand)) == ([found], {f"set:{FIRST}"})
    assert list((stand.bulk / "locks").iterdir()) == []
    assert vault.check(found) == ""


def test_a_restic_that_is_killed_fails_its_set_and_locks_nobody_out(stand: Stand) -> None:
    vault = stand.vault()
    with (
        pytest.raises(Day2Error),
        vault.write(draft(OLD)) as writer,
        writer.sink("dump", "dump.sql") as sink,
    ):
        sink.write(NOISE[: 1 << 20])
        (restic,) = restics(os.getpid())
        os.kill(restic, signal.SIGKILL)
        sink.write(NOISE)
    assert vault.sets() == []
    assert names(vault.folder) == [".locks"]
    stand.repository(locked_seconds=0.0).call("prune", what="making room")
    assert take(vault, FIRST).manifest.id == FIRST


def test_a_producer_that_dies_after_its_data_leaves_no_snapshot(stand: Stand) -> None:
    vault = stand.vault()
    with (
        pytest.raises(RuntimeError),
        vault.write(draft(OLD)) as writer,
        writer.sink("dump", "dump.sql") as sink,
    ):
        sink.write(NOISE)
        raise RuntimeError
    assert (vault.sets(), sets_of(stand)) == ([], set())
    assert list((stand.bulk / "locks").iterdir()) == []


def test_killed_at_its_writes_a_set_is_whole_or_was_never_there(stand: Stand) -> None:
    old = take(stand.vault(), OLD)
    with nursery() as forks:
        code, points = forks.act(stand, "write", FIRST)
        assert code == 0
        step = 1 if FULL else 19
        name = ""
        for kill in range(1, len(points) + 1, step):
            name = f"database-20261127-060000-{kill:04x}"
            code, passed = forks.act(stand, "write", name, kill)
            assert code == -9, passed
            there = [one for one in stand.vault().sets() if one.manifest.id == name]
            assert len(there) == ("after rename of the set" in passed)
            for one in there:
                assert read_back(stand.vault(), one, stand.into)["dump"] == PLAIN
            assert forks.act(stand, "write", name)[0] == (24 if there else 0)
        assert stand.vault().check(stand.vault().find(name)) == ""
    assert stand.vault().check(old) == ""
    known = {f"set:{one.manifest.id}" for one in stand.vault().sets()}
    assert sets_of(stand) == known


def test_a_full_repository_is_told_and_takes_the_next_that_fits(stand: Stand) -> None:
    small = stand.folder / "small"
    small.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m,mode=0700", "day2-test", str(small)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("a small file system needs root, or the right to mount")
    try:
        shutil.move(stand.bulk, small / "repository")
        stand.bulk = small / "repository"
        vault = stand.vault()
        old = take(vault, OLD)
        with pytest.raises(VaultFull, match="no space left"):
            take(vault, FIRST, content={"dump": NOISE})
        assert vault.sets() == [old]
        assert vault.check(old) == ""
        # What restic left half is nobody's; prune makes room.
        stand.repository().call("prune", what="making room")
        assert take(vault, FIRST, content={"dump": NOISE[: 1 << 20]}).broken == ""
    finally:
        subprocess.run(["umount", "--lazy", str(small)], check=True)


def test_the_password_is_in_no_word_and_no_variable_of_any_process(stand: Stand) -> None:
    seen: list[str] = []
    looked = [0]
    done = threading.Event()

    def watch() -> None:
        while not done.is_set():
            for pid in restics(os.getpid()):
                for what in ("cmdline", "environ"):
                    try:
                        content = Path(f"/proc/{pid}/{what}").read_bytes()
                    except OSError:
                        continue
                    looked[0] += bool(content)
                    if PASSWORD.encode() in content:
                        seen.append(f"{pid} {what}")

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        found = take(stand.vault(), FIRST, content={"dump": NOISE})
        read_back(stand.vault(), found, stand.into)
    finally:
        done.set()
        watcher.join()
    assert seen == []
    assert looked[0] > 4
    for file in (stand.root).rglob("*"):
        assert not file.is_file() or PASSWORD.encode() not in file.read_bytes()
