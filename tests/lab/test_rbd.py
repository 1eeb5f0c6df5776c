# SPDX-License-Identifier: Apache-2.0
"""RBD images of a real cluster: read, frozen, exported as a chain, and made again at every link."""

import os
import subprocess
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import pytest

from day2.adapters.rbd import RbdSettings
from day2.adapters.rbd_diff import DiffReader
from day2.adapters.rbd_restoring import UNFINISHED, Piece, restore
from day2.adapters.rbd_writing import RbdWriter
from day2.errors import BadAnswer, NotDeployed, NotVerified, Refused, Unreachable
from day2.operations.backup import rbd_chains as chains
from lab.parts.ceph import Ceph
from lab.parts.ceph_cluster import OSDS
from lab.processes import wait_for
from tests.lab.rbd_images import MIB, Diff, FileSink, exported, noise, wipe, write

POOL, TARGET = "volumes", "backups"
NAME = "volume-0b1c5a2e-7d0a-4a55-9d5c-2f6f3f1d9a10"
IMAGE = f"{POOL}/{NAME}"
SNAPSHOTS = [f"day2-rbd-20261126-0{hour}0000-aaaa" for hour in range(4)]
SIZES = [12 * MIB, 12 * MIB, 20 * MIB, 16 * MIB]
OBJECT = 4 * MIB


@pytest.fixture
def rbd(ceph_part: Ceph) -> Iterator[RbdWriter]:
    told: dict[str, Any] = dict(ceph_part.describe())
    settings = RbdSettings(command=[*told["rbd"], "--id", "day2-backup"], silent_seconds_max=60)
    yield RbdWriter(settings, os.environ)
    for pool in (TARGET, "images"):
        wipe(ceph_part, pool)


@pytest.fixture(scope="module")
def chain(ceph_part: Ceph, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Piece]]:
    """Save an image that grows, shrinks, and is zeroed in part: one full link and three more."""
    folder = tmp_path_factory.mktemp("chain")
    told: dict[str, Any] = dict(ceph_part.describe())
    rbd = RbdWriter(RbdSettings(command=[*told["rbd"], "--id", "day2-backup"]), os.environ)
    rbd.create(POOL, NAME, size_bytes=SIZES[0], object_bytes=OBJECT)
    changes = [
        Diff(SIZES[0]).write(0, noise("boot", 2 * MIB)).write(9 * MIB, noise("data", MIB)),
        Diff(SIZES[1]).write(MIB + 512, noise("log", 70_000)),
        Diff(SIZES[2]).zero(0, MIB).write(19 * MIB, noise("grown", MIB)),
        Diff(SIZES[3]).write(9 * MIB + 4096, noise("again", 4096)),
    ]
    pieces, since = [], ""
    for number, (snapshot, change) in enumerate(zip(SNAPSHOTS, changes, strict=True)):
        write(ceph_part, IMAGE, change)
        rbd.create_snapshot(POOL, NAME, snapshot)
        file = folder / f"link-{number}"
        got, facts = rbd.export_diff(POOL, NAME, snapshot, FileSink(file), since=since)
        assert (facts.size_bytes, got.bytes) == (SIZES[number], file.stat().st_size)
        content = exported(ceph_part, f"{IMAGE}@{snapshot}")
        piece = Piece(
            file=file, sha256=got.sha256, snapshot=snapshot, since=since, content_sha256=content
        )
        pieces.append(piece)
        since = snapshot
    yield pieces
    wipe(ceph_part, POOL)


def test_images_and_snapshots_are_read(rbd: RbdWriter, chain: list[Piece]) -> None:
    assert NAME in rbd.images(POOL)
    image = rbd.image(POOL, NAME)
    assert (image.size_bytes, image.object_bytes, image.parent) == (SIZES[3], OBJECT, "")
    assert "fast-diff" in image.features
    found = rbd.snapshots(POOL, NAME)
    assert [(s.name, s.size_bytes) for s in found] == list(zip(SNAPSHOTS, SIZES, strict=True))
    assert rbd.watchers(POOL, NAME) == []
    assert rbd.children(POOL, NAME, SNAPSHOTS[0]) == []
    assert rbd.sha256(POOL, NAME, SNAPSHOTS[1]) == chain[1].content_sha256
    with pytest.raises(NotDeployed, match="No such file"):
        rbd.image(POOL, "volume-none")
    with pytest.raises(Unreachable, match=r"Operation not permitted|denied"):
        rbd.images("default.rgw.meta")


