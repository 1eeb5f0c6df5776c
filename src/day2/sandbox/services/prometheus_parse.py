# SPDX-License-Identifier: Apache-2.0
"""Read the part of PromQL that the sandbox answers; everything else is refused, never guessed."""

import re
from typing import NoReturn

import msgspec

from day2.sandbox.http import BAD_REQUEST, Refused

TOKEN = re.compile(
    r"\s*(?:(?P<number>(?:0x[0-9a-f]+|\d+\.?\d*(?:e[+-]?\d+)?|\.\d+(?:e[+-]?\d+)?|inf|nan)"
    r"(?![a-z0-9_:.]))|(?P<span>(?:\d+(?:ms|[smhdwy]))+)|(?P<name>[a-z_:][a-z0-9_:]*)"
    r"|(?P<text>\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*')"
    r"|(?P<sign>==|!=|=~|!~|>=|<=|[-+*/%^(){}\[\],=<>:@]))",
    re.IGNORECASE,
)
UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800, "y": 31536000}
SPAN = re.compile(r"(\d+)(ms|[smhdwy])")
AGGREGATIONS = frozenset({"sum", "avg", "min", "max", "count"})
OVER_TIME = frozenset(f"{name}_over_time" for name in ("avg", "min", "max", "sum", "count", "last"))
OF_RANGE = OVER_TIME | {"rate", "increase"}
OF_VECTOR = frozenset({"timestamp", "abs", "ceil", "floor"})
COMPARISONS = frozenset({"==", "!=", ">", "<", ">=", "<="})
SETS = frozenset({"and", "or", "unless"})
# The weakest first; all but the last are read from the left.
LEVELS = (
    frozenset({"or"}), frozenset({"and", "unless"}), COMPARISONS, frozenset({"+", "-"}),
    frozenset({"*", "/", "%"}),
)  # fmt: skip
DEPTH_MAX, LENGTH_MAX = 40, 10_000


class Matcher(msgspec.Struct, frozen=True):
    """One condition on a label: `=`, `!=`, `=~` or `!~`."""

    name: str
    sign: str
    value: str

    @property
    def narrows(self) -> bool:
        """Tell whether a series without this label is left out."""
        match self.sign:
            case "=":
                return self.value != ""
            case "=~":
                return re.fullmatch(self.value, "") is None
            case _:
                return False


class Number(msgspec.Struct, frozen=True):
    """A number as it is written."""

    value: float


class Selector(msgspec.Struct, frozen=True, kw_only=True):
    """Series by name and labels; with `seconds`, their samples of that long."""

    matchers: tuple[Matcher, ...]
    seconds: float = 0.0
    offset: float = 0.0


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """A function."""

    name: str
    argument: "Node | None" = None


class Aggregation(msgspec.Struct, frozen=True, kw_only=True):
    """`sum by (…) (…)`; `by` False means `without`."""

    name: str
    labels: tuple[str, ...]
    by: bool
    argument: "Node"


class Binary(msgspec.Struct, frozen=True, kw_only=True):
    """Two sides; `on` None means every label, `only` False that `on` are the ones ignored."""

    sign: str
    left: "Node"
    right: "Node"
    on: tuple[str, ...] | None = None
    only: bool = True


Node = Number | Selector | Call | Aggregation | Binary


def parse(text: str) -> Node:
    """Read a question.

    Raises:
        Refused: when it is none, or more than is answered here.

    """
    return _Parser(text).whole()


def duration(text: str) -> float:
    """Read `1h30m` as seconds."""
    return sum(int(number) * UNITS[unit] for number, unit in SPAN.findall(text.lower()))


