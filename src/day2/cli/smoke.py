# SPDX-License-Identifier: Apache-2.0
"""`day2 smoke run`: does the cloud still give people what they ask for?"""

import argparse
from typing import TYPE_CHECKING

from day2.cli.document import Document, Produced

if TYPE_CHECKING:
    from day2.model import run


class Run(Document):
    """Boot a server with a port, a volume and a floating IP, try it, and delete it all again."""

    codes = (0, 2, 3, 20, 21, 23, 24, 26)

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add them."""
        from day2.cli.plan import add_making_arguments

        parser.add_argument(
            "--host", default="", help="boot it on this host, disabled or not (default: any)"
        )
        add_making_arguments(parser)

    def produce(self, parsed: argparse.Namespace) -> Produced:
        """Plan it, ask, run it, and say how each phase went."""
        from day2.cli import running
        from day2.wiring import smoke

        site = self.site(parsed)
        plan = smoke.plan(site, host=parsed.host, ticket=parsed.ticket)
        produced = running.make(self, site, plan, parsed)
        if produced.document["schema"] != "day2.run/1" or parsed.no_follow:
            return produced
        return _with_phases(produced, site.changes.run(plan.id))


def _with_phases(produced: Produced, found: "run.Run") -> Produced:
    """Add one line for each phase."""
    from day2.report import smoke as texts

    for step in found.steps:
        phases = step.facts.get("phases")
        if not phases:
            continue
        produced.text += f"\n{texts.phases(phases, step.facts.get('left', []))}"
    return produced
