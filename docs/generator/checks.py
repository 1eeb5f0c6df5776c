# SPDX-License-Identifier: Apache-2.0
"""The checks, each with the note that people wrote for it, and the table of known noise."""

import fnmatch
from collections.abc import Iterator

from day2.operations.health import causes, noise
from day2.operations.health.check import Check
from day2.operations.health.policy import HealthPolicy
from day2.operations.logs import known
from day2.wiring import registries
from docs.generator import markdown as md
from docs.generator import settings

PLACES = {
    "cloud": "anywhere in the cloud",
    "host": "on the same host",
    "service": "about the same service",
    "subject": "about the same subject",
}
TEXTS = ("means", "matters", "do")
INTRODUCTION = """
Every check judges one [survey](tables.md) by the [policy](settings.md#health) of the cloud and gives findings.
Its name is the first part of a finding's key: `CHECK:TYPE:ID`.
A check is run when at least one of its tables was read; its earlier findings count as gone only when all of its tables were read completely ([why](../explanation/gaps.md)).
`day2 health list` prints this list.
"""  # noqa: E501 - one sentence, one line
NOISE = """
Findings that are true and mean nothing, by release or by bug.
What an entry covers is shown as `info`, with the entry's name, and never sets the exit code.
An entry matches when the check and the id of the subject match its patterns and every piece of evidence that it names is equal.
"""  # noqa: E501 - one sentence, one line
LINES = """
What the log review counts and shows last: lines that are true and mean nothing.
`service` is a shell pattern, `matches` a regular expression that is looked for in the template and in the example.
Your own `noise.yaml` in `log_review.known_folder` is read before these ([how](../how-to/review-the-logs.md)).
"""  # noqa: E501 - one sentence, one line


def page() -> str:
    """Make the page."""
    checks = sorted(registries.checks(), key=lambda check: check.name)
    notes = md.notes("checks")
    listed = md.table(
        ("check", "title", "severity"),
        (
            (
                f"[`{check.name}`](#{check.name})",
                check.title,
                notes.get(check.name, {}).get("severity", ""),
            )
            for check in checks
        ),
    )
    names = [check.name for check in checks]
    sections = [
        part for check in checks for part in _section(check, notes.get(check.name, {}), names)
    ]
    return md.page("Checks", INTRODUCTION, listed, *sections)


def noise_page() -> str:
    """Make the page of known noise."""
    rows = (
        (
            md.code(entry.id),
            md.code(entry.check),
            md.code(entry.subject),
            ", ".join(f"`{key} = {value}`" for key, value in entry.evidence.items()),
            md.sentences(entry.note),
            entry.reference,
        )
        for entry in noise.shipped()
    )
    head = ("entry", "check", "subject", "evidence", "why it means nothing", "reference")
    tables = known.load()
    lines = (
        (
            md.code(entry.id),
            md.code(entry.service),
            md.code(entry.match),
            md.sentences(entry.note),
            entry.reference,
        )
        for entry in tables.noise
    )
    return md.page(
        "Known noise",
        NOISE,
        md.table(head, rows),
        "## Lines of logs",
        LINES,
        md.table(("entry", "service", "matches", "why it means nothing", "reference"), lines),
    )


def _section(check: Check, note: dict[str, str], names: list[str]) -> Iterator[str]:
    yield f"## {check.name} {{ #{check.name} }}"
    yield f"**{check.title}.**"
    missing = [text for text in TEXTS if not note.get(text)]
    if missing:
        raise SystemExit(f"docs/notes/checks.yaml: {check.name} lacks {', '.join(missing)}")
    yield md.sentences(note["means"])
    yield f"Why it matters: {md.sentences(note['matters'])}"
    yield f"What to do: {md.sentences(note['do'])}"
    facts = [
        ("Severity", note.get("severity", "")),
        ("Reads", ", ".join(f"[`{n}`](tables.md#{n})" for n in check.needs)),
        ("Decided by", ", ".join(_setting(name) for name in check.settings)),
        ("Explains", _explains(check.name)),
        ("Explained by", _named(_explained_by(check.name, names))),
    ]
    yield "\n".join(f"- {name}: {said}" for name, said in facts if said)


def _setting(name: str) -> str:
    return f"[`health.{name}`](settings.md#health) ({settings.default_of(HealthPolicy, name)})"


def _explains(name: str) -> str:
    """Say which checks it explains where, by their patterns: names would fill the page."""
    places: dict[str, dict[str, None]] = {}
    for cause in causes.CAUSES:
        if cause.check == name:
            place = PLACES.get(cause.same, f"of the same {cause.same}")
            only = f" (container {', '.join(cause.containers)})" if cause.containers else ""
            said = {f"{md.code(pattern)}{only}": None for pattern in cause.consequences}
            places.setdefault(place, {}).update(said)
    return "; ".join(f"{place}: {', '.join(said)}" for place, said in places.items())


def _explained_by(name: str, names: list[str]) -> list[str]:
    found = [
        cause.check
        for cause in causes.CAUSES
        if any(fnmatch.fnmatchcase(name, pattern) for pattern in cause.consequences)
    ]
    return [n for n in dict.fromkeys(found) if n != name and n in names]


def _named(names: list[str]) -> str:
    return ", ".join(f"[`{name}`](#{name})" for name in names)
