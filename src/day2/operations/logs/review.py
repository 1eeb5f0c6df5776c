# SPDX-License-Identifier: Apache-2.0
"""Make a review of what the sources brought: parse, mask, mine, name, count, order."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

import msgspec

from day2.model.logs import LogGroup, LogReading, LogReview, LogTemplate
from day2.operations.logs import mask, mine, parse
from day2.operations.logs.formats import CONTINUED
from day2.operations.logs.known import Tables
from day2.operations.logs.mine import Known, Mined
from day2.operations.logs.parse import Event
from day2.operations.logs.policy import LogPolicy

EXAMPLE_LENGTH = 4000
GRAVE = ("CRITICAL", "ERROR")


class Span(msgspec.Struct, frozen=True, kw_only=True):
    """What is reviewed: the logs of one cloud between two moments."""

    cloud: str
    region: str
    since: datetime
    until: datetime


class _Template(msgspec.Struct):
    """One template while it is counted."""

    key: str
    service: str
    template: str
    level: str
    hosts: Counter[str]
    example: LogGroup
    request_id: str
    first: datetime | None = None
    last: datetime | None = None

    def take(self, group: LogGroup, event: Event) -> None:
        """Count a group; the example is the one that sorts first, whatever came first."""
        self.hosts[group.host] += group.count
        self.level = min(self.level, event.level)
        moments = [m for m in (self.first, group.first_at) if m is not None]
        self.first = min(moments, default=None)
        moments = [m for m in (self.last, group.last_at) if m is not None]
        self.last = max(moments, default=None)
        if _rank(group, event.request_id) < _rank(self.example, self.request_id):
            self.example, self.request_id = group, event.request_id


def make(
    reading: LogReading,
    span: Span,
    *,
    known: Mapping[str, datetime],
    templates: Sequence[Known],
    tables: Tables,
    policy: LogPolicy,
) -> LogReview:
    """Return the review; `known` says since when each key is known, `templates` what they were."""
    counted = _counted(reading.groups, templates)
    made = [_finished(one, known, tables) for one in counted]
    # What was read because of one word in it, and tells of no known problem, is no error.
    made = [one for one in made if one.problem or one.level in GRAVE]
    made.sort(key=order)
    return LogReview(
        cloud=span.cloud,
        region=span.region,
        at=span.until,
        since=span.since,
        until=span.until,
        source=reading.source,
        templates=made[: policy.templates_max],
        left_out=max(len(made) - policy.templates_max, 0),
        hosts=sorted(set(reading.hosts)),
        lines=reading.lines,
        events=sum(one.count for one in made),
        gaps=reading.gaps,
    )


def order(template: LogTemplate) -> tuple[bool, bool, bool, int, str]:
    """Order templates: noise last; new ones first, critical before others, frequent before rare."""
    return (
        bool(template.noise),
        not template.new,
        template.level != "CRITICAL",
        -template.count,
        template.key,
    )


def _counted(groups: Iterable[LogGroup], templates: Sequence[Known]) -> list[_Template]:
    read = []
    for group in groups:
        service = parse.service_of(group.file)
        read.append((group, service, parse.event(group.text, service)))
    plain = [(service, _words(event)) for _g, service, event in read if not event.exception]
    mined = mine.mine(plain, templates)
    # What came with a traceback is known by its exception and its place; the words vary.
    heads: dict[str, set[str]] = {}
    for _group, service, event in read:
        if event.exception:
            heads.setdefault(_key(service, event), set()).add(_words(event))
    found: dict[str, _Template] = {}
    for group, service, event in read:
        if event.exception:
            key = _key(service, event)
            words = f"{min(heads[key])} {_raised(event)}".strip()
            which = Mined(key=key, template=words)
        else:
            which = mined[service, _words(event)]
        one = found.get(which.key)
        if one is None:
            one = found[which.key] = _Template(
                key=which.key,
                service=service,
                template=which.template,
                level=event.level,
                hosts=Counter(),
                example=group,
                request_id=event.request_id,
            )
        one.take(group, event)
    return list(found.values())


def _key(service: str, event: Event) -> str:
    return mine.key_of(service, event.module, parse.identity(event), event.place)


def _words(event: Event) -> str:
    message = event.message
    if event.exception:
        # Its own text follows in the exception, with all its values.
        message = message.partition(event.exception)[0].rstrip(" :")
    said = mask.values(message)
    if not event.module or event.module == "haproxy":
        return said
    return f"{event.module}: {said}" if said else event.module


def _raised(event: Event) -> str:
    where = f" in {event.place}" if event.place else ""
    return f"→ {parse.identity(event)}{where}"


def _rank(group: LogGroup, request_id: str) -> tuple[bool, float, str, str]:
    at = group.first_at.timestamp() if group.first_at else 0.0
    return not request_id, -at, group.host, group.text


def _finished(one: _Template, known: Mapping[str, datetime], tables: Tables) -> LogTemplate:
    text = f"{one.template}\n{one.example.text}"
    return LogTemplate(
        key=one.key,
        service=one.service,
        level=one.level,
        template=one.template,
        count=sum(one.hosts.values()),
        hosts=dict(sorted(one.hosts.items())),
        first_seen_at=one.first,
        last_seen_at=one.last,
        new=one.key not in known,
        known_since=known.get(one.key),
        example=_example(one.example.text),
        request_id=one.request_id,
        noise=tables.noise_of(one.service, text),
        problem=tables.problem_of(one.service, text),
    )


def _example(text: str) -> str:
    """Return an event without what stands before each of its further lines."""
    first, *rest = text.split("\n")
    whole = "\n".join([first, *(CONTINUED.sub("", line, count=1) for line in rest)]).rstrip()
    if len(whole) <= EXAMPLE_LENGTH:
        return whole
    half = EXAMPLE_LENGTH // 2
    return f"{whole[:half]}\n…\n{whole[-half:]}"
