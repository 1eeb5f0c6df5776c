# SPDX-License-Identifier: Apache-2.0
"""The differences between two profiles, each a line that says service, path, field and both."""

from tests.conformance.shapes import TIMES, Field

IDS = frozenset({"uuid", "32 hex digits"})
STYLES = ("lower case word", "UPPER CASE WORD")


def differences(where: str, lab: dict[str, Field], sandbox: dict[str, Field]) -> list[str]:
    """Compare field by field; where one place has no value there is nothing to compare."""
    found: list[str] = []
    for path in sorted(lab.keys() | sandbox.keys()):
        there, here = lab.get(path, Field()), sandbox.get(path, Field())
        if not there.rows or not here.rows:
            continue
        found += [f"{where}, field {path}: {line}" for line in _field(there, here)]
    return found


def _field(lab: Field, sandbox: Field) -> list[str]:
    lines = []

    def say(one: object, two: object) -> None:
        lines.append(f"lab says {one}, sandbox says {two}")

    if lab.presence != sandbox.presence and "sometimes there" not in {
        lab.presence,
        sandbox.presence,
    }:
        say(lab.presence, sandbox.presence)
    if lab.presence == "always there" and sandbox.presence == "sometimes there":
        say(lab.presence, sandbox.presence)
    if lab.presence == "never there" and sandbox.presence == "sometimes there":
        say(lab.presence, sandbox.presence)
    if sandbox.nulls and not lab.nulls and lab.present:
        say("never null", f"null in {sandbox.nulls} of {sandbox.present}")
    if lab.nulls == lab.present > 0 and not sandbox.nulls and sandbox.present:
        say("always null", "never null")
    if lab.types and sandbox.types - lab.types:
        say(_words(lab.types), _words(sandbox.types))
    lines += [
        f"lab says {one}, sandbox says {two}" for one, two in _formats(lab.formats, sandbox.formats)
    ]
    lines += [
        f"lab says {one!r}, sandbox says {two!r}"
        for one in sorted(lab.words)
        for two in sorted(sandbox.words)
        if one != two and one.casefold() == two.casefold()
    ]
    return lines


def _formats(lab: set[str], sandbox: set[str]) -> list[tuple[str, str]]:
    """Compare how times, ids and single words are written; free text is as it likes."""
    pairs = []
    for family in (TIMES, IDS, frozenset(STYLES)):
        one, two = lab & family, sandbox & family
        if one and two and not two <= one:
            pairs.append((_words(one), _words(two)))
    strict = (lab | sandbox) & (TIMES | IDS)
    if strict and lab and sandbox and not sandbox & (lab | {"nothing"}):
        pairs.append((_words(lab), _words(sandbox)))
    return pairs


def skeletons(where: str, lab: set[str], sandbox: set[str]) -> list[str]:
    """Compare what two documents consist of."""
    more = [f"{where}, field {path}: only the lab says it" for path in sorted(lab - sandbox)]
    return more + [
        f"{where}, field {path}: only the sandbox says it" for path in sorted(sandbox - lab)
    ]


def _words(found: set[str]) -> str:
    return " or ".join(sorted(found))


def agree(lines: list[str]) -> None:
    """Fail with every difference on a line of its own."""
    assert not lines, "\n" + "\n".join(lines)
