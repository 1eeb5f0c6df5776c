# SPDX-License-Identifier: Apache-2.0
"""Which RBD images are saved and how, which snapshots may go, and which are none of ours."""

from typing import Any

import pytest

from day2.errors import BadSettings
from day2.model.backup import Found, Kind, Method, Told
from day2.operations.backup import rbd_chains as chains
from day2.operations.backup import rbd_round
from day2.operations.backup.rbd_foreign import maker
from day2.operations.backup.rbd_round import Known, Present, Round, wanted
from tests.unit.backup.sets import made, proven, told

UUID = "0b1c5a2e-7d0a-4a55-9d5c-2f6f3f1d9a10"
THEIRS = f"snapshot-{UUID}"


def a_set(number: int, image: str = "a", parent: Found | None = None) -> Found:
    name = f"rbd-{number}"
    source = {
        "pool": "volumes",
        "image": image,
        "image_id": f"id-{image}",
        "snapshot": chains.snapshot_name(name),
        "size_bytes": 1,
        "object_bytes": 1,
        "since": chains.link_of(parent).snapshot if parent else "",
        "series": f"volumes/id-{image}",
    }
    method = Method.INCREMENT if parent else Method.FULL
    above = {"parent": parent.manifest.id, "parent_sha256": parent.sha256} if parent else {}
    return made(number, days=1, kind=Kind.RBD, method=method, source=source, **above)


def image(name: str, *snapshots: str, **fields: Any) -> Present:
    given = {"pool": "volumes", "id": f"id-{name}", "snapshots": list(snapshots)}
    return Present(name=name, **(given | fields))


def decide(
    present: list[Present], sets: list[Found], *, chosen: str = "a", **known: list[str]
) -> Round:
    ids = frozenset([*(one.manifest.id for one in sets), *known.get("ids", [])])
    return rbd_round.round_of(
        present,
        [one for one in present if one.name in chosen and not one.trashed],
        {},
        sets,
        Known(ids=ids, under_way=frozenset(known.get("under_way", []))),
        increments_max=2,
    )


def test_only_what_a_pattern_means_is_saved_and_nothing_of_the_trash() -> None:
    present = [image("volume-1"), image("volume-2", trashed=True), image("x"), image("v", pool="p")]
    assert [one.name for one in wanted(present, ["volumes/volume-*"])] == ["volume-1"]
    assert wanted(present, ["p/v"]) == [present[3]]
    assert wanted(present, []) == []
    for wrong in ("volume-1", "/x", "*/x", "volumes/"):
        with pytest.raises(BadSettings, match="names no image of a pool"):
            wanted(present, [wrong])


def test_a_new_image_begins_with_a_full_one_and_goes_on_from_its_newest_set() -> None:
    (save,) = decide([image("a")], []).saves
    assert (save.next.method, save.release) == (Method.FULL, [])
    first = proven(a_set(1))
    (save,) = decide([image("a", "day2-rbd-1", THEIRS)], [first]).saves
    assert (save.next.method, save.next.since) == (Method.INCREMENT, "day2-rbd-1")
    assert save.release == ["day2-rbd-1"], "as far as the new set is proven by then"


def test_a_renamed_image_goes_on_and_one_made_anew_under_its_name_does_not() -> None:
    sets = [proven(a_set(1))]
    renamed = image("b", "day2-rbd-1", id="id-a")
    (save,) = decide([renamed], sets, chosen="b").saves
    assert save.next.method is Method.INCREMENT
    anew = image("a", id="id-new")
    found = decide([anew], sets)
    assert found.saves[0].next.method is Method.FULL
    assert "made anew" in found.saves[0].next.why
    assert [(end.where, end.release) for end in found.ends] == [("gone", [])]


def test_where_rbd_does_not_know_what_changed_everything_is_taken() -> None:
    sets = [proven(a_set(1))]
    present = [image("a", "day2-rbd-1")]
    found = rbd_round.round_of(
        present,
        present,
        {"id-a": ["object map invalid"]},
        sets,
        Known(ids=frozenset({"rbd-1"})),
        increments_max=2,
    )
    assert found.saves[0].next.method is Method.FULL
    assert "object map invalid" in found.saves[0].next.why


@pytest.mark.parametrize(
    ("present", "where", "release"),
    [
        ([image("a", "day2-rbd-1", THEIRS)], "pool", ["day2-rbd-1"]),
        ([image("a", "day2-rbd-1", THEIRS, trashed=True)], "trash", ["day2-rbd-1"]),
        ([], "gone", []),
    ],
)
def test_an_image_that_is_saved_no_more_is_released_once(
    present: list[Present], where: str, release: list[str]
) -> None:
    one = proven(a_set(1))
    (end,) = decide(present, [one], chosen="").ends
    assert (end.where, end.release) == (where, release)
    assert end.last is not None
    assert end.last.manifest.id == "rbd-1"
    said = told(one, Told.ENDED)
    left = [image(p.name, THEIRS, trashed=p.trashed) for p in present]
    assert decide(left, [said], chosen="").ends == []
    again = decide(present, [said], chosen="").ends
    assert [end.release for end in again] == ([release] if release else [])


def test_what_a_run_under_way_has_made_stays_and_what_a_dead_one_left_goes() -> None:
    present = [image("a", "day2-rbd-7", "day2-rbd-8")]
    found = decide(present, [], ids=["rbd-7", "rbd-8"], under_way=["rbd-8"])
    assert found.saves[0].release == ["day2-rbd-7"]
    ends = decide(present, [], chosen="", ids=["rbd-7", "rbd-8"], under_way=["rbd-8"]).ends
    assert [(end.last, end.release) for end in ends] == [(None, ["day2-rbd-7"])]


def test_what_only_has_our_name_is_told_and_never_touched() -> None:
    strange = "day2-rbd-20200101-000000-beef"
    found = decide([image("a", strange, THEIRS)], [])
    assert [name for _image, name in found.strange] == [strange]
    assert found.saves[0].release == []
    assert decide([image("b", strange)], []).ends == []


@pytest.mark.parametrize(
    ("name", "of"),
    [
        (THEIRS, "cinder"),
        (f"volume-{UUID}.clone_snap", "cinder"),
        (f"backup.{UUID}.snap.1764147600.12", "cinder backup"),
        ("snap", "glance"),
        ("nova-resize", "nova"),
        (".mirror.primary.1.2", "mirroring"),
        ("day2-rbd-20200101-000000-beef", "another day2"),
        ("backup-20261126", "others"),
        (f"{THEIRS}\n", "others"),
    ],
)
def test_a_snapshot_is_told_by_the_name_that_its_maker_gives(name: str, of: str) -> None:
    assert maker(name) == of
