# SPDX-License-Identifier: Apache-2.0
"""Packs: one file with a manifest first and a hash of every member; the same content, same bytes.

A gzipped tar opens everywhere. Nothing of this machine gets into it but what it was given.
"""

import gzip
import hashlib
import io
import os
import tarfile
import zlib
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

import msgspec

from day2.adapters import files
from day2.errors import BadUsage, NotVerified
from day2.model.evidence import Manifest, Member

MANIFEST = "MANIFEST.json"
SUFFIX = ".tar.gz"
FOLDER_MODE, FILE_MODE = 0o700, 0o600
PACK_BYTES_MAX = 256 << 20
UNPACKED_BYTES_MAX = 1 << 30
MEMBERS_MAX = 10_000


def manifest(
    content: Mapping[str, bytes], *, schema: str, scope: str, cloud: str, at: datetime
) -> Manifest:
    """Return what a pack says of itself: its members in the order of their names."""
    return Manifest(
        schema=schema,
        scope=scope,
        cloud=cloud,
        at=at,
        members=[
            Member(name=name, bytes=len(data), sha256=hashlib.sha256(data).hexdigest())
            for name, data in sorted(content.items())
        ],
    )


def write(folder: Path, name: str, told: Manifest, content: Mapping[str, bytes]) -> Path:
    """Write `NAME.tar.gz`, and a folder NAME with the same; return the file.

    The folder for both is made when it is not there; all is for its owner only. The file is whole
    or not there.

    Raises:
        BadUsage: when it cannot be written.

    """
    ordered = {MANIFEST: _document(told), **dict(sorted(content.items()))}
    try:
        folder.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
        own = folder / name
        own.mkdir(mode=FOLDER_MODE)
        for member, data in ordered.items():
            place = own / member
            # With `parents` those between would be as open as the process makes folders.
            for between in reversed([p for p in place.parents if own in p.parents]):
                between.mkdir(mode=FOLDER_MODE, exist_ok=True)
            with os.fdopen(
                os.open(place, os.O_CREAT | os.O_EXCL | os.O_WRONLY, FILE_MODE), "wb"
            ) as f:
                f.write(data)
    except FileExistsError:
        raise BadUsage(f"{folder / name} is there already", hint="collect once more") from None
    except OSError as error:
        raise BadUsage(
            f"cannot write into {folder}: {error.strerror}", hint="name another with --output"
        ) from None
    file = folder / f"{name}{SUFFIX}"
    files.write_private(file, _packed(name, told.at, ordered))
    return file


def read(file: Path) -> tuple[Manifest, dict[str, bytes]]:
    """Read a pack, or its folder, and hold every member against its hash.

    Raises:
        BadUsage: when it is no pack, or cannot be read.
        NotVerified: when a member is missing, was changed, or is not in the manifest.

    """
    found = _of_folder(file) if file.is_dir() else _of_file(file)
    try:
        told = msgspec.json.decode(found.pop(MANIFEST), type=Manifest)
    except (KeyError, msgspec.MsgspecError):
        raise BadUsage(f"{file} is no pack of evidence: it has no manifest") from None
    wrong = []
    for member in told.members:
        data = found.get(member.name)
        if data is None:
            wrong.append(f"{member.name} is missing")
        elif hashlib.sha256(data).hexdigest() != member.sha256:
            wrong.append(f"{member.name} is not what was collected")
    known = {member.name for member in told.members}
    wrong += [f"{name} was added" for name in sorted(set(found) - known)]
    if wrong:
        raise NotVerified(
            f"{file} was changed: {'; '.join(wrong[:5])}",
            hint="ask whoever collected it for the file once more",
        )
    return told, found


def _document(told: Manifest) -> bytes:
    return msgspec.json.format(msgspec.json.encode(told), indent=2) + b"\n"


def _packed(name: str, at: datetime, ordered: Mapping[str, bytes]) -> bytes:
    packed = io.BytesIO()
    # No name and no time of ours: the same evidence makes the same bytes.
    with (
        gzip.GzipFile(filename="", fileobj=packed, mode="wb", mtime=0) as zipped,
        tarfile.open(fileobj=zipped, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        for member, data in ordered.items():
            entry = tarfile.TarInfo(f"{name}/{member}")
            entry.size, entry.mode, entry.mtime = len(data), FILE_MODE, int(at.timestamp())
            archive.addfile(entry, io.BytesIO(data))
    return packed.getvalue()


def _of_file(file: Path) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    left = UNPACKED_BYTES_MAX
    try:
        if file.stat().st_size > PACK_BYTES_MAX:
            raise BadUsage(f"{file} is larger than any pack of evidence")
        with tarfile.open(file, mode="r:gz") as archive:
            for entry in archive:
                left -= entry.size
                opened = archive.extractfile(entry) if entry.isreg() else None
                if opened is None:
                    continue
                if left < 0 or len(found) >= MEMBERS_MAX:
                    raise BadUsage(f"{file} unfolds to more than any pack of evidence")
                found[entry.name.partition("/")[2] or entry.name] = opened.read()
    except (OSError, EOFError, tarfile.TarError, zlib.error) as error:
        said = error.strerror if isinstance(error, OSError) and error.strerror else "it is no pack"
        raise BadUsage(f"cannot read {file}: {said}") from None
    return found


def _of_folder(folder: Path) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    try:
        for place in sorted(folder.rglob("*")):
            if place.is_symlink() or not place.is_file():
                continue
            if len(found) >= MEMBERS_MAX:
                raise BadUsage(f"{folder} is no pack of evidence")
            if place.stat().st_size > PACK_BYTES_MAX:
                raise BadUsage(f"{place} is larger than any pack of evidence")
            found[str(place.relative_to(folder))] = place.read_bytes()
    except OSError as error:
        raise BadUsage(f"cannot read {folder}: {error.strerror}") from None
    return found
