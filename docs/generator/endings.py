# SPDX-License-Identifier: Apache-2.0
"""How day2 ends: exit codes, and the errors behind them."""

import inspect

from day2 import errors
from day2.cli.document import EXIT_CODES, NAGIOS
from day2.errors import Day2Error
from day2.model.severity import Severity
from docs.generator import commands
from docs.generator import markdown as md

NAGIOS_WORDS = {0: "ok", 1: "warning", 2: "critical", 3: "unknown"}
CODES = """
One process ends with one code, so that cron, a shell script or a monitoring system can act on it.
Where several would do, the first of this order is taken: 1, 2, 20 to 26, 11, 12, 10, 3, 0.
A round that was started ends with 0, 10, 11 or 12: a dead service is a finding and a gap, not a failure of day2.
With `--nagios`, rounds and checks end as a plug-in of the Nagios family does (last column).
"""  # noqa: E501 - one sentence, one line
ERRORS = """
Every failure that day2 names is one of these classes.
On stderr it is one line with what happened, and one with what to do; under `-f json` it is one object with the keys `kind` (the class), `message`, `hint` and `exit_code`.
In a survey a failed read is no error but a [gap](../explanation/gaps.md), whose `error` is the name of the class.
Anything else that reaches the command line is a bug: exit code 1, and the traceback is kept in the state folder, in `bugs/`.
"""  # noqa: E501 - one sentence, one line


def exit_codes_page() -> str:
    """Make the page of exit codes."""
    users = {
        code: [name for name, command in commands.made().items() if code in command.codes]
        for code in EXIT_CODES
    }
    plugins = {*commands.made()["round daily"].codes, *commands.ALWAYS}
    rows = (
        (
            str(code),
            meaning,
            "every command"
            if code in commands.ALWAYS or len(users[code]) == len(commands.made())
            else ", ".join(md.code(name) for name in users[code]) or "no command yet",
            _nagios(code) if code in plugins else "",
        )
        for code, meaning in EXIT_CODES.items()
    )
    severities = ((md.code(s.value), str(s.exit_code), _nagios(s.exit_code)) for s in Severity)
    return md.page(
        "Exit codes",
        CODES,
        md.table(("code", "meaning", "commands", "with --nagios"), rows),
        "## Severities\n\nA round ends with the code of the worst finding that is neither muted "
        "nor acknowledged; a gap counts as `unknown`.",
        md.table(("severity", "code", "with --nagios"), severities),
    )


def errors_page() -> str:
    """Make the page of errors."""
    classes = [
        found
        for found in vars(errors).values()
        if isinstance(found, type) and issubclass(found, Day2Error)
    ]
    rows = (
        (md.code(c.__name__), str(c.exit_code), md.sentences(inspect.getdoc(c) or ""))
        for c in classes
        if c is not Day2Error
    )
    tree = (inspect.getdoc(errors) or "").split("\n\n")
    drawing = next(part for part in tree if Day2Error.__name__ in part)
    return md.page(
        "Errors",
        ERRORS,
        f"```\n{inspect.cleandoc(drawing)}\n```",
        md.table(("error", "exit code", "meaning"), rows),
    )


def _nagios(code: int) -> str:
    return f"{NAGIOS.get(code, 3)} {NAGIOS_WORDS[NAGIOS.get(code, 3)]}"
