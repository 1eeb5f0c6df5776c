# SPDX-License-Identifier: Apache-2.0
"""The documents of a set and whether they can be trusted: names, manifest, SHA256SUMS."""

import hashlib
import re
from collections.abc import Iterable
from datetime import UTC, datetime

import msgspec

from day2.errors import BadSettings, BadUsage
from day2.model.backup import FORMAT, Artefact, Kind, Manifest, Method, digest

MANIFEST, SUMS, HOWTO = "manifest.json", "SHA256SUMS", "HOWTO.txt"
ENDING = ".zst.age"
RESTIC = "restic"
"""How an artefact is encrypted whose data lie in a repository of restic, and not in a file."""
SET = re.compile(rf"({'|'.join(Kind)})-[a-z0-9][a-z0-9-]{{0,80}}")
FILE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,120}")
CLOUD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
HASH = re.compile(r"[0-9a-f]{64}")
STAMP = re.compile(r"[a-z0-9]+-([0-9]{8}-[0-9]{6})(-|$)")


class Untrusted(Exception):
    """Why the documents of a set are not believed."""


def require_cloud(cloud: str) -> str:
    """Return the name of a cloud's folder.

    Raises:
        BadSettings: when the cloud's name is none that a folder may have.

    """
    if not CLOUD.fullmatch(cloud) or cloud.endswith((".partial", ".removing", ".records")):
        raise BadSettings(
            f"the sets of cloud {cloud!r} cannot lie in a folder of that name",
            hint="name it with letters, digits, dots, dashes and underlines",
        )
    return cloud


def require_set(name: str, kind: Kind) -> str:
    """Return the id of a set as it may be written.

    Raises:
        BadUsage: when it is not KIND-... in small letters, digits and dashes.

    """
    if not SET.fullmatch(name) or not name.startswith(f"{kind}-"):
        raise BadUsage(f"{name!r} is no id of a set of kind {kind}", hint=f"like {kind}-20261126-…")
    return name


def require_file(name: str, taken: Iterable[str]) -> str:
    """Return the name of a new artefact's file.

    Raises:
        BadUsage: when it is not a plain file name, or there is one already.

    """
    file = f"{name}{ENDING}"
    if not FILE.fullmatch(name) or file in taken:
        raise BadUsage(f"{name!r} cannot be the name of a further file of this set")
    return file


def require_name(name: str, taken: Iterable[str]) -> str:
    """Return the name of a new artefact that is no file of the vault.

    Raises:
        BadUsage: as `require_file`.

    """
    require_file(name, (f"{one}{ENDING}" for one in taken))
    return name


def files(manifest: Manifest) -> list[Artefact]:
    """Return the artefacts of a set that are files in its folder."""
    return [artefact for artefact in manifest.artefacts if artefact.encryption != RESTIC]


def kept(manifest: Manifest) -> list[Artefact]:
    """Return the artefacts of a set whose data lie in a repository of restic."""
    return [artefact for artefact in manifest.artefacts if artefact.encryption == RESTIC]


def sums(document: bytes, manifest: Manifest, howto_sha256: str) -> bytes:
    """Return SHA256SUMS: what `sha256sum -c` reads, the manifest and the page included."""
    lines = {artefact.name: artefact.stored_sha256 for artefact in files(manifest)}
    lines |= {HOWTO: howto_sha256, MANIFEST: digest(document)}
    return "".join(f"{lines[name]}  {name}\n" for name in sorted(lines)).encode()


def howto_hash(sums_document: bytes) -> str:
    """Return what SHA256SUMS says of the page; empty when it says nothing."""
    for line in sums_document.decode(errors="replace").splitlines():
        said, _blank, name = line.partition("  ")
        if name == HOWTO and HASH.fullmatch(said):
            return said
    return ""


def read(document: bytes, sums_document: bytes, *, name: str, cloud: str) -> Manifest:
    """Return the manifest of the set that lies in the folder `name`.

    Raises:
        Untrusted: when it is damaged, of another set or cloud, or not what SHA256SUMS says.

    """
    manifest = decode(document)
    if manifest.format != FORMAT:
        raise Untrusted(f"its format is {manifest.format[:40]!r}: a newer day2 wrote it")
    if (manifest.id, manifest.cloud) != (name, cloud):
        raise Untrusted(f"its manifest is of {manifest.cloud[:80]}/{manifest.id[:80]}")
    names = [artefact.name for artefact in manifest.artefacts]
    ended = all(artefact.name.endswith(ENDING) for artefact in files(manifest))
    known = all(HASH.fullmatch(artefact.stored_sha256) for artefact in kept(manifest))
    if not (ended and known and all(FILE.fullmatch(one) for one in names)):
        raise Untrusted("its manifest names files that no set has")
    if len(set(names)) != len(names):
        raise Untrusted("its manifest names a file twice")
    if sums_document != sums(document, manifest, howto_hash(sums_document)):
        raise Untrusted(f"{MANIFEST} and {SUMS} do not say the same: one of them was changed")
    return manifest


def decode(document: bytes) -> Manifest:
    """Return a manifest as it is written.

    Raises:
        Untrusted: when it is none.

    """
    try:
        return msgspec.json.decode(document, type=Manifest)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise Untrusted(f"{MANIFEST} cannot be read: {str(error)[:120]}") from None


def unknown(name: str, cloud: str) -> Manifest:
    """Return what stands for a manifest that cannot be read: what the folder's name says."""
    kind = next((kind for kind in Kind if name.startswith(f"{kind}-")), Kind.DAY2)
    at = datetime.fromtimestamp(0, UTC)
    stamp = STAMP.match(name)
    if stamp:
        try:
            at = datetime.strptime(stamp[1], "%Y%m%d-%H%M%S").replace(tzinfo=UTC)
        except ValueError:
            at = datetime.fromtimestamp(0, UTC)
    return Manifest(
        id=name,
        sequence=0,
        kind=kind,
        method=Method.ADOPTED,
        cloud=cloud,
        region="",
        foundation="",
        started_at=at,
        ended_at=at,
        seconds=0.0,
        host="",
        by="",
        day2="",
    )


def file_hash(content: bytes) -> str:
    """Return the SHA-256 of a small file."""
    return hashlib.sha256(content).hexdigest()
