# SPDX-License-Identifier: Apache-2.0
"""The databases by whole commands, on a real server: taken three ways, proven, put back."""

import gzip
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.database_server import PASSWORD, Real, running, template
from lab.packages import install_packages
from tests.scenarios.backup.place import Ended, Place, private

NEEDED = {"/usr/sbin/mariadbd": "mariadb-server", "/usr/bin/mariadb-backup": "mariadb-backup"}
SCHEMAS = (
    *("CREATE DATABASE nova", "CREATE DATABASE keystone", "CREATE DATABASE placement"),
    "CREATE TABLE nova.instances (id INT PRIMARY KEY, uuid CHAR(36), note TEXT)",
    "USE nova",
    "INSERT INTO nova.instances SELECT seq, UUID(), REPEAT('x', 300) FROM seq_1_to_3000",
    "CREATE TABLE keystone.alembic_version (version_num VARCHAR(32) PRIMARY KEY)",
    "INSERT INTO keystone.alembic_version VALUES ('11c3b243b4cb')",
    "CREATE TABLE placement.allocations (id INT PRIMARY KEY)",
)
COUNT = "SELECT COUNT(*), MAX(id) FROM nova.instances"


@pytest.fixture(scope="module")
def made() -> Iterator[Path]:
    install_packages(NEEDED)
    folder = Path(tempfile.mkdtemp(prefix="d2db"))
    yield template(folder)
    shutil.rmtree(folder)


@pytest.fixture
def real(made: Path) -> Iterator[Real]:
    folder = Path(tempfile.mkdtemp(prefix="d2db"))
    with running(folder / "db", made) as server:
        server.sql(*SCHEMAS)
        yield server
    shutil.rmtree(folder)


@pytest.fixture
def place(tmp_path: Path, real: Real) -> Place:
    private(tmp_path / "password", f"{PASSWORD}\n")
    section = {
        "user": "day2",
        "password": {"file": str(tmp_path / "password")},
        "socket": str(real.socket),
        "scratch_folder": str(real.folder.parent),
        "scratch_memory_mib": 64,
    }
    return Place(tmp_path, backup_database=section)


def require_done(ended: Ended) -> None:
    assert (ended.code, ended.document["state"]) == (0, "done"), ended.document


def test_three_ways_are_taken_and_each_is_proven_by_a_restore(place: Place, real: Real) -> None:
    require_done(place.apply("run", "database", "--level", "3"))
    require_done(place.apply("run", "database", "--method", "full"))
    real.sql("USE nova", "INSERT INTO instances SELECT seq, 'later', 'y' FROM seq_5001_to_6000")
    require_done(place.apply("run", "database", "--method", "increment"))
    require_done(place.apply("run", "database", "--method", "increment", "--level", "3"))
    sets = place.sets()
    assert [(one["method"], one["level"]) for one in sets.values()] == [
        ("logical", 3),
        ("full", 1),
        ("increment", 1),
        ("increment", 3),
    ]
    shown = place.run("backup", "show", list(sets)[-1], "-f", "json").document
    assert (shown["parent"], shown["unusable"]) == (list(sets)[-2], None)
    newest = place.run("backup", "list", "-f", "json").document["newest_recoverable_at"]
    assert newest == shown["taken_at"]


def test_a_missing_link_makes_what_stands_on_it_unusable(place: Place) -> None:
    require_done(place.apply("run", "database", "--method", "full"))
    require_done(place.apply("run", "database", "--method", "increment"))
    full, increment = place.sets()
    shutil.move(place.vault / "lost" / full, place.folder / "lost-link")
    shown = place.run("backup", "show", increment, "-f", "json").document
    assert shown["unusable"].startswith(f"its parent {full} cannot be used: "), shown["unusable"]
    assert place.run("backup", "list", "--kind", "database").code == 11


def test_one_schema_is_put_back_and_that_is_taken_back(place: Place, real: Real) -> None:
    require_done(place.apply("run", "database", "--level", "3"))
    (name,) = place.sets()
    real.sql(
        "DELETE FROM nova.instances WHERE id <= 1000",
        "INSERT INTO nova.instances VALUES (99999, 'after', '')",
        "CREATE TABLE nova.newer (id INT)",
        "INSERT INTO placement.allocations VALUES (7)",
    )
    restored = place.plan("restore", name, "--schema", "nova")
    require_done(place.run("plan", "apply", restored, "--yes", "-f", "json"))
    assert real.sql(COUNT) == [(3000, 3000)]
    assert real.sql("SHOW TABLES FROM nova") == [("instances",)], "what was newer is gone"
    assert real.sql("SELECT id FROM placement.allocations") == [(7,)], "others are untouched"
    undone = place.run("run", "undo", restored, "--plan-only", "-f", "json")
    assert undone.code == 0, undone.stderr
    name = undone.document["id"]
    assert place.run("plan", "approve", name).code == 0
    require_done(place.run("plan", "apply", name, "-f", "json"))
    assert real.sql(COUNT) == [(2001, 99999)]
    assert sorted(real.sql("SHOW TABLES FROM nova")) == [("instances",), ("newer",)]


