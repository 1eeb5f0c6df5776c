# SPDX-License-Identifier: Apache-2.0
"""Chains of RBD sets: which link comes next, what a link needs, and which snapshots may go.

A chain is one image's: a full set, and differences that each continue the one before. The snapshot
on the image that a link ends at is what the next difference begins at, so it stays until there is a
newer one that was verified.
"""

from collections.abc import Collection, Sequence

import msgspec

from day2.errors import Refused
from day2.model.backup import Found, Kind, Level, Method, State

PREFIX = "day2-"


class Link(msgspec.Struct, frozen=True, kw_only=True):
    """What the manifest of an RBD set says under `source`.

    `image_id` tells an image from another one that later got its name. `since` is empty for a full
    one. `content_sha256` is that of the whole image at the snapshot; empty: it was not read.
    """

    pool: str
    image: str
    image_id: str
    snapshot: str
    size_bytes: int
    object_bytes: int
    since: str = ""
    content_sha256: str = ""


class Next(msgspec.Struct, frozen=True, kw_only=True):
    """How the next set of an image is taken: `parent` is None for a full one; `why` for people."""

    method: Method
    parent: Found | None = None
    since: str = ""
    why: str


def snapshot_name(set_id: str) -> str:
    """Return the name of the snapshot that a set is taken from."""
    return f"{PREFIX}{set_id}"


def link_of(found: Found) -> Link:
    """Return what a set says of its image.

    Raises:
        Refused: when it says nothing that can be understood.

    """
    try:
        return msgspec.convert(found.manifest.source, Link)
    except msgspec.ValidationError as error:
        raise Refused(
            f"set {found.manifest.id} does not say of which image it is: {error}"
        ) from None


def of_image(sets: Sequence[Found], pool: str, image: str) -> list[Found]:
    """Return the sets of an image, by their sequence; those that say nothing are left out."""
    chosen = []
    for found in sets:
        if found.manifest.kind is Kind.RBD and not found.broken:
            source = found.manifest.source
            if (source.get("pool"), source.get("image")) == (pool, image):
                chosen.append(found)
    return sorted(chosen, key=lambda found: found.manifest.sequence)


def path(target: Found, sets: Sequence[Found]) -> list[Found]:
    """Return what a set is restored from, the full one first, the set itself last.

    Raises:
        Refused: when a link is missing, changed, damaged, or of another image; the hint names the
            nearest set that can be restored.

    """
    problem, links = _walk(target, sets)
    if not problem:
        return links
    near = nearest(target, sets)
    hint = f"the nearest that can be restored: {near.manifest.id}" if near else "no set of it can"
    raise Refused(f"set {target.manifest.id} cannot be restored: {problem}", hint=hint)


def nearest(target: Found, sets: Sequence[Found]) -> Found | None:
    """Return the newest older set of the same image that can be restored, else the oldest newer."""
    source = target.manifest.source
    others = [
        found
        for found in of_image(sets, str(source.get("pool")), str(source.get("image")))
        if found.manifest.id != target.manifest.id and not _walk(found, sets)[0]
    ]
    older = [f for f in others if f.manifest.sequence < target.manifest.sequence]
    return older[-1] if older else next(iter(others), None)


def next_link(
    sets: Sequence[Found],
    *,
    image_id: str,
    snapshots: Collection[str],
    increments_max: int,
) -> Next:
    """Decide how an image is saved next; `sets` are those of this image, by their sequence.

    `snapshots` are the names that the image has now.
    """
    why = "there is no set of it yet"
    for found in reversed(sets):
        problem, links = _walk(found, sets)
        link = None if problem else link_of(found)
        if link is None:
            why = f"{found.manifest.id}: {problem}"
        elif found.state is State.CONDEMNED:
            why = f"{found.manifest.id} is condemned"
        elif link.image_id != image_id:
            return Next(method=Method.FULL, why="the image was made anew under the same name")
        elif link.snapshot not in snapshots:
            why = f"the snapshot of {found.manifest.id} is not on the image any more"
        elif len(links) > increments_max:
            return Next(method=Method.FULL, why=f"{increments_max} differences follow the last one")
        else:
            why = f"continues {found.manifest.id}"
            return Next(method=Method.INCREMENT, parent=found, since=link.snapshot, why=why)
    return Next(method=Method.FULL, why=why)


def releases(
    sets: Sequence[Found],
    snapshots: Collection[str],
    *,
    deleted: bool = False,
    under_way: Collection[str] = (),
) -> list[str]:
    """Return which of an image's snapshots may go: ours only, never one of a tenant's.

    Kept are the snapshot of the newest set that was verified and all newer ones, and those of sets
    that are being taken (`under_way`, ids). When the tenant has deleted the volume all of ours go:
    they would keep it from going.
    """
    ours = [name for name in snapshots if name.startswith(PREFIX)]
    if deleted:
        return ours
    good = [f for f in sets if f.state is State.GOOD and not _walk(f, sets)[0]]
    proven = [f.manifest.sequence for f in good if f.level >= Level.HASHED]
    newest = max(proven, default=-1)
    kept = {link_of(f).snapshot for f in good if f.manifest.sequence >= newest}
    kept |= {snapshot_name(name) for name in under_way}
    return [name for name in ours if name not in kept]


def _walk(target: Found, sets: Sequence[Found]) -> tuple[str, list[Found]]:
    """Follow the parents of a set; return what is wrong, empty when nothing is, and the links."""
    known = {found.manifest.id: found for found in sets}
    known[target.manifest.id] = target
    links: list[Found] = []
    now: Found | None = target
    while now is not None:
        links.insert(0, now)
        problem = _unfit(now)
        if problem:
            return problem, links
        manifest = now.manifest
        if manifest.method is Method.FULL:
            return "", links
        parent = known.get(manifest.parent)
        problem = _apart(now, parent)
        if problem or len(links) > len(known):
            return problem or "its links go in a circle", links
        now = parent
    return "it has no full set", links


def _unfit(found: Found) -> str:
    name = found.manifest.id
    if found.broken:
        return f"{name} cannot be trusted ({found.broken})"
    if found.state is State.BAD:
        return f"{name} failed its verification"
    if found.manifest.kind is not Kind.RBD:
        return f"{name} is no set of an RBD image"
    try:
        link_of(found)
    except Refused as error:
        return str(error)
    return ""


def _apart(child: Found, parent: Found | None) -> str:
    """Say why a set does not continue another one."""
    needs, name = child.manifest.parent, child.manifest.id
    if parent is None:
        return f"{name} needs {needs or 'a set that it does not name'}, which is not there"
    if parent.sha256 != child.manifest.parent_sha256:
        return f"{needs} is not the set that {name} was taken upon: its manifest is another"
    if parent.broken or _unfit(parent):
        return _unfit(parent)
    mine, its = link_of(child), link_of(parent)
    if (mine.pool, mine.image_id) != (its.pool, its.image_id):
        return f"{needs} is of another image than {name}"
    if mine.since != its.snapshot:
        return f"{name} begins at {mine.since or 'nothing'}, and {needs} ends at {its.snapshot}"
    return ""
