# SPDX-License-Identifier: Apache-2.0
"""RBD images saved, proven, restored and released by whole commands, on a real Ceph."""

import contextlib
import json
import os
import shutil
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from day2.adapters.reasons import one_line
from lab.parts.ceph import Ceph
from lab.processes import wait_for
from tests.lab.rbd_images import MIB, Diff, exported, noise, wipe, write
from tests.scenarios.backup.place import Place

POOL, IMAGE = "volumes", "volume-5b0c"
SPEC = f"{POOL}/{IMAGE}"
SIZE = 12 * MIB
FULL = bool(os.environ.get("TEST_FULL"))
WRAPPER = """\
#!{python}
import os, sys, time
if "export-diff" in sys.argv and os.path.exists({hold!r}):
    open({held!r}, "w").close()
    time.sleep(600)
os.execvp("rbd", ["rbd", *sys.argv[1:]])
"""


class Ground:
    """A place whose settings name the lab's Ceph, and an image that changes from day to day."""

    def __init__(self, part: Ceph, folder: Path, **policy: Any) -> None:
        told: dict[str, Any] = dict(part.describe())
        self.part = part
        self.hold, self.held = folder / "hold", folder / "held"
        wrapper = folder / "rbd"
        text = WRAPPER.format(python=sys.executable, hold=str(self.hold), held=str(self.held))
        wrapper.write_text(text)
        wrapper.chmod(0o700)
        scratch = folder / "scratch"
        scratch.mkdir(mode=0o700)
        command = [str(wrapper), *told["rbd"][1:], "--id", "day2-backup"]
        self.place = Place(
            folder,
            backup={"kinds": ["rbd"], "rbd_images": [f"{POOL}/volume-*"], **policy},
            backup_rbd={
                "command": command,
                "scratch_pool": "backups",
                "scratch_folder": str(scratch),
            },
        )

    def change(self, day: int) -> None:
        """Write something new; the first time make the image."""
        if day == 0:
            self.part.cluster("rbd", "create", SPEC, "--size", "12M")
        diff = Diff(SIZE).write(day * MIB + 512, noise(f"day {day}", 200_000))
        write(self.part, SPEC, diff.zero(0, 4096) if day else diff)

    def run(self, *words: str) -> dict[str, Any]:
        """Plan, approve and run; it must end well."""
        ended = self.place.apply(*words)
        assert ended.code == 0, (ended.stdout[-2000:], ended.stderr[-2000:])
        return ended.document

    def sets(self) -> list[dict[str, Any]]:
        return list(self.place.sets().values())

    def source(self, name: str) -> dict[str, Any]:
        """Return what the manifest of a set says of what was read."""
        manifest = json.loads((self.place.vault / "lost" / name / "manifest.json").read_text())
        found: dict[str, Any] = manifest["source"]
        return found

    def records(self, name: str) -> list[str]:
        """Return what was told of a set since, in its order."""
        folder = self.place.vault / "lost" / f"{name}.records"
        return [file.stem.partition("-")[2] for file in sorted(folder.glob("*.json"))]

    def snapshots(self, spec: str = SPEC) -> list[str]:
        listed = self.part.cluster("rbd", "snap", "ls", spec, "--format", "json")
        return [row["name"] for row in json.loads(listed)]

    def images(self, pool: str) -> list[str]:
        found: list[str] = json.loads(self.part.cluster("rbd", "ls", pool, "--format", "json"))
        return found


@pytest.fixture
def clean(ceph_part: Ceph) -> Iterator[Ceph]:
    """Begin with empty pools, whatever a run that was interrupted has left, and leave them so."""
    sweep(ceph_part)
    yield ceph_part
    sweep(ceph_part)


def sweep(part: Ceph) -> None:
    for pool in (POOL, "backups"):
        wipe(part, pool)
    part.cluster("rbd", "trash", "purge", POOL, "--no-progress")


@pytest.fixture
def ground(clean: Ceph, tmp_path: Path) -> Ground:
    return Ground(clean, tmp_path)


def test_a_chain_is_saved_proven_and_restored_at_every_link(
    ground: Ground, ceph_part: Ceph
) -> None:
    contents, actions = [], []
    for day in range(4):
        ground.change(day)
        run = ground.run("run", "rbd", "--level", "3" if day == 3 else "0")
        contents.append(exported(ceph_part, SPEC))
        assert {step["outcome"] for step in run["steps"]} == {"done"}
        actions = [step["action"].removeprefix("backup.") for step in run["steps"]]
    assert actions == ["rbd-snapshot", "take", "verify", "rbd-release"]
    sets = ground.sets()
    assert [one["method"] for one in sets] == ["full", "increment", "increment", "increment"]
    assert [one["parent"] for one in sets] == [None, *(one["id"] for one in sets[:3])]
    assert sets[3]["level"] == 3
    sources = [ground.source(one["id"]) for one in sets]
    assert [source["content_sha256"] for source in sources] == contents
    assert sources[1]["written_bytes"] <= MIB
    assert ground.snapshots() == [f"day2-{sets[3]['id']}"], "only the newest is needed"
    assert ground.images("backups") == [], "the proof has left nothing"
    for number in range(4) if FULL else (1,):
        words = ("restore", sets[number]["id"], "--image", SPEC)
        ground.run(*words, "--as", f"backups/back-{number}")
        assert exported(ceph_part, f"backups/back-{number}") == contents[number]
    assert not list((ground.place.folder / "scratch").iterdir())
    again = ("backup", "restore", sets[0]["id"], "--image", SPEC, "--as", "backups/back-1")
    assert ground.place.run(*again, "--plan-only").code == 24, "never over one that is there"
    kept = ground.place.run("backup", "prune", "--wide", "--plan-only", "-f", "json").document
    assert kept["steps"] == []
    whys = {one["subject"]["id"]: one["why"] for one in kept["protected"]}
    assert f"{sets[1]['id']} builds on it" in whys[sets[0]["id"]]
    damage(ground, sets)


