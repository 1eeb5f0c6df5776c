# SPDX-License-Identifier: Apache-2.0
"""What a set of raw JSON rows looks like: per field its presence, types, nulls, formats, words."""

import re
import typing
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import msgspec

# The first that fits; what fits none is a word (one token of letters) or text.
FORMATS: tuple[tuple[str, str], ...] = (
    ("nothing", r""),
    ("uuid", r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}"),
    ("32 hex digits", r"[0-9a-f]{32}"),
    ("64 or more hex digits", r"[0-9a-f]{64,}"),
    ("YYYY-MM-DDTHH:MM:SSZ", r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"),
    ("YYYY-MM-DDTHH:MM:SS", r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d"),
    ("YYYY-MM-DDTHH:MM:SS.ffffff", r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}"),
    ("YYYY-MM-DDTHH:MM:SS.ffffffZ", r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z"),
    ("YYYY-MM-DD HH:MM:SS", r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d"),
    ("a time with an offset", r"\d{4}-\d\d-\d\d.*[+-]\d\d:\d\d"),
    ("CIDR", r"\d+\.\d+\.\d+\.\d+/\d+"),
    ("address", r"\d+\.\d+\.\d+\.\d+"),
    ("MAC address", r"(?:[0-9a-f]{2}:){5}[0-9a-f]{2}"),
    ("digits", r"\d+"),
    ("host@backend#pool", r"[\w.-]+@[\w.-]+#\S+"),
    ("host@backend", r"[\w.-]+@[\w.-]+"),
    ("URL", r"https?://\S+"),
    ("lower case word", r"[a-z][a-z_-]*"),
    ("UPPER CASE WORD", r"[A-Z][A-Z_]*"),
)
_FORMATS = tuple((name, re.compile(pattern)) for name, pattern in FORMATS)
TIMES = frozenset(name for name, _pattern in FORMATS if name.startswith(("YYYY", "a time")))


@dataclass
class Field:
    """One field over all rows: `rows` is how many could have had it."""

    rows: int = 0
    present: int = 0
    nulls: int = 0
    types: set[str] = field(default_factory=set)
    formats: set[str] = field(default_factory=set)
    words: set[str] = field(default_factory=set)

    def add(self, value: Any) -> None:
        self.present += 1
        if value is None:
            self.nulls += 1
            return
        self.types.add(type_of(value))
        if isinstance(value, str):
            self.formats.add(format_of(value))
            self.words.add(value)

    @property
    def presence(self) -> str:
        if not self.present:
            return "never there"
        return "always there" if self.present == self.rows else "sometimes there"


def type_of(value: Any) -> str:
    names = {dict: "object", list: "list", str: "string", bool: "bool", int: "int", float: "float"}
    return names[type(value)]


def format_of(text: str) -> str:
    return next((name for name, pattern in _FORMATS if pattern.fullmatch(text)), "text")


def profile(rows: Iterable[Any], row: type[msgspec.Struct]) -> dict[str, Field]:
    """Describe every field that this row type reads, inner ones by a dotted path."""
    found: dict[str, Field] = {}
    _declare(row, "", found)
    for one in rows:
        _walk(one, row, "", found)
    return found


def keys_of(rows: Iterable[Any]) -> set[str]:
    return {key for row in rows if isinstance(row, dict) for key in row}


def skeleton(value: Any, path: str = "") -> set[str]:
    """Return every path of a document with the type at its end; ids in it are not told apart."""
    if isinstance(value, dict) and value:
        inner = (skeleton(v, f"{path}.{_key(k)}".lstrip(".")) for k, v in value.items())
        return set().union(*inner)
    if isinstance(value, list) and value:
        return set().union(*(skeleton(item, f"{path}[]") for item in value))
    shown = format_of(value) if isinstance(value, str) else ""
    kind = "null" if value is None else type_of(value)
    return {f"{path}: {shown if shown in TIMES | {'uuid', '32 hex digits'} else kind}"}


def _key(name: str) -> str:
    return "ID" if format_of(name) in {"uuid", "32 hex digits"} else name


def _inner(kind: Any) -> type[msgspec.Struct] | None:
    """Return the struct inside a type: `X`, `X | None`, `list[X]`, `dict[str, X]`."""
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return kind
    return next((one for arg in typing.get_args(kind) if (one := _inner(arg))), None)


def _fields(row: type[msgspec.Struct]) -> Iterator[tuple[str, Any]]:
    for one in msgspec.structs.fields(row):
        yield one.encode_name, one.type


def _declare(row: type[msgspec.Struct], above: str, found: dict[str, Field]) -> None:
    for name, kind in _fields(row):
        found[f"{above}{name}"] = Field()
        if inner := _inner(kind):
            _declare(inner, f"{above}{name}.", found)


def _walk(value: Any, row: type[msgspec.Struct], above: str, found: dict[str, Field]) -> None:
    for name, kind in _fields(row):
        path = f"{above}{name}"
        found[path].rows += 1
        if not isinstance(value, dict) or name not in value:
            continue
        found[path].add(value[name])
        inner = _inner(kind)
        items = value[name] if isinstance(value[name], list) else [value[name]]
        for item in items:
            if inner and isinstance(item, dict):
                _walk(item, inner, f"{path}.", found)
            elif isinstance(value[name], list):
                found.setdefault(f"{path}[]", Field()).rows += 1
                found[f"{path}[]"].add(item)
