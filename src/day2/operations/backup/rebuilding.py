# SPDX-License-Identifier: Apache-2.0
"""What a worker does to make an RBD image of a set; killed anywhere, it is begun again."""

from pathlib import Path
from typing import Any

from day2.adapters.rbd_restoring import MARK, restore
from day2.adapters.rbd_writing import RbdWriter
from day2.adapters.vaults.vault import Vault
from day2.errors import NotVerified
from day2.model.backup import Found
from day2.operations.backup import rbd_chains as chains
from day2.operations.backup.takers.rbd import pieces
from day2.operations.backup.takers.taker import Say


def rebuild(
    vault: Vault, found: Found, rbd: RbdWriter, pool: str, name: str, folder: Path, say: Say
) -> dict[str, Any]:
    """Make `pool/name` of a set and all that it stands on; return what was made.

    One that has our mark of this very set was made before a kill, and is left as it is.

    Raises:
        Refused: when the chain is broken, or there is an image of that name.
        NotVerified: when a link is damaged, or the image became another content.

    """
    links = chains.path(found, vault.sets())
    link = chains.link_of(found)
    told = {
        "pool": pool,
        "image": name,
        "links": len(links),
        "bytes": link.size_bytes,
        "content_sha256": link.content_sha256,
    }
    if rbd.marked(pool, name, MARK) == found.manifest.id:
        return told
    for one in links:
        wrong = vault.check(one)
        if wrong:
            raise NotVerified(f"{one.manifest.id}: {wrong}", hint="take another set")
    made = pieces(vault, links, folder, say)
    say(f"making {pool}/{name} of {len(made)} links")
    restore(rbd, made, pool, name, object_bytes=link.object_bytes, mark=found.manifest.id)
    return told
