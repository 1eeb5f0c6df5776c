# SPDX-License-Identifier: Apache-2.0
"""The answer to a question in PromQL: typed series, bounded, with what the server says beside."""

import msgspec

from day2.adapters.listed import decoded, printable
from day2.adapters.reasons import one_line
from day2.errors import BadAnswer, BadUsage, Day2Error, NotDeployed, Unreachable

SERIES_MAX = 50_000
POINTS_MAX = 5_000_000


class Series(msgspec.Struct, frozen=True, kw_only=True):
    """One series of an answer: times are seconds since 1970, values may be NaN or infinite."""

    labels: dict[str, str]
    times: list[float]
    values: list[float]

    @property
    def last(self) -> float:
        """The newest value."""
        return self.values[-1]


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """The series of an answer; with `warnings` the server says itself that it is not whole."""

    series: list[Series] = []
    warnings: list[str] = []


class Envelope(msgspec.Struct):
    """What is around every answer of the API, and all there is of its errors."""

    status: str
    data: msgspec.Raw = msgspec.Raw(b"null")
    errorType: str = ""  # noqa: N815 - the API's name
    error: str = ""
    warnings: list[str] = []


class _Item(msgspec.Struct):
    metric: dict[str, str] = {}
    value: tuple[float, str] | None = None
    values: list[tuple[float, str]] = []


class Result(msgspec.Struct, rename="camel"):
    """The data of an answer as the API sends them."""

    result_type: str
    result: msgspec.Raw


def answer_of(result: Result, warnings: list[str], where: str) -> Answer:
    """Turn an answer into series; a scalar is one without labels.

    Raises:
        BadAnswer: it is of no form that holds numbers, or larger than the bounds.

    """
    match result.result_type:
        case "vector" | "matrix":
            items = decoded(result.result, list[_Item], where)
        case "scalar":
            items = [_Item(value=decoded(result.result, tuple[float, str], where))]
        case other:
            raise BadAnswer(f"{where}: a result of type {one_line(other)!r}")
    return _series(items, warnings, where)


def _series(items: list[_Item], warnings: list[str], where: str) -> Answer:
    if len(items) > SERIES_MAX:
        raise BadAnswer(f"{where}: {len(items):,} series, more than {SERIES_MAX:,}")
    series: list[Series] = []
    points, other = 0, 0
    for item in items:
        pairs = item.values or ([item.value] if item.value else [])
        points += len(pairs)
        if points > POINTS_MAX:
            raise BadAnswer(f"{where}: more than {POINTS_MAX:,} points")
        if not pairs:
            other += 1
            continue
        try:
            values = [float(text) for _time, text in pairs]
        except ValueError:
            raise BadAnswer(f"{where}: a value that is no number") from None
        times = [time for time, _text in pairs]
        series.append(Series(labels=printable(item.metric), times=times, values=values))
    if other:
        warnings = [*warnings, f"{other:,} series hold no plain numbers (native histograms)"]
    return Answer(series=series, warnings=warnings)


def refusal(envelope: Envelope, where: str) -> Day2Error:
    """Turn the API's own error into ours, with its sentence."""
    text = f"{where}: {one_line(envelope.errorType)}: {one_line(envelope.error)}"
    match envelope.errorType:
        case "bad_data" | "execution":
            return BadUsage(
                text,
                hint="the query itself is at fault: try it in the expression browser of Prometheus",
            )
        case "timeout" | "canceled" | "unavailable" | "internal":
            return Unreachable(text)
        case "not_found":
            return NotDeployed(text)
        case _:
            return BadAnswer(text)
