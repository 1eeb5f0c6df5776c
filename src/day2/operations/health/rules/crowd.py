# SPDX-License-Identifier: Apache-2.0
"""Too many findings of one check become one per project, host or cloud.

Five thousand servers in ERROR are one fact, not five thousand: a report of them hides the rest.
The keys of the groups carry no counts, so that two rounds can be compared; `covers` and `groups_of`
tell the comparison which single finding a group speaks for, when the number crosses the bound.
"""

import functools
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from day2.model.finding import Finding, Subject, finding_key
from day2.model.severity import Severity
from day2.operations.health.check import Facts, setting

Judge = Callable[[Facts], Iterable[Finding]]
HOST, PROJECT = "host", "project"
IDS_MAX = 1000
NAMED = 3
_VARIABLE = re.compile(r"req-\S+|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|\d+")


class _Group:
    """What is kept of the findings of one group: they may be hundreds of thousands."""

    def __init__(self, subject: Subject, example: Finding) -> None:
        self.subject = subject
        self.example = example
        self.severity: Severity = example.severity
        self.count = 0
        self.ids: dict[str, None] = {}
        self.told: Counter[str] = Counter()

    def add(self, found: Finding, tell: str) -> None:
        self.count += 1
        self.severity = min(self.severity, found.severity, key=lambda severity: severity.rank)
        if len(self.ids) < IDS_MAX:
            self.ids[found.subject.id] = None
        if tell and (said := found.evidence.get(tell)):
            self.told[_usual(str(said))] += 1

    def take(self, other: "_Group") -> None:
        self.count += other.count
        self.severity = min(self.severity, other.severity, key=lambda severity: severity.rank)
        self.ids = dict.fromkeys([*self.ids, *other.ids][:IDS_MAX])
        self.told += other.told


@functools.lru_cache(maxsize=256)
def _usual(text: str) -> str:
    """Leave out what differs in every message: ids and numbers."""
    return _VARIABLE.sub("…", text)[:120]


def bounded(
    many: str, *, by: str, tell: str = "", merged: bool = True
) -> Callable[[Judge], Callable[[Facts], Iterator[Finding]]]:
    """Bound a rule to `findings_per_check_max` findings; beyond that, one per `by` (host, project).

    `many` says in plural what they are; `tell` is the piece of evidence whose most common values
    the group repeats. Too many groups become one for the cloud, unless `merged` is False: then the
    groups of hosts stay apart, so that each is still folded under its dead host.
    A rule behind it may repeat a key (an API that lists a row twice): the first one counts.
    """

    def wrap(judge: Judge) -> Callable[[Facts], Iterator[Finding]]:
        @functools.wraps(judge)
        def run(facts: Facts) -> Iterator[Finding]:
            most = facts.policy.findings_per_check_max
            single: dict[str, Finding] = {}
            groups: dict[str, _Group] = {}
            for found in judge(facts):
                if not groups:
                    single.setdefault(found.key, found)
                    if len(single) <= most:
                        continue
                    for earlier in single.values():
                        _add(groups, facts, earlier, by, tell)
                else:
                    _add(groups, facts, found, by, tell)
            if not groups:
                yield from single.values()
                return
            if merged and len(groups) > most:
                groups = _merge(facts, groups)
            names = {p.id: p.name for p in facts.tables.projects} if by == PROJECT else {}
            for group in groups.values():
                yield _told(facts, group, many, tell, names)

        return run

    return wrap


def covers(group: Finding, key: str) -> bool:
    """Tell whether this finding of a group speaks for the single finding of that key."""
    kind = group.evidence.get("together")
    head = f"{group.check}:{kind}:"
    if not kind or not key.startswith(head):
        return False
    rest = key.removeprefix(head)
    ids = group.evidence["ids"]
    return bool(group.evidence.get("left_out")) or rest in ids or rest.rsplit(":", 1)[0] in ids


def groups_of(found: Finding, cloud: str) -> list[str]:
    """Return the keys of the groups that may have spoken for this finding in an earlier round."""
    places = [Subject(type="cloud", id=cloud)]
    if found.subject.host:
        places.append(Subject(type=HOST, id=found.subject.host))
    if found.subject.project:
        places.append(Subject(type=PROJECT, id=found.subject.project))
    return [key for place in places if (key := finding_key(found.check, place)) != found.key]


def _add(groups: dict[str, _Group], facts: Facts, found: Finding, by: str, tell: str) -> None:
    place = found.subject.host if by == HOST else found.subject.project
    slot = f"{by}:{place}" if place else ""
    if slot not in groups:
        subject = Subject(type="cloud", id=facts.survey.cloud)
        if place and by == HOST:
            subject = Subject(type=HOST, id=place, host=place)
        elif place:
            subject = Subject(type=PROJECT, id=place, project=place)
        groups[slot] = _Group(subject, found)
    groups[slot].add(found, tell)


def _merge(facts: Facts, groups: dict[str, _Group]) -> dict[str, _Group]:
    first = next(iter(groups.values()))
    whole = _Group(Subject(type="cloud", id=facts.survey.cloud), first.example)
    for group in groups.values():
        whole.take(group)
    return {"": whole}


def _told(facts: Facts, group: _Group, many: str, tell: str, names: dict[str, str]) -> Finding:
    subject, example = group.subject, group.example
    where = {HOST: f"on {subject.id}", "cloud": "in this cloud"}.get(subject.type)
    if where is None:
        name = names.get(subject.id, "")
        subject = Subject(type=PROJECT, id=subject.id, name=name, project=subject.id)
        where = f"in project {name or subject.id}"
    common = group.told.most_common(NAMED)
    said = "; ".join(f"{count:,} x {text}" for text, count in common)
    evidence: dict[str, Any] = {
        "together": example.subject.type,
        "count": group.count,
        "ids": list(group.ids),
    }
    if group.count > len(group.ids):
        evidence["left_out"] = group.count - len(group.ids)
    if common:
        evidence[f"common_{tell}"] = [[text, count] for text, count in common]
    return Finding(
        key=finding_key(example.check, subject),
        check=example.check,
        severity=group.severity,
        subject=subject,
        summary=f"{group.count:,} {many} {where}" + (f": {said}" if said else ""),
        why=f"{example.why}; told together: {setting(facts.policy, 'findings_per_check_max')}",
        evidence=evidence,
        advice=f"For example {example.subject.label}: {example.advice}" if example.advice else "",
    )