class _Token(msgspec.Struct, frozen=True):
    kind: str
    text: str
    at: int


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens: list[_Token] = []
        self._place = 0
        self._depth = 0
        self._split()

    def whole(self) -> Node:
        if not self._tokens:
            self._fail("no expression found in input")
        found = self._binary(0)
        if self._token.kind != "end":
            self._fail(f'unexpected "{self._token.text}"')
        return found

    def _split(self) -> None:
        at = 0
        stripped = self._text.rstrip()
        if len(stripped) > LENGTH_MAX:
            self._fail("the query is too long")
        while at < len(stripped):
            found = TOKEN.match(stripped, at)
            if found is None or found.lastgroup is None:
                self._fail(f"unexpected character: {stripped[at : at + 1]!r}", at)
            text = found.group(found.lastgroup)
            self._tokens.append(_Token(found.lastgroup, text, found.start(found.lastgroup)))
            at = found.end()

    def _fail(self, said: str, at: int | None = None) -> NoReturn:
        place = (self._token.at if at is None and self._tokens else at or 0) + 1
        text = f'invalid parameter "query": 1:{place}: parse error: {said}'
        raise Refused(BAD_REQUEST, text, kind="bad_data")

    @property
    def _token(self) -> _Token:
        end = _Token("end", "end of input", len(self._text))
        return self._tokens[self._place] if self._place < len(self._tokens) else end

    def _take(self, *texts: str) -> str:
        """Take the token if it is one of these; empty when it is none."""
        if self._token.kind != "text" and self._token.text.lower() in texts:
            self._place += 1
            return self._tokens[self._place - 1].text.lower()
        return ""

    def _need(self, text: str) -> None:
        if not self._take(text):
            self._fail(f'unexpected "{self._token.text}", expected "{text}"')

    def _binary(self, level: int) -> Node:
        self._depth += 1
        if self._depth > DEPTH_MAX * (len(LEVELS) + 2):
            self._fail("the query is nested too deeply")
        left = self._power() if level == len(LEVELS) else self._binary(level + 1)
        while level < len(LEVELS) and (sign := self._take(*LEVELS[level])):
            on, only = self._matching()
            left = Binary(sign=sign, left=left, right=self._binary(level + 1), on=on, only=only)
        self._depth -= 1
        return left

    def _power(self) -> Node:
        sign = self._take("-", "+")
        if sign:
            inner = self._power()
            return inner if sign == "+" else Binary(sign="*", left=Number(-1.0), right=inner)
        left = self._atom()
        if self._take("^"):
            return Binary(sign="^", left=left, right=self._power())
        return left

    def _matching(self) -> tuple[tuple[str, ...] | None, bool]:
        if self._take("bool"):
            self._fail("the sandbox does not answer comparisons with bool")
        word = self._take("on", "ignoring")
        if not word:
            return None, True
        labels = self._labels()
        if self._take("group_left", "group_right"):
            self._fail("the sandbox does not answer many-to-one matching")
        return labels, word == "on"

    def _labels(self) -> tuple[str, ...]:
        self._need("(")
        found: list[str] = []
        while not self._take(")"):
            if self._token.kind != "name":
                self._fail(f'unexpected "{self._token.text}" in grouping opts, expected label')
            found.append(self._tokens[self._place].text)
            self._place += 1
            if not self._take(","):
                self._need(")")
                break
        return tuple(found)

    def _atom(self) -> Node:
        token = self._token
        if token.kind == "number":
            self._place += 1
            text = token.text.lower()
            return Number(float(int(text, 16)) if text.startswith("0x") else float(text))
        if self._take("("):
            inner = self._binary(0)
            self._need(")")
            return inner
        if token.kind == "name" or token.text == "{":
            return self._named(token)
        return self._fail(f'unexpected "{token.text}"')

    def _named(self, token: _Token) -> Node:
        following = self._tokens[self._place + 1 : self._place + 2]
        opens = bool(following) and following[0].text.lower() in {"(", "by", "without"}
        if token.kind == "name" and opens:
            self._place += 1
            if token.text.lower() in AGGREGATIONS:
                return self._aggregation(token.text.lower())
            return self._call(token)
        return self._selector()

    def _aggregation(self, name: str) -> Node:
        word = self._take("by", "without")
        labels = self._labels() if word else ()
        self._need("(")
        inner = self._binary(0)
        self._need(")")
        if not word:
            word = self._take("by", "without")
            labels = self._labels() if word else ()
        return Aggregation(name=name, labels=labels, by=word != "without", argument=inner)

    def _call(self, token: _Token) -> Node:
        name = token.text
        if name not in OF_RANGE | OF_VECTOR | {"time", "vector"}:
            self._fail(f'unknown function with name "{name}"', token.at)
        self._need("(")
        if name == "time":
            self._need(")")
            return Call(name=name)
        inner = self._binary(0)
        self._need(")")
        ranged = isinstance(inner, Selector) and inner.seconds > 0
        if ranged != (name in OF_RANGE):
            wanted, got = ("range", "instant") if name in OF_RANGE else ("instant", "range")
            said = f'expected type {wanted} vector in call to function "{name}", got {got} vector'
            self._fail(said, token.at)
        return Call(name=name, argument=inner)

    def _selector(self) -> Node:
        matchers: list[Matcher] = []
        if self._token.kind == "name":
            matchers.append(Matcher("__name__", "=", self._token.text))
            self._place += 1
        if self._take("{"):
            matchers += self._conditions()
        if not any(m.narrows for m in matchers):
            self._fail("vector selector must contain at least one non-empty matcher")
        seconds = self._range() if self._take("[") else 0.0
        offset = self._span("offset") if self._take("offset") else 0.0
        if self._token.text == "@":
            self._fail("the sandbox does not answer the @ modifier")
        return Selector(matchers=tuple(matchers), seconds=seconds, offset=offset)

    def _conditions(self) -> list[Matcher]:
        found: list[Matcher] = []
        while not self._take("}"):
            label = self._token
            self._place += 1
            sign = self._take("=", "!=", "=~", "!~")
            if label.kind != "name" or not sign or self._token.kind != "text":
                self._fail(f'unexpected "{label.text}" inside braces')
            found.append(Matcher(label.text, sign, self._text_of(self._token, sign)))
            self._place += 1
            if not self._take(","):
                self._need("}")
                break
        return found

    def _text_of(self, token: _Token, sign: str) -> str:
        value = re.sub(r"\\(.)", r"\1", token.text[1:-1]) if "~" not in sign else token.text[1:-1]
        if "~" in sign:
            value = value.replace("\\\\", "\\")
            try:
                re.compile(value)
            except re.error as error:
                self._fail(f"error parsing regexp: {error}")
        return value

    def _range(self) -> float:
        seconds = self._span("range")
        if self._token.text.startswith(":"):
            self._fail("the sandbox does not answer subqueries")
        self._need("]")
        return seconds

    def _span(self, what: str) -> float:
        if self._token.kind != "span":
            self._fail(f'unexpected "{self._token.text}" in {what}, expected duration')
        self._place += 1
        return duration(self._tokens[self._place - 1].text)
