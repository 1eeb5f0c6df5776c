# SPDX-License-Identifier: Apache-2.0
"""Records as they lie beside a set: numbered from 1, each with its own hash.

They are read on the safe side. One that is damaged still says by its name what it was: a pin holds,
a condemnation does not, and a proof counts as one that failed, until the set is verified again.
"""

import hashlib
import re
from collections.abc import Callable, Sequence

import msgspec

from day2.adapters.vaults.disk import NotOurs
from day2.model.backup import Manifest, Record, Told

NAME = re.compile(r"([0-9]{4,6})-([a-z]{1,20})\.json")
FAIL_SAFE = {Told.PINNED: Told.PINNED, Told.SPARED: Told.SPARED, Told.VERIFIED: Told.VERIFIED}


class _Sealed(msgspec.Struct, frozen=True, kw_only=True):
    number: int
    record: msgspec.Raw
    sha256: str


def name_of(number: int, record: Record) -> str:
    """Return the file name of a record."""
    return f"{number:04}-{record.told}.json"


def seal(number: int, record: Record) -> bytes:
    """Return what is written of a record: itself, its number, and the hash of both."""
    raw = msgspec.json.encode(record, order="sorted")
    sealed = _Sealed(number=number, record=msgspec.Raw(raw), sha256=_hash(number, raw))
    return msgspec.json.encode(sealed) + b"\n"


def next_number(names: Sequence[str]) -> int:
    """Return the first number that is above all that are there."""
    return max((int(m[1]) for m in map(NAME.fullmatch, names) if m), default=0) + 1


def read_all(
    names: Sequence[str], read: Callable[[str], bytes], manifest: Manifest, sha256: str
) -> list[Record]:
    """Return the records of a set in their order; what is damaged or missing is among them.

    `sha256` is of the manifest, empty when the set is gone and only its records are left.
    `read` returns the content of a file, or raises OSError or NotOurs for one that cannot be read.
    """
    found: dict[int, list[Record]] = {}
    for name in sorted(names):
        matched = NAME.fullmatch(name)
        if matched:
            number = int(matched[1])
            record = _read(name, number, matched[2], read, manifest, sha256)
            found.setdefault(number, []).extend(record)
    records = []
    for number in range(1, max(found, default=0) + 1):
        missing = [_doubt(manifest, sha256, Told.VERIFIED, f"record {number:04} is missing")]
        records += found.get(number, missing)
    return records


def _read(
    name: str,
    number: int,
    told: str,
    read: Callable[[str], bytes],
    manifest: Manifest,
    sha256: str,
) -> list[Record]:
    try:
        sealed = msgspec.json.decode(read(name), type=_Sealed)
        raw = bytes(sealed.record)
        record = msgspec.json.decode(raw, type=Record)
        sound = (sealed.number, sealed.sha256) == (number, _hash(number, raw))
        of_this = (record.set, record.told) == (manifest.id, told)
        of_this = of_this and sha256 in {"", record.manifest_sha256}
        why = "is damaged" if not sound else "is of another set" if not of_this else ""
    except (OSError, NotOurs, msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        why = f"cannot be read ({type(error).__name__})"
    else:
        if not why:
            return [record]
    kept = FAIL_SAFE.get(Told(told)) if told in set(Told) else None
    return [_doubt(manifest, sha256, kept, f"record {name} {why}")] if kept else []


def _doubt(manifest: Manifest, sha256: str, told: Told, why: str) -> Record:
    return Record(
        set=manifest.id,
        manifest_sha256=sha256,
        told=told,
        at=manifest.ended_at,
        by="day2",
        ok=told is not Told.VERIFIED,
        detail=why,
    )


def _hash(number: int, raw: bytes) -> str:
    return hashlib.sha256(b"%d\n%s" % (number, raw)).hexdigest()
