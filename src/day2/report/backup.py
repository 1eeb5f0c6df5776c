# SPDX-License-Identifier: Apache-2.0
"""Backup sets as plain text, 80 columns wide."""

from collections.abc import Sequence
from datetime import datetime

from day2.model.backup import Found, Level, Standing, State, Told
from day2.model.severity import Severity
from day2.report.terminal import Text

_BOLD, _DIM = "\x1b[1m", "\x1b[2m"
LEVELS = {
    Level.COMMITTED: "not looked at",
    Level.HASHED: "hashed",
    Level.READ: "read",
    Level.RESTORED: "restored",
    Level.DRILLED: "drilled",
}
_MARKS = {Severity.CRITICAL: "✗", Severity.WARNING: "!"}


def listed(
    found: Sequence[Found], standings: Sequence[Standing], *, now: datetime, colour: bool
) -> str:
    """Render how each kind stands, worst first, and the sets, newest first."""
    text = Text(colour=colour)
    for standing in sorted(standings, key=lambda s: -len(s.troubles)):
        newest = standing.newest_at
        said = f"newest {age(now, newest)} old" if newest else "none"
        if standing.proven_set_at is not None:
            said += f", newest proven by restore {age(now, standing.proven_set_at)} old"
        text.add(f"{standing.kind.value}: {said}", hanging=2, style=_BOLD)
        for trouble in standing.troubles:
            mark = _MARKS.get(trouble.severity, "?")
            text.add(f"{mark} {trouble.said}", indent=2, hanging=2)
            text.add(f"→ {trouble.advice}", indent=4, hanging=2)
    text.add()
    if not found:
        text.add("The vault is empty.")
        return text.render()
    text.line(f"{'SET':<32} {'METHOD':<9} {'READ':>10} {'STORED':>10}  PROVEN", style=_BOLD)
    for one in reversed(found):
        manifest = one.manifest
        word = LEVELS[one.level] if one.state is State.GOOD else one.state.value.upper()
        stored = manifest.source.get("file_bytes", manifest.stored_bytes)
        read = manifest.source.get("plain_bytes", manifest.bytes)
        pin = " *" if one.pinned else ""
        text.line(
            f"{manifest.id:<32} {manifest.method.value:<9} {size(read):>10} {size(stored):>10}  "
            f"{word}{pin}",
            style="" if one.state is State.GOOD else _DIM,
        )
    if any(one.pinned for one in found):
        text.add()
        text.add("* pinned: kept whatever its age")
    return text.render()


def shown(one: Found, *, why_unusable: str, now: datetime) -> str:
    """Render one set: what it holds, what was read for it, and what was found of it since."""
    text = Text(colour=False)
    manifest = one.manifest
    text.add(f"{manifest.id}: {one.state.value}, {LEVELS[one.level]}", hanging=2)
    text.add(
        f"{manifest.kind.value}, {manifest.method.value}, by {manifest.by} on {manifest.host}, "
        f"{manifest.taken_at:%Y-%m-%d %H:%M:%S} UTC ({age(now, manifest.taken_at)} ago), "
        f"{manifest.seconds:.1f} s",
        indent=2,
    )
    if manifest.parent:
        text.add(f"on top of {manifest.parent}", indent=2)
    if why_unusable:
        text.add(f"✗ cannot be restored: {why_unusable}", indent=2, hanging=2)
    text.add()
    for artefact in manifest.artefacts:
        text.line(
            f"  {artefact.name:<34} {size(artefact.bytes):>9} in {size(artefact.stored_bytes):>9}"
        )
    text.add()
    for name, value in sorted(manifest.source.items()):
        told = value if isinstance(value, str | int | float) else _short(value)
        text.add(f"{name}: {told}", indent=2, hanging=4)
    if one.records:
        text.add()
    for record in one.records:
        mark = "✓" if record.ok else "✗"
        level = f" level {record.level.value}" if record.told is Told.VERIFIED else ""
        text.add(
            f"{mark} {record.at:%Y-%m-%d %H:%M} {record.told.value}{level} by {record.by}: "
            f"{record.detail}",
            indent=2,
            hanging=2,
        )
    return text.render()


def keys(rows: Sequence[tuple[str, bool]], why: str) -> str:
    """Render the public keys, and which of them a canary proved to be opened here."""
    text = Text(colour=False)
    for public, opened in rows:
        text.line(f"{'✓ opened here' if opened else '- not opened here':<18} {public}")
    if why:
        text.add(why, hanging=2)
    if not any(opened for _public, opened in rows):
        text.add("Sets can be taken here, and neither be proven beyond level 1 nor be restored.")
    return text.render()


def size(count: int) -> str:
    """Write bytes in the unit that people would."""
    amount = float(count)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if amount < 1024:  # noqa: PLR2004
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1024
    return f"{amount:.1f} TiB"


def age(now: datetime, then: datetime) -> str:
    """Write how long ago it was."""
    hours = (now - then).total_seconds() / 3600
    if hours < 1:
        return f"{max(hours * 60, 0):.0f} min"
    return f"{hours:.0f} h" if hours < 48 else f"{hours / 24:.0f} days"  # noqa: PLR2004


def _short(value: object) -> str:
    if isinstance(value, dict | list):
        return f"{len(value)} ({', '.join(map(str, list(value)[:6]))})"
    return str(value)
