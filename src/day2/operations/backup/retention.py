# SPDX-License-Identifier: Apache-2.0
"""Which sets may go: pure, by manifests and records alone, and on the safe side of every doubt.

Order is that of the manifests' sequence, whatever the clocks said. A set is as old as the newest of
all sets up to it, so that one that was taken under a clock that ran behind is not an old one. A
set goes in two steps, condemned first and removed after a grace, and is spared when it is needed
again in between.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated

import msgspec
from msgspec import Meta

from day2.model.backup import Found, Kind, Level, Method, State
from day2.operations.backup.lineage import Lineage, databases, series

SKEW = timedelta(minutes=5)
"""What the clocks of several hosts may differ."""
JUMP = timedelta(days=1)


class Keep(msgspec.Struct, frozen=True, kw_only=True):
    """How long sets of one kind are kept."""

    days: Annotated[float, Meta(gt=0, description="Days that every set is kept, the window.")] = (
        30.0
    )
    count_min: Annotated[
        int,
        Meta(ge=1, description="How many of the newest good sets are kept, whatever their age."),
    ] = 3
    rpo_hours: Annotated[
        float | None,
        Meta(
            description="Hours within which a new set must come. When none came for twice as long, "
            "backups fail, and nothing of this kind expires. null: sets come on change only."
        ),
    ] = 24.0


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What holds for all kinds."""

    young_days: Annotated[
        float, Meta(ge=0, description="Days before which no set goes, whatever the rules say.")
    ] = 6.0
    grace_days: Annotated[
        float, Meta(ge=0, description="Days between the condemnation of a set and its removal.")
    ] = 3.0
    removed_max: Annotated[
        int, Meta(ge=1, description="How many sets of one kind may go at a time.")
    ] = 10
    removed_ratio_max: Annotated[
        float, Meta(gt=0, le=1, description="Which share of a kind may go at a time (0-1).")
    ] = 1 / 3


class Tick(msgspec.Struct, frozen=True, kw_only=True):
    """One look at the clocks: `monotonic` seconds count from the boot that `boot` names."""

    at: datetime
    boot: str
    monotonic: float


class Verdict(StrEnum):
    """What becomes of a set."""

    KEEP = "keep"
    CONDEMN = "condemn"
    REMOVE = "remove"
    SPARE = "spare"


class Word(msgspec.Struct, frozen=True, kw_only=True):
    """The verdict on one set, and why."""

    set: str
    kind: Kind
    verdict: Verdict
    why: str


class Judgement(msgspec.Struct, frozen=True, kw_only=True):
    """A word on every set, those that go before what they build on; kinds of which none may go."""

    words: list[Word]
    refused: dict[Kind, str] = {}


def judge(
    sets: Sequence[Found],
    rules: Mapping[Kind, Keep],
    limits: Limits,
    tick: Tick,
    *,
    last: Tick | None = None,
    locked: Collection[str] = (),
    wide: bool = False,
    misdated: Collection[str] = (),
) -> Judgement:
    """Say of every set whether it stays.

    `last` is the look at the clocks of the run before; `locked` are ids that the store keeps by
    itself; `wide` lifts the bound on how many may go at a time; `misdated` are ids of sets whose
    times, and those of their records, are known to be wrong.
    """
    lineage = Lineage(sets, misdated)
    stopped = clock_trouble(sets, tick, last, misdated)
    refused = {kind: stopped or stale(lineage, kind, rules, tick.at) for kind in Kind}
    there = {found.manifest.kind for found in sets}
    # A kind that nobody backs up is not overdue, and says nothing of the clock.
    paced = [kind for kind in there if kind in rules and rules[kind].rpo_hours is not None]
    if paced and all(refused[kind] for kind in paced):
        # All at once: the clock has jumped ahead, or nothing is backed up any more.
        refused = {
            kind: why or "sets of all other kinds are overdue" for kind, why in refused.items()
        }
    words: list[Word] = []
    for kind in sorted({found.manifest.kind for found in sets}):
        mine = [found for found in lineage.ordered if found.manifest.kind is kind]
        rule = rules.get(kind)
        needed = protections(lineage, mine, rule, limits, tick.at, locked)
        words += _words(lineage, mine, needed, limits, tick.at, refused[kind], wide=wide)
    return Judgement(
        words=words, refused={kind: why for kind, why in refused.items() if why and kind in there}
    )


def clock_trouble(
    sets: Iterable[Found], tick: Tick, last: Tick | None, misdated: Collection[str] = ()
) -> str:
    """Say why the clock is not believed, and what to do; empty: it is."""
    believed = [found for found in sets if found.manifest.id not in misdated]
    times = [(one.manifest.ended_at, one.manifest.id) for one in believed if not one.broken]
    times += [(record.at, one.manifest.id) for one in believed for record in one.records]
    newest, name = max(times, default=(tick.at, ""))
    if tick.at < newest - SKEW:
        return (
            f"it is {tick.at:%FT%TZ}, and of {name} something was recorded at {newest:%FT%TZ}: a "
            "clock lies; set this one right, or, if the other one was wrong, name the set in "
            "backup.misdated_sets"
        )
    if last is None:
        return ""
    if tick.at < last.at - SKEW:
        return f"the clock went back since {last.at:%FT%TZ}"
    passed = timedelta(seconds=tick.monotonic - last.monotonic)
    if tick.boot == last.boot and abs(tick.at - last.at - passed) > JUMP:
        return f"the clock jumped since {last.at:%FT%TZ}"
    return ""


