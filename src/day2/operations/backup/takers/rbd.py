# SPDX-License-Identifier: Apache-2.0
"""Sets of one RBD image: what changed between two snapshots, or all that is not zero at one."""

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from day2.adapters.rbd import Rbd
from day2.adapters.rbd_restoring import UNFINISHED, Piece, restore
from day2.adapters.rbd_writing import RbdWriter
from day2.adapters.vaults.vault import Draft, Vault, Writer
from day2.errors import Day2Error, NotDeployed, NotVerified, Refused
from day2.model.backup import Found, Kind
from day2.operations.backup import rbd_chains as chains
from day2.operations.backup.takers.taker import Say, Taken

DIFF, FILE = "diff", "image.rbd-diff"
PROOF = "day2-proof-"


class About(msgspec.Struct, frozen=True, kw_only=True):
    """What a draft says of its image; `why` is for people."""

    pool: str
    image: str
    image_id: str
    why: str = ""


class RbdTaker:
    """Takes and proves the sets of single images; `hashing` reads each whole besides."""

    kind = Kind.RBD

    def __init__(
        self, open_rbd: Callable[[], RbdWriter], *, hashing: bool, scratch_pool: str
    ) -> None:
        self._open = open_rbd
        self._hashing = hashing
        self._pool = scratch_pool

    def take(self, writer: Writer, draft: Draft, parent: Found | None, say: Say) -> Taken:
        """Export the snapshot that has the set's name, from that of its parent on.

        Raises:
            Refused: when the image is another one, or one of the snapshots is not on it.

        """
        about = msgspec.convert(draft.about, About)
        rbd: Rbd = self._open()
        image = rbd.image(about.pool, about.image)
        snapshot = chains.snapshot_name(draft.id)
        since = chains.link_of(parent).snapshot if parent else ""
        there = {one.name for one in rbd.snapshots(about.pool, about.image)}
        missing = [name for name in (snapshot, since) if name and name not in there]
        if image.id != about.image_id or missing:
            why = f"it has no snapshot {missing[0]}" if missing else "it is another image now"
            raise Refused(
                f"{about.pool}/{about.image} cannot be saved: {why}", hint="day2 backup run rbd"
            )
        say(f"{about.pool}/{about.image}: {'what changed' if since else 'everything'}")
        with writer.sink(DIFF, FILE) as sink:
            _told, facts = rbd.export_diff(about.pool, about.image, snapshot, sink, since=since)
        content = ""
        if self._hashing:
            say(f"hashing {about.pool}/{about.image}")
            content = rbd.sha256(about.pool, about.image, snapshot)
        link = chains.Link(
            pool=about.pool,
            image=about.image,
            image_id=image.id,
            snapshot=snapshot,
            size_bytes=facts.size_bytes,
            object_bytes=image.object_bytes,
            since=since,
            content_sha256=content,
        )
        return Taken(
            source={
                **msgspec.to_builtins(link),
                "series": f"{about.pool}/{image.id}",
                "written_bytes": facts.written_bytes,
                "zeroed_bytes": facts.zeroed_bytes,
                "clone_of": image.parent,
            },
            exits={"rbd export-diff": 0},
        )

    def check(self, vault: Vault, found: Found, say: Say) -> str:
        """Hash what was stored."""
        say("hashing")
        return vault.check(found)

    def prove(self, vault: Vault, found: Found, folder: Path, say: Say) -> dict[str, Any]:
        """Make the image again of its whole chain, in a pool of ours, and hash it.

        It is compared with the hash that was taken at the snapshot, else with the snapshot itself.

        Raises:
            NotVerified: when the chain is broken, or it became another content.
            Refused: when there is nothing (any more) to compare it with.

        """
        rbd = self._open()
        try:
            links = chains.path(found, vault.sets())
        except Refused as broken:
            raise NotVerified(str(broken), hint=broken.hint) from None
        link = chains.link_of(found)
        content = link.content_sha256 or _content(rbd, link)
        pool = self._pool or link.pool
        _clear(rbd, pool)
        name = f"{PROOF}{found.manifest.id}"
        made = pieces(vault, links, folder, say)
        made[-1] = msgspec.structs.replace(made[-1], content_sha256=content)
        say(f"making {pool}/{name} of {len(made)} links")
        try:
            restore(rbd, made, pool, name, object_bytes=link.object_bytes)
            rbd.remove(pool, name)
        except BaseException:
            with contextlib.suppress(Day2Error):
                _clear(rbd, pool)
            raise
        return {"links": len(made), "bytes": link.size_bytes, "content_sha256": content}


def pieces(vault: Vault, links: list[Found], folder: Path, say: Say) -> list[Piece]:
    """Fetch every link of a chain into a folder, each proven on its way.

    Raises:
        NotVerified, Refused, VaultFull: as `Vault.fetch`.

    """
    made = []
    for found in links:
        link = chains.link_of(found)
        (artefact,) = [a for a in found.manifest.artefacts if a.of == DIFF]
        say(f"reading {found.manifest.id}")
        file = vault.fetch(found, artefact, folder)
        own = file.rename(folder / found.manifest.id)
        made.append(
            Piece(
                file=own,
                sha256=artefact.sha256,
                snapshot=link.snapshot,
                since=link.since,
                content_sha256=link.content_sha256,
            )
        )
    return made


def _content(rbd: Rbd, link: chains.Link) -> str:
    """Hash the source's snapshot, while the image still has it."""
    with contextlib.suppress(NotDeployed):
        if rbd.image(link.pool, link.image).id == link.image_id:
            return rbd.sha256(link.pool, link.image, link.snapshot)
    raise Refused(
        f"nothing is left to compare {link.pool}/{link.image} with: its snapshot is released, and "
        "its content was not hashed when it was taken",
        hint="prove it to level 2, or set backup.rbd_hash_content for the sets to come",
    )


def _clear(rbd: RbdWriter, pool: str) -> None:
    """Remove what killed proofs have left: images of ours by their name that nobody has open."""
    for name in rbd.images(pool):
        if name.startswith((PROOF, f"{UNFINISHED}{PROOF}")) and not rbd.watchers(pool, name):
            rbd.remove_snapshots(pool, name)
            rbd.remove(pool, name)
