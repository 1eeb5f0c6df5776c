# SPDX-License-Identifier: Apache-2.0
"""How a kind of backup stands: what could be restored now, how old it is, and what is wrong."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from statistics import median

from day2.model.backup import Found, Kind, Level, Method, Standing, State, Trouble
from day2.model.severity import Severity
from day2.operations.backup.lineage import series
from day2.operations.backup.policy import BackupPolicy

USUAL_OF = 10


def usable(found: Sequence[Found]) -> list[Found]:
    """Return the sets that could be restored: good ones whose whole chain is good, oldest first.

    What others took stands where it was taken, whenever it was adopted; among our own their order
    counts, whatever the clocks said.
    """
    by_id = {one.manifest.id: one for one in found}
    placed: list[tuple[datetime, Found]] = []
    reached = datetime.min.replace(tzinfo=UTC)
    for one in found:
        if why_unusable(one, by_id):
            continue
        moment = one.manifest.taken_at
        if one.manifest.method is not Method.ADOPTED:
            moment = reached = max(reached, moment)
        placed.append((moment, one))
    return [one for _moment, one in sorted(placed, key=lambda pair: pair[0])]


def why_unusable(one: Found, by_id: dict[str, Found]) -> str:
    """Say why a set cannot be restored; empty when nothing speaks against it."""
    seen: set[str] = set()
    link: Found | None = one
    while link is not None:
        manifest = link.manifest
        if link.state is State.BAD:
            return f"{manifest.id} does not hold"
        if manifest.id in seen:
            return f"the chain of {one.manifest.id} leads into itself"
        seen.add(manifest.id)
        if not manifest.parent and manifest.method is not Method.INCREMENT:
            return ""
        link = by_id.get(manifest.parent)
        if link is None:
            return f"its parent {manifest.parent or '(not named)'} is missing"
        if link.broken:
            return f"its parent {manifest.parent} cannot be used: {link.broken}"
        if link.sha256 != manifest.parent_sha256:
            return f"its parent {manifest.parent} is not the set that it was taken from"
    return ""


def standings(
    found: Sequence[Found], kinds: Sequence[Kind], policy: BackupPolicy, now: datetime
) -> list[Standing]:
    """Judge the kinds that are wanted, and those that there are sets of."""
    wanted = list(dict.fromkeys([*kinds, *(one.manifest.kind for one in found)]))
    good = usable(found)
    return [
        _standing(
            kind,
            [one for one in found if one.manifest.kind is kind],
            [one for one in good if one.manifest.kind is kind],
            policy,
            now,
        )
        for kind in wanted
    ]


def _standing(
    kind: Kind, all_sets: list[Found], good: list[Found], policy: BackupPolicy, now: datetime
) -> Standing:
    newest = good[-1] if good else None
    proven = next((one for one in reversed(good) if one.level >= Level.RESTORED), None)
    return Standing(
        kind=kind,
        newest=newest.manifest.id if newest else "",
        newest_at=newest.holds_at if newest else None,
        proven=proven.manifest.id if proven else "",
        proven_set_at=proven.manifest.taken_at if proven else None,
        sets=len(all_sets),
        stored_bytes=sum(one.manifest.stored_bytes for one in all_sets),
        troubles=_troubles(kind, all_sets, good, policy, now),
    )


def _troubles(
    kind: Kind, all_sets: list[Found], good: list[Found], policy: BackupPolicy, now: datetime
) -> list[Trouble]:
    again = f"day2 backup run {kind.value}"
    if not good:
        said = "no set could be restored" if all_sets else "there is no set"
        return [Trouble(severity=Severity.CRITICAL, said=said, advice=again, what="absent")]
    told: list[Trouble] = []
    newest = good[-1]
    age = now - newest.holds_at
    rpo = policy.rpo(kind)
    if age > rpo:
        allowed = f"{_span(rpo)} are allowed ({kind.value}_rpo_hours)"
        said = f"the newest set is {_span(age)} old; {allowed}"
        told.append(
            Trouble(
                severity=Severity.CRITICAL,
                said=said,
                advice=again,
                what="old",
                setting=f"{kind.value}_rpo_hours",
            )
        )
    if age < timedelta(minutes=-5):
        said = f"{newest.manifest.id} is from the future: a clock jumped"
        told.append(
            Trouble(
                severity=Severity.WARNING,
                said=said,
                advice="check the clocks",
                what="future",
                set=newest.manifest.id,
            )
        )
    told += [
        Trouble(
            severity=Severity.CRITICAL if one is all_sets[-1] else Severity.WARNING,
            said=f"{one.manifest.id} is bad: {_why_bad(one)}",
            advice=f"day2 backup show {one.manifest.id}",
            what="bad",
            set=one.manifest.id,
        )
        for one in all_sets
        if one.state is State.BAD
    ]
    proofs = [one.proven_at for one in good if one.proven_at is not None]
    oldest = timedelta(days=policy.proven_days_max)
    prove = f"day2 backup verify --newest {kind.value} --level 3"
    if not proofs:
        said = "no set of it was ever restored for a proof"
        told.append(
            Trouble(severity=Severity.WARNING, said=said, advice=prove, what="never_proven")
        )
    elif now - max(proofs) > oldest:
        said = f"the last proof by restore is {_span(now - max(proofs))} old"
        told.append(
            Trouble(
                severity=Severity.WARNING,
                said=said,
                advice=prove,
                what="proof_old",
                setting="proven_days_max",
            )
        )
    told += _shrunk(good, policy) + _missing(newest)
    told += _late(kind, good, rpo, now)
    return told


def _late(kind: Kind, good: list[Found], rpo: timedelta, now: datetime) -> list[Trouble]:
    """Tell of things that have sets of their own and no new one, though others of the kind have."""
    rows: dict[str, Found] = {}
    for one in good:
        rows[series(one)] = one
    if len(rows) == 1 or kind is Kind.DATABASE:
        return []
    late = [
        one
        for one in rows.values()
        if one is not good[-1] and one.ended_at is None and now - one.holds_at > rpo
    ]
    if not late:
        return []
    first = min(late, key=lambda one: one.holds_at)
    source = first.manifest.source
    what = f"{source.get('pool', '?')}/{source.get('image', first.manifest.id)}"
    more = f", and {len(late) - 1} more are late" if len(late) > 1 else ""
    return [
        Trouble(
            severity=Severity.CRITICAL,
            said=f"the newest set of {what} is {_span(now - first.holds_at)} old{more}",
            advice=f"day2 backup run {kind.value}",
            what="late",
            set=first.manifest.id,
            setting=f"{kind.value}_rpo_hours",
        )
    ]


def _missing(newest: Found) -> list[Trouble]:
    """Tell what a newest set should hold and was not had when it was taken."""
    missing = newest.manifest.source.get("missing") or []
    if not missing:
        return []
    more = f", and {len(missing) - 1} more" if len(missing) > 1 else ""
    return [
        Trouble(
            severity=Severity.WARNING,
            said=f"{newest.manifest.id} lacks something: {missing[0]}{more}",
            advice=f"day2 backup show {newest.manifest.id}",
            what="incomplete",
            set=newest.manifest.id,
        )
    ]


def _shrunk(good: list[Found], policy: BackupPolicy) -> list[Trouble]:
    """Tell of a newest set that is much smaller than those before it, taken the same way."""
    newest = good[-1]
    # Sets of a series are taken the same way, of the same thing.
    like = [one for one in good[:-1] if series(one) == series(newest)]
    earlier = [one.manifest.bytes for one in like if one.manifest.method is newest.manifest.method][
        -USUAL_OF:
    ]
    if newest.manifest.method is Method.INCREMENT or not earlier:
        return []
    usual = median(earlier)
    if newest.manifest.bytes >= usual * policy.shrunk_ratio_min:
        return []
    said = (
        f"{newest.manifest.id} holds {newest.manifest.bytes / max(usual, 1):.0%} of what sets of "
        "it usually hold"
    )
    return [
        Trouble(
            severity=Severity.WARNING,
            said=said,
            advice=f"compare them: day2 backup show {newest.manifest.id}",
            what="shrunk",
            set=newest.manifest.id,
            setting="shrunk_ratio_min",
        )
    ]


def _why_bad(one: Found) -> str:
    if one.broken:
        return one.broken
    failed = [record for record in one.records if not record.ok]
    return failed[-1].detail if failed else "a verification failed"


def _span(given: timedelta) -> str:
    hours = given.total_seconds() / 3600
    return f"{hours / 24:.0f} days" if hours >= 48 else f"{hours:.1f} h"  # noqa: PLR2004


def newest_recoverable(found: Sequence[Found]) -> datetime | None:
    """Return the moment that the databases could be brought back to; None: there is none."""
    moments = [one.manifest.taken_at for one in usable(found) if one.manifest.kind is Kind.DATABASE]
    return max(moments, default=None)
