# SPDX-License-Identifier: Apache-2.0
"""`day2 report …`: read the report of a round again, or forward it."""

import argparse
import sys
from pathlib import Path

from day2.cli.document import Document, Produced
from day2.cli.round import report_produced


class Show(Document):
    """Show the report of a kept round, and write it as one HTML file to forward."""

    codes = (0, 2)

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add them."""
        parser.add_argument(
            "--round",
            type=int,
            metavar="N",
            help="the number of the round, as in the history (default: the newest)",
        )
        parser.add_argument(
            "--html", metavar="FILE", help="write it as one HTML file (private: mode 0600)"
        )
        parser.add_argument(
            "--details", action="store_true", help="show every consequence of every finding"
        )

    def produce(self, parsed: argparse.Namespace) -> Produced:
        """Read it from the memory; the cloud is not asked."""
        from day2.adapters import files
        from day2.wiring import reports

        if parsed.html:
            files.require_place(Path(parsed.html))
        site = self.site(parsed)
        found = reports.kept(site, parsed.round)
        if parsed.html:
            written = reports.write_html(site, found, Path(parsed.html))
            print(f"day2: the HTML report is {written}", file=sys.stderr)  # noqa: T201 - the door
        made = report_produced(found, schema="round", colour=self.colour, details=parsed.details)
        # It was shown: how the cloud was then is not how this command went.
        made.exit_code = 0
        return made