def damage(ground: Ground, sets: list[dict[str, Any]]) -> None:
    """Flip a bit of the second link, then lose it: all that stands on it is refused by name."""
    middle = ground.place.vault / "lost" / sets[1]["id"]
    (file,) = middle.glob("*.age")
    spoil(file)
    assert ground.place.apply("verify", sets[1]["id"], "--level", "1").code == 26
    words = ("restore", sets[3]["id"], "--image", SPEC, "--as", "backups/never", "--plan-only")
    ended = ground.place.run("backup", *words)
    assert ended.code == 24
    assert f"{sets[1]['id']} failed its verification" in ended.stderr
    assert f"the nearest that can be restored: {sets[0]['id']}" in ended.stderr
    shutil.rmtree(middle)
    shutil.rmtree(middle.with_name(f"{middle.name}.records"))
    ended = ground.place.run("backup", *words)
    assert ended.code == 24
    assert f"needs {sets[1]['id']}, which is not there" in ended.stderr
    if FULL:
        assert ground.place.apply("verify", sets[3]["id"], "--level", "3").code == 26
    assert "never" not in ground.images("backups")
    # A broken chain is no base: the next set is a full one, and older snapshots go.
    ground.run("run", "rbd")
    newest = ground.sets()[-1]
    assert newest["method"] == "full"
    assert ground.snapshots() == [f"day2-{newest['id']}"]


