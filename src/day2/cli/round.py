# SPDX-License-Identifier: Apache-2.0
"""`day2 round …`: run what the calendar holds; only reads the cloud."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from day2.cli.document import Document, Produced, envelope
from day2.cli.progress import Progress

if TYPE_CHECKING:
    from day2.model.round import Report


class Round(Document):
    """What every round does; its kind says what its report holds."""

    codes = (0, 2, 10, 11, 12, 21, 23)
    kind = ""

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add them."""
        add_round_arguments(parser)
        parser.add_argument(
            "--html",
            metavar="FILE",
            help="also write the report as one HTML file (private: mode 0600)",
        )

    def produce(self, parsed: argparse.Namespace) -> Produced:
        """Run the round."""
        from day2.adapters import files

        if parsed.html:
            files.require_place(Path(parsed.html))
        site = self.site(parsed)
        with Progress("looking") as progress:
            found = site.round(self.kind, progress=progress)
        if parsed.html and found.not_kept:
            said = "no HTML report: it is made of what the memory keeps"
            print(f"day2: {said}", file=sys.stderr)  # noqa: T201
        elif parsed.html:
            from day2.wiring import reports

            written = reports.write_html(site, found, Path(parsed.html))
            print(f"day2: the HTML report is {written}", file=sys.stderr)  # noqa: T201
        return report_produced(found, schema="round", colour=self.colour, details=parsed.details)


class Daily(Round):
    """Look at the whole cloud and say whether it is well, what changed, and what to do."""

    kind = "daily"


class Weekly(Round):
    """Do what the daily round does, and say how full the cloud is."""

    kind = "weekly"


def add_round_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that rounds and checks share."""
    parser.add_argument(
        "--nagios",
        action="store_true",
        help="exit as a Nagios plug-in does: 0 ok, 1 warning, 2 critical, 3 unknown",
    )
    parser.add_argument(
        "--details", action="store_true", help="show every consequence of every finding"
    )


def report_produced(found: "Report", *, schema: str, colour: bool, details: bool) -> Produced:
    """Render a graded report in every format."""
    from day2.report import terminal

    document = envelope(
        schema,
        cloud=found.cloud,
        at=found.at,
        region=found.region,
        round=found.id,
        severity=found.severity,
        findings=found.findings,
        suspects=found.suspects,
        folded=found.folded,
        muted=found.muted,
        acknowledged=found.acknowledged,
        gaps=found.gaps,
        compared_with=found.compared_with,
        new=found.new,
        gone=found.gone,
        unjudged=found.unjudged,
        **({"not_kept": found.not_kept} if found.not_kept else {}),
        **({"usage": found.usage, "usage_notes": found.usage_notes} if found.usage else {}),
        checks=found.checks,
        objects=found.objects,
        seconds=found.seconds,
    )
    rows = [
        (f.severity.value, f.check, f.subject.label, terminal.plain(f.summary), f.key)
        for f in found.findings
    ]
    return Produced(
        document=document,
        text=terminal.report(found, colour=colour, all_details=details),
        columns=("severity", "check", "subject", "summary", "key"),
        rows=rows,
        exit_code=found.exit_code,
    )
