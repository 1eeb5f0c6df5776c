# SPDX-License-Identifier: Apache-2.0
"""Hold clues against the known problems: which are there, what speaks for and against each."""

import fnmatch
import re
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache

import msgspec

from day2.model.finding import Finding, Subject
from day2.model.logs import LogTemplate
from day2.model.problem import KnownProblem, Sign, Suspect
from day2.model.severity import Severity
from day2.operations.problems.clues import Clues

# A story that named the cause has looked at the one thing; a check has looked at a fact; words of
# one failure may repeat what another service said; a log line may be a consequence of anything.
WEIGHTS = {"cause": 60, "finding": 40, "text": 40, "log": 30, "gap": 20}
# What another finding explains is rarely the beginning of it.
FOLDED_RATIO = 0.25
SEVERITY_BONUS = {Severity.CRITICAL: 15, Severity.WARNING: 5, Severity.UNKNOWN: 5}
SAID_MAX = 3
LINE_LENGTH = 180
SUBJECTS_MAX = 20


class _Hit(msgspec.Struct, frozen=True, kw_only=True):
    """One clue that a sign fits."""

    text: str
    weight: float
    subject: Subject | None = None
    bonus: int = 0


def find(knowledge: Iterable[KnownProblem], clues: Clues) -> list[Suspect]:
    """Return the suspected problems, likeliest first; pure.

    What is explained by another suspect comes after it, whatever its own score. Of two with one
    score that comes first for which more is wrong now: a log line tells of the past as well.
    """
    found, now = {}, {}
    for problem in knowledge:
        seen = _seen(problem, clues)
        if seen:
            found[problem.id] = problem, _suspect(problem, seen, clues)
            now[problem.id] = _bonus(seen)
    explained: dict[str, list[str]] = {}
    for problem, _one in found.values():
        for other in problem.explains:
            if other in found and other != problem.id:
                explained.setdefault(other, []).append(problem.id)
    suspects = [
        msgspec.structs.replace(suspect, explained_by=explained.get(name, []))
        for name, (_problem, suspect) in found.items()
    ]
    return sorted(suspects, key=lambda s: (_depth(s.id, explained), -s.score, -now[s.id], s.id))


def _depth(name: str, explained: dict[str, list[str]], seen: frozenset[str] = frozenset()) -> int:
    """Return how many steps a problem is away from one that nothing explains."""
    causes = [one for one in explained.get(name, []) if one not in seen]
    return 1 + max(_depth(c, explained, seen | {name}) for c in causes) if causes else 0


def _seen(problem: KnownProblem, clues: Clues) -> list[list[_Hit]]:
    """Return the hits of each sign that is there; none when the problem is not."""
    needed = []
    for sign in problem.needs:
        hits = _hits(sign, clues)
        if not hits:
            return []
        needed.append(hits)
    signed = [hits for hits in (_hits(sign, clues) for sign in problem.signs) if hits]
    return [] if problem.signs and not signed else [*needed, *signed]


def _bonus(seen: Sequence[Sequence[_Hit]]) -> int:
    return max(hit.bonus for hits in seen for hit in hits)


def _suspect(problem: KnownProblem, seen: Sequence[Sequence[_Hit]], clues: Clues) -> Suspect:
    against = [hits for hits in (_hits(sign, clues) for sign in problem.against) if hits]
    score = _bonus(seen) + sum(_best(hits) for hits in seen) - sum(_best(hits) for hits in against)
    return Suspect(
        id=problem.id,
        title=problem.title,
        planes=problem.planes,
        score=round(score) + problem.prior,
        speaks_for=[line for hits in seen for line in _said(hits)],
        speaks_against=[line for hits in against for line in _said(hits)],
        subjects=_subjects(hit for hits in seen for hit in hits),
        advice=problem.advice,
        plan=problem.plan,
        evidence=problem.evidence,
        references=problem.references,
    )


def _best(hits: Sequence[_Hit]) -> float:
    return max(hit.weight for hit in hits)


