# SPDX-License-Identifier: Apache-2.0
"""Answer a question at a moment, by Prometheus' own rules: look-back, counters, matching."""

import itertools
import math
import operator
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence

import msgspec

from day2.sandbox.http import Refused
from day2.sandbox.services.prometheus_parse import (
    COMPARISONS,
    OVER_TIME,
    SETS,
    Aggregation,
    Binary,
    Call,
    Matcher,
    Node,
    Number,
    Selector,
)

Labels = dict[str, str]
SCRAPE_SECONDS, LOOK_BACK = 60, 300
SAMPLES_MAX = 2_000_000
UNPROCESSABLE = 422
NAME = "__name__"


class Series(msgspec.Struct, frozen=True, kw_only=True):
    """One series: its value at any moment of its life; a `counter` never falls."""

    labels: Labels
    value: Callable[[float], float]
    since: float
    until: float
    counter: bool = False


class Point(msgspec.Struct, frozen=True):
    """One element of a vector; `at` is when it was scraped."""

    labels: Labels
    value: float
    at: float


Value = float | list[Point]
Find = Callable[[Sequence[Matcher]], list[Series]]


def _power(base: float, exponent: float) -> float:
    try:
        found = base**exponent
    except (OverflowError, ZeroDivisionError):
        return math.inf
    return found if isinstance(found, float) else math.nan


