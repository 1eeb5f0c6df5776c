# SPDX-License-Identifier: Apache-2.0
"""Make an image again from the links of a chain: beside everything that is there, then renamed."""

import contextlib
import hashlib
from collections.abc import Sequence
from pathlib import Path

import msgspec

from day2.adapters.rbd_diff import DiffReader
from day2.adapters.rbd_writing import RbdWriter
from day2.errors import BadAnswer, Day2Error, NotDeployed, NotVerified, Refused

CHUNK = 1 << 20
UNFINISHED = "day2-restoring-"


class Piece(msgspec.Struct, frozen=True, kw_only=True):
    """One link on the disk, decrypted: the stream of `rbd export-diff`, and its SHA-256.

    `since` is empty for the full one. `content_sha256` is that of the whole image at the snapshot;
    empty: it was not taken.
    """

    file: Path
    sha256: str
    snapshot: str
    since: str = ""
    content_sha256: str = ""


MARK = "day2.set"
"""The key of the word beside a restored image that says of which set it is."""


def restore(
    rbd: RbdWriter,
    pieces: Sequence[Piece],
    pool: str,
    name: str,
    *,
    object_bytes: int,
    mark: str = "",
) -> None:
    """Make the image `name` as it was at the last piece.

    Every piece is proven before the cluster is touched. The image is made under another name, and
    gets its own when its content is proven; what a killed restore left under that name is removed.
    `mark` is a word that is kept beside the image from before it has its name.

    Raises:
        Refused: when there is an image of this name, or the pieces are no chain.
        NotVerified: when a piece is damaged, or the image did not become what it was.
        NotDeployed, BadSettings, Unreachable, BadAnswer: as `Rbd`.

    """
    require_chain(pieces)
    size = [require_piece(piece) for piece in pieces][-1]
    if _exists(rbd, pool, name):
        raise Refused(
            f"there is an image {pool}/{name}: day2 writes over none",
            hint="restore it under another name, or rename the one that is there",
        )
    beside = f"{UNFINISHED}{name}"
    _remove(rbd, pool, beside)
    try:
        rbd.create(pool, beside, size_bytes=size, object_bytes=object_bytes)
        for piece in pieces:
            with piece.file.open("rb") as source:
                rbd.import_diff(pool, beside, source)
        _require_made(rbd, pool, beside, pieces)
        rbd.remove_snapshots(pool, beside)
        if mark:
            rbd.mark(pool, beside, MARK, mark)
    except BaseException:
        with contextlib.suppress(Day2Error):
            _remove(rbd, pool, beside)
        raise
    rbd.rename(pool, beside, name)


def require_chain(pieces: Sequence[Piece]) -> None:
    """See that each piece continues the one before, and that the first one needs none.

    Raises:
        Refused: naming the first gap.

    """
    before = ""
    for piece in pieces:
        if piece.since != before:
            raise Refused(
                f"{piece.file.name} continues {piece.since or 'nothing'}, "
                f"but what is there ends at {before or 'nothing'}: a link is missing"
            )
        before = piece.snapshot
    if not pieces:
        raise Refused("there is no link to restore from")


def require_piece(piece: Piece) -> int:
    """See that a piece is whole and what it should be; return the size of the image at it.

    Raises:
        NotVerified: when its hash is another, or its stream is not between these snapshots.

    """
    digest, reader, problem = hashlib.sha256(), DiffReader(), ""
    with piece.file.open("rb") as file:
        while part := file.read(CHUNK):
            digest.update(part)
            if not problem:
                try:
                    reader.write(part)
                except BadAnswer as error:
                    problem = str(error)
    if digest.hexdigest() != piece.sha256:
        raise NotVerified(f"{piece.file.name} is damaged: its SHA-256 is not {piece.sha256[:16]}…")
    try:
        facts = reader.finish()
    except BadAnswer as error:
        raise NotVerified(f"{piece.file.name}: {problem or error}") from None
    if problem or (facts.since, facts.snapshot) != (piece.since, piece.snapshot):
        told = (
            problem or f"goes from {facts.since or 'nothing'} to {facts.snapshot or 'no snapshot'}"
        )
        raise NotVerified(f"{piece.file.name}: {told}")
    return facts.size_bytes


def _require_made(rbd: RbdWriter, pool: str, name: str, pieces: Sequence[Piece]) -> None:
    made = [snapshot.name for snapshot in rbd.snapshots(pool, name)]
    if made != [piece.snapshot for piece in pieces]:
        raise NotVerified(f"{pool}/{name} has the snapshots {made}, not those of its links")
    last = pieces[-1]
    if last.content_sha256:
        rbd.require_content(pool, name, last.snapshot, last.content_sha256)


def _remove(rbd: RbdWriter, pool: str, name: str) -> None:
    if _exists(rbd, pool, name):
        rbd.remove_snapshots(pool, name)
        rbd.remove(pool, name)


def _exists(rbd: RbdWriter, pool: str, name: str) -> bool:
    try:
        rbd.image(pool, name)
    except NotDeployed:
        return False
    return True