def spoil(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


def test_a_volume_that_its_owner_deleted_can_go_and_its_sets_stay(
    ground: Ground, ceph_part: Ceph
) -> None:
    ground.change(0)
    content = exported(ceph_part, SPEC)
    ground.run("run", "rbd")
    (one,) = ground.sets()
    theirs = "snapshot-of-the-tenant"
    ceph_part.cluster("rbd", "snap", "create", f"{SPEC}@{theirs}")
    with pytest.raises(RuntimeError, match="snapshots"):
        ceph_part.cluster("rbd", "rm", SPEC, "--no-progress")
    # As Cinder does with an image that has snapshots.
    image_id = json.loads(ceph_part.cluster("rbd", "info", SPEC, "--format", "json"))["id"]
    ceph_part.cluster("rbd", "trash", "mv", SPEC)
    run = ground.run("run", "rbd")
    (step,) = run["steps"]
    assert (step["action"], step["outcome"]) == ("backup.rbd-end", "done")
    by_id = ("--pool", POOL, "--image-id", image_id)
    left = json.loads(ceph_part.cluster("rbd", "snap", "ls", *by_id, "--format", "json"))
    assert [row["name"] for row in left] == [theirs], "only ours are released"
    assert ground.records(one["id"]) == ["verified", "ended"]
    plan = ground.place.run("backup", "run", "rbd", "--plan-only", "-f", "json")
    assert plan.document["steps"] == [], "it is said once"
    ceph_part.cluster("rbd", "snap", "rm", *by_id, "--snap", theirs, "--no-progress")
    ceph_part.cluster("rbd", "trash", "rm", "--pool", POOL, image_id, "--no-progress")
    ground.run("restore", one["id"], "--image", SPEC, "--as", IMAGE)
    assert exported(ceph_part, SPEC) == content


STRANGE = "day2-rbd-20200101-000000-beef"


def begin(ground: Ground, ceph_part: Ceph) -> tuple[str, str]:
    """Begin a run whose export hangs; return its id and the snapshot that it has made."""
    ground.change(0)
    ceph_part.cluster("rbd", "snap", "create", f"{SPEC}@{STRANGE}")
    ground.hold.touch()
    name = ground.place.plan("run", "rbd")
    words = ("plan", "apply", name, "--yes", "--no-follow", "-f", "json")
    run = ground.place.run(*words).document["id"]
    wait_for(ground.held.exists, "the export", seconds=120)
    (snapshot,) = [one for one in ground.snapshots() if one != STRANGE]
    assert ground.sets() == []
    return run, snapshot


@pytest.mark.full
def test_killed_with_all_that_works_a_run_goes_on_with_the_snapshot_it_has(
    ground: Ground, ceph_part: Ceph
) -> None:
    run, snapshot = begin(ground, ceph_part)
    kill_all(ground)
    ground.hold.unlink()
    assert ground.place.run("run", "resume", run).code == 0
    assert ended_as(ground, run) == "done"
    assert [f"day2-{one['id']}" for one in ground.sets()] == [snapshot]
    assert sorted(ground.snapshots()) == sorted([STRANGE, snapshot])


def test_what_a_dead_worker_left_goes_with_the_next_run_and_nothing_else(
    ground: Ground, ceph_part: Ceph
) -> None:
    run, snapshot = begin(ground, ceph_part)
    for _attempt in range(2):
        wait_for(ground.held.exists, "the export", seconds=120)
        ground.held.unlink()
        kill(mine("backup\0work\0take", str(ground.place.folder / "rbd")))
    assert ended_as(ground, run) == "partial"
    assert snapshot in ground.snapshots()
    ground.hold.unlink()
    name = ground.place.plan("run", "rbd")
    plan = ground.place.run("plan", "show", name, "-f", "json").document
    # What has our name, and no record of ours, is told and left alone.
    assert [one["subject"]["name"] for one in plan["refused"]] == [STRANGE]
    done = ground.place.run("plan", "apply", name, "--yes", "-f", "json")
    assert done.code == 0, done.stdout[-2000:]
    (one,) = ground.sets()
    assert sorted(ground.snapshots()) == sorted([STRANGE, f"day2-{one['id']}"])


def ended_as(ground: Ground, run: str) -> str:
    """Follow a run to its end, however long its engine takes to begin."""
    state = "running"
    for _again in range(20):
        told = ground.place.run("run", "watch", run, "-f", "json").document
        state = str(told["state"])
        if state not in {"queued", "running"}:
            break
    return state


def kill_all(ground: Ground) -> None:
    """End the engine, the worker and the client of RBD at once, as a power cut does."""
    engine = json.loads((ground.place.state / "engine.json").read_text())["pid"]
    kill([engine, *mine(str(ground.place.folder))])


def kill(pids: list[int]) -> None:
    for pid in dict.fromkeys(pids):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def mine(*words: str) -> list[int]:
    """List the processes of this test, by their arguments: its settings' folder is among them."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            told = (entry / "cmdline").read_bytes() + b"\0" + (entry / "environ").read_bytes()
        except OSError:
            continue
        if b"test_what_a_dead" not in told and b"test_killed_with" not in told:
            continue
        if any(word.encode() in told for word in words):
            found.append(int(entry.name))
    return found


def test_snapshots_of_others_are_listed_with_their_maker_and_left_alone(
    ground: Ground, ceph_part: Ceph
) -> None:
    """A protected one with a clone, one in the trash, and a name that steers terminals."""
    ground.change(0)
    ground.run("run", "rbd")
    own = "0b1c5a2e-7d0a-4a55-9d5c-2f6f3f1d9a10"
    hostile = "x\x1b[2J<b>"
    for name in (f"snapshot-{own}", f"backup.{own}.snap.1700000000.0", hostile, STRANGE):
        ceph_part.cluster("rbd", "snap", "create", f"{SPEC}@{name}")
    ceph_part.cluster("rbd", "create", "backups/image-1", "--size", "1M")
    ceph_part.cluster("rbd", "snap", "create", "backups/image-1@snap")
    facts = json.loads(ceph_part.cluster("rbd", "info", "backups/image-1", "--format", "json"))
    tenants = f"{SPEC}@snapshot-{own}"
    with contextlib.ExitStack() as undo:
        undo.callback(
            ceph_part.cluster, "rbd", "trash", "restore", "--pool", "backups", facts["id"]
        )
        ceph_part.cluster("rbd", "trash", "mv", "backups/image-1")
        undo.callback(ceph_part.cluster, "rbd", "snap", "unprotect", tenants)
        ceph_part.cluster("rbd", "snap", "protect", tenants)
        listed(ground, own, hostile)


def listed(ground: Ground, own: str, hostile: str) -> None:
    before = ground.snapshots()
    words = ("backup", "adopt", "--rbd", POOL, "--rbd", "backups")
    told = ground.place.run(*words, "-f", "json")
    assert told.code == 0, told.stderr
    found = {(row["pool"], row["snapshot"]): row for row in told.document["snapshots"]}
    assert {where: row["of"] for where, row in found.items()} == {
        (POOL, f"snapshot-{own}"): "cinder",
        (POOL, f"backup.{own}.snap.1700000000.0"): "cinder backup",
        (POOL, one_line(hostile)): "others",
        (POOL, STRANGE): "another day2",
        ("backups", "snap"): "glance",
    }
    assert [where for where, row in found.items() if row["protected"]] == [
        (POOL, f"snapshot-{own}")
    ]
    assert [where for where, row in found.items() if row["trashed"]] == [("backups", "snap")]
    assert all(row["taken_at"] and row["size_bytes"] for row in found.values())
    shown = ground.place.run(*words)
    assert shown.code == 0, shown.stderr
    assert "\x1b[2J" not in shown.stdout
    assert ground.snapshots() == before
    absent = ground.place.run("backup", "adopt", "--rbd", "no-such-pool")
    assert absent.code == 22
    assert "pool no-such-pool: " in absent.stderr
