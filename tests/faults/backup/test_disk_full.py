# SPDX-License-Identifier: Apache-2.0
"""A disk that fills at every place, on a real small one: nothing is left, nothing old is hurt."""

import os
import random
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from day2.errors import VaultFull
from tests.unit.backup.stand import SQL, Stand, draft, names, prove, require_sound, take

SIZE = 4 << 20
PAGE = 4096
NOISE = random.Random(5).randbytes(8 << 20)  # noqa: S311 - content, not a secret
OLD, NEW = "database-20261126-060000-1a2b", "database-20261127-060000-2b3c"


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Stand]:
    """A stand whose vault is a file system of 4 MiB."""
    stand = Stand(tmp_path)
    options = f"size={SIZE},mode=0700"
    mount = ["mount", "-t", "tmpfs", "-o", options, "day2-test", str(stand.root)]
    try:
        done = subprocess.run(mount, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("there is no mount")
    if done.returncode:
        pytest.skip(f"a small file system needs root, or the right to mount: {done.stderr.strip()}")
    try:
        yield stand
    finally:
        subprocess.run(["umount", "--lazy", str(stand.root)], check=True)


def free(folder: Path) -> int:
    found = os.statvfs(folder)
    return found.f_bavail * found.f_frsize


def fill(folder: Path, leave: int) -> Path:
    """Take all of the disk but some bytes."""
    ballast = folder / "ballast"
    ballast.write_bytes(b"x" * max(free(folder) - leave, 0))
    return ballast


def test_a_set_that_does_not_fit_leaves_nothing_and_says_what_it_needs(small: Stand) -> None:
    vault = small.vault()
    old = take(vault, OLD)
    before = free(small.root)
    with pytest.raises(VaultFull, match=r"\d+ bytes were to be stored, \d+ are free") as told:
        take(vault, NEW, content={"accounts": SQL, "dump": NOISE})
    assert "day2 backup prune" in told.value.hint
    assert names(vault.folder) == [".locks", OLD]
    assert free(small.root) >= before - 2 * PAGE
    require_sound(vault, old, SQL, small.into)
    require_sound(vault, take(vault, NEW), SQL, small.into)


def test_full_at_every_page_of_a_set_it_is_there_or_was_never(small: Stand) -> None:
    """Room for one page more each time, from none to enough: every write meets the end once."""
    vault = small.vault()
    old = take(vault, OLD)
    full = 0
    for pages in range(64):
        ballast = fill(small.root, pages * PAGE)
        try:
            made = take(vault, NEW, content={"dump": NOISE[:30_000]})
        except VaultFull:
            full += 1
            assert names(vault.folder) == [".locks", OLD], pages
            assert vault.sets() == [old]
            ballast.unlink()
            continue
        ballast.unlink()
        break
    else:
        pytest.fail("it never fitted")
    assert full > 5
    require_sound(vault, made, NOISE[:30_000], small.into)
    require_sound(vault, old, SQL, small.into)


def test_a_record_that_does_not_fit_is_not_half_there(small: Stand) -> None:
    vault = small.vault()
    old = take(vault, OLD)
    ballast = fill(small.root, 0)
    with pytest.raises(VaultFull):
        prove(vault, old)
    assert vault.find(OLD).records == []
    ballast.unlink()
    prove(vault, old)
    assert len(vault.find(OLD).records) == 1


def test_below_the_reserve_nothing_is_begun(small: Stand) -> None:
    vault = small.vault(reserve_gib=(SIZE - (1 << 20)) / (1 << 30))
    take(vault, OLD)
    fill(small.root, 1 << 20)
    with pytest.raises(VaultFull, match="fewer than the reserve"), vault.write(draft(NEW)):
        pytest.fail("it was begun")
    assert [one.manifest.id for one in vault.sets()] == [OLD]


def test_what_is_fetched_onto_a_full_disk_leaves_nothing_there(small: Stand) -> None:
    vault = small.vault(path=str(small.folder))
    found = take(vault, OLD, content={"dump": NOISE})
    with pytest.raises(VaultFull, match="8388608 bytes"):
        vault.fetch(found, found.manifest.artefacts[0], small.root)
    assert names(small.root) == []
