# SPDX-License-Identifier: Apache-2.0
"""What every command is: it makes one document and says how the process ends."""

import argparse
import json
import os
import re
import sys
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from cliff import app as cliff_app
from cliff import command as cliff_command
from cliff import display
from cliff.formatters import base as cliff_formatters

from day2.errors import BadUsage, Day2Error

if TYPE_CHECKING:
    from day2.wiring.site import Site

EXIT_CODES = {
    0: "well, or nothing to do",
    1: "a bug in day2",
    2: "usage or configuration",
    3: "partial failure",
    10: "findings at warning",
    11: "findings at critical",
    12: "something could not be read, and nothing critical",
    20: "unreachable",
    21: "denied",
    22: "not deployed",
    23: "locked",
    24: "refused",
    25: "journal broken",
    26: "verification failed",
    130: "interrupted",
}
_FORMULA = frozenset("=+-@＝＋－＠")  # noqa: RUF001 - spreadsheets take the wide ones as well
_NUMBER = re.compile(r"[+-]?(\d[\d.,:]*%?)?")
NAGIOS = {0: 0, 3: 1, 10: 1, 11: 2}


@dataclass(kw_only=True)
class Produced:
    """What a command made.

    `document` is the whole for JSON and YAML; `text` is for people; `columns` and `rows` are the
    primary list, for table, csv and value.
    """

    document: dict[str, Any]
    text: str
    columns: Sequence[str] = ()
    rows: Sequence[Sequence[Any]] = ()
    exit_code: int = 0


