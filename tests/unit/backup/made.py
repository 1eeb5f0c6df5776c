# SPDX-License-Identifier: Apache-2.0
"""Sets as a vault would list them."""

from datetime import UTC, datetime, timedelta
from typing import Any

from day2.model.backup import (
    Artefact,
    Found,
    Kind,
    Level,
    Manifest,
    Method,
    Record,
    Told,
    digest,
    encode,
)

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)


def found(
    name: str,
    *,
    kind: Kind = Kind.DATABASE,
    method: Method = Method.LOGICAL,
    hours_ago: float = 1,
    size: int = 1000,
    parent: Found | None = None,
    records: tuple[tuple[Told, Level, bool], ...] = (),
    **more: Any,
) -> Found:
    at = NOW - timedelta(hours=hours_ago)
    manifest = Manifest(
        id=name,
        sequence=int(1_000_000 - hours_ago),
        kind=kind,
        method=method,
        cloud="lab",
        region="",
        foundation="http://keystone",
        started_at=at,
        ended_at=at + timedelta(minutes=1),
        seconds=60,
        host="deploy",
        by="ann",
        day2="0.1",
        parent=parent.manifest.id if parent else "",
        parent_sha256=parent.sha256 if parent else "",
        artefacts=[
            Artefact(
                of="dump",
                name="dump.sql.zst.age",
                bytes=size,
                sha256="0" * 64,
                stored_bytes=size // 10,
                stored_sha256="0" * 64,
            )
        ],
        **more,
    )
    sha256 = digest(encode(manifest))
    told = [
        Record(set=name, manifest_sha256=sha256, told=what, at=at, by="ann", level=level, ok=ok)
        for what, level, ok in records
    ]
    return Found(vault="v", manifest=manifest, sha256=sha256, records=told)
