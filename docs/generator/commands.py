# SPDX-License-Identifier: Apache-2.0
"""The commands: usage, what they do, arguments, exit codes."""

import argparse
import functools
import inspect
import tomllib
from collections.abc import Iterable, Sequence
from importlib.metadata import EntryPoint

from day2.cli.app import App
from day2.cli.document import EXIT_CODES, Document
from docs.generator import markdown as md

GROUP = "day2.cli"
ALWAYS = (1, 130)
INTRODUCTION = """
`day2 NOUN VERB`, as the `openstack` client does.
`day2` alone is `day2 today`.
Data go to stdout, everything else to stderr.
`day2 help NOUN VERB` prints what stands here; `day2 complete` prints a completion script for bash.
"""


def page() -> str:
    """Make the page."""
    parsers = {name: _actions(command.get_parser(name)) for name, command in made().items()}
    shared = set.intersection(*({_name(a) for a in actions} for actions in parsers.values()))
    common = [a for a in next(iter(parsers.values())) if _name(a) in shared]
    program = App()
    return md.page(
        "Commands",
        INTRODUCTION,
        "## Global options\n\nThey stand before the noun.",
        _arguments(_actions(program.parser)),
        "## Options of every command\n\n"
        "`-f json` and `-f yaml` print the whole [document](documents.md); "
        "`table`, `csv` and `value` print its primary list.\n"
        "In `csv` a cell that begins with `=`, `+`, `-` or `@` and is no number has an apostrophe "
        "before it: tenants choose names, and a spreadsheet would run them as formulas. "
        "Scripts take JSON, where names are as they are.",
        _arguments(common),
        *(
            part
            for name, command in made().items()
            for part in _section(
                name, command, [a for a in parsers[name] if _name(a) not in shared]
            )
        ),
    )


@functools.cache
def made() -> dict[str, Document]:
    """Return every command of the entry points in pyproject.toml, by its words."""
    declared = tomllib.loads((md.ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    points = declared["project"]["entry-points"][GROUP]
    program = App()
    return {
        name.replace("_", " "): EntryPoint(name, value, GROUP).load()(program, None)
        for name, value in sorted(points.items())
    }


def _section(name: str, command: Document, own: Sequence[argparse.Action]) -> Iterable[str]:
    yield f"## day2 {name}"
    yield md.paragraphs(inspect.getdoc(type(command)) or "")
    yield f"```\n{_usage(name, own)}\n```"
    if own:
        yield _arguments(own)
    codes = [*command.codes, *ALWAYS]
    yield "Exit codes: " + "; ".join(f"{c} {EXIT_CODES[c]}" for c in sorted(set(codes))) + "."


def _actions(parser: argparse.ArgumentParser) -> list[argparse.Action]:
    return list(parser._actions)  # noqa: SLF001 - argparse has no other way to list them


def _name(action: argparse.Action) -> str:
    return action.option_strings[-1] if action.option_strings else action.dest


def _usage(name: str, own: Iterable[argparse.Action]) -> str:
    """Write the usage ourselves: argparse's differs from one Python to the next."""
    words = [f"day2 {name}"]
    for action in own:
        word = _spelled(action, action.option_strings[-1] if action.option_strings else "")
        words.append(word if action.required else f"[{word}]")
    lines, line = [], words[0]
    for word in words[1:]:
        if len(line) + len(word) > 78:  # noqa: PLR2004 - a terminal's width
            lines.append(line)
            line = " " * 8 + word
        else:
            line = f"{line} {word}"
    return "\n".join([*lines, line])


def _spelled(action: argparse.Action, flag: str) -> str:
    if action.nargs == 0:
        return flag
    choices = "|".join(map(str, action.choices)) if action.choices else ""
    named = action.metavar if isinstance(action.metavar, str) else ""
    value = named or choices or (action.dest.upper() if flag else action.dest)
    return f"{flag} {value}".strip()


def _arguments(actions: Iterable[argparse.Action]) -> str:
    rows = []
    for action in actions:
        flags = [_spelled(action, flag) for flag in action.option_strings]
        said = (action.help or "").replace("%%", "%").replace("%(default)s", str(action.default))
        repeated = " Needed." if action.required and action.option_strings else ""
        rows.append(
            (
                ", ".join(md.code(f) for f in flags or [_spelled(action, "")]),
                _sentence(said) + repeated,
            )
        )
    return md.table(("argument", "meaning"), rows)


def _sentence(text: str) -> str:
    plain = md.sentences(text)
    if not plain:
        return ""
    return plain[0].upper() + plain[1:] + ("" if plain.endswith((".", ")")) else ".")
