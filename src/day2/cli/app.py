# SPDX-License-Identifier: Apache-2.0
"""The `day2` program: global options, and which command runs when none is named."""

import argparse
import faulthandler
import inspect
import io
import os
import sys
from typing import NoReturn, TextIO

from cliff import app as cliff_app
from cliff import commandmanager, help  # noqa: A004 - the library's name

from day2 import __version__

# What a shell says of a program that SIGPIPE ended.
CLOSED = 141
DESCRIPTION = "Day-2 operations of OpenStack clouds deployed with Kolla-Ansible."


class Commands(commandmanager.CommandManager):
    """Commands by their whole names: `host d` must never become `host drain`."""

    def find_command(self, argv: list[str]) -> tuple[type, str, list[str]]:
        """Find a command, as the library does, and refuse what it completed."""
        factory, name, rest = super().find_command(argv)
        if name not in self.commands:
            raise ValueError(f"{name!r} is not a command")
        return factory, name, rest


class App(cliff_app.App):
    """The program."""

    NAME = "day2"
    DEFAULT_VERBOSE_LEVEL = 0
    LOG_FILE_MESSAGE_FORMAT = "%(asctime)s %(levelname)s %(name)s %(message)s"

    def __init__(self) -> None:
        super().__init__(
            description=DESCRIPTION,
            version=__version__,
            command_manager=Commands("day2.cli"),
            deferred_help=True,
        )

    def build_option_parser(
        self,
        description: str | None,
        version: str | None,
        argparse_kwargs: dict[str, object] | None = None,
    ) -> argparse.ArgumentParser:
        """Add the options that every command understands."""
        parser = super().build_option_parser(
            description, version, {**(argparse_kwargs or {}), "allow_abbrev": False}
        )
        parser.add_argument(
            "--cloud", metavar="NAME", help="the cloud of the settings to work on ($DAY2_CLOUD)"
        )
        parser.add_argument(
            "--config",
            dest="day2_config",
            metavar="FILE",
            help="the settings file ($DAY2_CONFIG, ~/.config/day2/day2.yaml, /etc/day2/day2.yaml)",
        )
        return parser

    def run(self, argv: list[str]) -> int:
        """Run `today` when no command is named."""
        options, rest = self.parser.parse_known_args(argv)
        return super().run(argv if rest or options.deferred_help else [*argv, "today"])

    def print_help_if_requested(self) -> None:
        """Print the help with one line per command.

        The library's own names the distribution of each command, for which it reads the file lists
        of all installed packages: half of the time that `day2 --help` may take.
        """
        if not self.options.deferred_help:
            return
        self.parser.print_help(self.stdout)
        self.stdout.write("\nCommands:\n")
        for name, entry_point in sorted(self.command_manager):
            said = inspect.getdoc(entry_point.load()) or ""
            self.stdout.write(f"  {name:<16}  {said.partition(chr(10))[0].rstrip('.')}\n")
        raise help.HelpExit

    def run_subcommand(self, argv: list[str]) -> int:
        """Say on stderr what is not a command, and what it may have meant."""
        try:
            self.command_manager.find_command(argv)
        except ValueError:
            said = " ".join(argv)
            near = self.get_fuzzy_matches(argv[0]) if argv else []
            print(f"day2: {said!r} is not a command; see day2 --help", file=sys.stderr)  # noqa: T201
            if near:
                print(f"      did you mean: {', '.join(near)}", file=sys.stderr)  # noqa: T201
            return 2
        return super().run_subcommand(argv)


class Piped(io.TextIOWrapper):
    """Standard output: a closed pipe (`day2 … | head`) ends the program quietly, as any filter.

    The signal would end it as well when a server hangs up on a request that is being written.
    """

    def __init__(self, inner: TextIO) -> None:
        super().__init__(
            inner.buffer,
            encoding=inner.encoding,
            errors=inner.errors,
            line_buffering=inner.isatty(),
        )

    def write(self, text: str) -> int:
        """Write, or end."""
        try:
            return super().write(text)
        except BrokenPipeError:
            os._exit(CLOSED)

    def flush(self) -> None:
        """Write out what is held back, or end."""
        try:
            super().flush()
        except BrokenPipeError:
            os._exit(CLOSED)


def main() -> NoReturn:
    """Run the program and end the process with its exit code."""
    # Should a library crash the interpreter, say where.
    faulthandler.enable()
    sys.stdout = Piped(sys.stdout)
    code = App().run(sys.argv[1:])
    sys.stdout.flush()
    sys.stderr.flush()
    # Reads that were given up on may still hang in their threads. The interpreter must neither wait
    # for them nor be taken down under them (which now and then ended with SIGSEGV); what is worth
    # keeping was committed before.
    os._exit(code)


if __name__ == "__main__":
    main()
