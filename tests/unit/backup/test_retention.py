# SPDX-License-Identifier: Apache-2.0
"""Which sets may go: cases for each thing that keeps a set, and each that stops all."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from day2.model.backup import Found, Kind, Level, Method, Told
from day2.operations.backup.retention import Judgement, Keep, Limits, Verdict, judge
from tests.unit.backup.sets import (
    NOW,
    condemned,
    daily,
    failed,
    made,
    proven,
    tick,
    told,
)

RULES = {Kind.DATABASE: Keep(days=30, count_min=3, rpo_hours=24)}
WIDE = Limits(removed_max=100, removed_ratio_max=1.0)
OLD = [0.5, 1, 2, 40, 50, 60, 70]


def judged(sets: Sequence[Found], **fields: Any) -> Judgement:
    given: dict[str, Any] = {"rules": RULES, "limits": WIDE, "tick": tick()}
    given |= fields
    return judge(sets, given.pop("rules"), given.pop("limits"), given.pop("tick"), **given)


def of(judgement: Judgement, verdict: Verdict) -> list[str]:
    return [word.set for word in judgement.words if word.verdict is verdict]


def why(judgement: Judgement, name: str) -> str:
    return next(word.why for word in judgement.words if word.set == name)


def test_what_is_beyond_the_window_goes_but_the_newest_of_it_stays() -> None:
    found = judged(daily(OLD))
    assert of(found, Verdict.CONDEMN) == ["database-1", "database-2", "database-3"]
    assert why(found, "database-4") == "the newest before the window"
    assert why(found, "database-5") == "young, within 30 days, among the newest 3"
    assert why(found, "database-1") == "beyond its window"
    assert found.refused == {}


def test_every_set_has_one_word_whatever_happens() -> None:
    sets = [*daily(OLD), made(9, days=3, kind=Kind.RBD), made(0, days=1, broken="torn")]
    assert sorted(word.set for word in judged(sets).words) == sorted(s.manifest.id for s in sets)


def test_the_newest_are_kept_whatever_their_age_and_increments_do_not_count() -> None:
    rules = {Kind.DATABASE: Keep(days=1, count_min=2, rpo_hours=None)}
    sets = daily([40, 50, 60, 70, 80])
    assert of(judged(sets, rules=rules), Verdict.CONDEMN) == [
        "database-1",
        "database-2",
        "database-3",
    ]
    full = [made(n, days=90 - n, method=Method.FULL) for n in (1, 2, 3)]
    steps = [
        made(
            n,
            days=90 - n,
            method=Method.INCREMENT,
            parent="database-3",
            parent_sha256="hash-3",
        )
        for n in (4, 5, 6)
    ]
    found = judged([*full, *steps], rules=rules)
    assert of(found, Verdict.CONDEMN) == ["database-1", "database-4", "database-5"]
    assert "among the newest 2" in why(found, "database-2")
    assert why(found, "database-6") == "the newest, the newest before the window"


def test_the_newest_that_was_restored_is_kept() -> None:
    sets = daily(OLD)
    sets[0] = proven(sets[0])
    sets[1] = proven(sets[1], Level.READ)
    found = judged(sets)
    assert of(found, Verdict.CONDEMN) == ["database-2", "database-3"]
    assert why(found, "database-1") == "the newest that was restored"
    sets[2] = proven(sets[2], Level.DRILLED)
    assert of(judged(sets), Verdict.CONDEMN) == ["database-1", "database-2"]
    sets[2] = failed(sets[2])
    assert "database-1" not in of(judged(sets), Verdict.CONDEMN)


@pytest.mark.parametrize(
    "schemas",
    [["nova", "glance"], {"nova": {}, "glance": {}}, [{"name": "nova"}, {"name": "glance"}]],
)
def test_the_newest_restored_of_each_database_is_kept(schemas: Any) -> None:
    sets = [
        proven(made(1, days=90, source={"schemas": schemas})),
        proven(made(2, days=80, source={"schemas": ["nova"]})),
        *(made(n, days=41 - n) for n in (3, 4, 5)),
        *(made(n, days=10 - n) for n in (7, 8, 9)),
        made(10, days=0.1),
    ]
    found = judged(sets)
    assert why(found, "database-1") == "the newest restored of glance"
    assert why(found, "database-2") == "the newest that was restored, the newest restored of nova"


def test_an_adopted_increment_is_worth_no_more_than_what_it_stands_on() -> None:
    def others(number: int, days: float, *above: Found) -> Found:
        below = {"parent": above[0].manifest.id, "parent_sha256": above[0].sha256} if above else {}
        return proven(made(number, days=days, method=Method.ADOPTED, **below))

    alone, full = others(1, 90), others(2, 80)
    increment = others(3, 70, full)
    rules = {Kind.DATABASE: Keep(days=30, count_min=1, rpo_hours=None)}
    found = judged([alone, full, increment], rules=rules)
    assert of(found, Verdict.CONDEMN) == ["database-1"]
    found = judged([alone, failed(full), increment], rules=rules)
    assert "the newest that was restored" in why(found, "database-1")
    assert of(found, Verdict.CONDEMN) == ["database-3", "database-2"]


def test_what_people_or_the_store_hold_is_kept() -> None:
    sets = daily(OLD)
    sets[0] = told(sets[0], Told.PINNED)
    sets[1] = told(told(sets[1], Told.PINNED), Told.UNPINNED)
    found = judged(sets, locked={"database-3"})
    assert of(found, Verdict.CONDEMN) == ["database-2"]
    assert (why(found, "database-1"), why(found, "database-3")) == ("pinned", "locked by the store")


def test_what_a_kept_set_builds_on_is_kept_whatever_it_is() -> None:
    rules = {Kind.DATABASE: Keep(days=30, count_min=1, rpo_hours=None)}
    full = condemned(made(1, days=90, method=Method.FULL), 10)
    first = made(2, days=80, method=Method.INCREMENT, parent="database-1", parent_sha256="hash-1")
    second = made(3, days=2, method=Method.INCREMENT, parent="database-2", parent_sha256="hash-2")
    other = [made(n, days=9 - n, method=Method.FULL) for n in (4, 5, 6)]
    found = judged([full, first, second, *other], rules=rules)
    assert why(found, "database-1") == "database-2 builds on it"
    assert "database-3 builds on it" in why(found, "database-2")
    assert of(found, Verdict.SPARE) == ["database-1"]
    assert of(found, Verdict.CONDEMN) == []


def test_a_chain_that_is_broken_protects_nobody_and_counts_for_nothing() -> None:
    rules = {Kind.DATABASE: Keep(days=5, count_min=1, rpo_hours=None)}
    good = made(1, days=50)
    orphans = [
        made(2, days=40, method=Method.INCREMENT, parent="database-0", parent_sha256="x"),
        made(3, days=30, method=Method.INCREMENT, parent="database-1", parent_sha256="other"),
        made(4, days=20, method=Method.INCREMENT),
        made(5, days=10, method=Method.INCREMENT, parent="database-5", parent_sha256="hash-5"),
    ]
    found = judged([good, *orphans], rules=rules)
    assert "database-1" not in of(found, Verdict.CONDEMN)
    assert sorted(of(found, Verdict.CONDEMN)) == [f"database-{n}" for n in (2, 3, 4, 5)]


def test_physical_and_logical_sets_do_not_stand_in_for_each_other() -> None:
    physical = [made(n, days=100 - n, method=Method.FULL) for n in (1, 2, 3, 4)]
    logical = [made(n, days=15 - n) for n in (10, 11, 12, 13, 14)]
    found = judged([*physical, *logical], rules={Kind.DATABASE: Keep(days=5, rpo_hours=48)})
    assert of(found, Verdict.CONDEMN) == ["database-1"]
    images = [
        made(n, days=100 - n, kind=Kind.RBD, source={"series": f"volumes/{n % 2}"})
        for n in range(1, 7)
    ]
    rule = Keep(days=5, count_min=2, rpo_hours=None)
    assert of(judged(images, rules={Kind.RBD: rule}), Verdict.CONDEMN) == ["rbd-1", "rbd-2"]


def test_failed_sets_neither_protect_nor_displace() -> None:
    sets = daily(OLD)
    rules = {Kind.DATABASE: Keep(days=30, count_min=5, rpo_hours=2000)}
    assert "database-3" not in of(judged(sets, rules=rules), Verdict.CONDEMN)
    bad = [failed(one) if one.manifest.sequence > 4 else one for one in sets]
    assert of(judged(bad, rules=rules), Verdict.CONDEMN) == []
    assert "among the newest 5" in why(judged(bad, rules=rules), "database-1")


def test_a_bad_set_goes_when_its_time_has_come() -> None:
    sets = daily(OLD)
    sets[2] = failed(sets[2])
    assert why(judged(sets), "database-3") == "bad, and beyond its window"
    sets[5] = failed(sets[5])
    assert why(judged(sets), "database-6") == "young, within 30 days"


def test_what_cannot_be_trusted_is_kept_and_counts_for_nothing() -> None:
    sets = [*daily(OLD), made(0, days=400, broken="manifest.json cannot be read")]
    found = judged(sets)
    assert why(found, "database-0") == "its documents cannot be trusted"
    only = [made(1, days=0.1, broken="torn"), *(made(n, days=90 - n) for n in range(2, 8))]
    assert of(judged(only), Verdict.CONDEMN) == []


def test_nothing_goes_when_no_new_set_came_for_twice_the_time() -> None:
    sets = daily([3, 4, 5, 40, 50, 60])
    found = judged(sets)
    assert of(found, Verdict.CONDEMN) == []
    assert "72 hours old: backups fail" in found.refused[Kind.DATABASE]
    fresh = [*sets, failed(made(7, days=0.1))]
    assert of(judged(fresh), Verdict.CONDEMN) == []
    assert of(judged([*sets, made(7, days=0.1)]), Verdict.CONDEMN) != []


def test_a_set_that_was_found_unchanged_is_fresh_and_an_adopted_one_as_old_as_its_data() -> None:
    sets = daily([3, 4, 5, 40, 50, 60])
    sets[-1] = told(sets[-1], Told.UNCHANGED, NOW - timedelta(hours=1))
    assert of(judged(sets), Verdict.CONDEMN) != []
    then = (NOW - timedelta(days=300)).isoformat()
    adopted = made(9, days=0.1, method=Method.ADOPTED, source={"taken_at": then})
    found = judged([*daily([3, 4, 5, 40, 50, 60]), adopted])
    assert of(found, Verdict.CONDEMN) == []
    assert "backups fail" in found.refused[Kind.DATABASE]


def test_what_others_took_does_not_stand_in_for_what_we_took() -> None:
    adopted = proven(made(9, days=0.1, method=Method.ADOPTED))
    sets = daily(OLD)
    sets[0] = proven(sets[0])
    assert why(judged([*sets, adopted]), "database-1") == "the newest that was restored"


def test_nothing_goes_when_nothing_could_be_restored() -> None:
    rules = {Kind.DATABASE: Keep(days=5, rpo_hours=None)}
    found = judged([failed(one) for one in daily([10, 20, 30, 40])], rules=rules)
    assert of(found, Verdict.CONDEMN) == []
    assert "no set" in found.refused[Kind.DATABASE]


def test_a_clock_that_went_back_stops_all() -> None:
    sets = daily(OLD)
    found = judged(sets, tick=tick(NOW - timedelta(days=365)))
    assert of(found, Verdict.CONDEMN) == []
    assert "a clock lies" in found.refused[Kind.DATABASE]
    future = told(sets[6], Told.VERIFIED, NOW + timedelta(days=1))
    assert of(judged([*sets[:6], future]), Verdict.CONDEMN) == []
    nearly = told(sets[6], Told.VERIFIED, NOW + timedelta(minutes=4))
    assert of(judged([*sets[:6], nearly]), Verdict.CONDEMN) != []


def test_a_set_that_was_taken_under_a_clock_far_ahead_stops_nothing_once_it_is_named() -> None:
    sets = daily(OLD)
    ahead = made(5, days=-3650, id="database-ahead")
    found = judged([*sets, ahead])
    assert "name the set in backup.misdated_sets" in found.refused[Kind.DATABASE]
    assert ahead.manifest.id in found.refused[Kind.DATABASE]
    named = judged([*sets, ahead], misdated=[ahead.manifest.id])
    assert named.refused == {}
    assert of(named, Verdict.CONDEMN) == of(judged(sets), Verdict.CONDEMN)
    # Of those that came after it none is as young as it says; of itself nothing else is known.
    old = made(0, days=-3650, id="database-ahead")
    named = judged([*sets, old], misdated=[old.manifest.id])
    assert of(named, Verdict.CONDEMN) == [old.manifest.id, *of(judged(sets), Verdict.CONDEMN)]
    newest = made(99, days=-3650)
    named = judged([*sets, newest], misdated=[newest.manifest.id])
    assert "within 30 days" in why(named, newest.manifest.id)
    # It is no proof that backups go on.
    named = judged([*sets[:4], newest], misdated=[newest.manifest.id])
    assert "backups fail" in named.refused[Kind.DATABASE]


def test_a_proof_under_a_clock_far_ahead_stops_nothing_once_its_set_is_named() -> None:
    sets = daily(OLD)
    sets[4] = told(sets[4], Told.VERIFIED, NOW + timedelta(days=365))
    assert judged(sets).refused
    assert judged(sets, misdated=[sets[4].manifest.id]).refused == {}


@pytest.mark.parametrize(
    ("last", "stops"),
    [
        (tick(NOW - timedelta(days=1), 1e6 - 86_400), False),
        (tick(NOW - timedelta(days=1.9), 1e6 - 86_400), False),
        (tick(NOW - timedelta(days=2.1), 1e6 - 86_400), True),
        (tick(NOW - timedelta(days=400), 1e6 - 86_400), True),
        (tick(NOW - timedelta(days=400), 10.0, boot="boot-0"), False),
        (tick(NOW + timedelta(hours=1), 10.0, boot="boot-0"), True),
        (tick(NOW - timedelta(hours=1), 1e6 - 90_001), True),
    ],
)
def test_a_clock_that_jumped_since_the_last_run_stops_all(last: Any, stops: bool) -> None:
    found = judged(daily(OLD), last=last)
    assert bool(found.refused) == stops
    assert bool(of(found, Verdict.CONDEMN)) != stops


def test_a_clock_that_jumped_ahead_stops_even_kinds_without_a_rhythm() -> None:
    rules = {**RULES, Kind.CONFIG: Keep(days=90, count_min=1, rpo_hours=None)}
    configs = [made(n, days=20 - n, kind=Kind.CONFIG) for n in (10, 11, 12, 13)]
    sets = [*daily([0.5, 1, 2]), *configs]
    found = judged(sets, rules=rules, tick=tick(NOW + timedelta(days=365)))
    assert of(found, Verdict.CONDEMN) == []
    assert found.refused[Kind.CONFIG] == "sets of all other kinds are overdue"


def test_a_kind_that_nobody_backs_up_is_not_overdue() -> None:
    rules = {Kind.CONFIG: Keep(days=30, rpo_hours=None), Kind.DATABASE: Keep(days=30)}
    sets = daily(range(1, 60), kind=Kind.CONFIG)
    found = judge(sets, rules, Limits(), tick())
    assert found.refused == {}
    assert [word for word in found.words if word.verdict is Verdict.CONDEMN]


def test_a_set_taken_under_a_clock_that_ran_behind_is_not_an_old_one() -> None:
    sets = [*daily([0.5, 1, 2, 3, 4]), made(6, days=365)]
    found = judged(sets, rules={Kind.DATABASE: Keep(days=30, count_min=1)})
    assert "within 30 days" in why(found, "database-6")


def test_only_so_many_go_at_a_time_and_the_oldest_first() -> None:
    ages = [0.1, 0.2, 0.3, *range(40, 60)]
    limits = Limits(removed_max=4)
    found = judged(daily(ages), limits=limits)
    assert of(found, Verdict.CONDEMN) == [f"database-{n}" for n in (1, 2, 3, 4)]
    assert why(found, "database-5") == "over the limit of one run"
    third = judged(daily([0.1, 0.2, 0.3, 40, 41, 42, 43, 44, 45]), limits=Limits(removed_max=50))
    assert len(of(third, Verdict.CONDEMN)) == 3
    assert len(of(judged(daily(ages), limits=limits, wide=True), Verdict.CONDEMN)) == 19


def test_an_increment_goes_before_what_it_builds_on() -> None:
    sets = [
        made(1, days=90, method=Method.FULL),
        made(2, days=89, method=Method.INCREMENT, parent="database-1", parent_sha256="hash-1"),
        made(3, days=88, method=Method.INCREMENT, parent="database-2", parent_sha256="hash-2"),
        *(made(n, days=60 - n, method=Method.FULL) for n in (4, 5, 6, 7)),
        made(8, days=0.1, method=Method.FULL),
    ]
    found = judged(sets, limits=Limits(removed_max=2))
    assert of(found, Verdict.CONDEMN) == ["database-3", "database-2"]
    gone = [condemned(one, 5) if one.manifest.sequence < 3 else one for one in sets]
    found = judged(gone, limits=Limits(removed_max=2))
    assert of(found, Verdict.REMOVE) == []
    assert why(found, "database-2") == "condemned; database-3 goes first"
    gone[2] = condemned(gone[2], 5)
    found = judged(gone, limits=WIDE)
    assert of(found, Verdict.REMOVE) == ["database-3", "database-2", "database-1"]
    assert of(judged(gone, limits=Limits(removed_max=2)), Verdict.REMOVE) == [
        "database-3",
        "database-2",
    ]


def test_a_condemned_set_waits_for_its_grace_and_is_spared_when_it_is_needed() -> None:
    sets = daily(OLD)
    fresh = [condemned(sets[0], 2.9), *sets[1:]]
    assert why(judged(fresh), "database-1") == "condemned; its grace runs"
    due = [condemned(sets[0], 3), *sets[1:]]
    assert of(judged(due), Verdict.REMOVE) == ["database-1"]
    needed = [condemned(sets[0], 3), *(failed(one) for one in sets[1:5]), *sets[5:]]
    assert of(judged(needed), Verdict.SPARE) == ["database-1"]
    last = [condemned(sets[0], 300), *(failed(one) for one in sets[1:])]
    found = judged(last)
    assert of(found, Verdict.SPARE) == ["database-1"]
    assert of(found, Verdict.REMOVE) == of(found, Verdict.CONDEMN) == []


def test_the_young_stay_whatever_the_rules_say() -> None:
    rules = {Kind.DATABASE: Keep(days=1, count_min=1)}
    found = judged(daily([0.1, 2, 3, 4, 5, 5.9, 7, 8]), rules=rules)
    assert of(found, Verdict.CONDEMN) == ["database-1", "database-2"]


def test_a_kind_without_a_rule_is_kept() -> None:
    sets = [*daily(OLD), *(made(n, days=100 - n, kind=Kind.IMAGES) for n in range(20, 30))]
    found = judged(sets)
    assert why(found, "images-20").startswith("no rule for its kind")
    assert of(judged(sets, rules={}), Verdict.CONDEMN) == []


def test_a_long_chain_is_no_trouble() -> None:
    sets = [made(1, days=400, method=Method.FULL)]
    sets += [
        made(
            n,
            days=399,
            method=Method.INCREMENT,
            parent=f"database-{n - 1}",
            parent_sha256=f"hash-{n - 1}",
        )
        for n in range(2, 1500)
    ]
    found = judged(sets, rules={Kind.DATABASE: Keep(days=30, rpo_hours=None)})
    assert of(found, Verdict.KEEP) == [one.manifest.id for one in sets]
    torn = judged([sets[0], *sets[2:]], rules={Kind.DATABASE: Keep(days=30, rpo_hours=None)})
    assert of(torn, Verdict.CONDEMN)[0] == "database-1499"


def test_the_sets_of_an_image_that_is_gone_go_but_one_of_the_kind_stays() -> None:
    def image(number: int, days: float, name: str) -> Found:
        source = {"series": f"volumes/{name}"}
        return made(number, days=days, kind=Kind.RBD, method=Method.FULL, source=source)

    rules = {Kind.RBD: Keep(days=30, count_min=2, rpo_hours=None)}
    gone = [image(1, 90, "a"), image(2, 80, "a")]
    assert of(judged(gone, rules=rules), Verdict.CONDEMN) == []
    ended = [gone[0], told(gone[1], Told.ENDED, NOW - timedelta(days=31))]
    found = judged(ended, rules=rules)
    assert of(found, Verdict.CONDEMN) == ["rbd-1"]
    assert why(found, "rbd-2") == "the newest of its kind"
    living = [*ended, image(3, 50, "b"), image(4, 1, "b")]
    assert of(judged(living, rules=rules), Verdict.CONDEMN) == ["rbd-1", "rbd-2"]
    lately = [gone[0], told(gone[1], Told.ENDED, NOW - timedelta(days=29)), *living[2:]]
    assert of(judged(lately, rules=rules), Verdict.CONDEMN) == []
    again = [*ended, image(5, 2, "a")]
    assert of(judged(again, rules=rules), Verdict.CONDEMN) == ["rbd-1"], "it is saved again"
