# SPDX-License-Identifier: Apache-2.0
"""A report as the template takes it: plain, bounded values in the order in which they are shown."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import Any

from day2.errors import Denied
from day2.model.finding import Finding
from day2.model.logs import LogReview, LogTemplate
from day2.model.round import Report
from day2.model.severity import Severity
from day2.model.survey import Gap
from day2.model.usage import Usage
from day2.report.html.clip import clip, lines
from day2.report.usage import WORDS, amount, by_name, percent

WHOLE_MAX = 250
"""Findings with all their details; a file must open on any telephone."""
LINES_MAX = 1500
"""Further findings with one line each; what is beyond is counted by check."""
KEYS_MAX = 200
CONSEQUENCES_MAX = 12
EVIDENCE_MAX = 20
OPEN_MAX = 5
TEMPLATES_MAX = 25
NAMES_MAX = 40
EXAMPLE_LENGTH = 4000

Row = dict[str, Any]


def findings(report: Report) -> Row:
    """Split the findings: with details, in one line, counted; notes apart."""
    ours = [f for f in report.findings if f.severity is not Severity.INFO]
    notes = [f for f in report.findings if f.severity is Severity.INFO]
    new, known = set(report.new), set(report.acknowledged)
    folded = {finding.key: finding for finding in report.folded}
    marks = {"new": new, "known": known}
    whole = [_whole(f, n, marks, folded) for n, f in enumerate(ours[:WHOLE_MAX])]
    room = max(WHOLE_MAX - len(whole), 0)
    noted = [_whole(f, len(ours) + n, marks, folded) for n, f in enumerate(notes[:room])]
    left = [*ours[WHOLE_MAX:], *notes[room:]]
    return {
        "whole": whole,
        "notes": noted,
        "lines": [_line(f, marks) for f in left[:LINES_MAX]],
        "counted": Counter(f.check for f in left[LINES_MAX:]).most_common(KEYS_MAX),
        "left": len(left),
        "uncounted": len(left) - len(left[:LINES_MAX]),
    }


def _line(finding: Finding, marks: Mapping[str, set[str]]) -> Row:
    return {
        "severity": finding.severity.value,
        "summary": clip(finding.summary, 300),
        "new": finding.key in marks["new"],
        "known": finding.key in marks["known"],
    }


def _whole(
    finding: Finding, number: int, marks: Mapping[str, set[str]], folded: Mapping[str, Finding]
) -> Row:
    return {
        **_line(finding, marks),
        "summary": clip(finding.summary, 600),
        "anchor": f"f{number}",
        "open": number < OPEN_MAX and finding.severity is Severity.CRITICAL,
        "why": clip(finding.why, 800),
        "do": clip(finding.advice, 1200),
        "plan": clip(finding.plan, 300),
        "noise": clip(finding.noise, 80),
        "key": clip(finding.key, 300),
        "check": clip(finding.check, 120),
        "consequences": [
            _consequence(folded.get(key), key) for key in finding.consequences[:CONSEQUENCES_MAX]
        ],
        "consequences_left": max(len(finding.consequences) - CONSEQUENCES_MAX, 0),
        "consequences_all": len(finding.consequences),
        "evidence": [
            (clip(str(name), 80), _said(value))
            for name, value in islice(finding.evidence.items(), EVIDENCE_MAX)
        ],
        "evidence_left": max(len(finding.evidence) - EVIDENCE_MAX, 0),
    }


def _consequence(finding: Finding | None, key: str) -> Row:
    if finding is None:
        return {"severity": "", "summary": clip(key, 300)}
    return {"severity": finding.severity.value, "summary": clip(finding.summary, 300)}


def _said(value: Any) -> str:  # noqa: ANN401 - evidence is free
    if isinstance(value, str):
        return clip(value, 300)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list) and all(isinstance(item, str | int) for item in value):
        return clip(", ".join(map(str, value[:50])), 300)
    return clip(json.dumps(value, ensure_ascii=False, default=str), 300)


def changes(report: Report) -> Row:
    """List what is new, with where to find it, and what is gone."""
    anchors: dict[str, tuple[str, Finding]] = {}
    ours = [f for f in report.findings if f.severity is not Severity.INFO]
    notes = [f for f in report.findings if f.severity is Severity.INFO]
    for number, finding in enumerate([*ours, *notes]):
        shown = number < WHOLE_MAX
        anchors[finding.key] = (f"f{number}" if shown else "", finding)
    new = [
        {
            "anchor": anchors[key][0],
            "severity": anchors[key][1].severity.value,
            "summary": clip(anchors[key][1].summary, 300),
        }
        for key in sorted(
            (key for key in report.new if key in anchors),
            key=lambda key: anchors[key][1].severity.rank,
        )
    ]
    return {
        "new": new[:KEYS_MAX],
        "new_left": max(len(new) - KEYS_MAX, 0),
        "gone": [clip(key, 300) for key in report.gone[:KEYS_MAX]],
        "gone_left": max(len(report.gone) - KEYS_MAX, 0),
        "unjudged": [clip(key, 300) for key in report.unjudged[:KEYS_MAX]],
        "unjudged_left": max(len(report.unjudged) - KEYS_MAX, 0),
    }


def gaps(found: Iterable[Gap]) -> list[Row]:
    """Put gaps of one reason together; what the account may not see is one line for each cure."""
    groups: dict[tuple[str, str, str], list[str]] = {}
    for gap in found:
        said = gap.message.removeprefix(f"{gap.what}: ")
        denied = gap.error == Denied.__name__
        reason = "not shown, or only in part, to this account" if denied else said
        groups.setdefault((gap.error, reason, gap.hint), []).append(gap.what)
    return [
        {
            "what": clip(", ".join(dict.fromkeys(whats)), 600),
            "error": clip(error, 40),
            "said": clip(said, 400),
            "do": clip(hint, 400),
        }
        for (error, said, hint), whats in islice(groups.items(), KEYS_MAX)
    ]


def usage(rows: Sequence[Usage]) -> list[Row]:
    """Tabulate the usage, scope by scope, the fullest names first."""
    made = []
    for scope, title in (
        ("cloud", "The whole cloud"),
        ("aggregate", "Aggregates"),
        ("zone", "Availability zones"),
        ("project", "Projects, against their quotas"),
        ("pool", "Storage pools"),
    ):
        names = by_name(rows, scope)
        if names:
            made.append(
                {
                    "title": title,
                    "rows": [_usage(row) for group in names[:NAMES_MAX] for row in group],
                    "left": max(len(names) - NAMES_MAX, 0),
                    "apart": any(row.closed_providers for row in rows if row.scope == scope),
                }
            )
    return made


def _usage(row: Usage) -> Row:
    ratio = row.used_ratio
    return {
        "name": clip(row.title, 80),
        "resource": WORDS.get(row.resource, clip(row.resource, 60)),
        "allocated": amount(row.resource, row.allocated),
        "usable": "-" if row.usable is None else amount(row.resource, row.usable),
        "ratio": percent(ratio),
        "meter": None if ratio is None else round(min(ratio, 1) * 100, 1),
        "over": ratio is not None and ratio > 1,
        "apart": amount(row.resource, row.closed_usable) if row.closed_providers else "",
    }


def logs(review: LogReview) -> Row:
    """List the templates of a review, worst and newest first, with one example of each."""
    return {
        "at": f"{review.since:%Y-%m-%d %H:%M} to {review.until:%Y-%m-%d %H:%M} UTC",
        "lines": f"{review.lines:,}",
        "events": f"{review.events:,}",
        "hosts": f"{len(review.hosts):,}",
        "templates": [_template(t) for t in review.templates[:TEMPLATES_MAX]],
        "left": max(len(review.templates) - TEMPLATES_MAX, 0),
        "gaps": gaps(review.gaps),
    }


def _template(template: LogTemplate) -> Row:
    known = template.problem or template.noise
    return {
        "service": clip(template.service, 60),
        "level": clip(template.level, 20),
        "count": f"{template.count:,}",
        "hosts": clip(", ".join(islice(template.hosts, 8)), 200),
        "new": template.new,
        "known": clip(known, 80),
        "template": clip(template.template, 400),
        "example": lines(template.example, EXAMPLE_LENGTH),
        "request": clip(template.request_id, 60),
    }