def test_a_link_holds_what_changed_and_no_more(chain: list[Piece]) -> None:
    sizes = [piece.file.stat().st_size for piece in chain]
    assert sizes[0] > 3 * MIB
    assert sizes[1] < 200_000
    assert sizes[3] < 20_000


@pytest.mark.parametrize("links", range(1, 5))
def test_every_link_is_restored_byte_for_byte(
    rbd: RbdWriter, ceph_part: Ceph, chain: list[Piece], links: int
) -> None:
    name = f"restored-{links}"
    restore(rbd, chain[:links], TARGET, name, object_bytes=OBJECT)
    assert exported(ceph_part, f"{TARGET}/{name}") == chain[links - 1].content_sha256
    assert rbd.snapshots(TARGET, name) == []
    assert rbd.images(TARGET) == [name]


def test_a_missing_link_is_refused_before_anything_is_touched(
    rbd: RbdWriter, chain: list[Piece]
) -> None:
    with pytest.raises(Refused, match="a link is missing"):
        restore(rbd, [chain[0], chain[2]], TARGET, "gap", object_bytes=OBJECT)
    with pytest.raises(Refused, match="a link is missing"):
        restore(rbd, chain[1:], TARGET, "gap", object_bytes=OBJECT)
    assert rbd.images(TARGET) == []
    # Ceph refuses it as well, but only once there is an image that was begun.
    rbd.create(TARGET, "begun", size_bytes=SIZES[0], object_bytes=OBJECT)
    with chain[1].file.open("rb") as source, pytest.raises(Unreachable, match="import-diff failed"):
        rbd.import_diff(TARGET, "begun", source)


def test_a_corrupted_link_is_told_by_its_hash_and_by_nothing_else(
    rbd: RbdWriter, ceph_part: Ceph, chain: list[Piece], tmp_path: Path
) -> None:
    spoiled = bytearray(chain[0].file.read_bytes())
    spoiled[MIB] ^= 1
    (tmp_path / "spoiled").write_bytes(spoiled)
    bad = msgspec.structs.replace(chain[0], file=tmp_path / "spoiled")
    with pytest.raises(NotVerified, match="damaged: its SHA-256"):
        restore(rbd, [bad], TARGET, "spoiled", object_bytes=OBJECT)
    assert rbd.images(TARGET) == []
    # RBD's own client takes it without a word: the stream has no checksum.
    rbd.create(TARGET, "silently", size_bytes=SIZES[0], object_bytes=OBJECT)
    with bad.file.open("rb") as source:
        rbd.import_diff(TARGET, "silently", source)
    assert exported(ceph_part, f"{TARGET}/silently") != chain[0].content_sha256


