# SPDX-License-Identifier: Apache-2.0
"""`day2 round …`: run what the calendar holds; only reads the cloud."""

import argparse
from typing import TYPE_CHECKING

from day2.cli.document import Document, Produced, envelope
from day2.cli.progress import Progress

if TYPE_CHECKING:
    from day2.model.round import Report


class Daily(Document):
    """Look at the whole cloud and say whether it is well, what changed, and what to do."""

    codes = (0, 2, 10, 11, 12, 21, 23)

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add them."""
        add_round_arguments(parser)

    def produce(self, parsed: argparse.Namespace) -> Produced:
        """Run the round."""
        site = self.site(parsed)
        with Progress("looking") as progress:
            found = site.round("daily", progress=progress)
        return report_produced(found, schema="round", colour=self.colour, details=parsed.details)


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
        folded=found.folded,
        muted=found.muted,
        acknowledged=found.acknowledged,
        gaps=found.gaps,
        compared_with=found.compared_with,
        new=found.new,
        gone=found.gone,
        unjudged=found.unjudged,
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
