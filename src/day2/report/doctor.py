# SPDX-License-Identifier: Apache-2.0
"""What the doctor found, for people: what failed first, one cure for all that it heals."""

from collections.abc import Sequence

from day2.model.examination import Examination, Item, State
from day2.report.terminal import WIDTH, Text, plain

_COLOURS = {
    State.FAILED: "\x1b[1;31m",
    State.WARNING: "\x1b[1;33m",
    State.OK: "\x1b[32m",
    State.SKIPPED: "\x1b[2m",
}
_HEADS = {
    State.FAILED: "Failed",
    State.WARNING: "Warnings",
    State.OK: "Usable",
    State.SKIPPED: "Not tried",
}


def render(
    found: Examination, *, colour: bool = False, name: str = "doctor", following: str = ""
) -> str:
    """Render the whole examination in 80 columns; only commands may be longer.

    `name` is the command that it comes from, `following` what to type when all is well.
    """
    text = Text(colour=colour)
    counts = ", ".join(
        f"{found.count(state)} {word}"
        for state, word in (
            (State.FAILED, "failed"),
            (State.WARNING, "with a warning"),
            (State.OK, "usable"),
            (State.SKIPPED, "not tried"),
        )
        if found.count(state)
    )
    worst = State.FAILED if found.count(State.FAILED) else State.OK
    text.add(f"day2 {name}: {counts} in {found.seconds:.1f} s", style=_COLOURS[worst])
    clouds = {item.cloud for item in found.items if item.cloud}
    for state in (State.FAILED, State.WARNING):
        _troubles(text, state, found.items, many=len(clouds) > 1)
    for state in (State.OK, State.SKIPPED):
        items = [item for item in found.items if item.state is state]
        if not items:
            continue
        text.add()
        text.add(_HEADS[state], style=_COLOURS[state])
        for detail, titles in _alike(items, many=len(clouds) > 1):
            text.add(f"- {', '.join(titles)}: {detail}", indent=2, hanging=4)
    text.add()
    text.add(_last(found, name, following or "day2 round daily"))
    return text.render()


def _troubles(text: Text, state: State, items: Sequence[Item], *, many: bool) -> None:
    groups: dict[tuple[str, tuple[str, ...]], list[Item]] = {}
    for item in items:
        if item.state is state:
            groups.setdefault((item.cure, tuple(item.commands)), []).append(item)
    if not groups:
        return
    text.add()
    text.add(_HEADS[state], style=_COLOURS[state])
    for (cure, commands), group in groups.items():
        for item in group:
            first, *others = item.detail.split("\n")
            title = _title(item, many=many)
            text.add(f"- {title}: {first}", indent=2, hanging=4, style=_COLOURS[state])
            for line in others:
                text.add(line, indent=4)
        if cure:
            text.add(f"do: {cure}", indent=4, hanging=8)
        for command in commands:
            _command(text, command)


def _alike(items: Sequence[Item], *, many: bool) -> list[tuple[str, list[str]]]:
    """Put items that say the same into one line."""
    groups: dict[str, list[str]] = {}
    for item in items:
        said = f"{item.detail} ({item.cure})" if item.cure else item.detail
        groups.setdefault(said, []).append(_title(item, many=many))
    return list(groups.items())


def _command(text: Text, command: str) -> None:
    """Add a command so that it can be copied: a long one goes on after a backslash."""
    options = plain(command).replace(" -", "\0-").split("\0")
    lines = [options[0]]
    for option in options[1:]:
        if "'" in command or len(lines[-1]) + len(option) < WIDTH - 12:
            lines[-1] = f"{lines[-1]} {option}"
        else:
            lines.append(option)
    for number, line in enumerate(lines):
        more = " \\" if number < len(lines) - 1 else ""
        text.lines.append(f"{' ' * (8 if number == 0 else 10)}{line}{more}")


def _title(item: Item, *, many: bool) -> str:
    return f"[{item.cloud}] {item.title}" if many and item.cloud else item.title


def _last(found: Examination, name: str, following: str) -> str:
    code = found.exit_code
    if not code:
        return f"Next: {following}"
    why = {2: "settings", 20: "something is not reachable", 21: "a right is missing"}
    return f"Exit code {code}: {why.get(code, 'see above')}. Then again: day2 {name}"
