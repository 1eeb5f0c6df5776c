# SPDX-License-Identifier: Apache-2.0
"""Sets as retention sees them: built in memory, good unless a test says otherwise."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from day2.model.backup import Found, Kind, Level, Manifest, Method, Record, Told
from day2.operations.backup.retention import Tick

NOW = datetime.fromisoformat("2026-11-26T06:00:00+00:00")


def tick(now: datetime = NOW, monotonic: float = 1e6, boot: str = "boot-1") -> Tick:
    return Tick(at=now, boot=boot, monotonic=monotonic)


def made(number: int, *, days: float, broken: str = "", **fields: Any) -> Found:
    """Build a set that was taken so many days ago; `number` is its sequence."""
    kind = fields.get("kind", Kind.DATABASE)
    ended = fields.pop("ended_at", NOW - timedelta(days=days))
    given: dict[str, Any] = {
        "id": f"{kind}-{number}",
        "sequence": number,
        "kind": Kind.DATABASE,
        "method": Method.LOGICAL,
        "cloud": "prod",
        "region": "",
        "foundation": "",
        "started_at": ended,
        "ended_at": ended,
        "seconds": 1.0,
        "host": "ctl1",
        "by": "day2",
        "day2": "0",
    }
    manifest = Manifest(**(given | fields))
    return Found(vault="main", manifest=manifest, sha256=f"hash-{number}", broken=broken)


def told(found: Found, word: Told, at: datetime = NOW, **fields: Any) -> Found:
    """Return the set with one record more."""
    given: dict[str, Any] = {
        "set": found.manifest.id,
        "manifest_sha256": found.sha256,
        "told": word,
        "at": at,
        "by": "day2",
    }
    record = Record(**(given | fields))
    return Found(
        vault=found.vault,
        manifest=found.manifest,
        sha256=found.sha256,
        records=[*found.records, record],
        broken=found.broken,
    )


def proven(found: Found, level: Level = Level.RESTORED) -> Found:
    return told(found, Told.VERIFIED, found.manifest.ended_at, level=level)


def failed(found: Found) -> Found:
    return told(found, Told.VERIFIED, found.manifest.ended_at, ok=False)


def condemned(found: Found, days: float) -> Found:
    return told(found, Told.CONDEMNED, NOW - timedelta(days=days))


def daily(days: Sequence[float], **fields: Any) -> list[Found]:
    """Build a row of sets of these ages, the oldest first."""
    ordered = sorted(days, reverse=True)
    return [made(number, days=age, **fields) for number, age in enumerate(ordered, 1)]