def _said(hits: Sequence[_Hit]) -> list[str]:
    lines = list(dict.fromkeys(hit.text for hit in hits))
    more = [f"and {len(lines) - SAID_MAX} more like it"] if len(lines) > SAID_MAX else []
    return [*lines[:SAID_MAX], *more]


def _subjects(hits: Iterable[_Hit]) -> list[Subject]:
    found = {(h.subject.type, h.subject.id): h.subject for h in hits if h.subject is not None}
    return list(found.values())[:SUBJECTS_MAX]


def _hits(sign: Sign, clues: Clues) -> list[_Hit]:
    weight = sign.weight if sign.weight is not None else WEIGHTS[sign.kind]
    if sign.kind == "finding":
        return [
            *_findings(sign, clues.findings, weight),
            *_findings(sign, clues.folded, weight * FOLDED_RATIO),
        ]
    if sign.kind == "log":
        return _logged(sign, clues.templates, weight)
    if sign.kind == "text":
        fits = _regex(sign.text)
        return [
            _Hit(
                text=f"{words.subject.type} {words.subject.label}: {_line(words.text)}",
                weight=weight,
                subject=words.subject,
            )
            for words in clues.words
            if fnmatch.fnmatchcase(words.subject.type, sign.of) and fits(words.text)
        ]
    if sign.kind == "cause":
        return [
            _Hit(text=cause.text, weight=weight, subject=subject)
            for subject, cause in clues.causes
            if fnmatch.fnmatchcase(cause.code, sign.cause)
        ]
    return [
        _Hit(text=f"not read: {gap.what}: {_line(gap.message)}", weight=weight)
        for gap in clues.gaps
        if fnmatch.fnmatchcase(gap.kind, sign.gap) and fnmatch.fnmatchcase(gap.error, sign.error)
    ]


def _findings(sign: Sign, findings: Iterable[Finding], weight: float) -> list[_Hit]:
    return [
        _Hit(
            text=finding.summary,
            weight=weight,
            subject=finding.subject,
            bonus=SEVERITY_BONUS.get(finding.severity, 0),
        )
        for finding in findings
        if not finding.noise and _is(sign, finding)
    ]


def _is(sign: Sign, finding: Finding) -> bool:
    subject = finding.subject
    if not fnmatch.fnmatchcase(finding.check, sign.finding):
        return False
    named = (subject.id, subject.name, subject.host, f"{subject.type}:{subject.id}")
    if not any(fnmatch.fnmatchcase(name, sign.subject) for name in named):
        return False
    if sign.words and not _regex(sign.words)(f"{finding.summary}\n{finding.why}"):
        return False
    return all(
        fnmatch.fnmatchcase(str(finding.evidence.get(key, "")), pattern)
        for key, pattern in sign.where.items()
    )


def _logged(sign: Sign, templates: Iterable[LogTemplate], weight: float) -> list[_Hit]:
    fits = _regex(sign.log)
    return [
        _Hit(
            text=f"{_who(one)}: {_line(one.template)}",
            weight=weight,
            subject=Subject(type="log", id=one.key, name=one.service),
        )
        for one in templates
        if not one.noise
        and fnmatch.fnmatchcase(one.service, sign.service)
        and fits(f"{one.template}\n{one.example}")
    ]


def _who(one: LogTemplate) -> str:
    if not one.hosts:
        return one.service
    hosts = sorted(one.hosts)
    more = f" and {len(hosts) - SAID_MAX} more" if len(hosts) > SAID_MAX else ""
    times = "once" if one.count == 1 else f"{one.count:,} times"
    return f"{one.service} on {', '.join(hosts[:SAID_MAX])}{more}, {times}"


def _line(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= LINE_LENGTH else f"{line[: LINE_LENGTH - 1]}…"


@lru_cache(maxsize=4096)
def _regex(pattern: str) -> Callable[[str], object]:
    return re.compile(pattern).search
