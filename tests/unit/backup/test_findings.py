# SPDX-License-Identifier: Apache-2.0
"""What a round says of backups: keys that stay, the setting that decided, the command to type."""

from datetime import timedelta

from day2.model.backup import Found, Kind, Level, Told
from day2.model.finding import Finding
from day2.model.severity import Severity
from day2.operations.backup import findings
from day2.operations.backup.policy import BackupPolicy
from day2.operations.backup.standing import standings
from tests.unit.backup.made import NOW, found

PROVEN = ((Told.VERIFIED, Level.RESTORED, True),)
FAILED = ((Told.VERIFIED, Level.HASHED, False),)
POLICY = BackupPolicy(kinds=[Kind.DATABASE])


def told(*sets: Found) -> dict[str, Finding]:
    made = findings.of_standings(standings(list(sets), [Kind.DATABASE], POLICY, NOW), POLICY)
    assert {one.check for one in made} <= findings.CHECKS
    return {one.key: one for one in made}


def test_a_kind_without_sets_is_one_finding_that_names_the_command() -> None:
    (one,) = told().values()
    assert (one.key, one.severity) == ("backup.absent:backup-kind:database", Severity.CRITICAL)
    assert one.advice == "day2 backup run database"


def test_the_key_stays_while_the_newest_set_is_another_one_each_day() -> None:
    keys = set()
    for name in ("database-a", "database-b"):
        (one,) = told(found(name, hours_ago=30, records=PROVEN)).values()
        keys.add(one.key)
        assert one.why == "backup.database_rpo_hours = 24"
        assert "30.0 h old" in one.summary
    assert keys == {"backup.old:backup-kind:database"}


def test_each_bad_set_is_a_finding_of_its_own() -> None:
    bad = [found(f"database-{n}", hours_ago=5 - n, records=FAILED) for n in (1, 2)]
    made = told(*bad, found("database-z", records=PROVEN))
    assert set(made) == {f"backup.bad:backup-set:database-{n}" for n in (1, 2)}
    assert made["backup.bad:backup-set:database-1"].advice == "day2 backup show database-1"


def test_what_was_never_proven_shrank_or_lacks_something_is_told() -> None:
    earlier = [found(f"database-{n}", hours_ago=9 - n) for n in range(5)]
    small = found("database-z", size=300, source={"missing": ["fernet keys of ctl2"]})
    made = told(*earlier, small)
    assert set(made) == {
        "backup.never_proven:backup-kind:database",
        "backup.shrunk:backup-kind:database",
        "backup.incomplete:backup-kind:database",
    }
    assert made["backup.shrunk:backup-kind:database"].why == "backup.shrunk_ratio_min = 0.5"
    old = told(found("database-a", hours_ago=24 * 9, records=PROVEN), found("database-b"))
    assert old["backup.proof_old:backup-kind:database"].why == "backup.proven_days_max = 8"


def copies(*sets: Found, held: tuple[str, ...]) -> list[Finding]:
    return findings.of_copies(sets, held, [Kind.DATABASE], POLICY, NOW)


def test_a_copy_may_be_as_old_as_a_set() -> None:
    old, new = found("database-a", hours_ago=20), found("database-b", hours_ago=1)
    assert copies(old, new, held=("database-a",)) == []
    (one,) = copies(found("database-a", hours_ago=25), new, held=("database-a",))
    assert one.key == "backup.not_copied:backup-kind:database"
    assert one.advice == "day2 backup copy database-b"
    (none,) = copies(new, held=())
    assert none.summary == "database: no set is in the third copy"
    images = found("images-a", kind=Kind.IMAGES)
    assert copies(images, held=()) == [], "kinds that are not copied are not missed"


def test_a_key_that_nobody_proved_for_long_is_told_each_by_itself() -> None:
    keys = ["age1operations", "age1escrow"]
    proven = {"age1operations": NOW - timedelta(days=3), "age1escrow": NOW - timedelta(days=36)}
    (one,) = findings.of_keys(keys, proven, POLICY, NOW)
    assert one.key == "backup.key_not_proven:backup-key:age1escrow"
    assert one.why == "backup.key_proven_days_max = 35"
    assert "day2 recovery preflight --identity" in one.advice
    assert len(findings.of_keys(keys, {}, POLICY, NOW)) == 2


def test_only_findings_of_backups_are_gone() -> None:
    before = {"backup.old:backup-kind:config": "backup.old", "x:y": "server.state.error"}
    assert findings.gone([], before) == ["backup.old:backup-kind:config"]
    (still,) = told().values()
    assert findings.gone([still], {still.key: still.check}) == []
