# SPDX-License-Identifier: Apache-2.0
"""`day2 problem …`: the known problems, and which of them the cloud shows signs of."""

import argparse

from day2.cli.document import Document, Produced, envelope
from day2.cli.progress import Progress
from day2.errors import BadUsage


class List(Document):
    """List every known problem, day2's and your own, by symptom."""

    codes = (0, 2)

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add them."""
        parser.add_argument("--plane", default="", help="only those of this plane (network, …)")

    def produce(self, parsed: argparse.Namespace) -> Produced:
        """List them."""
        from day2.report import problems as texts

        site = self.site(parsed)
        known = [p for p in site.problems if not parsed.plane or parsed.plane in p.planes]
        if not known:
            planes = sorted({plane for p in site.problems for plane in p.planes})
            raise BadUsage(f"no known problem of plane {parsed.plane}", hint=", ".join(planes))
        return Produced(
            document=envelope("problems", cloud=site.cloud, at=site.clock.now(), problems=known),
            text=texts.listed(known),
            columns=("id", "planes", "symptom", "title", "proof"),
            rows=[(p.id, ", ".join(p.planes), p.symptom, p.title, p.proof) for p in known],
        )


class Show(Document):
    """Show everything that is known of one problem: its signs, its cure, where it was seen."""

    codes = (0, 2)

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add them."""
        parser.add_argument("problem", help="its id, as `problem list` has it")

    def produce(self, parsed: argparse.Namespace) -> Produced:
        """Show it."""
        from difflib import get_close_matches

        from day2.report import problems as texts

        site = self.site(parsed)
        known = {p.id: p for p in site.problems}
        wanted = known.get(parsed.problem)
        if wanted is None:
            close = get_close_matches(parsed.problem, known, n=3)
            raise BadUsage(
                f"no known problem {parsed.problem}",
                hint=f"perhaps: {', '.join(close)}" if close else "day2 problem list",
            )
        return Produced(
            document=envelope("problem", cloud=site.cloud, at=site.clock.now(), problem=wanted),
            text=texts.shown(wanted, colour=self.colour),
            columns=("id", "title", "advice"),
            rows=[(wanted.id, wanted.title, wanted.advice)],
        )


class Find(Document):
    """Look at the cloud and its logs now and name the known problems, likeliest first.

    With --text nothing is read: the words alone are looked at.
    """

    codes = (0, 2, 10, 12, 20, 21)

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add them."""
        parser.add_argument("--text", default="", help="words of an error, as they were said")
        parser.add_argument(
            "--since",
            metavar="AGE",
            help="how far back logs are read: 90m, 24h, 7d; as far as a round unless given",
        )
        parser.add_argument("--brief", action="store_true", help="one line for each")

    def produce(self, parsed: argparse.Namespace) -> Produced:
        """Find them."""
        from day2.cli.log import age
        from day2.report import problems as texts
        from day2.wiring import problems

        since = age(parsed.since) if parsed.since else None
        site = self.site(parsed)
        if parsed.text:
            found, gaps = problems.by_words(site, parsed.text), []
        else:
            with Progress("looking") as progress:
                report, found = problems.now(site, progress, since=since)
            gaps = report.gaps
        return Produced(
            document=envelope(
                "suspects", cloud=site.cloud, at=site.clock.now(), suspects=found, gaps=gaps
            ),
            text=texts.found(found, gaps, colour=self.colour, details=not parsed.brief),
            columns=("score", "id", "title", "advice"),
            rows=[(s.score, s.id, s.title, s.advice) for s in found],
            exit_code=12 if gaps else 10 if found else 0,
        )
