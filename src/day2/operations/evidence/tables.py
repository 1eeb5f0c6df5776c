# SPDX-License-Identifier: Apache-2.0
"""Sections made of a survey: what was read of tables, else what was last known; pure."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from day2.model.evidence import Section, State
from day2.model.survey import Survey
from day2.operations.evidence.words import ago, moment

GAPS_MAX = 12
LINES_MAX = 60


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """The newest survey that is kept, which stands in for what cannot be read now."""

    survey: Survey
    now: datetime


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """One table of a section: which fields are kept of a row, and how one is told in a line.

    `bad` tells which rows come first, and are told one by one; None: all are.
    """

    kind: str
    noun: str
    fields: tuple[str, ...]
    line: Callable[[Any], str]
    bad: Callable[[Any], bool] | None = None


class Layout(msgspec.Struct, frozen=True, kw_only=True):
    """A section of some tables; `setting` is what makes it readable."""

    name: str
    title: str
    parts: tuple[Part, ...]
    setting: str = ""


def section(layout: Layout, survey: Survey, known: Known | None, rows_max: int) -> Section:
    """Make a section; it is `read` when every table of it that was asked for is complete."""
    kinds = [part.kind for part in layout.parts]
    state, why, configured = judged(survey, kinds, layout.setting)
    lines: list[str] = []
    content: dict[str, Any] = {}
    known_at = None
    for part in layout.parts:
        rows = list(getattr(survey.tables, part.kind))
        if rows or survey.is_complete(part.kind):
            lines += _told(part, rows)
            content[part.kind] = _kept(part, rows, rows_max)
        if configured and not survey.is_complete(part.kind) and known is not None:
            earlier = list(getattr(known.survey.tables, part.kind))
            if earlier and len(earlier) > len(rows):
                known_at = known.survey.ended_at
                age = f"last known {moment(known_at)} ({ago(known.now - known_at)} ago): "
                lines += [f"{age}{line}" for line in _told(part, earlier)[:3]]
                content[f"{part.kind}_last_known"] = {
                    "at": known_at.isoformat(),
                    **_kept(part, earlier, rows_max),
                }
    return Section(
        name=layout.name,
        title=layout.title,
        state=state,
        why=why,
        configured=configured,
        known_at=known_at,
        lines=lines[:LINES_MAX],
        content=content,
    )


def judged(
    survey: Survey, kinds: Sequence[str], setting: str = ""
) -> tuple[State, list[str], bool]:
    """Say how much of some tables was read, what is missing, and whether it is configured."""
    gaps = [gap for gap in survey.gaps if gap.kind in kinds]
    why = _why(gap.message or gap.what for gap in gaps)
    asked = [kind for kind in kinds if survey.was_read(kind) or any(g.kind == kind for g in gaps)]
    if not asked:
        absent = f"the settings name none: {setting}" if setting else "this cloud has none"
        return State.NOT_READ, [absent], False
    if all(survey.is_complete(kind) for kind in asked):
        return State.READ, [], True
    whole = any(survey.is_complete(kind) for kind in asked)
    some = any(getattr(survey.tables, kind) for kind in asked)
    return (State.PARTIAL if whole or some else State.NOT_READ), why, True


def _why(messages: Iterable[str]) -> list[str]:
    listed = list(dict.fromkeys(" ".join(message.split()) for message in messages))
    more = [f"and {len(listed) - GAPS_MAX} more reasons"] if len(listed) > GAPS_MAX else []
    return [*listed[:GAPS_MAX], *more]


def _told(part: Part, rows: Sequence[Any]) -> list[str]:
    if part.bad is None:
        return [part.line(row) for row in rows]
    odd = [row for row in rows if part.bad(row)]
    well = len(rows) - len(odd)
    head = f"{part.noun}: {len(rows)}, {well} well" + (f", {len(odd)} not" if odd else "")
    return [head, *(f"- {part.line(row)}" for row in odd[:LINES_MAX])]


def _kept(part: Part, rows: Sequence[Any], rows_max: int) -> dict[str, Any]:
    bad = part.bad
    ordered = sorted(rows, key=lambda row: not bad(row)) if bad else list(rows)
    kept = [_row(row, part.fields) for row in ordered[:rows_max]]
    left = len(rows) - len(kept)
    return {"rows": kept, **({"left_out": left} if left else {})}


def _row(row: Any, fields: tuple[str, ...]) -> Mapping[str, Any]:  # noqa: ANN401 - any table
    return {name: msgspec.to_builtins(getattr(row, name)) for name in fields}