def stale(lineage: Lineage, kind: Kind, rules: Mapping[Kind, Keep], now: datetime) -> str:
    """Say why nothing of a kind may expire now; empty: it may."""
    rule = rules.get(kind)
    good = [
        lineage.fresh(found)
        for found in lineage.restorable
        if found.manifest.kind is kind and found.manifest.id not in lineage.misdated
    ]
    if not good:
        return f"no set of kind {kind} is known to be restorable"
    if rule is not None and rule.rpo_hours is not None:
        late = now - max(good)
        if late > timedelta(hours=2 * rule.rpo_hours):
            hours = late.total_seconds() / 3600
            return f"the newest good set of kind {kind} is {hours:.0f} hours old: backups fail"
    return ""


def protections(
    lineage: Lineage,
    mine: Sequence[Found],
    rule: Keep | None,
    limits: Limits,
    now: datetime,
    locked: Collection[str],
) -> dict[str, list[str]]:
    """Return why each set of a kind must stay; those that nothing protects are not in it."""
    why: dict[str, list[str]] = {}

    def protect(found: Iterable[Found], reason: str) -> None:
        for one in found:
            why.setdefault(one.manifest.id, []).append(reason)

    protect((one for one in mine if one.broken), "its documents cannot be trusted")
    protect((one for one in mine if one.pinned), "pinned")
    protect((one for one in mine if one.manifest.id in locked), "locked by the store")
    if rule is None:
        protect(mine, "no rule for its kind")
    young = now - timedelta(days=limits.young_days)
    protect((one for one in mine if lineage.aged(one) > young), "young")
    good = [one for one in mine if lineage.is_restorable(one)]
    proven = [one for one in good if one.level >= Level.RESTORED]
    over = _over(mine, now - timedelta(days=rule.days)) if rule is not None else frozenset()
    for row in _rows(proven, series):
        if series(row[-1]) not in over:
            protect(row[-1:], "the newest that was restored")
    for name in sorted({name for one in proven for name in databases(one.manifest)}):
        holds = [one for one in proven if name in databases(one.manifest)]
        protect(holds[-1:], f"the newest restored of {name}")
    if rule is not None:
        start = now - timedelta(days=rule.days)
        protect((one for one in mine if lineage.aged(one) > start), f"within {rule.days:g} days")
        for row in _rows(good, series):
            if series(row[-1]) in over:
                continue
            whole = [one for one in row if one.manifest.method is not Method.INCREMENT]
            protect(whole[-rule.count_min :], f"among the newest {rule.count_min}")
            protect(row[-1:], "the newest")
            older = [one for one in row if lineage.aged(one) <= start]
            protect(older[-1:], "the newest before the window")
    protect(_last(good, why) + _last(proven, why), "the newest of its kind")
    below = [one for one in mine if one.manifest.id in why]
    while below:
        one = below.pop()
        parent = lineage.parent(one)
        if parent is not None:
            below += [] if parent.manifest.id in why else [parent]
            protect([parent], f"{one.manifest.id} builds on it")
    return why


def _last(row: Sequence[Found], why: Mapping[str, list[str]]) -> list[Found]:
    """Return the newest where none is protected: one stays, also when what it was of is gone."""
    return [] if any(one.manifest.id in why for one in row) else list(row[-1:])


def _over(mine: Sequence[Found], before: datetime) -> frozenset[str]:
    """Return the series of which no newer set comes, where that was found long enough ago."""
    newest = {series(one): one for one in mine}
    return frozenset(
        name for name, one in newest.items() if one.ended_at is not None and one.ended_at <= before
    )


def _words(
    lineage: Lineage,
    mine: Sequence[Found],
    needed: Mapping[str, list[str]],
    limits: Limits,
    now: datetime,
    refused: str,
    *,
    wide: bool,
) -> list[Word]:
    kept = [one for one in mine if one.manifest.id in needed]
    words = [
        _word(
            one,
            Verdict.KEEP if one.condemned_at is None or one.broken else Verdict.SPARE,
            ", ".join(dict.fromkeys(needed[one.manifest.id])),
        )
        for one in kept
    ]
    free = lineage.leaves_first([one for one in mine if one.manifest.id not in needed])
    if refused:
        return words + [_word(one, Verdict.KEEP, refused) for one in free]
    most = len(free) if wide else _most(limits, sum(not one.broken for one in mine))
    grace = timedelta(days=limits.grace_days)
    gone: set[str] = set()
    condemned = 0
    for one in free:
        ready = one.condemned_at is not None and now - one.condemned_at >= grace
        below = [child for child in lineage.children(one) if child.manifest.id not in gone]
        if one.condemned_at is None:
            condemned += 1
            over = condemned > most
            verdict = Verdict.KEEP if over else Verdict.CONDEMN
            why = "over the limit of one run" if over else _expired(one)
        elif ready and not below and len(gone) < most:
            gone.add(one.manifest.id)
            verdict, why = Verdict.REMOVE, f"condemned at {one.condemned_at:%FT%TZ}"
        else:
            waits = f"{below[0].manifest.id} goes first" if below else "its grace runs"
            verdict = Verdict.KEEP
            why = f"condemned; {waits if below or not ready else 'over the limit of one run'}"
        words.append(_word(one, verdict, why))
    return words


def _most(limits: Limits, count: int) -> int:
    return max(1, min(limits.removed_max, int(count * limits.removed_ratio_max)))


def _expired(found: Found) -> str:
    return "bad, and beyond its window" if found.state is State.BAD else "beyond its window"


def _word(found: Found, verdict: Verdict, why: str) -> Word:
    return Word(set=found.manifest.id, kind=found.manifest.kind, verdict=verdict, why=why)


def _rows(found: Iterable[Found], key: Callable[[Found], str]) -> list[list[Found]]:
    rows: dict[str, list[Found]] = {}
    for one in found:
        rows.setdefault(key(one), []).append(one)
    return list(rows.values())
