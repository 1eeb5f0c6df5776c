# SPDX-License-Identifier: Apache-2.0
"""Sets of images: the data of each content once in a chain, and what is said of every image.

Glance never changes the data of an image, and tells its hash: what an earlier set of the chain
holds is not read again. The manifest says of each image in which set its data are.
"""

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from day2.adapters.openstack.images import Images
from day2.adapters.vaults.vault import Draft, Vault, Writer
from day2.errors import BadAnswer, NotDeployed, NotVerified, Unreachable
from day2.model.backup import Found, Kind, Method
from day2.operations.backup.chains import chain
from day2.operations.backup.takers.taker import Say, Taken

METADATA, DATA = "metadata", "data"
WITH_DATA = frozenset({"active", "deactivated"})
ALGORITHMS = frozenset({"md5", "sha1", "sha224", "sha256", "sha384", "sha512"})
OURS = "sha512"
HEX = re.compile(r"[0-9a-f]{32,128}")
ATTEMPTS = 2
CHUNK = 1 << 20


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """Where the data of one image are: artefact `artefact` of set `in_set`, empty: of its own.

    `content` is the same for images with the same data. `told` is False where Glance told no hash:
    then it is ours, made while the data were read.
    """

    id: str
    content: str
    algorithm: str
    hash: str
    bytes: int
    artefact: str
    in_set: str = ""
    told: bool = True


class Damaged(Exception):
    """The data are not what Glance says of them."""


class ImagesTaker:
    """Takes what Glance has."""

    kind = Kind.IMAGES

    def __init__(self, open_images: Callable[[], Images]) -> None:
        self._open = open_images

    def take(self, writer: Writer, draft: Draft, parent: Found | None, say: Say) -> Taken:
        """Read the data that no set of the chain holds, and hold each against its hash.

        An image whose data are gone or damaged is named as missing; the others are taken.

        Raises:
            Unreachable: when Glance does not answer, or the data of no image could be had.

        """
        images = self._open()
        rows = images.all()
        # An increment stands on its parent; a full set has nothing but what it reads.
        known = {e.content: e for e in entries(parent)} if draft.method is Method.INCREMENT else {}
        found: list[Entry] = []
        missing: list[str] = []
        read = 0
        for row in sorted(rows, key=lambda row: str(row.get("id"))):
            if row.get("status") not in WITH_DATA:
                continue
            content = content_of(row)
            if content not in known:
                say(f"image {row['id']}: {row.get('size') or 0} bytes")
                try:
                    known[content] = self._read(images, writer, row)
                except (NotDeployed, Damaged, BadAnswer) as error:
                    missing.append(f"image {row['id']}: {error}")
                    say(f"missing: {missing[-1]}")
                    continue
                read += known[content].bytes
            found.append(msgspec.structs.replace(known[content], id=str(row["id"])))
        if missing and not found:
            raise Unreachable(f"the data of no image could be had: {missing[0]}")
        with writer.sink(METADATA, "metadata.json") as sink:
            sink.write(msgspec.json.format(msgspec.json.encode(rows), indent=1))
        return Taken(
            source={
                "images": msgspec.to_builtins(found),
                "listed": len(rows),
                "read_bytes": read,
                "missing": missing,
            }
        )

    def check(self, vault: Vault, found: Found, say: Say) -> str:
        """Hash what was stored."""
        say("hashing")
        return vault.check(found)

    def prove(self, vault: Vault, found: Found, folder: Path, say: Say) -> dict[str, Any]:
        """Fetch the data of every image, of whichever set of the chain, and hash them.

        Raises:
            NotVerified: when data are not what their hash says, or an image has none.

        """
        links = {link.manifest.id: link for link in chain(vault.sets(), found)}
        known = entries(found)
        _require_all(found, known, metadata(vault, found, folder))
        proven: set[str] = set()
        size = 0
        for entry in known:
            if entry.content in proven:
                continue
            link = links.get(entry.in_set)
            if link is None:
                raise NotVerified(
                    f"{found.manifest.id}: the data of image {entry.id} are in {entry.in_set}, "
                    "on which it does not stand"
                )
            say(f"image {entry.id}")
            size += _prove(vault, link, entry, folder)
            proven.add(entry.content)
        return {"images": len(known), "contents": len(proven), "bytes": size}

    def _read(self, images: Images, writer: Writer, row: Mapping[str, Any]) -> Entry:
        """Read the data of one image into an artefact, a second time when it breaks off."""
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return _copy(images, writer, row)
            except BadAnswer:
                if attempt == ATTEMPTS:
                    raise
        raise AssertionError


