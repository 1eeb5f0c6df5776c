# SPDX-License-Identifier: Apache-2.0
"""Pure: what one round of RBD backups does: which images are saved and how, which snapshots go.

A snapshot is ours by its name and by a record of ours: a set in the vault, or a step of a run. One
that only has the name is another day2's, or of a memory that is lost: it is told, and left alone.
"""

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase

import msgspec

from day2.errors import BadSettings
from day2.model.backup import Found, Kind, Method
from day2.operations.backup import rbd_chains as chains

SET_PREFIX = f"{chains.PREFIX}{Kind.RBD.value}-"
POOL, TRASH, GONE = "pool", "trash", "gone"
WHY = {
    POOL: "it is not selected any more",
    TRASH: "its owner has deleted it: our snapshots keep it in the trash",
    GONE: "it is gone",
}


class Present(msgspec.Struct, frozen=True, kw_only=True):
    """One image as its pool lists it; a trashed one has no name in the pool any more."""

    pool: str
    name: str
    id: str
    snapshots: list[str] = []
    trashed: bool = False


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """Ids of sets that this day2 knows: all of them, and those that a run may still take."""

    ids: frozenset[str] = frozenset()
    under_way: frozenset[str] = frozenset()


class Save(msgspec.Struct, frozen=True, kw_only=True):
    """One image that is saved, how, and which older snapshots may go once that is proven."""

    image: Present
    next: chains.Next
    release: list[str] = []


class End(msgspec.Struct, frozen=True, kw_only=True):
    """An image that no newer set will come of: `last` is the newest, None: there never was one."""

    pool: str
    name: str
    id: str
    where: str
    last: Found | None = None
    release: list[str] = []


class Round(msgspec.Struct, frozen=True, kw_only=True):
    """The whole of it; `strange` are snapshots with our name that no record of ours knows."""

    saves: list[Save]
    ends: list[End]
    strange: list[tuple[Present, str]] = []


def wanted(present: Sequence[Present], patterns: Sequence[str]) -> list[Present]:
    """Return the images that any of the patterns (POOL/NAME, with * and ?) means.

    Raises:
        BadSettings: when a pattern names no pool.

    """
    pairs = [pattern.partition("/")[::2] for pattern in patterns]
    for pattern, (pool, name) in zip(patterns, pairs, strict=True):
        if not pool or not name or "*" in pool:
            raise BadSettings(
                f"backup.rbd_images: {pattern!r} names no image of a pool", hint="POOL/NAME"
            )
    return [
        one
        for one in present
        if not one.trashed
        and any(one.pool == pool and fnmatchcase(one.name, name) for pool, name in pairs)
    ]


def round_of(
    present: Sequence[Present],
    chosen: Sequence[Present],
    flags: Mapping[str, Sequence[str]],
    sets: Sequence[Found],
    known: Known,
    *,
    increments_max: int,
    full: bool = False,
) -> Round:
    """Decide about every image that is chosen, and every other that has something of ours.

    `flags` are what RBD says of a chosen image, by its id; `full` asks for full sets only.
    """
    of = _by_image(sets)
    strange = [(one, name) for one in present for name in _strange(one, known)]
    saves = [
        Save(
            image=one,
            next=_next(one, of, flags.get(one.id, ()), increments_max=increments_max, full=full),
            release=_idle(one, known),
        )
        for one in sorted(chosen, key=lambda one: (one.pool, one.name))
    ]
    kept = {(one.pool, one.id) for one in chosen}
    there = {(one.pool, one.id): one for one in present}
    ends = []
    for key in sorted({*of, *there} - kept):
        made = _end(key, there.get(key), of.get(key, []), known)
        if made is not None:
            ends.append(made)
    return Round(saves=saves, ends=ends, strange=strange)


def of_id(sets: Sequence[Found], pool: str, image_id: str) -> list[Found]:
    """Return the sets of an image by its id, whatever its name was, in their order."""
    return _by_image(sets).get((pool, image_id), [])


def _by_image(sets: Sequence[Found]) -> dict[tuple[str, str], list[Found]]:
    found: dict[tuple[str, str], list[Found]] = {}
    for one in sorted(sets, key=lambda one: one.manifest.sequence):
        source = one.manifest.source
        if one.manifest.kind is Kind.RBD and not one.broken:
            key = (str(source.get("pool", "")), str(source.get("image_id", "")))
            found.setdefault(key, []).append(one)
    return found


def _next(
    one: Present,
    of: Mapping[tuple[str, str], list[Found]],
    flags: Sequence[str],
    *,
    increments_max: int,
    full: bool,
) -> chains.Next:
    if full:
        return chains.Next(method=Method.FULL, why="a full one was asked for")
    invalid = [flag for flag in flags if "invalid" in flag]
    if invalid:
        why = f"{invalid[0]}: what changed is not known (rbd object-map rebuild)"
        return chains.Next(method=Method.FULL, why=why)
    sets = of.get((one.pool, one.id), [])
    if not sets:
        every = [found for row in of.values() for found in row]
        sets = chains.of_image(every, one.pool, one.name)
    return chains.next_link(
        sets, image_id=one.id, snapshots=one.snapshots, increments_max=increments_max
    )


def _end(
    key: tuple[str, str], one: Present | None, sets: Sequence[Found], known: Known
) -> End | None:
    """Return what is to be done about an image that is not saved; None: nothing."""
    last = sets[-1] if sets else None
    release = _idle(one, known) if one else []
    if not release and (last is None or last.ended_at is not None):
        return None
    name = one.name if one else str(last.manifest.source.get("image")) if last else ""
    where = GONE if one is None else TRASH if one.trashed else POOL
    return End(pool=key[0], name=name, id=key[1], where=where, last=last, release=release)


def _ours(one: Present, known: Known) -> list[str]:
    """Return the snapshots of an image that a record of ours knows."""
    return [
        name
        for name in one.snapshots
        if name.startswith(SET_PREFIX) and name.removeprefix(chains.PREFIX) in known.ids
    ]


def _idle(one: Present, known: Known) -> list[str]:
    """Return those of ours that no run under way has made for itself."""
    busy = {chains.snapshot_name(name) for name in known.under_way}
    return [name for name in _ours(one, known) if name not in busy]


def _strange(one: Present, known: Known) -> list[str]:
    ours = _ours(one, known)
    return [n for n in one.snapshots if n.startswith(SET_PREFIX) and n not in ours]
