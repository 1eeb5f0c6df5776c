# SPDX-License-Identifier: Apache-2.0
"""Chains of RBD sets, as tables of cases and over random histories."""

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from day2.errors import Refused
from day2.model.backup import Found, Kind, Level, Manifest, Method, Record, Told
from day2.operations.backup import rbd_chains as chains

NOW = datetime(2026, 11, 26, 6, 0, tzinfo=UTC)
POOL, IMAGE = "volumes", "volume-1"
THEIRS = "snapshot-of-the-tenant"


def a_set(number: int, parent: Found | None = None, **source: Any) -> Found:
    """Return the set number so-and-so: a difference upon its parent, or a full one."""
    name = f"rbd-{number}"
    link = chains.Link(
        pool=POOL,
        image=IMAGE,
        image_id="id-1",
        snapshot=chains.snapshot_name(name),
        since=chains.link_of(parent).snapshot if parent else "",
        size_bytes=1,
        object_bytes=1,
    )
    manifest = Manifest(
        id=name,
        sequence=number,
        kind=Kind.RBD,
        method=Method.INCREMENT if parent else Method.FULL,
        cloud="lab",
        region="",
        foundation="",
        started_at=NOW,
        ended_at=NOW,
        seconds=1,
        host="h",
        by="b",
        day2="0",
        parent=parent.manifest.id if parent else "",
        parent_sha256=parent.sha256 if parent else "",
        source={**msgspec.to_builtins(link), **source},
    )
    return Found(vault="v", manifest=manifest, sha256=f"sha-{number}")


def told(found: Found, what: Told = Told.VERIFIED, *, ok: bool = True) -> Found:
    record = Record(
        set=found.manifest.id,
        manifest_sha256=found.sha256,
        told=what,
        at=NOW,
        by="b",
        level=Level.HASHED,
        ok=ok,
    )
    return msgspec.structs.replace(found, records=[*found.records, record])


def a_chain(count: int) -> list[Found]:
    sets: list[Found] = []
    for number in range(count):
        sets.append(a_set(number, sets[-1] if sets else None))
    return sets


def names(sets: list[Found]) -> list[str]:
    return [found.manifest.id for found in sets]


def snapshots(sets: list[Found]) -> list[str]:
    return [chains.link_of(found).snapshot for found in sets]


def test_a_link_needs_everything_back_to_the_full_one() -> None:
    sets = a_chain(4)
    assert names(chains.path(sets[2], sets)) == ["rbd-0", "rbd-1", "rbd-2"]
    assert names(chains.path(sets[0], sets)) == ["rbd-0"]


def changed(found: Found, **more: Any) -> Found:
    return msgspec.structs.replace(found, manifest=msgspec.structs.replace(found.manifest, **more))


@pytest.mark.parametrize(
    ("break_it", "said"),
    [
        (lambda s: s.pop(1), "rbd-2 needs rbd-1, which is not there"),
        (lambda s: s.pop(0), "rbd-1 needs rbd-0, which is not there"),
        (
            lambda s: s.__setitem__(1, msgspec.structs.replace(s[1], sha256="replayed")),
            "rbd-1 is not the set that rbd-2 was taken upon",
        ),
        (lambda s: s.__setitem__(1, told(s[1], ok=False)), "rbd-1 failed its verification"),
        (
            lambda s: s.__setitem__(1, msgspec.structs.replace(s[1], broken="torn")),
            r"rbd-1 cannot be trusted \(torn\)",
        ),
        (
            lambda s: s.__setitem__(0, changed(s[0], source={})),
            "does not say of which image",
        ),
        (
            lambda s: s.__setitem__(
                0, changed(s[0], source={**s[0].manifest.source, "image_id": "id-0"})
            ),
            "rbd-0 is of another image than rbd-1",
        ),
        (
            lambda s: s.__setitem__(
                0, changed(s[0], source={**s[0].manifest.source, "snapshot": "x"})
            ),
            "rbd-1 begins at day2-rbd-0, and rbd-0 ends at x",
        ),
    ],
    ids=["gap", "no-full", "replayed", "bad", "broken", "silent", "other-image", "other-snapshot"],
)
def test_a_chain_with_a_fault_is_refused(break_it: Any, said: str) -> None:
    sets = a_chain(4)
    target = sets[2]
    break_it(sets)
    with pytest.raises(Refused, match=said):
        chains.path(target, sets)


def test_links_in_a_circle_are_refused() -> None:
    one = a_set(1)
    circle = changed(
        one,
        method=Method.INCREMENT,
        parent="rbd-1",
        parent_sha256=one.sha256,
        source={**one.manifest.source, "since": "day2-rbd-1"},
    )
    with pytest.raises(Refused, match="in a circle"):
        chains.path(circle, [circle])


