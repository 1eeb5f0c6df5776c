# SPDX-License-Identifier: Apache-2.0
"""What was read around one subject, and the words that all stories share."""

import ipaddress
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

import msgspec

from day2.model.explanation import Cause, Event, Explanation, Link
from day2.model.finding import Finding, Subject
from day2.model.survey import Gap, Tables
from day2.model.tables import utc
from day2.model.tables.compute import Migration, Server, ServerAction
from day2.model.tables.details import (
    AgentDetail,
    BalancerTree,
    ImageDetail,
    PortBinding,
    VolumeMessage,
)
from day2.model.tables.network import NetworkAgent
from day2.operations.explain.policy import ExplainPolicy

NAMES_MAX = 5


class Picture(msgspec.Struct, frozen=True, kw_only=True):
    """Rows around a subject; services and agents of the whole cloud.

    `unread` are the kinds that could not be read. What is None was not read: agents that serve
    networks and routers (by their ids), bindings, messages, the tree of a load balancer.
    `gone` are servers that are proven not to exist.
    """

    now: datetime
    policy: ExplainPolicy
    tables: Tables
    unread: frozenset[str] = frozenset()
    gaps: list[Gap] = []
    findings: list[Finding] = []
    gone: frozenset[str] = frozenset()
    details: list[AgentDetail] = []
    serving: Mapping[str, list[NetworkAgent] | None] = {}
    served: Mapping[str, list[str]] = {}
    bindings: list[PortBinding] | None = None
    messages: list[VolumeMessage] | None = None
    actions: list[ServerAction] = []
    migrations: list[Migration] = []
    tree: BalancerTree | None = None
    image: ImageDetail | None = None

    def knows(self, *kinds: str) -> bool:
        """Tell whether these kinds were read: only then does absence mean absence."""
        return not self.unread.intersection(kinds)

    def age(self, moment: datetime | None) -> timedelta | None:
        """How long ago a moment is; None where it is not told."""
        at = utc(moment)
        return None if at is None else self.now - at

    def older(self, moment: datetime | None, minutes: float) -> bool:
        """Tell whether a moment is longer ago than this."""
        age = self.age(moment)
        return age is not None and age > timedelta(minutes=minutes)

    def said(self, moment: datetime | None) -> str:
        """Say how long ago a moment is: `9 hours`."""
        age = self.age(moment)
        return "an unknown time" if age is None else span(age)

    def server(self, own: str | None) -> Server | None:
        """Return a server that was read."""
        return next((s for s in self.tables.servers if s.id == own), None)


def span(age: timedelta) -> str:
    """Say a span in its largest unit."""
    seconds = max(0, int(age.total_seconds()))
    for unit, size in (("day", 86400), ("hour", 3600), ("minute", 60)):
        if seconds >= size:
            count = seconds // size
            return f"{count} {unit}{'s' if count > 1 else ''}"
    return f"{seconds} s"


class Causes:
    """Collects causes with their weights; `ranked` puts the likeliest first."""

    def __init__(self) -> None:
        self._found: list[tuple[int, Cause]] = []

    def add(
        self,
        weight: int,
        code: str,
        text: str,
        *,
        pro: Iterable[str] = (),
        con: Iterable[str] = (),
        advice: str = "",
        plan: str = "",
    ) -> None:
        """Add one; empty lines of evidence are left out."""
        cause = Cause(
            code=code,
            text=text,
            speaks_for=[line for line in pro if line],
            speaks_against=[line for line in con if line],
            advice=advice,
            plan=plan,
        )
        self._found.append((weight, cause))

    def put(self, weight: int, cause: Cause) -> None:
        """Add one that is made already."""
        self._found.append((weight, cause))

    def take(self, other: "Causes", *, less: int = 0, about: str = "", least: int = 0) -> None:
        """Take the causes of another subject as causes of this one, a little less likely.

        Those that weigh less than `least` are left out.
        """
        for weight, cause in other._found:  # noqa: SLF001 - our own kind
            if weight < least:
                continue
            text = f"{about}: {cause.text}" if about else cause.text
            self._found.append((weight - less, msgspec.structs.replace(cause, text=text)))

    def ranked(self) -> list[Cause]:
        """Return them, likeliest first, each code and text once."""
        seen: set[tuple[str, str]] = set()
        ranked = []
        for _weight, cause in sorted(self._found, key=lambda pair: -pair[0]):
            if (cause.code, cause.text) not in seen:
                seen.add((cause.code, cause.text))
                ranked.append(cause)
        return ranked

    def __bool__(self) -> bool:
        return bool(self._found)


def told(
    picture: Picture,
    subject: Subject,
    state: str,
    causes: Causes,
    *,
    links: Sequence[Link] = (),
    events: Iterable[Event] = (),
    effects: Sequence[str] = (),
    unknown: Sequence[str] = (),
) -> Explanation:
    """Make the explanation; without a cause it says so, and what was not read."""
    ranked = causes.ranked()
    return Explanation(
        subject=subject,
        state=state,
        summary=_summary(picture, ranked, state),
        causes=ranked,
        links=list(links),
        effects=list(effects),
        events=moments(events)[-picture.policy.events_max :],
        findings=picture.findings,
        unknown=list(unknown),
        gaps=picture.gaps,
    )


def _summary(picture: Picture, causes: Sequence[Cause], state: str) -> str:
    if causes:
        more = f" (and {len(causes) - 1} more below)" if len(causes) > 1 else ""
        return f"{capital(causes[0].text.rstrip('.'))}{more}."
    if picture.gaps:
        return f"Nothing that was read speaks against it ({state}), and not everything was read."
    return f"Nothing speaks against it: {state}."


def capital(text: str) -> str:
    """Begin a sentence with a large letter; the name of a program stays as it is."""
    first = text.partition(" ")[0]
    return text if "-" in first or "_" in first else text[:1].upper() + text[1:]


def few(names: Iterable[str], most: int = NAMES_MAX) -> str:
    """Name a few, and count the others."""
    listed = list(names)
    more = f" and {len(listed) - most} more" if len(listed) > most else ""
    return ", ".join(listed[:most]) + more


def moments(events: Iterable[Event]) -> list[Event]:
    """Put moments into order; what a service writes without a zone is UTC."""
    aware = [msgspec.structs.replace(one, at=utc(one.at) or one.at) for one in events]
    return sorted(aware, key=lambda one: one.at)


def event(at: datetime | None, what: str, **more: str) -> list[Event]:
    """Make an event of a moment that may not be told."""
    return [] if at is None else [Event(at=at, what=what, **more)]  # type: ignore[arg-type]


def short(host: str | None) -> str:
    """Return the host of `host@backend#pool`."""
    return (host or "").partition("@")[0].partition("#")[0]


def covers(prefix: str | None, address: str) -> bool:
    """Tell whether a prefix of a rule holds an address; None is any."""
    if prefix is None:
        return True
    try:
        return ipaddress.ip_address(address) in ipaddress.ip_network(prefix, strict=False)
    except ValueError:
        return False


def is_open(prefix: str | None) -> bool:
    """Tell whether a rule lets in somebody from outside of private networks."""
    try:
        return prefix is None or not ipaddress.ip_network(prefix, strict=False).is_private
    except ValueError:
        return True
