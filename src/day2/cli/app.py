# SPDX-License-Identifier: Apache-2.0
"""The `day2` program: global options, and which command runs when none is named."""

import argparse
import signal
import sys
from collections.abc import Sequence

from cliff import app as cliff_app
from cliff import commandmanager

from day2 import __version__

DESCRIPTION = "Day-2 operations of OpenStack clouds deployed with Kolla-Ansible."


class App(cliff_app.App):
    """The program."""

    NAME = "day2"
    DEFAULT_VERBOSE_LEVEL = 0
    LOG_FILE_MESSAGE_FORMAT = "%(asctime)s %(levelname)s %(name)s %(message)s"

    def __init__(self) -> None:
        super().__init__(
            description=DESCRIPTION,
            version=__version__,
            command_manager=commandmanager.CommandManager("day2.cli"),
            deferred_help=False,
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
        del options
        return super().run(argv if rest else [*argv, "today"])

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


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program; returns its exit code."""
    # A closed pipe (`day2 … | head`) ends the program quietly, as it does every filter.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    return App().run(list(sys.argv[1:] if argv is None else argv))


if __name__ == "__main__":
    sys.exit(main())
