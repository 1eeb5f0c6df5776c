# SPDX-License-Identifier: Apache-2.0
"""How a kind stands, by its sets alone."""

from msgspec import structs

from day2.model.backup import Found, Kind, Level, Method, State, Told
from day2.model.severity import Severity
from day2.operations.backup.policy import BackupPolicy
from day2.operations.backup.standing import newest_recoverable, standings, usable, why_unusable
from tests.unit.backup.made import NOW, found

PROVEN = ((Told.VERIFIED, Level.RESTORED, True),)
FAILED = ((Told.VERIFIED, Level.RESTORED, True), (Told.VERIFIED, Level.HASHED, False))


def troubles(*sets: Found, kind: Kind = Kind.DATABASE) -> list[tuple[Severity, str]]:
    (standing,) = standings(list(sets), [kind], BackupPolicy(), NOW)
    return [(trouble.severity, trouble.said) for trouble in standing.troubles]


def test_a_proven_set_of_today_stands_well() -> None:
    assert troubles(found("database-a", records=PROVEN)) == []


def test_a_kind_without_sets_is_critical() -> None:
    assert troubles() == [(Severity.CRITICAL, "there is no set")]


def test_a_set_that_failed_is_no_set_whatever_was_proven_before() -> None:
    one = found("database-a", records=FAILED)
    assert (one.state, one.level, one.proven_at) == (State.BAD, Level.COMMITTED, None)
    assert troubles(one) == [(Severity.CRITICAL, "no set could be restored")]


def test_a_set_that_would_not_restore_is_not_made_good_by_its_hashes() -> None:
    """Each night hashes everything: what does not restore has the right hashes all the same."""
    unrestored = (Told.VERIFIED, Level.RESTORED, False)
    hashed = (Told.VERIFIED, Level.HASHED, True)
    one = found("database-a", records=(unrestored, hashed))
    assert (one.state, one.level) == (State.BAD, Level.HASHED)
    assert troubles(one) == [(Severity.CRITICAL, "no set could be restored")]
    assert found("database-a", records=(unrestored, hashed, *PROVEN)).state is State.GOOD
    # What failed at less is good again with less.
    unhashed = (Told.VERIFIED, Level.HASHED, False)
    assert found("database-a", records=(unhashed, hashed)).state is State.GOOD


def test_an_old_newest_set_is_critical_and_an_old_proof_a_warning() -> None:
    old = found("database-a", hours_ago=27, records=PROVEN)
    assert troubles(old) == [
        (
            Severity.CRITICAL,
            "the newest set is 27.0 h old; 24.0 h are allowed (database_rpo_hours)",
        )
    ]
    stale = found("database-a", hours_ago=24 * 9, records=PROVEN)
    assert troubles(stale, found("database-b")) == [
        (Severity.WARNING, "the last proof by restore is 9 days old")
    ]
    assert troubles(found("database-b")) == [
        (Severity.WARNING, "no set of it was ever restored for a proof")
    ]


def test_a_set_that_shrank_is_told_beside_its_like_only() -> None:
    earlier = [found(f"database-{n}", hours_ago=9 - n, records=PROVEN) for n in range(5)]
    small = found("database-z", size=300)
    assert troubles(*earlier, small) == [
        (Severity.WARNING, "database-z holds 30% of what sets of it usually hold")
    ]
    physical = found("database-z", size=300, method=Method.FULL)
    assert troubles(*earlier, physical) == []


def test_an_increment_needs_every_link_below_it_as_it_was() -> None:
    full = found("database-f", method=Method.FULL, hours_ago=3)
    one = found("database-1", method=Method.INCREMENT, hours_ago=2, parent=full)
    two = found("database-2", method=Method.INCREMENT, hours_ago=1, parent=one)
    assert usable([full, one, two]) == [full, one, two]
    assert usable([full, two]) == [full]
    bad = structs.replace(one, broken="changed")
    assert usable([full, bad, two]) == [full]
    other = structs.replace(full, sha256="f" * 64)
    known = {s.manifest.id: s for s in (other, one, two)}
    assert why_unusable(two, known) == (
        "its parent database-f is not the set that it was taken from"
    )
    assert newest_recoverable([full, two]) == full.manifest.started_at


