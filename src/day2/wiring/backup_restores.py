# SPDX-License-Identifier: Apache-2.0
"""Plans that put single things back: an image of RBD or Glance, what Keystone has lost."""

import secrets
import uuid
from typing import TYPE_CHECKING, Any

from day2.adapters import private_folders
from day2.errors import BadUsage
from day2.model.backup import Kind

if TYPE_CHECKING:
    from day2.model.backup import Found
    from day2.model.plan import Asked, Plan
    from day2.operations.backup.identity_missing import Lost
    from day2.operations.backup.takers.taker import Say
    from day2.wiring.site import Site


def image(site: "Site", found: "Found", name: str, new: str, asked: "Asked") -> "Plan":
    """Plan to make an image of a set again: `name` is POOL/NAME of RBD or an id of Glance.

    Raises:
        BadUsage: when it is no set of images, or has no such one.
        Refused: when the set cannot give it, or the new name is taken.

    """
    from day2.operations.backup.image_plan import plan_image
    from day2.operations.backup.reimaging import require_image

    if found.manifest.kind is Kind.RBD:
        return site.backups.rbd.plan_rebuild(found, name, new, asked)
    if found.manifest.kind is not Kind.IMAGES:
        raise BadUsage(
            f"{found.manifest.id} is of kind {found.manifest.kind.value}: no image is in it"
        )
    entry = require_image(found, name)
    own = str(uuid.UUID(bytes=secrets.token_bytes(16), version=4))
    return plan_image(found, entry, asked, own=own, name=new)


def reimage(
    site: "Site", name: str, image: str, new: str, as_name: str, *, say: "Say"
) -> dict[str, Any]:
    """Put an image back in this very process: what a worker does."""
    from day2.operations.backup.reimaging import reimage as put_back
    from day2.wiring import takers

    vault = site.backups.vault
    with private_folders.folder() as folder:
        return put_back(
            vault,
            vault.find(name),
            takers.image_writer(site),
            image,
            new,
            as_name,
            folder,
            say,
        )


def missing(site: "Site", name: str, say: "Say") -> "tuple[Found, list[Lost]]":
    """Compare a set of identity with Keystone as it is, by names.

    Raises:
        BadUsage: when it is a set of something else.
        NotVerified, Refused: when it does not hold, or no key at hand opens it.
        Denied, Unreachable, BadAnswer: when Keystone cannot be read whole.

    """
    from day2.operations.backup import identity_missing
    from day2.operations.backup.takers.identity import read
    from day2.wiring import takers

    found = site.backups.vault.find(name)
    if found.manifest.kind is not Kind.IDENTITY:
        raise BadUsage(
            f"{found.manifest.id} is of kind {found.manifest.kind.value}, not of identity"
        )
    with private_folders.folder() as folder:
        before = read(site.backups.vault, found, folder, say)
    say("reading Keystone")
    now, _absent = takers.directory(site).tables()
    return found, identity_missing.missing(before, now)
