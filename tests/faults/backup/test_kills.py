# SPDX-License-Identifier: Apache-2.0
"""`kill -9` before and after each write, flush, rename and removal of a vault."""

import shutil
from collections.abc import Iterator

import pytest

from day2.model.backup import State, Told
from tests.faults.backup.drive import PLAIN, Nursery, nursery
from tests.unit.backup.stand import SQL, Stand, names, record, require_sound, take

FIRST, SECOND = "database-20261126-060000-1a2b", "database-20261127-060000-2b3c"


@pytest.fixture(scope="module")
def forks() -> Iterator[Nursery]:
    with nursery() as made:
        yield made


def test_killed_anywhere_a_set_is_whole_or_was_never_there(forks: Nursery, stand: Stand) -> None:
    """And what was committed before is as it was, and the same set is taken by the next try."""
    old = take(stand.vault())
    points: list[str] = []
    committed = 0
    sequences = [old.manifest.sequence]
    for kill in range(1, 500):
        name = f"database-20261127-060000-{kill:04x}"
        code, passed = forks.act(stand, "write", name, kill)
        if code == 0:
            points = passed
            break
        assert code == -9, passed
        assert len(passed) == kill
        there = [one for one in stand.vault().sets() if one.manifest.id == name]
        renamed = "after rename of the set" in passed
        assert [one.broken for one in there] == [""] * renamed, passed[-1]
        committed += renamed
        code, passed = forks.act(stand, "write", name)
        assert code == (24 if renamed else 0), passed
        made = stand.vault().find(name)
        assert stand.vault().check(made) == ""
        assert stand.vault().check(old) == ""
        sequences.append(made.manifest.sequence)
        shutil.rmtree(stand.vault().folder / name)
    require_sound(stand.vault(), old, SQL, stand.into)
    kinds = {" ".join(point.split()[:2]) for point in points}
    assert {"before write", "after write", "before flush", "after rename"} <= kinds
    for act in (
        *("create dump.zst.age", "write dump.zst.age", "flush dump.zst.age"),
        *("write HOWTO.txt", "write SHA256SUMS", "write manifest.json", "rename manifest.json"),
        *("flush folder partial", "rename of the set", "flush folder prod"),
        *("write database.token", "write sequence", "mkdir partial"),
    ):
        assert f"before {act}" in points, act
        assert f"after {act}" in points, act
    assert committed == len(points) - points.index("after rename of the set")
    assert sequences == sorted(set(sequences))
    left = sorted(one for one in names(stand.vault().folder) if one.startswith("."))
    assert left == [".locks"]


def test_the_order_of_the_acts_is_that_of_a_power_cut(forks: Nursery, stand: Stand) -> None:
    """Data before its manifest, the manifest before the name, each flushed before the next."""
    code, points = forks.act(stand, "write", FIRST)
    assert code == 0
    order = [
        "after flush dump.zst.age",
        "before create accounts.zst.age",
        "after flush accounts.zst.age",
        "after flush HOWTO.txt",
        "before rename SHA256SUMS",
        "after flush manifest.json",
        "before rename manifest.json",
        "after rename manifest.json",
        "after flush folder partial",
        "before rename of the set",
        "after rename of the set",
        "after flush folder prod",
    ]
    at = -1
    for act in order:
        at = points.index(act, at + 1)


@pytest.mark.parametrize("act", ["condemn", "remove"])
def test_killed_while_it_is_condemned_or_removed(act: str, forks: Nursery, stand: Stand) -> None:
    """A set is there whole or not at all, its neighbour is never touched, and the act ends."""
    keep = take(stand.vault(), SECOND)
    for kill in range(1, 100):
        gone = take(stand.vault(), FIRST, content={"dump": PLAIN})
        if act == "remove":
            stand.vault().record(record(gone, Told.CONDEMNED))
        code, passed = forks.act(stand, act, FIRST, kill)
        assert code in {0, -9}, passed
        for one in stand.vault().sets():
            assert one.broken == "", passed
            assert stand.vault().check(one) == "", passed
        if code == 0 and act == "remove":
            assert passed
        assert forks.act(stand, act, FIRST)[0] == 0
        if act == "condemn":
            assert stand.vault().find(FIRST).state is State.CONDEMNED
            assert forks.act(stand, "remove", FIRST)[0] == 0
        elif [one for one in names(stand.vault().folder) if one.startswith(FIRST)]:
            # Its name was gone already, and the second try was not asked for it: it is swept.
            assert forks.act(stand, "sweep", "")[0] == 0
        assert forks.act(stand, "sweep", "")[0] == 0
        assert names(stand.vault().folder) == [".locks", SECOND]
        if code == 0:
            break
    else:
        pytest.fail("it never came to its end")
    require_sound(stand.vault(), keep, SQL, stand.into)


def test_killed_while_it_sweeps(forks: Nursery, stand: Stand) -> None:
    keep = take(stand.vault(), SECOND)
    for kill in range(1, 50):
        for left in (".config-1.partial", ".rbd-1.removing"):
            (stand.vault().folder / left / "x").mkdir(parents=True, exist_ok=True)
        code, _passed = forks.act(stand, "sweep", "", kill)
        assert code in {0, -9}
        assert forks.act(stand, "sweep", "")[0] == 0
        assert names(stand.vault().folder) == [".locks", SECOND]
        if code == 0:
            break
    require_sound(stand.vault(), keep, SQL, stand.into)