def test_a_schema_in_use_is_not_touched(place: Place, real: Real) -> None:
    require_done(place.apply("run", "database", "--level", "3"))
    (name,) = place.sets()
    with subprocess.Popen(
        ["mariadb", f"--socket={real.socket}", "-uroot", "nova", "-e", "SELECT SLEEP(60)"],
        stdout=subprocess.DEVNULL,
    ) as user:
        try:
            planned = place.run("backup", "restore", name, "--schema", "nova", "--plan-only")
            assert "the schema nova is in use" in planned.stdout
            ended = place.apply("restore", name, "--schema", "nova")
        finally:
            user.kill()
    assert ended.code == 3
    assert "is in use" in ended.document["steps"][1]["detail"]
    assert real.sql(COUNT) == [(3000, 3000)]


def test_another_revision_is_a_blocker_that_can_be_accepted(place: Place, real: Real) -> None:
    require_done(place.apply("run", "database"))
    (name,) = place.sets()
    real.sql("UPDATE keystone.alembic_version SET version_num = 'newer'")
    words = ("backup", "restore", name, "--schema", "keystone", "--plan-only", "-f", "json")
    (refusal,) = place.run(*words).document["refused"]
    assert refusal["blocker"]
    assert "11c3b243b4cb" in refusal["why"]
    assert "newer" in refusal["why"]
    assert place.run(*words, "--allow", "other-revision").document["refused"] == []


def test_a_set_of_another_cloud_is_a_blocker_that_can_be_accepted(place: Place) -> None:
    """The vault's folder has the name that settings give a cloud: two may give the same."""
    require_done(place.apply("run", "database"))
    (name,) = place.sets()
    clouds = place.folder / "clouds.yaml"
    clouds.write_text(clouds.read_text().replace(":1/v3", ":2/v3"))
    words = ("backup", "restore", name, "--schema", "nova", "--plan-only", "-f", "json")
    (refusal,) = place.run(*words).document["refused"]
    assert refusal["blocker"]
    assert "another cloud" in refusal["why"]
    assert place.run(*words, "--allow", "other-cloud").document["refused"] == []


def test_a_restore_that_is_killed_goes_on_and_keeps_what_it_kept_first(
    place: Place, real: Real
) -> None:
    require_done(place.apply("run", "database"))
    (name,) = place.sets()
    real.sql("DELETE FROM nova.instances WHERE id <= 1000")
    restored = place.plan("restore", name, "--schema", "nova")
    assert place.run("plan", "approve", restored).code == 0
    assert place.run("plan", "apply", restored, "--no-follow").code == 0
    assert kill_when(place.state / "aside", place)
    end = time.monotonic() + 90
    while (run := place.run("run", "show", restored, "-f", "json").document)["state"] == "running":
        assert time.monotonic() < end, run
        time.sleep(0.3)
    assert run["state"] == "done", run
    assert real.sql(COUNT) == [(3000, 3000)]
    (aside,) = (place.state / "aside").iterdir()
    assert aside.read_bytes().count(b"\n(") == 2000


def kill_when(folder: Path, place: Place) -> bool:
    """End the worker as `kill -9` does, as soon as it has begun to keep something."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        if folder.is_dir() and any(folder.iterdir()):
            for entry in Path("/proc").iterdir():
                if entry.name.isdigit() and is_worker(entry, place):
                    os.kill(int(entry.name), signal.SIGKILL)
                    return True
        time.sleep(0.002)
    return False


def is_worker(entry: Path, place: Place) -> bool:
    try:
        words = (entry / "cmdline").read_bytes().decode().split("\0")
        environment = (entry / "environ").read_bytes().decode()
    except OSError:
        return False
    ours = str(place.settings) in environment
    return ours and words[0] != "/bin/sh" and {"work", "restore"} <= set(words)


def test_what_others_took_is_examined_restored_and_never_touched(
    place: Place, real: Real, tmp_path: Path
) -> None:
    folder = tmp_path / "theirs"
    kolla = folder / "full-25-01-2026-1769335200"
    kolla.mkdir(parents=True)
    login = [f"--socket={real.socket}", "-uroot"]
    dumped = subprocess.run(
        ["mariadb-dump", *login, "--single-transaction", "nova"], capture_output=True, check=True
    ).stdout
    packed = gzip.compress(dumped)
    files = {
        "nova_20260125_100000.sql.gz": packed,
        "nova_20260126_100000.sql.gz": gzip.compress(b""),
        "nova_20260127_100000.sql.gz": packed[: len(packed) // 2],
    }
    for name, content in files.items():
        (folder / name).write_bytes(content)
    stream = subprocess.run(
        [
            *("mariadb-backup", "--no-defaults", "--backup", *login),
            *(f"--datadir={real.data}", "--stream=mbstream"),
        ],
        capture_output=True,
        check=True,
    ).stdout
    (kolla / "backup-full-25-01-2026-1769335200.mbs.gz").write_bytes(gzip.compress(stream, 1))
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    ended = place.apply("adopt", str(folder), "--level", "3")
    assert ended.code == 26, ended.document
    found = {(one["taken_at"][:10], one["state"], one["level"]) for one in place.sets().values()}
    assert found == {
        ("2026-01-25", "good", 3),
        ("2026-01-26", "bad", 0),
        ("2026-01-27", "bad", 0),
    }
    said = " ".join(step["detail"] for step in ended.document["steps"])
    assert "empty: 20 bytes on disk, nothing inside" in said
    assert "truncated" in said
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before
    again = place.run("backup", "adopt", str(folder), "--plan-only", "-f", "json").document
    assert (again["steps"], len(again["refused"])) == ([], 4)