def test_a_cut_link_is_told(rbd: RbdWriter, chain: list[Piece], tmp_path: Path) -> None:
    whole = chain[0].file.read_bytes()
    for keep in (0, 5, 12, 40, len(whole) // 2, len(whole) - 1):
        reader = DiffReader()
        reader.write(whole[:keep])
        with pytest.raises(BadAnswer, match="is cut"):
            reader.finish()
    (tmp_path / "cut").write_bytes(whole[:-1])
    cut = msgspec.structs.replace(chain[0], file=tmp_path / "cut")
    with pytest.raises(NotVerified):
        restore(rbd, [cut], TARGET, "cut", object_bytes=OBJECT)


def test_an_image_that_did_not_become_what_it_was_is_not_kept(
    rbd: RbdWriter, chain: list[Piece]
) -> None:
    other = msgspec.structs.replace(chain[0], content_sha256="0" * 64)
    with pytest.raises(NotVerified, match="has SHA-256"):
        restore(rbd, [other], TARGET, "wrong", object_bytes=OBJECT)
    assert rbd.images(TARGET) == []


def test_nothing_is_written_over_and_a_killed_restore_is_begun_again(
    rbd: RbdWriter, ceph_part: Ceph, chain: list[Piece]
) -> None:
    rbd.create(TARGET, f"{UNFINISHED}again", size_bytes=SIZES[0], object_bytes=OBJECT)
    with chain[0].file.open("rb") as source:
        rbd.import_diff(TARGET, f"{UNFINISHED}again", source)
    restore(rbd, chain[:2], TARGET, "again", object_bytes=OBJECT)
    assert rbd.images(TARGET) == ["again"]
    before = exported(ceph_part, f"{TARGET}/again")
    with pytest.raises(Refused, match="writes over none"):
        restore(rbd, chain[:1], TARGET, "again", object_bytes=OBJECT)
    assert exported(ceph_part, f"{TARGET}/again") == before


def test_a_protected_snapshot_with_a_clone_stays(rbd: RbdWriter, ceph_part: Ceph) -> None:
    rbd.create("images", "base", size_bytes=4 * MIB, object_bytes=OBJECT)
    rbd.create_snapshot("images", "base", "snap")
    rbd.protect("images", "base", "snap", on=True)
    assert rbd.snapshots("images", "base")[0].protected
    ceph_part.cluster("rbd", "clone", "images/base@snap", "images/child")
    assert rbd.children("images", "base", "snap") == ["images/child"]
    assert rbd.image("images", "child").parent == "images/base@snap"
    with pytest.raises(Unreachable, match="snap rm failed"):
        rbd.remove_snapshot("images", "base", "snap")
    with pytest.raises(Unreachable, match="snap unprotect failed"):
        rbd.protect("images", "base", "snap", on=False)
    rbd.remove("images", "child")
    rbd.protect("images", "base", "snap", on=False)
    rbd.remove_snapshot("images", "base", "snap")
    assert rbd.snapshots("images", "base") == []


def test_a_plain_export_goes_back_in(
    rbd: RbdWriter, ceph_part: Ceph, chain: list[Piece], tmp_path: Path
) -> None:
    disk = tmp_path / "disk"
    got = rbd.export(POOL, NAME, SNAPSHOTS[0], FileSink(disk))
    assert (got.bytes, got.sha256) == (SIZES[0], chain[0].content_sha256)
    with disk.open("rb") as source:
        rbd.import_image(TARGET, "disk", source)
    assert exported(ceph_part, f"{TARGET}/disk") == chain[0].content_sha256


@pytest.mark.parametrize("name", ["a;touch pwned", "$(reboot)", "x@y", "-f", "a b", "a\nb"])
def test_hostile_names_are_listed_and_never_given_to_a_command(
    rbd: RbdWriter, ceph_part: Ceph, name: str
) -> None:
    if "@" not in name and not name.startswith("-"):
        ceph_part.cluster("rbd", "create", "--pool", "images", f"--image={name}", "--size", "1M")
        assert name in rbd.images("images")
    with pytest.raises(Refused, match="plain names only"):
        rbd.image("images", name)
    with pytest.raises(Refused, match="plain names only"):
        rbd.create_snapshot("images", name, "s")
    with pytest.raises(Refused, match="plain names only"):
        rbd.create_snapshot("images", "fine", name)


def test_a_deleted_volume_goes_once_our_snapshots_are_released(rbd: RbdWriter) -> None:
    rbd.create("images", "doomed", size_bytes=4 * MIB, object_bytes=OBJECT)
    before = rbd.image("images", "doomed").id
    ours, theirs = chains.snapshot_name("rbd-1"), "kept-by-nobody"
    rbd.create_snapshot("images", "doomed", ours)
    with pytest.raises(Unreachable, match="rm failed"):
        rbd.remove("images", "doomed")
    rbd.create_snapshot("images", "doomed", theirs)
    present = [snapshot.name for snapshot in rbd.snapshots("images", "doomed")]
    for name in chains.releases([], present, deleted=True):
        rbd.remove_snapshot("images", "doomed", name)
    assert [s.name for s in rbd.snapshots("images", "doomed")] == [theirs]
    rbd.remove_snapshot("images", "doomed", theirs)
    rbd.remove("images", "doomed")
    rbd.create("images", "doomed", size_bytes=4 * MIB, object_bytes=OBJECT)
    assert rbd.image("images", "doomed").id != before, "made anew, it is another image"


def test_a_guest_that_has_the_image_open_is_a_watcher(rbd: RbdWriter, ceph_part: Ceph) -> None:
    rbd.create("images", "open", size_bytes=64 * MIB, object_bytes=OBJECT)
    argv = ["rbd", "-c", str(ceph_part.cluster.config), "bench", "--io-type", "write"]
    endless = ["--io-total", "100G", "--io-size", "4K", "images/open"]
    with subprocess.Popen([*argv, *endless], stdout=subprocess.DEVNULL) as guest:
        try:
            wait_for(lambda: bool(rbd.watchers("images", "open")), "a watcher", seconds=20)
            # Frozen under its feet: what is exported is one moment, whatever is written meanwhile.
            rbd.create_snapshot("images", "open", "moment")
            assert rbd.sha256("images", "open", "moment") == rbd.sha256("images", "open", "moment")
        finally:
            guest.terminate()
    wait_for(lambda: not rbd.watchers("images", "open"), "it to close", seconds=45)


def test_a_cluster_that_hangs_ends_the_export_and_nothing_waits_for_it(
    ceph_part: Ceph, chain: list[Piece], tmp_path: Path
) -> None:
    told: dict[str, Any] = dict(ceph_part.describe())
    settings = RbdSettings(command=[*told["rbd"], "--id", "day2-backup"], silent_seconds_max=3)
    hasty = RbdWriter(settings, os.environ)
    for name in OSDS:
        ceph_part.freeze(name)
    try:
        with pytest.raises(Unreachable, match="rbd export gave nothing for 3 s and was ended"):
            hasty.export(POOL, NAME, SNAPSHOTS[0], FileSink(tmp_path / "disk"))
    finally:
        ceph_part.restore()
    got = hasty.export(POOL, NAME, SNAPSHOTS[0], FileSink(tmp_path / "disk"))
    assert got.sha256 == chain[0].content_sha256


# The guide's own commands, on the real thing.


def test_the_guide_s_pool_snapshot_is_one_of_an_image_called_images(ceph_part: Ceph) -> None:
    ceph_part.cluster("rbd", "create", "images/server-image", "--size", "4M")
    with pytest.raises(RuntimeError, match="default pool 'rbd'"):
        ceph_part.cluster("rbd", "snap", "create", "images@backup-20261126")
    with pytest.raises(RuntimeError, match="error opening image images"):
        ceph_part.cluster(
            *("rbd", "--rbd-default-pool", "images", "snap", "create", "images@backup-20261126")
        )
    # Where an image has that very name it "works": and no other image of the pool has a snapshot.
    ceph_part.cluster("rbd", "create", "images/images", "--size", "4M")
    ceph_part.cluster("rbd", "--rbd-default-pool", "images", "snap", "create", "images@backup")
    listed = ceph_part.cluster("rbd", "snap", "ls", "images/server-image", "--format", "json")
    assert listed.strip() == "[]"
    wipe(ceph_part, "images")


def test_the_guide_s_incremental_is_a_full_copy_of_a_moving_head(
    rbd: RbdWriter, ceph_part: Ceph, chain: list[Piece], tmp_path: Path
) -> None:
    sizes = []
    for day in range(2):
        file = tmp_path / f"incremental-{day}"
        ceph_part.cluster("rbd", "export-diff", IMAGE, file, "--no-progress")
        reader = DiffReader()
        reader.write(file.read_bytes())
        facts = reader.finish()
        assert (facts.since, facts.snapshot) == ("", "")
        sizes.append(facts.written_bytes)
    # Nothing changed in between, and the second is as large as the first.
    assert sizes[0] == sizes[1] > chain[3].file.stat().st_size * 10
    with pytest.raises(Refused, match="plain names only"):
        rbd.export_diff(POOL, NAME, "", FileSink(tmp_path / "head"))


def test_the_links_of_the_chain_follow_each_other(chain: list[Piece]) -> None:
    assert all(later.since == earlier.snapshot for earlier, later in pairwise(chain))