def entries(found: Found | None) -> list[Entry]:
    """Return where the data of the images of a set are, each with the name of its set."""
    if found is None:
        return []
    told = msgspec.convert(found.manifest.source.get("images", []), list[Entry])
    return [
        one if one.in_set else msgspec.structs.replace(one, in_set=found.manifest.id)
        for one in told
    ]


def content_of(row: Mapping[str, Any]) -> str:
    """Return what is the same for images with the same data, as far as Glance tells.

    Nova's snapshots within Ceph have no hash: their data are known by the image's own id.
    """
    algorithm, value = _told(row)
    return f"{algorithm}:{value}" if value else f"id:{row['id']}"


def _told(row: Mapping[str, Any]) -> tuple[str, str]:
    pairs = ((row.get("os_hash_algo"), row.get("os_hash_value")), ("md5", row.get("checksum")))
    for algorithm, value in pairs:
        if algorithm in ALGORITHMS and isinstance(value, str) and HEX.fullmatch(value):
            return str(algorithm), value
    return OURS, ""


def _copy(images: Images, writer: Writer, row: Mapping[str, Any]) -> Entry:
    own, content = str(row["id"]), content_of(row)
    algorithm, value = _told(row)
    size = row.get("size")
    digest = hashlib.new(algorithm, usedforsecurity=False)
    name = f"data-{hashlib.sha256(content.encode()).hexdigest()[:24]}"
    got = 0
    with writer.sink(DATA, name) as sink:
        for part in images.data(own, size if isinstance(size, int) else None):
            digest.update(part)
            sink.write(part)
            got += len(part)
        # Left by this, nothing of the artefact remains.
        if value and digest.hexdigest() != value:
            raise Damaged(f"its data are not what its {algorithm} says")
    return Entry(
        id=own,
        content=content,
        algorithm=algorithm,
        hash=digest.hexdigest(),
        bytes=got,
        artefact=name,
        told=bool(value),
    )


def metadata(vault: Vault, found: Found, folder: Path) -> list[dict[str, Any]]:
    """Return what Glance said of every image when a set was taken.

    Raises:
        NotVerified, Refused: as `Vault.fetch`.

    """
    (artefact,) = [a for a in found.manifest.artefacts if a.of == METADATA]
    file = vault.fetch(found, artefact, folder)
    try:
        return msgspec.json.decode(file.read_bytes(), type=list[dict[str, Any]])
    except msgspec.MsgspecError as error:
        raise NotVerified(f"{found.manifest.id}: {artefact.name}: {error}") from None
    finally:
        file.unlink()


def _require_all(found: Found, known: list[Entry], rows: list[dict[str, Any]]) -> None:
    """See that every image that has data is among the entries, but for those told as missing."""
    with_data = {str(row["id"]): row for row in rows if row.get("status") in WITH_DATA}
    contents = {entry.id: entry.content for entry in known}
    lost = [
        own
        for own, row in with_data.items()
        if contents.get(own) != content_of(row) and not _is_missing(found, own)
    ]
    if lost or set(contents) - set(with_data):
        raise NotVerified(
            f"{found.manifest.id}: what it says of its images is not what it holds: "
            f"{', '.join(sorted(lost)[:3]) or 'too many'}"
        )


def _is_missing(found: Found, own: str) -> bool:
    return any(f"image {own}:" in said for said in found.manifest.source.get("missing", []))


def _prove(vault: Vault, link: Found, entry: Entry, folder: Path) -> int:
    artefact = next((a for a in link.manifest.artefacts if stem(a.name) == entry.artefact), None)
    if artefact is None:
        raise NotVerified(f"{link.manifest.id} has no {entry.artefact}, of image {entry.id}")
    file = vault.fetch(link, artefact, folder)
    try:
        digest = hashlib.new(entry.algorithm, usedforsecurity=False)
        for part in _parts(file):
            digest.update(part)
        size = file.stat().st_size
    finally:
        file.unlink()
    if digest.hexdigest() != entry.hash:
        raise NotVerified(f"{link.manifest.id}: {entry.artefact} is not image {entry.id}")
    return size


def stem(name: str) -> str:
    """Return an artefact's name without the endings of what wraps it."""
    return name.removesuffix(".age").removesuffix(".zst")


def _parts(file: Path) -> Iterator[bytes]:
    with file.open("rb") as opened:
        while part := opened.read(CHUNK):
            yield part
