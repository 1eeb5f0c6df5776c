# SPDX-License-Identifier: Apache-2.0
"""`day2 usage …`: how full the cloud is, and since when."""

import argparse
from typing import TYPE_CHECKING

from day2.cli.document import Document, Produced, envelope
from day2.cli.progress import Progress
from day2.errors import BadUsage

if TYPE_CHECKING:
    from day2.wiring.usage import Seen

SCOPES = ("cloud", "zone", "aggregate", "project", "pool")
COLUMNS = ("scope", "name", "resource", "allocated", "usable", "total", "used_ratio")


class Show(Document):
    """Show how much of the cloud is taken, by Placement's own arithmetic, with its trend."""

    codes = (0, 2, 12, 20, 21)

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add them."""
        parser.add_argument(
            "--scope",
            choices=SCOPES,
            help="count only this, and show every name of it (default: all, the fullest of each)",
        )
        parser.add_argument(
            "--days",
            type=int,
            default=30,
            metavar="N",
            help="compare with N days ago, besides 7 (default 30)",
        )

    def produce(self, parsed: argparse.Namespace) -> Produced:
        """Look and count."""
        from day2.report import terminal, usage
        from day2.wiring.usage import look

        if parsed.days < 1:
            raise BadUsage(f"--days {parsed.days}: at least 1 day")
        site = self.site(parsed)
        scopes = (parsed.scope,) if parsed.scope else SCOPES
        with Progress("looking") as progress:
            seen = look(site, scopes, parsed.days, progress=progress)
        counted = seen.counted
        where = f"{site.cloud}{f' ({site.region})' if site.region else ''}"
        text = usage.render(
            where,
            seen.at,
            counted.rows,
            notes=[*(f"not counted: {gap.message}" for gap in seen.gaps), *counted.notes],
            trends=seen.trends,
            all_names=bool(parsed.scope),
            colour=self.colour,
        )
        rows = [
            (
                r.scope,
                terminal.plain(r.title),
                terminal.plain(r.resource),
                r.allocated,
                r.usable,
                r.total,
                r.used_ratio,
            )
            for r in counted.rows
        ]
        document = envelope(
            "usage",
            cloud=site.cloud,
            at=seen.at,
            region=site.region,
            usage=[_entry(seen, number) for number in range(len(counted.rows))],
            gaps=seen.gaps,
            notes=counted.notes,
        )
        return Produced(
            document=document, text=text, columns=COLUMNS, rows=rows, exit_code=_ending(seen)
        )


def _entry(seen: "Seen", number: int) -> dict[str, object]:
    import msgspec

    row = seen.counted.rows[number]
    return {
        **msgspec.structs.asdict(row),
        "used_ratio": row.used_ratio,
        "trend": seen.trends.get(row.place, []),
    }


def _ending(seen: "Seen") -> int:
    """End with 12 when something is not counted; with its own code when nothing could be read."""
    if not seen.gaps:
        return 0
    if not seen.counted.rows:
        errors = {gap.error for gap in seen.gaps}
        if "Denied" in errors:
            return 21
        if errors & {"Unreachable", "BadAnswer"}:
            return 20
    return 12
