# SPDX-License-Identifier: Apache-2.0
"""Rounds and findings over time: what was new, what is still there, what is gone, what is muted."""

from collections import Counter
from datetime import datetime
from typing import Any, TypeVar

import msgspec
import sqlalchemy as sa
import zstandard
from sqlalchemy.dialects.sqlite import insert

from day2.errors import MemoryUnusable
from day2.memory.documents import read_back
from day2.memory.schema import acknowledgements, findings, rounds
from day2.memory.store import Memory
from day2.model.finding import Finding
from day2.model.round import Report, Tally
from day2.model.severity import Severity

T = TypeVar("T")


class KnownFinding(msgspec.Struct, frozen=True, kw_only=True):
    """A finding with its life: `gone_at` None while the latest round still had it."""

    finding: Finding
    first_seen_at: datetime
    last_seen_at: datetime
    gone_at: datetime | None = None


class Acknowledgement(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody's word on one finding: `ack` shows it as known, `mute` only counts it.

    `severity` is that of the finding when it was said; None in words that an older day2 kept.
    """

    key: str
    kind: str
    reason: str
    ticket: str
    by: str
    at: datetime
    until: datetime
    severity: Severity | None = None

    def holds_for(self, severity: Severity) -> bool:
        """Tell whether it is still about a finding that is this bad now."""
        return self.severity is None or severity.rank >= self.severity.rank


def save(connection: sa.Connection, report: Report, survey_id: int | None) -> int:
    """Keep a round and bring the life of each of its findings up to date; return the round's id."""
    packed = zstandard.ZstdCompressor().compress(msgspec.json.encode(report))
    inserted = connection.execute(
        rounds.insert().values(
            cloud=report.cloud,
            region=report.region,
            kind=report.kind,
            survey_id=survey_id,
            at=report.at,
            severity=report.severity.value,
            report=packed,
        )
    )
    here = (findings.c.cloud == report.cloud) & (findings.c.region == report.region)
    for finding in (*report.findings, *report.folded):
        document = msgspec.json.encode(finding)
        statement = insert(findings).values(
            cloud=report.cloud,
            region=report.region,
            key=finding.key,
            severity=finding.severity.value,
            first_seen_at=report.at,
            last_seen_at=report.at,
            gone_at=None,
            document=document,
        )
        back = sa.case(
            (findings.c.gone_at.is_not(None), statement.excluded.first_seen_at),
            else_=findings.c.first_seen_at,
        )
        connection.execute(
            statement.on_conflict_do_update(
                index_elements=["cloud", "region", "key"],
                set_={
                    "severity": finding.severity.value,
                    "first_seen_at": back,
                    "last_seen_at": report.at,
                    "gone_at": None,
                    "document": document,
                },
            )
        )
    if report.gone:
        connection.execute(
            findings.update().where(here, findings.c.key.in_(report.gone)).values(gone_at=report.at)
        )
    return int(inserted.inserted_primary_key[0])  # type: ignore[index]


def load(memory: Memory, round_id: int) -> Report | None:
    """Read one round's report; None when it is not kept (any more)."""
    with memory.reading() as connection:
        row = connection.execute(sa.select(rounds).where(rounds.c.id == round_id)).first()
    return None if row is None else _report(row)


def history(
    memory: Memory, cloud: str, region: str, *, kind: str | None = None, count: int = 30
) -> list[tuple[Report, int | None]]:
    """List the newest rounds of a cloud, newest first, each with the id of its survey."""
    query = sa.select(rounds).where(rounds.c.cloud == cloud, rounds.c.region == region)
    if kind:
        query = query.where(rounds.c.kind == kind)
    with memory.reading() as connection:
        found = connection.execute(query.order_by(rounds.c.id.desc()).limit(count)).all()
    return [(_report(row), row.survey_id) for row in found]


class _Severity(msgspec.Struct):
    severity: Severity


class _Outline(msgspec.Struct):
    """Of a report only what is counted: the rest is skipped when it is decoded."""

    findings: list[_Severity] = []
    gaps: list[msgspec.Raw] = []


def tallies(memory: Memory, cloud: str, region: str, *, count: int = 30) -> list[Tally]:
    """Count the findings of the newest rounds by severity, newest round first."""
    query = sa.select(rounds).where(rounds.c.cloud == cloud, rounds.c.region == region)
    with memory.reading() as connection:
        rows = connection.execute(query.order_by(rounds.c.id.desc()).limit(count)).all()
    found = []
    for row in rows:
        outline = _read(row.report, _Outline, f"round {row.id}", packed=True)
        found.append(
            Tally(
                id=row.id,
                kind=row.kind,
                at=row.at,
                severity=Severity(row.severity),
                counts=dict(Counter(finding.severity for finding in outline.findings)),
                gaps=len(outline.gaps),
            )
        )
    return found


def open_findings(memory: Memory, cloud: str, region: str) -> dict[str, KnownFinding]:
    """Return every finding that the latest judgement of its check still had, by key."""
    return {known.finding.key: known for known in _known(memory, cloud, region, gone=False)}


def known_findings(memory: Memory, cloud: str, region: str) -> list[KnownFinding]:
    """Return every finding that was ever seen, gone ones included, newest first."""
    return _known(memory, cloud, region, gone=True)


def acknowledge(memory: Memory, cloud: str, region: str, word: Acknowledgement) -> None:
    """Keep somebody's word on a finding; the newest word on a key counts."""
    with memory.writing() as connection:
        connection.execute(
            acknowledgements.insert().values(
                cloud=cloud, region=region, **msgspec.structs.asdict(word)
            )
        )


def acknowledged(
    memory: Memory, cloud: str, region: str, now: datetime
) -> dict[str, Acknowledgement]:
    """Return the words that hold now, the newest per key."""
    query = (
        sa.select(acknowledgements)
        .where(acknowledgements.c.cloud == cloud, acknowledgements.c.region == region)
        .order_by(acknowledgements.c.id)
    )
    with memory.reading() as connection:
        rows = connection.execute(query).all()
    words = {
        row.key: Acknowledgement(
            key=row.key,
            kind=row.kind,
            reason=row.reason,
            ticket=row.ticket,
            by=row.by,
            at=row.at,
            until=row.until,
            severity=Severity(row.severity) if row.severity else None,
        )
        for row in rows
    }
    return {key: word for key, word in words.items() if word.until > now}


def _known(memory: Memory, cloud: str, region: str, *, gone: bool) -> list[KnownFinding]:
    query = sa.select(findings).where(findings.c.cloud == cloud, findings.c.region == region)
    if not gone:
        query = query.where(findings.c.gone_at.is_(None))
    with memory.reading() as connection:
        rows = connection.execute(query.order_by(findings.c.last_seen_at.desc())).all()
    return [
        KnownFinding(
            finding=_read(row.document, Finding, f"the finding {row.key}"),
            first_seen_at=row.first_seen_at,
            last_seen_at=row.last_seen_at,
            gone_at=row.gone_at,
        )
        for row in rows
    ]


def _report(row: sa.Row[Any]) -> Report:
    kept = _read(row.report, Report, f"round {row.id}", packed=True)
    return msgspec.structs.replace(kept, id=row.id)


def _read(data: bytes, kind: type[T], what: str, *, packed: bool = False) -> T:
    """Read a document back; that nothing is known of before is said, and never guessed.

    Raises:
        MemoryUnusable: when another version wrote it in another form, or it is damaged.

    """

    def decode() -> T:
        document = zstandard.ZstdDecompressor().decompress(data) if packed else data
        return msgspec.json.decode(document, type=kind)

    found = read_back(decode)
    if found is None:
        raise MemoryUnusable(
            f"{what} is in the memory and cannot be read",
            hint="another version of day2 wrote it, or the file is damaged: install that version, "
            "or restore the memory from a set of kind day2",
        )
    return found
