# SPDX-License-Identifier: Apache-2.0
"""Evidence as text: the scope first, the probable causes, then what was read of each part."""

from collections.abc import Sequence
from datetime import UTC, datetime

from day2.model.evidence import Evidence, Section, State
from day2.model.problem import Suspect
from day2.report.terminal import Text, suspects

_BOLD, _DIM = "\x1b[1m", "\x1b[2m"
_STATES = {State.READ: "\x1b[32m", State.PARTIAL: "\x1b[1;33m", State.NOT_READ: "\x1b[1;35m"}
CAUSES_MAX, LINES_MAX = 5, 6
NAME_WIDTH, WHY_LENGTH = 14, 60


def render(made: Evidence, *, colour: bool = False, everything: bool = False) -> str:
    """Render it: as much as fits a tired person's screen, or `everything`."""
    text = Text(colour=colour)
    _head(text, made)
    _causes(text, made.suspects, everything=everything)
    text.add()
    text.add("What was read", style=_BOLD)
    for section in made.sections:
        _line(text, section, everything=everything)
    if everything:
        for section in made.sections:
            _whole(text, section)
    return text.render()


def section(found: Section) -> str:
    """Render one section whole."""
    text = Text(colour=False)
    _whole(text, found)
    return text.render()


def written(file: str, sha256: str, *, colour: bool = False) -> str:
    """Say where the pack is."""
    text = Text(colour=colour)
    text.add()
    text.add("The pack (private, secrets masked; the folder beside it holds the same):")
    # A path is copied with a double click: it is never wrapped.
    text.lines.append(f"  {file}")
    text.lines.append(f"  sha256 {sha256}")
    return text.render()


def verified(members: int, *, colour: bool = False) -> str:
    """Say that a pack is what was collected."""
    text = Text(colour=colour)
    text.add(
        f"All {members} files are as they were collected (SHA-256).", style=_STATES[State.READ]
    )
    text.add()
    return text.render()


def _head(text: Text, made: Evidence) -> None:
    text.add(made.scope, style=_BOLD)
    where = f"{made.cloud}{f' ({made.region})' if made.region else ''}"
    against = made.compared_with
    compared = f", against round {against.id} of {_moment(against.at)}" if against else ""
    text.add(
        f"{where} at {_moment(made.at)} UTC, looking back to {_moment(made.since)}{compared}; "
        f"gathered in {made.seconds:.0f} s",
        style=_DIM,
    )


def _causes(text: Text, found: Sequence[Suspect], *, everything: bool) -> None:
    if not found:
        text.add()
        text.add("No probable cause: nothing that was read is at warning or worse.")
        return
    if everything:
        suspects(text, found, details=True)
        return
    suspects(text, found[:CAUSES_MAX], details=False)
    if len(found) > CAUSES_MAX:
        text.add(f"and {len(found) - CAUSES_MAX} more: evidence show FILE", indent=2, style=_DIM)


def _line(text: Text, section: Section, *, everything: bool) -> None:
    known = f", last known {_moment(section.known_at)}" if section.known_at else ""
    state = "not set" if not section.configured else section.state.value
    said, more = _said(section)
    style = "" if not section.configured else _STATES[section.state]
    head = f"{section.name:<{NAME_WIDTH}} {state:<8}"
    if everything:
        text.add(f"{head}{known.removeprefix(',')}", indent=2, style=style)
        return
    text.add(f"{head} {said}{more}{known}", indent=2, hanging=NAME_WIDTH + 12, style=style)


def _said(section: Section) -> tuple[str, str]:
    """Return what one line tells of a section, and what else is missing of it."""
    first = section.lines[0] if section.lines else ""
    if section.state is State.READ:
        return first, ""
    if section.state is State.PARTIAL and first:
        left = len(section.why)
        why = section.why[0] if section.why else ""
        cut = why if len(why) <= WHY_LENGTH else f"{why[:WHY_LENGTH]}…"
        return first, f" (not all: {cut}{f' and {left - 1} more' if left > 1 else ''})"
    more = f" (and {len(section.why) - 1} more)" if len(section.why) > 1 else ""
    return (section.why[0] if section.why else first), more


def _whole(text: Text, section: Section) -> None:
    text.add()
    text.add(f"{section.title} ({section.name}: {section.state.value})", style=_BOLD)
    for why in section.why:
        text.add(f"! {why}", indent=2, hanging=4)
    for line in section.lines:
        text.add(line, indent=2, hanging=4)


def _moment(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M")