ARITHMETIC: dict[str, Callable[[float, float], float]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": lambda a, b: a / b if b else math.nan if a == 0 or math.isnan(a) else math.copysign(
        math.inf, a
    ),
    "%": lambda a, b: math.fmod(a, b) if b else math.nan,
    "^": _power,
}  # fmt: skip
COMPARED: dict[str, Callable[[float, float], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    ">": operator.gt,
    "<": operator.lt,
    ">=": operator.ge,
    "<=": operator.le,
}
REDUCED: dict[str, Callable[[list[float]], float]] = {
    "sum": math.fsum,
    "avg": lambda values: math.fsum(values) / len(values),
    "min": min,
    "max": max,
    "count": lambda values: float(len(values)),
    "last": lambda values: values[-1],
}
ROUNDED: dict[str, Callable[[float], float]] = {
    "abs": abs,
    "ceil": lambda value: float(math.ceil(value)) if math.isfinite(value) else value,
    "floor": lambda value: float(math.floor(value)) if math.isfinite(value) else value,
}


class Evaluator:
    """Answers one question; what a selector finds is looked up once."""

    def __init__(self, find: Find) -> None:
        self._find = find
        self._known: dict[tuple[Matcher, ...], list[Series]] = {}
        self._samples = 0

    def at(self, node: Node, moment: float) -> Value:
        """Evaluate at a moment, in seconds since 1970.

        Raises:
            Refused: when the question makes no sense, or loads too much.

        """
        match node:
            case Number():
                return node.value
            case Selector() if node.seconds:
                raise _refused("a range vector has no single value")
            case Selector():
                return self._instant(node, moment)
            case Call():
                return self._call(node, moment)
            case Aggregation():
                return _aggregated(node, self._vector(node.argument, moment, node.name))
            case Binary():
                return self._binary(node, moment)

    def samples(self, node: Selector, moment: float) -> Iterator[tuple[Labels, list[Point]]]:
        """Return the samples of a range selector, series by series."""
        for series in self._series(node):
            times = _scrapes(series, node, moment)
            self._count(len(times))
            if times:
                yield series.labels, [Point(series.labels, series.value(t), t) for t in times]

    def _grown(self, name: str, node: Selector, moment: float) -> Iterator[Point]:
        """Return `rate` or `increase`; of a counter that never falls the ends are enough."""
        per = node.seconds if name == "rate" else 1.0
        for series in self._series(node):
            times: Sequence[int] = _scrapes(series, node, moment)
            number = len(times)
            if number > 1:
                times = (times[0], times[-1]) if series.counter else times
                self._count(len(times))
                points = [Point(series.labels, series.value(t), t) for t in times]
                end = moment - node.offset
                value = extrapolated(points, end, node.seconds, number=number)
                yield Point(_nameless(series.labels), value / per, moment)

    def _series(self, node: Selector) -> list[Series]:
        if node.matchers not in self._known:
            self._known[node.matchers] = self._find(node.matchers)
        return self._known[node.matchers]

    def _count(self, samples: int) -> None:
        self._samples += samples
        if self._samples > SAMPLES_MAX:
            raise _refused(
                "query processing would load too many samples into memory in query execution"
            )

    def _instant(self, node: Selector, moment: float) -> list[Point]:
        at = moment - node.offset
        found = []
        for series in self._series(node):
            scraped = math.floor(min(at, series.until) / SCRAPE_SECONDS) * SCRAPE_SECONDS
            if scraped >= series.since and at - scraped < LOOK_BACK:
                found.append(Point(series.labels, series.value(scraped), scraped))
        self._count(len(found))
        return found

    def _vector(self, node: Node, moment: float, what: str) -> list[Point]:
        found = self.at(node, moment)
        if isinstance(found, float):
            raise _refused(f"expected type instant vector in {what}, got scalar", bad=True)
        return found

    def _call(self, node: Call, moment: float) -> Value:
        if node.name == "time" or node.argument is None:
            return moment
        if node.name == "vector":
            value = self.at(node.argument, moment)
            if not isinstance(value, float):
                raise _refused("expected type scalar in call to function vector", bad=True)
            return [Point({}, value, moment)]
        if isinstance(node.argument, Selector) and node.argument.seconds:
            return list(self._over_time(node.name, node.argument, moment))
        found = self._vector(node.argument, moment, f'call to function "{node.name}"')
        if node.name == "timestamp":
            return [Point(_nameless(p.labels), p.at, moment) for p in found]
        change = ROUNDED[node.name]
        return [Point(_nameless(p.labels), change(p.value), moment) for p in found]

    def _over_time(self, name: str, node: Selector, moment: float) -> Iterator[Point]:
        if name not in OVER_TIME:
            yield from self._grown(name, node, moment)
            return
        kind = name.removesuffix("_over_time")
        for labels, points in self.samples(node, moment):
            kept = labels if kind == "last" else _nameless(labels)
            yield Point(kept, REDUCED[kind]([p.value for p in points]), moment)

    def _binary(self, node: Binary, moment: float) -> Value:
        left, right = self.at(node.left, moment), self.at(node.right, moment)
        if node.sign in SETS:
            if isinstance(left, float) or isinstance(right, float):
                raise _refused(
                    f'set operator "{node.sign}" not allowed in binary scalar expression', bad=True
                )
            return _set(node, left, right)
        if isinstance(left, float) and isinstance(right, float):
            if node.sign in COMPARISONS:
                raise _refused("comparisons between scalars must use BOOL modifier", bad=True)
            return ARITHMETIC[node.sign](left, right)
        pairs = _pairs(node, left, right)
        if node.sign in COMPARISONS:
            test = COMPARED[node.sign]
            kept = [(labels, a, b) for labels, a, b in pairs if test(a, b)]
            flipped = isinstance(left, float)
            return [Point(labels, b if flipped else a, moment) for labels, a, b in kept]
        work = ARITHMETIC[node.sign]
        return [Point(_nameless(labels), work(a, b), moment) for labels, a, b in pairs]


def _scrapes(series: Series, node: Selector, moment: float) -> range:
    """Return when a series was scraped within the range that ends at a moment."""
    end = moment - node.offset
    first, last = max(end - node.seconds, series.since - 1), min(end, series.until)
    number = math.floor(first / SCRAPE_SECONDS) + 1
    return range(number * SCRAPE_SECONDS, math.floor(last) + 1, SCRAPE_SECONDS)


def extrapolated(points: Sequence[Point], end: float, seconds: float, *, number: int) -> float:
    """Return the increase of a counter over a window, as Prometheus extrapolates it.

    `number` is how many samples the window has; `points` may be fewer where nothing fell between.
    """
    increase = points[-1].value - points[0].value
    for before, after in itertools.pairwise(points):
        if after.value < before.value:
            increase += before.value
    sampled = points[-1].at - points[0].at
    average = sampled / (number - 1)
    to_start = points[0].at - (end - seconds)
    to_end = end - points[-1].at
    if increase > 0 and points[0].value >= 0:
        # A counter is not carried back beyond zero.
        to_start = min(to_start, sampled * (points[0].value / increase))
    threshold = average * 1.1
    covered = sampled
    covered += to_start if to_start < threshold else average / 2
    covered += to_end if to_end < threshold else average / 2
    return increase * (covered / sampled)


def chosen(series: Iterable[Series], matchers: Sequence[Matcher]) -> list[Series]:
    """Return the series whose labels meet every condition."""
    return [one for one in series if all(matches(m, one.labels) for m in matchers)]


def matches(matcher: Matcher, labels: Labels) -> bool:
    """Tell whether labels meet a condition; a label that is not there is empty."""
    value = labels.get(matcher.name, "")
    match matcher.sign:
        case "=":
            return value == matcher.value
        case "!=":
            return value != matcher.value
        case "=~":
            return re.fullmatch(matcher.value, value) is not None
        case _:
            return re.fullmatch(matcher.value, value) is None


def _aggregated(node: Aggregation, points: list[Point]) -> list[Point]:
    groups: dict[tuple[tuple[str, str], ...], list[float]] = defaultdict(list)
    for point in points:
        labels = {
            name: value
            for name, value in point.labels.items()
            if name != NAME and (name in node.labels) is node.by
        }
        groups[tuple(sorted(labels.items()))].append(point.value)
    at = points[0].at if points else 0.0
    reduce = REDUCED[node.name]
    return [Point(dict(key), reduce(values), at) for key, values in groups.items()]


def _key(node: Binary, labels: Labels) -> tuple[tuple[str, str], ...]:
    return tuple(
        sorted(
            (name, value)
            for name, value in labels.items()
            if name != NAME and (node.on is None or (name in node.on) is node.only)
        )
    )


def _set(node: Binary, left: list[Point], right: list[Point]) -> list[Point]:
    there = {_key(node, point.labels) for point in right}
    match node.sign:
        case "and":
            return [point for point in left if _key(node, point.labels) in there]
        case "unless":
            return [point for point in left if _key(node, point.labels) not in there]
        case _:
            here = {_key(node, point.labels) for point in left}
            return [*left, *(p for p in right if _key(node, p.labels) not in here)]


def _pairs(node: Binary, left: Value, right: Value) -> list[tuple[Labels, float, float]]:
    """Put the two sides together; two vectors one to one."""
    if isinstance(left, float):
        points = right if isinstance(right, list) else []
        return [(point.labels, left, point.value) for point in points]
    if isinstance(right, float):
        return [(point.labels, point.value, right) for point in left]
    others = _by_key(node, right, "right")
    found = []
    for key, point in _by_key(node, left, "left").items():
        other = others.get(key)
        if other is not None:
            kept = point.labels if node.sign in COMPARISONS else dict(key)
            if node.on is None and node.sign not in COMPARISONS:
                kept = _nameless(point.labels)
            found.append((kept, point.value, other.value))
    return found


def _by_key(
    node: Binary, points: list[Point], side: str
) -> dict[tuple[tuple[str, str], ...], Point]:
    found: dict[tuple[tuple[str, str], ...], Point] = {}
    for point in points:
        key = _key(node, point.labels)
        if key in found:
            raise _refused(
                f"found duplicate series for the match group {dict(key)} on the {side} hand-side "
                "of the operation; many-to-many matching not allowed: matching labels must be "
                "unique on one side"
            )
        found[key] = point
    return found


def _nameless(labels: Labels) -> Labels:
    return {name: value for name, value in labels.items() if name != NAME}


def _refused(said: str, *, bad: bool = False) -> Refused:
    if bad:
        text = f'invalid parameter "query": 1:1: parse error: {said}'
        return Refused(400, text, kind="bad_data")
    return Refused(UNPROCESSABLE, said, kind="execution")
