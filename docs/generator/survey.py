# SPDX-License-Identifier: Apache-2.0
"""The tables of a survey: what is read, where from, and every field that is kept."""

import inspect
import types
import typing
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import msgspec

from day2.adapters.openstack.listing import KNOWN_MAX
from day2.adapters.openstack.pages import Collection
from day2.model.survey import KINDS, Tables
from day2.survey.lists import COLLECTIONS
from docs.generator import markdown as md

INTRODUCTION = """
A survey is one picture of one cloud and region.
Only the fields below are kept; everything else of an answer is dropped when it is decoded, so that no secret enters a survey.
`survey.skip_kinds` leaves tables out; `day2 health check --kinds` reads only the tables it names.

Where the API has versions, day2 asks for the lower of the service's highest and the highest that these tables were written for: {versions}.
A service that the catalogue does not have leaves its tables empty, without a gap.
"""  # noqa: E501 - one sentence, one line


def page() -> str:
    """Make the page."""
    notes = md.notes("tables")
    versions = ", ".join(f"{name} {a}.{b}" for name, (a, b) in sorted(KNOWN_MAX.items()))
    hints = typing.get_type_hints(Tables)
    rows = {kind: typing.get_args(hints[kind])[0] for kind in KINDS}
    listed = md.table(
        ("table", "one row is", "service"),
        (
            (f"[`{kind}`](#{md.anchor(kind)})", _first(row), _service(kind, notes))
            for kind, row in rows.items()
        ),
    )
    sections = [part for kind, row in rows.items() for part in _section(kind, row, notes)]
    return md.page(
        "Tables of the survey", INTRODUCTION.format(versions=versions), listed, *sections
    )


def _section(kind: str, row: type[msgspec.Struct], notes: dict[str, Any]) -> Iterator[str]:
    yield f"## {kind}"
    yield md.paragraphs(inspect.getdoc(row) or "")
    read = [_source(c) for c in COLLECTIONS if c.kind == kind]
    if not read and kind not in notes:
        raise SystemExit(f"docs/notes/tables.yaml: {kind} lacks a note on where it is read from")
    if kind in notes:
        read.append(md.sentences(notes[kind]["read"]))
    yield "Read: " + "; ".join(read).rstrip(".") + "."
    yield md.table(("field", "type", "the API's name"), _fields(row, ""))


def _source(collection: Collection) -> str:
    query = "&".join(f"{key}={value}" for key, value in collection.query.items())
    said = f"`GET {collection.path}{f'?{query}' if query else ''}` of {collection.service}"
    if collection.microversion_max:
        major, minor = collection.microversion_max
        said += f", never above version {major}.{minor}"
    return said + (", in pages" if collection.paged else "")


def _service(kind: str, notes: dict[str, Any]) -> str:
    found = next((c.service for c in COLLECTIONS if c.kind == kind), "")
    return found or str(notes.get(kind, {}).get("service", ""))


def _first(row: type[msgspec.Struct]) -> str:
    return md.sentences((inspect.getdoc(row) or "").split("\n\n", maxsplit=1)[0])


def _fields(row: type[msgspec.Struct], prefix: str) -> Iterator[tuple[str, str, str]]:
    hints = typing.get_type_hints(row)
    for info in msgspec.structs.fields(row):
        hint = hints[info.name]
        other = info.encode_name if info.encode_name != info.name else ""
        yield md.code(f"{prefix}{info.name}"), _type(hint), md.code(other)
        inner = _inner(hint)
        if inner is not None:
            yield from _fields(inner, f"{prefix}{info.name}.")


def _inner(hint: Any) -> type[msgspec.Struct] | None:  # noqa: ANN401 - a type
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        return hint
    found = (_inner(argument) for argument in typing.get_args(hint))
    return next((row for row in found if row is not None), None)


def _type(hint: Any) -> str:  # noqa: ANN401 - a type
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in {typing.Union, types.UnionType}:
        said = " or ".join(_type(a) for a in arguments if a is not type(None))
        return f"{said}, or not known" if type(None) in arguments else said
    if origin is list:
        return f"list of {_type(arguments[0])}"
    if origin is dict:
        return f"map of {_type(arguments[1])}"
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        return "record"
    words: dict[Any, str] = {
        str: "text",
        int: "integer",
        float: "number",
        bool: "yes or no",
        datetime: "time",
    }
    return words.get(hint, "any")
