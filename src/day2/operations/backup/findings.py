# SPDX-License-Identifier: Apache-2.0
"""What a round says of backups: how each kind stands, which copies and which keys are missing."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta

import msgspec

from day2.model.backup import Found, Kind, Standing, Trouble
from day2.model.finding import Finding, Subject, finding_key
from day2.model.severity import Severity
from day2.operations.backup.policy import BackupPolicy
from day2.operations.backup.standing import usable

NOT_COPIED, KEY_NOT_PROVEN = "backup.not_copied", "backup.key_not_proven"
OF_KINDS = (
    *(
        "absent",
        "old",
        "future",
        "bad",
        "never_proven",
        "proof_old",
        "incomplete",
        "shrunk",
        "late",
    ),
)
CHECKS = frozenset({*(f"backup.{what}" for what in OF_KINDS), NOT_COPIED, KEY_NOT_PROVEN})


def of_standings(standings: Sequence[Standing], policy: BackupPolicy) -> list[Finding]:
    """Return a finding for each trouble; its key stays as long as it is wrong."""
    return [
        _finding(standing, trouble, policy)
        for standing in standings
        for trouble in standing.troubles
    ]


def of_copies(
    found: Sequence[Found],
    held: Collection[str],
    kinds: Collection[Kind],
    policy: BackupPolicy,
    now: datetime,
) -> list[Finding]:
    """Tell of kinds whose newest copy is older than their newest set may be.

    `held` are the ids of the sets whose copies are whole, `kinds` those that are copied.
    """
    told = []
    good = [one for one in usable(found) if one.manifest.kind in kinds]
    for kind in dict.fromkeys(one.manifest.kind for one in good):
        mine = [one for one in good if one.manifest.kind is kind]
        moments = [one.holds_at for one in mine if one.manifest.id in held]
        allowed = policy.rpo(kind)
        if moments and now - max(moments) <= allowed:
            continue
        subject = Subject(type="backup-kind", id=kind.value, name=kind.value)
        newest = mine[-1].manifest.id
        said = f"the newest copy is of {max(moments):%Y-%m-%d %H:%M}" if moments else "no set is"
        told.append(
            Finding(
                key=finding_key(NOT_COPIED, subject),
                check=NOT_COPIED,
                severity=Severity.WARNING,
                subject=subject,
                summary=f"{kind.value}: {said}" + ("" if moments else " in the third copy"),
                why=f"backup.{kind.value}_rpo_hours = {allowed.total_seconds() / 3600:g}",
                evidence={"newest": newest, "copied": sum(one.manifest.id in held for one in mine)},
                advice=f"day2 backup copy {newest}",
            )
        )
    return told


def of_keys(
    keys: Sequence[str], proven: Mapping[str, datetime], policy: BackupPolicy, now: datetime
) -> list[Finding]:
    """Tell of public keys whose identity nobody has proven to have for too long."""
    oldest = timedelta(days=policy.key_proven_days_max)
    told = []
    for key in keys:
        at = proven.get(key)
        if at is not None and now - at <= oldest:
            continue
        subject = Subject(type="backup-key", id=key)
        said = f"since {at:%Y-%m-%d}" if at else "ever"
        told.append(
            Finding(
                key=finding_key(KEY_NOT_PROVEN, subject),
                check=KEY_NOT_PROVEN,
                severity=Severity.WARNING,
                subject=subject,
                summary=f"nobody has proven {said} that the identity of {key[:16]}… opens a set",
                why=f"backup.key_proven_days_max = {policy.key_proven_days_max}",
                evidence={"proven_at": at},
                advice="fetch it from where it is kept: day2 recovery preflight --identity FILE",
            )
        )
    return told


def gone(found: Sequence[Finding], open_checks: Mapping[str, str]) -> list[str]:
    """Return the keys of findings of before that are not wrong any more."""
    here = {finding.key for finding in found}
    return sorted(key for key, check in open_checks.items() if check in CHECKS and key not in here)


def _finding(standing: Standing, trouble: Trouble, policy: BackupPolicy) -> Finding:
    check = f"backup.{trouble.what}"
    # The newest set is another one each day; what is wrong with a kind is one thing until it ends.
    of_set = trouble.what == "bad"
    name = trouble.set if of_set else standing.kind.value
    subject = Subject(type="backup-set" if of_set else "backup-kind", id=name, name=name)
    value = msgspec.to_builtins(policy).get(trouble.setting)
    return Finding(
        key=finding_key(check, subject),
        check=check,
        severity=trouble.severity,
        subject=subject,
        summary=f"{standing.kind.value}: {trouble.said}",
        why=f"backup.{trouble.setting} = {value:g}" if value is not None else "backup.kinds",
        evidence={
            "newest": standing.newest,
            "newest_at": standing.newest_at,
            "proven": standing.proven,
            "sets": standing.sets,
            "set": trouble.set,
        },
        advice=trouble.advice,
    )