def test_the_nearest_that_can_be_restored_is_named() -> None:
    sets = a_chain(4)
    later = a_set(9)
    left = [sets[0], sets[1], sets[3], later]
    with pytest.raises(Refused) as caught:
        chains.path(sets[3], left)
    assert caught.value.hint.endswith("rbd-1")
    with pytest.raises(Refused) as caught:
        chains.path(sets[3], [sets[3], later])
    assert caught.value.hint.endswith("rbd-9")
    with pytest.raises(Refused, match="cannot be restored"):
        chains.path(sets[3], [sets[3]])


def next_of(sets: list[Found], present: list[str], **more: Any) -> chains.Next:
    given = {"image_id": "id-1", "increments_max": 6, **more}
    return chains.next_link(sets, snapshots=present, **given)


def test_the_next_link_continues_the_newest() -> None:
    sets = a_chain(3)
    found = next_of(sets, snapshots(sets))
    assert (found.method, found.since) == (Method.INCREMENT, "day2-rbd-2")
    assert found.parent == sets[2]


def test_the_next_link_is_full_when_nothing_can_be_continued() -> None:
    sets = a_chain(3)
    present = snapshots(sets)
    cases = [
        next_of([], []),
        next_of(sets, [THEIRS]),
        next_of(sets, present, image_id="id-2"),
        next_of(sets, present, increments_max=2),
        next_of([sets[1], sets[2]], present),
        next_of([msgspec.structs.replace(one, broken="torn") for one in sets], present),
        next_of([told(one, Told.CONDEMNED) for one in sets], present),
    ]
    assert [(case.method, case.parent, case.since) for case in cases] == [
        (Method.FULL, None, "")
    ] * len(cases)
    assert all(case.why for case in cases)
    assert "2 differences" in cases[3].why


def test_a_bad_link_is_no_base_and_the_one_before_is() -> None:
    sets = a_chain(3)
    sets[2] = told(sets[2], ok=False)
    found = next_of(sets, snapshots(sets))
    assert found.parent == sets[1]


def test_a_source_snapshot_stays_until_a_newer_one_is_verified() -> None:
    sets = a_chain(3)
    present = [THEIRS, *snapshots(sets)]
    assert chains.releases(sets, present) == []
    sets[0] = told(sets[0])
    assert chains.releases(sets, present) == []
    sets[1] = told(sets[1])
    assert chains.releases(sets, present) == ["day2-rbd-0"]
    sets[2] = told(sets[2], ok=False)
    assert chains.releases(sets, present) == ["day2-rbd-0", "day2-rbd-2"]


def test_what_no_set_came_of_goes_unless_it_is_being_taken() -> None:
    present = [THEIRS, "day2-rbd-7"]
    assert chains.releases([], present) == ["day2-rbd-7"]
    assert chains.releases([], present, under_way={"rbd-7"}) == []


def test_a_deleted_volume_is_let_go_and_the_tenant_s_snapshots_never_are() -> None:
    sets = a_chain(2)
    present = [THEIRS, *snapshots(sets)]
    assert chains.releases(sets, present, deleted=True) == snapshots(sets)
    assert chains.releases(sets, present, deleted=True, under_way={"rbd-1"}) == snapshots(sets)


def test_sets_of_an_image_are_those_of_its_name() -> None:
    other = a_set(8, image="volume-2")
    broken = msgspec.structs.replace(a_set(7), broken="torn")
    sets = [*reversed(a_chain(2)), other, broken]
    assert names(chains.of_image(sets, POOL, IMAGE)) == ["rbd-0", "rbd-1"]


@given(
    st.lists(st.tuples(st.sampled_from(["take", "verify", "fail", "release"]), st.integers(0, 5)))
)
def test_whatever_happens_the_next_link_can_be_restored(history: list[tuple[str, int]]) -> None:
    """After any history a set is taken whose whole path is there and good."""
    sets: list[Found] = []
    present: list[str] = [THEIRS]
    for event, pick in [*history, ("take", 0)]:
        if event == "take":
            following = next_of(sets, present, increments_max=3)
            made = a_set(len(sets), following.parent)
            assert made.manifest.method is following.method
            assert chains.link_of(made).since == following.since
            sets.append(made)
            present.append(chains.link_of(made).snapshot)
            path = chains.path(made, sets)
            assert len(path) <= 4
            assert path[0].manifest.method is Method.FULL
        elif event == "release":
            gone = chains.releases(sets, present)
            present = [name for name in present if name not in gone]
            assert THEIRS in present
        elif sets:
            number = max(len(sets) - 1 - pick, 0)
            sets[number] = told(sets[number], ok=event == "verify")
