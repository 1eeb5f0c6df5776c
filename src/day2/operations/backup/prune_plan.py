# SPDX-License-Identifier: Apache-2.0
"""Plans of retention: what is condemned, spared or removed, and why each other set is kept."""

from collections.abc import Callable, Sequence

import msgspec

from day2.model.backup import Found, Kind
from day2.model.finding import Subject
from day2.model.plan import Asked, Plan, Refusal, Step
from day2.operations.backup.actions import prune, volume
from day2.operations.backup.plan import AT_ONCE, PRUNE, sealed
from day2.operations.backup.retention import Judgement, Verdict, Word
from day2.operations.backup.volume_pruning import Goes, Ordered, goes_with

PRUNES = {
    Verdict.CONDEMN: (prune.CONDEMN, "spare it"),
    Verdict.SPARE: (prune.SPARE, "condemn it again"),
    Verdict.REMOVE: (prune.REMOVE, ""),
}


DROP_SECONDS_MAX = 600.0


def plan_prune(
    found: Sequence[Found],
    judgement: Judgement,
    asked: Asked,
    left: Sequence[str] = (),
    ordered: Callable[[], Ordered] = Ordered,
) -> Plan:
    """Plan what retention said: condemn, spare, remove; every other set is protected, with its why.

    What was condemned is removed by a plan of its own, days later. `left` is what killed writers
    left in the vault: it goes in one step. `ordered` tells of Cinder's backups; it is asked only
    when a set of volumes goes, for these go with it.
    """
    by_id = {one.manifest.id: one for one in found}
    steps: list[Step] = []
    protected: list[Refusal] = []
    freed = 0
    words, dropped = _with_cinder(judgement.words, ordered)
    for word in words:
        one = by_id[word.set]
        if word.verdict is Verdict.KEEP:
            subject = Subject(type="backup-set", id=word.set, name=word.set)
            protected.append(Refusal(subject=subject, why=word.why))
            continue
        action, undo = PRUNES[word.verdict]
        for goes in dropped.get(word.set, ()):
            steps.append(_drop(len(steps) + 1, word.set, goes))
        steps.append(_prune(len(steps) + 1, one, action, word.why, undo=undo))
        freed += one.manifest.stored_bytes if word.verdict is Verdict.REMOVE else 0
    if left:
        steps.append(_sweep(len(steps) + 1, left))
    refused = [
        Refusal(subject=Subject(type="backup-kind", id=kind.value, name=kind.value), why=why)
        for kind, why in judgement.refused.items()
    ]
    totals = {verdict.value: sum(word.verdict is verdict for word in words) for verdict in Verdict}
    backups = sum(len(rows) for rows in dropped.values())
    made = sealed(
        PRUNE,
        asked,
        steps,
        summary=f"condemn {totals['condemn']} sets, spare {totals['spare']}, "
        f"remove {totals['remove']}"
        + (f" with {backups} backup{'s' if backups > 1 else ''} of Cinder" if backups else "")
        + (f", sweep {len(left)} leftovers" if left else ""),
    )
    return msgspec.structs.replace(
        made, protected=protected, refused=refused, totals={**totals, "bytes_freed": freed}
    )


def _with_cinder(
    words: Sequence[Word], ordered: Callable[[], Ordered]
) -> tuple[list[Word], dict[str, list[Goes]]]:
    """Keep the sets that Cinder's backups need, and say what goes with each other one."""
    going = {w.set for w in words if w.verdict is Verdict.REMOVE and w.kind is Kind.VOLUMES}
    if not going:
        return list(words), {}
    told = ordered()
    found: list[Word] = []
    dropped: dict[str, list[Goes]] = {}
    for word in words:
        if word.set not in going:
            found.append(word)
            continue
        goes, why = goes_with(word.set, told, going)
        if why:
            found.append(msgspec.structs.replace(word, verdict=Verdict.KEEP, why=why))
        else:
            found.append(word)
            dropped[word.set] = goes
    return found, dropped


def _drop(number: int, name: str, goes: Goes) -> Step:
    one, newer = goes.backup, goes.newer
    why = f"backup {newer.id} is newer" if newer else "its volume is gone"
    return Step(
        n=number,
        action=volume.DROP,
        # Of the set: one that cannot be deleted keeps it.
        subject=Subject(type="backup-set", id=name, name=name),
        why=f"backup {one.id} of volume {one.volume_id} goes with its set: {why}",
        chain=name,
        arguments={
            "backup": one.id,
            "seconds_max": DROP_SECONDS_MAX,
            "newer": newer.id if newer else "",
        },
        fingerprint=volume.facts(one, newer),
        irreversible="a deleted backup is gone",
        limits=AT_ONCE,
    )


def _sweep(number: int, left: Sequence[str]) -> Step:
    return Step(
        n=number,
        action=prune.SWEEP,
        subject=Subject(type="backup-vault", id="leftovers", name="leftovers"),
        why=f"no set, and older than backup.leftover_hours: "
        f"{', '.join(left[:3])}{' and more' if left[3:] else ''}",
        chain="leftovers",
        arguments={"names": list(left)},
        irreversible="what a killed writer left is of no use, and is gone",
        limits=AT_ONCE,
    )


def _prune(number: int, found: Found, action: str, reason: str, undo: str = "") -> Step:
    name = found.manifest.id
    return Step(
        n=number,
        action=action,
        subject=Subject(type="backup-set", id=name, name=name),
        why=reason,
        chain=name,
        arguments={"reason": reason},
        fingerprint=prune.facts(found),
        undo=undo,
        irreversible="" if undo else "a removed set is gone from this vault",
        limits=AT_ONCE,
    )
