# SPDX-License-Identifier: Apache-2.0
"""Whatever happened to sets and clocks: what could be restored before a run still can after it.

A history is a row of events: sets come, fail, turn bad, lose their documents, are proven, pinned,
condemned by hand; what they are of ends; clocks jump; the retention runs, and what it says is
done. After each run the invariants are looked at, by another way of telling what is restorable than
the judge's own.
"""

import os
from datetime import timedelta
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from day2.model.backup import Found, Kind, Level, Method, State, Told
from day2.operations.backup.retention import Keep, Limits, Tick, Verdict, Word, judge
from tests.unit.backup.sets import NOW, made, told

EXAMPLES = 20_000 if os.environ.get("TEST_FULL") else 2_000
KINDS = (Kind.DATABASE, Kind.RBD)
SCHEMAS: tuple[list[str], ...] = (["nova"], ["nova", "glance"], ["glance"], [])
NEW, BAD, TORN, PROVE, PIN, CONDEMN, WAIT, JUMP, PRUNE, LOSE, END = range(11)
OFTEN = [NEW] * 6 + [WAIT] * 4 + [PRUNE] * 3 + [PROVE] * 2 + [BAD] * 4 + list(range(11))
EVENTS = st.lists(st.integers(0, 64 * len(OFTEN) - 1), min_size=4, max_size=36)
"""Each a choice (0 to 63) and which event."""
RULES = st.fixed_dictionaries(
    {
        kind: st.builds(
            Keep,
            days=st.sampled_from([0.5, 3.0, 30.0]),
            count_min=st.integers(1, 3),
            rpo_hours=st.sampled_from([None, 24.0, 2000.0]),
        )
        for kind in KINDS
    }
)
LIMITS = st.builds(
    Limits,
    young_days=st.sampled_from([0.0, 1.0, 6.0]),
    grace_days=st.sampled_from([0.0, 1.0, 3.0]),
    removed_max=st.integers(1, 10),
    removed_ratio_max=st.sampled_from([0.34, 1.0]),
)


def works(found: Found, known: dict[str, Found]) -> bool:
    """Tell by hand whether a set could be restored: it, and each set that it builds on."""
    one: Found | None = found
    for _ in range(len(known) + 1):
        if one is None or one.broken or one.state is State.BAD:
            return False
        if one.manifest.method is not Method.INCREMENT:
            return True
        parent = known.get(one.manifest.parent)
        if parent is None or parent.sha256 != one.manifest.parent_sha256:
            return False
        one = parent
    return False


def worth(sets: dict[str, Found]) -> set[str]:
    """List what these sets are good for: kinds, proven kinds, and databases that were proven."""
    found = set()
    for one in sets.values():
        if works(one, sets):
            found.add(f"{one.manifest.kind}")
            if one.level >= Level.RESTORED:
                found.add(f"{one.manifest.kind} proven")
                found |= {f"{name} proven" for name in one.manifest.source.get("schemas", [])}
    return found


class History:
    """Sets, two clocks, and what happened to them."""

    def __init__(self) -> None:
        self.sets: dict[str, Found] = {}
        self.now = NOW
        self.monotonic = 1e6
        self.number = 0
        self.last: Tick | None = None

    def happen(self, event: int, choice: int) -> None:
        names = sorted(self.sets, key=lambda name: self.sets[name].manifest.sequence)
        one = self.sets[names[choice % len(names)]] if names else None
        if event == NEW:
            self.take(choice, names)
        elif event == WAIT:
            self.now += timedelta(hours=(1, 12, 24, 24 * 20)[choice % 4])
            self.monotonic += (1, 12, 24, 24 * 20)[choice % 4] * 3600
        elif event == JUMP:
            self.now += timedelta(days=(-400, -1, 1, 400)[choice % 4])
        elif one is None:
            return
        elif event == LOSE:
            del self.sets[one.manifest.id]
        elif event == TORN:
            self.put(made_broken(one))
        else:
            self.put(self.spoken_of(one, event, choice))

    def take(self, choice: int, names: list[str]) -> None:
        self.number += 1
        kind = KINDS[choice & 1]
        mine = [name for name in names if self.sets[name].manifest.kind is kind]
        fields: dict[str, Any] = {}
        if choice & 2 and mine:
            parent = self.sets[mine[-1 if choice & 4 else 0]]
            fields = {
                "method": Method.INCREMENT,
                "parent": parent.manifest.id,
                "parent_sha256": parent.sha256 if choice & 8 else "another",
            }
        self.put(
            made(
                self.number,
                days=0,
                ended_at=self.now,
                kind=kind,
                source={
                    "schemas": SCHEMAS[choice >> 4 & 3],
                    "series": f"volumes/{choice >> 5 & 1}" if kind is Kind.RBD else "",
                },
                **fields,
            )
        )

    def spoken_of(self, one: Found, event: int, choice: int) -> Found:
        if event == PIN:
            return told(one, Told.PINNED if choice & 1 else Told.UNPINNED, self.now)
        if event == END:
            return told(one, Told.ENDED, self.now)
        if event == CONDEMN:
            return told(one, Told.CONDEMNED, self.now)
        level = Level.RESTORED if choice & 3 else Level.READ
        return told(one, Told.VERIFIED, self.now, ok=event == PROVE, level=level)

    def put(self, one: Found) -> None:
        self.sets[one.manifest.id] = one

    def do(self, word: Word) -> None:
        """Do what the judge says, as the vault does: what others build on cannot be removed."""
        one = self.sets[word.set]
        if word.verdict is Verdict.CONDEMN:
            self.put(told(one, Told.CONDEMNED, self.now))
        elif word.verdict is Verdict.SPARE:
            self.put(told(one, Told.SPARED, self.now))
        elif word.verdict is Verdict.REMOVE:
            assert one.condemned_at is not None
            assert not one.pinned
            assert not one.broken
            assert word.set not in {other.manifest.parent for other in self.sets.values()}
            del self.sets[word.set]


def made_broken(one: Found) -> Found:
    return Found(
        vault=one.vault,
        manifest=one.manifest,
        sha256=one.sha256,
        records=one.records,
        broken="torn",
    )


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(events=EVENTS, rules=RULES, limits=LIMITS, wide=st.booleans())
def test_what_could_be_restored_before_a_run_still_can_after_it(
    events: list[int], rules: dict[Kind, Keep], limits: Limits, *, wide: bool
) -> None:
    history = History()
    happened = [(OFTEN[one // 64], one % 64) for one in events]
    ending = [(PRUNE, 0), (WAIT, 3), (PRUNE, 0), (WAIT, 3), (PRUNE, 0)]
    for event, choice in happened + ending:
        if event != PRUNE:
            history.happen(event, choice)
            continue
        before = worth(history.sets)
        tick = Tick(at=history.now, boot="one", monotonic=history.monotonic)
        found = judge(
            list(history.sets.values()), rules, limits, tick, last=history.last, wide=wide
        )
        assert sorted(word.set for word in found.words) == sorted(history.sets)
        for word in found.words:
            history.do(word)
        history.last = tick
        assert worth(history.sets) == before
