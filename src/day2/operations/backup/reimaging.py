# SPDX-License-Identifier: Apache-2.0
"""What a worker does to put an image of Glance back under a new id; killed, it is begun again."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from day2.adapters.openstack.image_writing import ImageWriter
from day2.adapters.vaults.vault import Vault
from day2.errors import BadUsage, NotVerified, Refused
from day2.model.backup import Artefact, Found, State
from day2.operations.backup.chains import chain
from day2.operations.backup.takers.images import Entry, entries, metadata, stem
from day2.operations.backup.takers.taker import Say

MARK = "day2_set"
"""The property of an image that we have put back: the set that it is of."""
STANDARD = frozenset(
    {
        *("id", "name", "status", "visibility", "size", "virtual_size", "checksum", "owner"),
        *("os_hash_algo", "os_hash_value", "os_hidden", "created_at", "updated_at", "self"),
        *("file", "schema", "stores", "locations", "direct_url", "tags", "min_ram", "min_disk"),
        *("container_format", "disk_format", "protected"),
    }
)
KEPT = ("disk_format", "container_format", "min_disk", "min_ram", "owner", "tags")


def require_image(found: Found, image: str) -> Entry:
    """Return where the data of an image are.

    Raises:
        BadUsage: when the set has no data of it.
        Refused: when the set does not hold.

    """
    if found.state is State.BAD:
        raise Refused(
            f"{found.manifest.id} does not hold", hint=f"day2 backup show {found.manifest.id}"
        )
    entry = next((one for one in entries(found) if one.id == image), None)
    if entry is None:
        raise BadUsage(
            f"{found.manifest.id} has no data of image {image}",
            hint=f"day2 backup show {found.manifest.id}",
        )
    return entry


def reimage(
    vault: Vault,
    found: Found,
    images: ImageWriter,
    image: str,
    new: str,
    name: str,
    folder: Path,
    say: Say,
) -> dict[str, Any]:
    """Make the image `new` of the data that a set has of `image`; return what was made.

    It is hidden and private to the project that had it, and its data are held against their hash
    before they are sent and by Glance's own hash afterwards.

    Raises:
        NotVerified: when the data are damaged, or Glance has others; no image is left then.
        Refused: when the id is another image's, or an upload of it is under way.

    """
    entry = require_image(found, image)
    link, artefact = _place(vault, found, entry)
    row = next(one for one in metadata(vault, found, folder) if str(one.get("id")) == image)
    say(f"reading {artefact.name}")
    file = vault.fetch(link, artefact, folder)
    sha512 = _require_hash(file, entry)
    there = images.row(new)
    if there is None:
        images.create(new, _fields(row, found, name))
        there = {"status": "queued", MARK: found.manifest.id}
    if there.get(MARK) != found.manifest.id:
        raise Refused(f"image {new} is not one that was made of {found.manifest.id}")
    if there["status"] == "queued":
        say(f"sending {entry.bytes} bytes")
        with file.open("rb") as source:
            images.upload(new, source)
        there = images.row(new) or {}
    if there.get("status") != "active":
        raise Refused(
            f"image {new} is {there.get('status', 'gone')}", hint=f"openstack image show {new}"
        )
    _require_same(images, new, there, entry, sha512)
    return {"image": new, "of": image, "bytes": entry.bytes, "hash": there.get("os_hash_value")}


def _place(vault: Vault, found: Found, entry: Entry) -> tuple[Found, Artefact]:
    links = {link.manifest.id: link for link in chain(vault.sets(), found)}
    link = links.get(entry.in_set)
    if link is None:
        raise NotVerified(
            f"the data of image {entry.id} are in {entry.in_set}, which is not there",
            hint="take another set",
        )
    for artefact in link.manifest.artefacts:
        if stem(artefact.name) == entry.artefact:
            return link, artefact
    raise NotVerified(f"{link.manifest.id} has no {entry.artefact}, of image {entry.id}")


def _require_hash(file: Path, entry: Entry) -> str:
    """See that the data are those of the image; return their SHA-512, which is Glance's own."""
    with file.open("rb") as opened:
        told = hashlib.file_digest(opened, entry.algorithm).hexdigest()
        opened.seek(0)
        sha512 = hashlib.file_digest(opened, "sha512").hexdigest()
    if told != entry.hash:
        raise NotVerified(f"the data of image {entry.id} are not what its {entry.algorithm} says")
    return sha512


def _require_same(
    images: ImageWriter, new: str, there: Mapping[str, Any], entry: Entry, sha512: str
) -> None:
    theirs = there.get("os_hash_value") if there.get("os_hash_algo") == "sha512" else sha512
    if theirs == sha512 and there.get("size") == entry.bytes:
        return
    images.remove(new)
    raise NotVerified(f"image {new} became other data than were sent, and is removed")


def _fields(row: Mapping[str, Any], found: Found, name: str) -> dict[str, Any]:
    """Return what is said of the new image: properties of any name, but for those of the store."""
    own = {
        key: value
        for key, value in row.items()
        if key not in STANDARD and not key.startswith("os_glance_") and isinstance(value, str)
    }
    kept = {key: row[key] for key in KEPT if row.get(key) is not None}
    return {
        **own,
        **kept,
        "name": name or str(row.get("name") or ""),
        "visibility": "private",
        "os_hidden": True,
        MARK: found.manifest.id,
    }
