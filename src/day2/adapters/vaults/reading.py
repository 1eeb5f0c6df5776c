# SPDX-License-Identifier: Apache-2.0
"""Sets as they lie in a folder: what they say, whether it is believed, and whether it is whole."""

import hashlib
import os
from pathlib import Path

from day2.adapters.vaults import layout, records
from day2.adapters.vaults.disk import NotOurs, is_folder, open_file, read_file
from day2.adapters.vaults.streams import CHUNK
from day2.adapters.vaults.unsealing import BLOCK
from day2.model.backup import Artefact, Found, Manifest, Record, digest


def found(folder: Path, name: str, *, cloud: str, vault: str) -> Found:
    """Read what lies under the name of a set; what is wrong with it is told, never raised."""
    document = b""
    manifest = layout.unknown(name, cloud)
    why = ""
    try:
        why = "" if is_folder(folder / name) else "it is gone, or not a folder"
        if not why:
            document = read_file(folder / name, layout.MANIFEST)
            sums = read_file(folder / name, layout.SUMS)
            manifest = layout.read(document, sums, name=name, cloud=cloud)
    except (layout.Untrusted, NotOurs) as error:
        why = str(error)
    except FileNotFoundError as error:
        why = f"it has no {Path(str(error.filename)).name}"
    except OSError as error:
        why = f"it cannot be read: {error.strerror}"
    sha256 = digest(document) if document else ""
    # Whatever stands for its manifest is not what records of it were made for.
    told = [] if document and why else _records(folder / f"{name}.records", manifest, sha256)
    return Found(vault=vault, manifest=manifest, sha256=sha256, records=told, broken=why)


def check(folder: Path, manifest: Manifest) -> str:
    """Hash every file of a set; say what is wrong, empty when nothing is."""
    try:
        page = layout.file_hash(read_file(folder, layout.HOWTO))
        if page != layout.howto_hash(read_file(folder, layout.SUMS)):
            return f"{layout.HOWTO} was changed"
        wrong = (check_file(folder, artefact) for artefact in layout.files(manifest))
        return next((one for one in wrong if one), "")
    except FileNotFoundError as error:
        return f"{Path(str(error.filename)).name} is missing"
    except NotOurs as error:
        return str(error)
    except OSError as error:
        return f"it cannot be read: {error.strerror}"


def check_file(folder: Path, artefact: Artefact) -> str:
    """Hash a stored file as a whole and in chunks; say what is wrong, and where it begins.

    Raises:
        NotOurs, OSError: when it is no ordinary file, or cannot be read.

    """
    whole, chunk, chunks, count = hashlib.sha256(), hashlib.sha256(), [], 0
    with os.fdopen(open_file(folder, artefact.name), "rb", buffering=0) as opened:
        size = os.fstat(opened.fileno()).st_size
        if size != artefact.stored_bytes:
            return f"{artefact.name} has {size} bytes, not {artefact.stored_bytes}"
        while part := opened.read(BLOCK - count % BLOCK):
            whole.update(part)
            chunk.update(part)
            count += len(part)
            if count % CHUNK == 0:
                chunks.append(chunk.hexdigest())
                chunk = hashlib.sha256()
    if count % CHUNK or not count:
        chunks.append(chunk.hexdigest())
    if (whole.hexdigest(), chunks) == (artefact.stored_sha256, artefact.chunks):
        return ""
    pairs = zip(chunks, artefact.chunks, strict=False)
    first = next((n for n, (now, then) in enumerate(pairs) if now != then), None)
    where = "" if first is None else f", first in the 64 MiB from byte {first * CHUNK} on"
    return f"{artefact.name} was changed{where}"


def _records(folder: Path, manifest: Manifest, sha256: str) -> list[Record]:
    try:
        names = [one.name for one in folder.iterdir()] if is_folder(folder) else []
    except OSError:
        names = []
    return records.read_all(names, lambda one: read_file(folder, one), manifest, sha256)
