# SPDX-License-Identifier: Apache-2.0
"""How sets hang together: their order and age, what builds on what, what could be restored."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime

from day2.model.backup import Found, Manifest, Method, State

PHYSICAL = frozenset({Method.FULL, Method.INCREMENT})


class Lineage:
    """All sets of a vault's cloud, by sequence; sets that cannot be trusted come first.

    `misdated` are ids of sets that somebody says were taken under a wrong clock: each counts as
    taken with the next one that was not, and makes no other any older or younger.
    """

    def __init__(self, sets: Iterable[Found], misdated: Collection[str] = ()) -> None:
        self.ordered = sorted(sets, key=lambda one: (one.manifest.sequence, one.manifest.id))
        self._known = {one.manifest.id: one for one in self.ordered}
        self.misdated = frozenset(misdated)
        self._aged = _ages(self.ordered, self.misdated)
        self._children: dict[str, list[Found]] = {}
        for one in self.ordered:
            self._children.setdefault(one.manifest.parent, []).append(one)
        self._good: set[str] = set()
        for one in self.ordered:
            if self._whole(one):
                self._good.add(one.manifest.id)
        self.restorable = [one for one in self.ordered if self.is_restorable(one)]

    def aged(self, found: Found) -> datetime:
        """Return when a set was taken, and not before any that came before it."""
        return self._aged[found.manifest.id]

    def fresh(self, found: Found) -> datetime:
        """Return the last moment that a set is known to be of, such as when it was unchanged.

        One that others took is as fresh as what they took, whenever it was adopted.
        """
        if found.manifest.id in self.misdated:
            return self.aged(found)
        if found.manifest.method is Method.ADOPTED:
            return found.holds_at
        return max(self.aged(found), found.holds_at)

    def children(self, found: Found) -> list[Found]:
        """Return the increments that build on a set directly."""
        return self._children.get(found.manifest.id, [])

    def parent(self, found: Found) -> Found | None:
        """Return what a set builds on directly; None: nothing, or it is gone."""
        return self._known.get(found.manifest.parent)

    def ancestors(self, found: Found) -> list[Found]:
        """Return what a set builds on, nearest first, as far as it is there."""
        chain: list[Found] = []
        seen = {found.manifest.id}
        above = self.parent(found)
        while above is not None and above.manifest.id not in seen:
            chain.append(above)
            seen.add(above.manifest.id)
            above = self.parent(above)
        return chain

    def is_restorable(self, found: Found) -> bool:
        """Tell whether a set is good, with all that it builds on as it was then."""
        return found.manifest.id in self._good

    def _whole(self, found: Found) -> bool:
        """Tell it of a set whose parent was asked before: sets come in order, parents first."""
        if found.broken or found.state is State.BAD:
            return False
        # An increment that others took is adopted, and stands on something as well.
        if not found.manifest.parent and found.manifest.method is not Method.INCREMENT:
            return True
        above = self.parent(found)
        return (
            above is not None
            and above.manifest.id in self._good
            and above.sha256 == found.manifest.parent_sha256
        )

    def leaves_first(self, found: Sequence[Found]) -> list[Found]:
        """Order sets so that each comes after all that build on it, the oldest families first."""
        place = {one.manifest.id: number for number, one in enumerate(self.ordered)}

        def key(one: Found) -> tuple[int, int, int]:
            chain = [one, *self.ancestors(one)]
            return place[chain[-1].manifest.id], -len(chain), place[one.manifest.id]

        return sorted(found, key=key)


def series(found: Found) -> str:
    """Name what a set is one of: sets of different series do not stand in for each other.

    Physical and logical sets of a database are two; a producer whose sets are each of one thing (an
    RBD image) names it as `series` in the manifest's source.
    """
    manifest = found.manifest
    way = "physical" if manifest.method in PHYSICAL else str(manifest.method)
    return f"{manifest.kind}/{way}/{manifest.source.get('series', '')}"


def databases(manifest: Manifest) -> frozenset[str]:
    """Return the databases that a set holds: `schemas` of its source, as names or keyed by them."""
    said = manifest.source.get("schemas", ())
    if not isinstance(said, (list, tuple, dict)):
        return frozenset()
    names = (one.get("name") if isinstance(one, dict) else one for one in said)
    return frozenset(name for name in names if isinstance(name, str))


def _ages(ordered: Sequence[Found], misdated: Collection[str]) -> dict[str, datetime]:
    ages: dict[str, datetime] = {}
    newest: datetime | None = None
    waiting: list[Found] = []
    for one in ordered:
        if one.manifest.id in misdated and not one.broken:
            # As young as can be until another one comes.
            ages[one.manifest.id] = max(one.manifest.ended_at, newest or one.manifest.ended_at)
            waiting.append(one)
            continue
        ended = one.manifest.ended_at
        if one.broken:
            ages[one.manifest.id] = ended
            continue
        newest = ended if newest is None else max(newest, ended)
        ages |= {this.manifest.id: newest for this in (*waiting, one)}
        waiting = []
    return ages
