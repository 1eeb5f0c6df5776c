# SPDX-License-Identifier: Apache-2.0
"""A list out of one JSON answer, row by row: what does not fit is counted, not fatal."""

from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

import msgspec

from day2.adapters.reasons import one_line
from day2.errors import BadAnswer

T = TypeVar("T")
K = TypeVar("K")
LABELS_MAX = 64


class Listed(msgspec.Struct, Generic[T], kw_only=True):
    """The rows read; `failures` say why they are not the whole list."""

    rows: list[T] = []
    failures: list[BadAnswer] = []


def listed(
    items: Sequence[msgspec.Raw],
    kind: type[K],
    make: Callable[[K], T],
    *,
    what: str,
    most: int,
) -> Listed[T]:
    """Decode each item as `kind` and turn it into a row; beyond `most` none is looked at."""
    found: Listed[T] = Listed()
    decoder = msgspec.json.Decoder(kind)
    unreadable = 0
    for item in items[:most]:
        try:
            found.rows.append(make(decoder.decode(item)))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            unreadable += 1
    if unreadable:
        found.failures.append(
            BadAnswer(f"{what}: {unreadable:,} rows are not what this API promises")
        )
    if len(items) > most:
        found.failures.append(
            BadAnswer(f"{what}: {len(items):,} rows, of which {most:,} were read")
        )
    return found


def decoded(body: bytes | msgspec.Raw, kind: type[T], what: str) -> T:
    """Decode an answer.

    Raises:
        BadAnswer: it is not JSON, or not of this shape.

    """
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadAnswer(
            f"{what}: the answer is not what this API promises ({one_line(str(error))})"
        ) from None


def printable(labels: dict[str, str]) -> dict[str, str]:
    """Make labels fit for people: whoever runs an exporter chooses what they say."""
    few = list(labels.items())[:LABELS_MAX]
    return {one_line(name): one_line(value) for name, value in few}


def spoken(annotations: dict[str, Any]) -> str:
    """Return the sentence of an alert: its summary, else what comes nearest."""
    for name in ("summary", "description", "message", "title"):
        text = annotations.get(name)
        if isinstance(text, str) and text.strip():
            return one_line(text)
    return ""