def test_a_chain_that_leads_into_itself_ends() -> None:
    one = found("database-1", method=Method.INCREMENT, parent=found("database-1"))
    known = {"database-1": structs.replace(one, sha256=one.manifest.parent_sha256)}
    assert "leads into itself" in why_unusable(one, known)


def test_a_set_of_tomorrow_is_told() -> None:
    assert troubles(found("database-a", hours_ago=-5, records=PROVEN)) == [
        (Severity.WARNING, "database-a is from the future: a clock jumped")
    ]


def test_what_was_condemned_last_counts_and_so_does_the_pin() -> None:
    condemned = ((Told.CONDEMNED, Level.COMMITTED, True),)
    spared = (*condemned, (Told.SPARED, Level.COMMITTED, True))
    assert found("a", records=condemned).state is State.CONDEMNED
    assert found("a", records=spared).state is State.GOOD
    pinned = ((Told.PINNED, Level.COMMITTED, True),)
    assert found("a", records=pinned).pinned
    assert not found("a", records=(*pinned, (Told.UNPINNED, Level.COMMITTED, True))).pinned


def test_one_image_without_a_new_set_is_told_though_others_have_one() -> None:
    def image(name: str, hours_ago: float, *records: tuple[Told, Level, bool]) -> Found:
        source = {"pool": "volumes", "image": name, "series": f"volumes/{name}"}
        return found(
            f"rbd-{name}-{hours_ago}",
            kind=Kind.RBD,
            method=Method.FULL,
            hours_ago=hours_ago,
            records=records,
            source=source,
        )

    fresh = image("b", 1, *PROVEN)
    assert troubles(image("a", 3), fresh, kind=Kind.RBD) == []
    late = (Severity.CRITICAL, "the newest set of volumes/a is 40.0 h old")
    assert troubles(image("a", 40), fresh, kind=Kind.RBD) == [late]
    ended = image("a", 40, (Told.ENDED, Level.COMMITTED, True))
    assert troubles(ended, fresh, kind=Kind.RBD) == [], "it is gone: none will come"


def test_a_small_image_is_not_one_that_shrank() -> None:
    def image(name: str, hours_ago: float, size: int) -> Found:
        source = {"pool": "volumes", "image": name, "series": f"volumes/{name}"}
        return found(
            f"rbd-{name}-{size}",
            kind=Kind.RBD,
            method=Method.FULL,
            hours_ago=hours_ago,
            size=size,
            records=PROVEN,
            source=source,
        )

    large = [image(f"large{n}", 3, 1000) for n in range(3)]
    assert troubles(*large, image("small", 1, 10), kind=Kind.RBD) == []
    shrunk = (Severity.WARNING, "rbd-small-10 holds 10% of what sets of it usually hold")
    sets = [*large, image("small", 2, 100), image("small", 1, 10)]
    assert troubles(*sets, kind=Kind.RBD) == [shrunk]


def test_what_others_took_is_not_the_newest_because_it_was_adopted_last() -> None:
    own = found("database-own", hours_ago=2, records=PROVEN)
    month_ago = {"taken_at": "2026-10-26T12:00:00+00:00"}
    others = found("database-others", method=Method.ADOPTED, source=month_ago, records=PROVEN)
    assert troubles(own, others) == []
    (standing,) = standings([own, others], [Kind.DATABASE], BackupPolicy(), NOW)
    assert (standing.newest, standing.proven) == ("database-own", "database-own")
    assert [one.manifest.id for one in usable([own, others])] == ["database-others", "database-own"]
    old = (
        Severity.CRITICAL,
        "the newest set is 31 days old; 24.0 h are allowed (database_rpo_hours)",
    )
    assert troubles(others) == [old]
