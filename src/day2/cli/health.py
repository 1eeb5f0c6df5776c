# SPDX-License-Identifier: Apache-2.0
"""`day2 health …`: judge the cloud, and look back at how it was judged."""

import argparse

from day2.cli.document import Document, Produced, envelope
from day2.cli.progress import Progress
from day2.cli.round import add_round_arguments, report_produced


class Check(Document):
    """Judge the cloud now, without keeping the result; --kinds restricts what is read."""

    codes = (0, 2, 10, 11, 12, 21)

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add them."""
        add_round_arguments(parser)
        parser.add_argument(
            "--kinds",
            metavar="TABLE,…",
            help="read only these tables of the survey (servers, agents, …); see the reference",
        )

    def produce(self, parsed: argparse.Namespace) -> Produced:
        """Judge."""
        site = self.site(parsed)
        kinds = parsed.kinds.split(",") if parsed.kinds else None
        with Progress("looking") as progress:
            found = site.check(kinds, progress=progress)
        return report_produced(found, schema="health", colour=self.colour, details=parsed.details)


class List(Document):
    """List every check: what it needs, and the settings that decide."""

    codes = (0, 2)

    def produce(self, parsed: argparse.Namespace) -> Produced:
        """List them."""
        from day2.adapters.clock import SystemClock
        from day2.wiring.registries import checks

        del parsed
        found = checks()
        rows = [
            (check.name, check.title, ", ".join(check.needs), ", ".join(check.settings))
            for check in found
        ]
        return Produced(
            document=envelope(
                "checks",
                cloud="",
                at=SystemClock().now(),
                checks=[
                    {
                        "name": check.name,
                        "title": check.title,
                        "needs": check.needs,
                        "settings": [f"health.{name}" for name in check.settings],
                    }
                    for check in found
                ],
            ),
            text="".join(f"{check.name:<34} {check.title}\n" for check in found),
            columns=("name", "title", "needs", "settings"),
            rows=rows,
        )


class History(Document):
    """List the rounds that are kept, newest first."""

    codes = (0, 2)

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add them."""
        parser.add_argument(
            "--limit", type=int, default=30, metavar="N", help="rounds (default 30)"
        )

    def produce(self, parsed: argparse.Namespace) -> Produced:
        """List them."""
        from day2.memory import rounds

        site = self.site(parsed)
        kept = rounds.history(site.memory, site.cloud, site.region, count=parsed.limit)
        listed = [
            {
                "id": report.id,
                "kind": report.kind,
                "at": report.at,
                "severity": report.severity,
                "findings": len(report.findings),
                "new": len(report.new),
                "gone": len(report.gone),
                "gaps": len(report.gaps),
                "seconds": report.seconds,
            }
            for report, _survey in kept
        ]
        rows = [tuple(row.values()) for row in listed]
        text = "".join(
            f"{report.id:>6}  {report.at:%Y-%m-%d %H:%M}  {report.severity:<9}"
            f"{_count(len(report.findings), 'finding'):>12}, {len(report.new)} new, "
            f"{len(report.gone)} gone, {_count(len(report.gaps), 'gap')}\n"
            for report, _survey in kept
        )
        return Produced(
            document=envelope("rounds", cloud=site.cloud, at=site.clock.now(), rounds=listed),
            text=text or "no round is kept yet; run one: day2 round daily\n",
            columns=tuple(listed[0]) if listed else (),
            rows=rows,
        )


class Diff(Document):
    """Say in words what changed in the cloud between two rounds (the last two by default)."""

    codes = (0, 2)

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add them."""
        parser.add_argument("before", nargs="?", type=int, help="id of the earlier round")
        parser.add_argument("after", nargs="?", type=int, help="id of the later round")

    def produce(self, parsed: argparse.Namespace) -> Produced:
        """Compare them."""
        site = self.site(parsed)
        before, after, changes = site.diff(parsed.before, parsed.after)
        lines = [f"  {change.sentence}" for change in changes] or ["  nothing changed"]
        from day2.report.terminal import plain

        head = f"from {before.ended_at:%Y-%m-%d %H:%M:%S} to {after.ended_at:%Y-%m-%d %H:%M:%S} UTC"
        return Produced(
            document=envelope(
                "diff",
                cloud=site.cloud,
                at=site.clock.now(),
                before=before.ended_at,
                after=after.ended_at,
                changes=changes,
            ),
            text="\n".join([head, *map(plain, lines)]) + "\n",
            columns=("kind", "verb", "id", "sentence"),
            rows=[(c.kind, c.verb, c.id, plain(c.sentence)) for c in changes],
        )


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