class Document(display.DisplayCommandBase[cliff_formatters.Formatter]):
    """A command that makes one document; errors of ours become one line or one JSON object."""

    formatter_namespace = "day2.formatter.document"
    formatter_default = "text"
    auth_required = False
    app: cliff_app.App
    codes: ClassVar[tuple[int, ...]] = (0, 2, 20, 21)

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Add this command's own arguments and name its exit codes in the help."""
        parser = super().get_parser(prog_name)
        parser.allow_abbrev = False
        self.add_arguments(parser)
        lines = "; ".join(f"{code} {EXIT_CODES[code]}" for code in self.codes)
        parser.epilog = f"Exit codes: {lines}; 1 {EXIT_CODES[1]}; 130 {EXIT_CODES[130]}."
        return parser

    def get_epilog(self) -> str:
        """Say nothing: `get_parser` does.

        The library's own names the distribution of the command, for which it reads the file lists
        of all installed packages at every start: 0.1 s.
        """
        return ""

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add the arguments of this command."""

    def produce(self, parsed: argparse.Namespace) -> Produced:
        """Make the document.

        Raises:
            Day2Error: any named failure.

        """
        raise NotImplementedError

    def take_action(self, parsed_args: argparse.Namespace) -> Produced:
        """Make the document: `run` prints it."""
        return self.produce(parsed_args)

    def run(self, parsed_args: argparse.Namespace) -> int:
        """Make the document, print it, and return the exit code.

        `DisplayCommandBase.run` would end with 0 whatever was found.
        """
        as_json = parsed_args.formatter == "json"
        try:
            produced = self.take_action(parsed_args)
        except Day2Error as error:
            report_failure(error, as_json=as_json)
            return _nagios(error.exit_code, parsed_args)
        except KeyboardInterrupt:
            return 130
        except Exception as error:  # noqa: BLE001 - the door: everything else is a bug of ours
            return report_bug(error, as_json=as_json)
        self.produce_output(parsed_args, produced.columns, produced)
        return _nagios(produced.exit_code, parsed_args)

    def produce_output(
        self,
        parsed_args: argparse.Namespace,
        column_names: Sequence[str],
        data: Any,  # noqa: ANN401 - cliff's own signature
    ) -> int:
        """Print what was made in the format that was asked for."""
        chosen = self._formatter_plugins[parsed_args.formatter].obj
        if chosen is None:
            raise BadUsage(f"the format {parsed_args.formatter!r} does not load")
        self.formatter = chosen
        produced: Produced = data
        emit = getattr(self.formatter, "emit", None)
        if emit is not None:
            emit(produced, self.app.stdout)
            return 0
        columns, selector = self._generate_columns_and_selector(parsed_args, column_names)
        rows = [
            tuple(self._compress_iterable(row, selector)) if selector else tuple(row)
            for row in map(_shown, produced.rows)
        ]
        if parsed_args.formatter == "csv":
            rows = [tuple(map(_no_formula, row)) for row in rows]
        self.formatter.emit_list(columns, rows, self.app.stdout, parsed_args)  # type: ignore[attr-defined]
        return 0

    def site(self, parsed: argparse.Namespace) -> "Site":
        """Wire the cloud that the command line names.

        Under the openstack client the cloud is that client's own choice; otherwise --cloud.
        """
        from day2.wiring.site import Site

        del parsed
        options = self.app.options
        return Site.load(
            config=getattr(options, "day2_config", None),
            cloud=getattr(options, "cloud", None) or None,
        )

    @property
    def colour(self) -> bool:
        """Tell whether colours help: a terminal, and nobody said NO_COLOR."""
        return bool(self.app.stdout.isatty()) and not os.environ.get("NO_COLOR")


def report_failure(error: Day2Error, *, as_json: bool) -> None:
    """Say a named failure on stderr: one JSON object, or two lines."""
    if as_json:
        said = {
            "kind": error.kind,
            "message": str(error),
            "hint": error.hint,
            "exit_code": error.exit_code,
        }
        print(json.dumps(said), file=sys.stderr)  # noqa: T201 - the door
        return
    print(f"day2: {_harmless(str(error))}", file=sys.stderr)  # noqa: T201
    if error.hint:
        print(f"      {_harmless(error.hint)}", file=sys.stderr)  # noqa: T201


def _harmless(text: str) -> str:
    """Take out what would steer the terminal: rows and failures quote names, which are hostile."""
    return "".join(c if c.isprintable() or c == "\n" else "?" for c in text)


def _shown(row: Sequence[Any]) -> list[Any]:
    """Take it out of a row, and line breaks: a name with one would be a row of its own."""
    return [_harmless(cell).replace("\n", "?") if isinstance(cell, str) else cell for cell in row]


def _no_formula(cell: Any) -> Any:  # noqa: ANN401 - whatever a row holds
    """Let no name be a formula of the spreadsheet that opens the list; numbers stay numbers."""
    if isinstance(cell, str) and cell[:1] in _FORMULA and not _NUMBER.fullmatch(cell):
        return f"'{cell}"
    return cell


def report_bug(error: Exception, *, as_json: bool) -> int:
    """Keep the traceback of a bug in the state folder and say where; return exit code 1."""
    from day2.adapters.clock import SystemClock
    from day2.settings import state_folder

    where = state_folder(os.environ) / "bugs" / f"{SystemClock().now():%Y%m%dT%H%M%S%f}.txt"
    try:
        where.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with os.fdopen(os.open(where, os.O_CREAT | os.O_WRONLY, 0o600), "w") as file:
            file.write("".join(traceback.format_exception(error)))
        hint = f"the traceback is in {where}"
    except OSError:
        hint = "".join(traceback.format_exception(error))
    bug = Day2Error(f"a bug in day2: {type(error).__name__}: {error}", hint=hint)
    report_failure(bug, as_json=as_json)
    return 1


def envelope(name: str, *, cloud: str, at: Any, **content: Any) -> dict[str, Any]:  # noqa: ANN401
    """Make a document with the keys that every document carries."""
    import msgspec

    body = msgspec.to_builtins(content)
    return {"schema": f"day2.{name}/1", "cloud": cloud, "at": msgspec.to_builtins(at), **body}


def _nagios(code: int, parsed: argparse.Namespace) -> int:
    return NAGIOS.get(code, 3) if getattr(parsed, "nagios", False) else code


Command = cliff_command.Command
