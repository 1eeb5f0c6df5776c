# SPDX-License-Identifier: Apache-2.0
"""Sets of files by whole commands: taken, proven, damaged, killed, restored; the cloud is gone."""

import filecmp
import os
import signal
import stat
import time
from pathlib import Path

import pytest

from day2.memory import runs
from day2.memory.store import open_memory
from tests.scenarios.backup.place import SECRET, Place


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def test_a_set_is_taken_proven_and_restored_while_there_is_no_cloud(
    place: Place, tmp_path: Path
) -> None:
    ended = place.apply("run", "config", "day2", "--level", "3")
    assert (ended.code, ended.document["state"]) == (0, "done"), ended.document
    sets = place.sets()
    assert {(one["kind"], one["level"], one["state"]) for one in sets.values()} == {
        ("config", 3, "good"),
        ("day2", 3, "good"),
    }
    into = tmp_path / "back"
    restored = place.run("backup", "restore", "config", "--into", str(into), "-f", "json")
    assert restored.code == 0, restored.stderr
    there = into / str(place.kolla).lstrip("/")
    assert restored.document["links"] == {str(place.kolla / "certificates"): "/somewhere/else"}
    files = [p.relative_to(place.kolla) for p in place.kolla.rglob("*") if p.is_file()]
    # And one that says by which programs the cloud is deployed.
    assert len(files) == restored.document["files"] - 1 == 5
    same, differ, lost = filecmp.cmpfiles(place.kolla, there, [str(f) for f in files], False)
    assert (len(same), differ, lost) == (5, [], [])
    assert stat.S_IMODE((there / "passwords.yml").stat().st_mode) == 0o600
    again = place.run("backup", "restore", "config", "--into", str(into))
    assert again.code == 24
    assert "is not empty" in again.stderr
    living = place.run("backup", "restore", "config", "--into", str(place.kolla / "old"))
    assert (living.code, "where the configuration lives" in living.stderr) == (24, True)


def test_a_name_in_a_set_steers_no_terminal(place: Place, tmp_path: Path) -> None:
    (place.kolla / "a\x1b]0;evil\x07b").symlink_to("/c\x1b[2Jd")
    assert place.apply("run", "config").code == 0
    restored = place.run("backup", "restore", "config", "--into", str(tmp_path / "back"))
    assert restored.code == 0, restored.stderr
    assert "a?]0;evil?b -> /c?[2Jd" in restored.stdout
    assert "\x1b" not in restored.stdout + restored.stderr


def test_nothing_plain_and_nothing_open_to_others_lies_in_the_vault(place: Place) -> None:
    assert place.apply("run", "config").code == 0
    for path in [place.vault, *place.vault.rglob("*")]:
        assert not stat.S_IMODE(path.stat().st_mode) & 0o077, path
        if path.is_file():
            assert SECRET.encode() not in path.read_bytes(), path
    kept = [p for p in place.state.rglob("*") if p.is_file()]
    assert kept
    for path in kept:
        assert SECRET.encode() not in path.read_bytes(), path


def test_a_damaged_set_is_bad_and_told_until_a_good_one_is_there(place: Place) -> None:
    assert place.apply("run", "config").code == 0
    (tree,) = place.vault.glob("lost/config-*/tree.tar.zst.age")
    with tree.open("r+b") as opened:
        opened.seek(tree.stat().st_size // 2)
        byte = opened.read(1)
        opened.seek(-1, os.SEEK_CUR)
        opened.write(bytes([byte[0] ^ 1]))
    ended = place.apply("verify", "--newest", "config")
    assert ended.code == 26, ended.document
    assert "tree.tar.zst.age" in ended.document["steps"][0]["detail"]
    (bad,) = place.sets().values()
    assert (bad["state"], bad["level"]) == ("bad", 0)
    listed = place.run("backup", "list", "--kind", "config")
    assert listed.code == 11
    assert "no set could be restored" in listed.stdout
    refused = place.run("backup", "verify", "--newest", "config", "--plan-only")
    assert refused.code == 2
    assert place.apply("run", "config", "--level", "3").code == 0
    assert place.run("backup", "list", "--kind", "config").code == 10


def test_a_worker_that_is_killed_leaves_nothing_and_the_set_is_taken_again(place: Place) -> None:
    with (place.kolla / "large").open("wb") as opened:
        for _ in range(24):
            opened.write(os.urandom(16 << 20))
    name = place.plan("run", "config", "--level", "0")
    assert place.run("plan", "approve", name).code == 0
    assert place.run("plan", "apply", name, "--no-follow").code == 0
    memory = open_memory(place.state)
    killed = kill_worker(place, name)
    end = time.monotonic() + 90
    while not (run := runs.load(memory, name)).state.ended:
        assert time.monotonic() < end, run
        time.sleep(0.1)
    memory.close()
    assert run.state.value == "done", [step.detail for step in run.steps]
    (one,) = place.sets().values()
    assert one["state"] == "good"
    assert not list(place.vault.glob("lost/.*partial*"))
    assert killed


def kill_worker(place: Place, name: str) -> bool:
    """End the worker as `kill -9` does, once it has begun to write."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        written = [p for p in place.vault.glob("lost/.*/*") if p.stat().st_size > 1 << 20]
        if written:
            for entry in Path("/proc").iterdir():
                if entry.name.isdigit() and belongs(entry, str(place.settings), name):
                    os.kill(int(entry.name), signal.SIGKILL)
                    return True
        time.sleep(0.005)
    return False


def belongs(entry: Path, settings: str, name: str) -> bool:
    """Tell whether a process is the worker of this run, not the shell before it."""
    try:
        words = (entry / "cmdline").read_bytes().decode().split("\0")
        environment = (entry / "environ").read_bytes().decode()
    except OSError:
        return False
    return (
        "work" in words
        and name in " ".join(words)
        and words[0] != "/bin/sh"
        and (settings in environment)
    )
