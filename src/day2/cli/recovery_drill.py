# SPDX-License-Identifier: Apache-2.0
"""`day2 recovery drill`: recover the cloud, with a stopwatch."""

import argparse

from day2.cli.document import Document, Produced


class Drill(Document):
    """Recover the cloud from its sets, phase by phase, and keep what each phase took.

    Everything is restored into scratch servers and folders, and nothing of the cloud is touched;
    with --for-real, a cloud that the settings call a test cloud is stopped and put back itself.
    """

    codes = (0, 2, 3, 20, 21, 23, 24, 26)

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add them."""
        from day2.cli.plan import add_making_arguments

        parser.add_argument(
            "--set",
            default="latest",
            metavar="SET",
            help="latest (default), random (recovery_plan.random_days), or a set of the databases",
        )
        depth = parser.add_mutually_exclusive_group()
        depth.add_argument(
            "--scratch", action="store_true", help="restore beside the cloud (default)"
        )
        depth.add_argument(
            "--for-real",
            action="store_true",
            help="recover the cloud itself: needs recovery_plan.test_cloud",
        )
        add_making_arguments(parser)

    def produce(self, parsed: argparse.Namespace) -> Produced:
        """Plan it, ask, run it, and say what each phase took; one that failed ends with 26."""
        from day2.cli import running
        from day2.report import recovery as texts
        from day2.wiring import recovery_plans

        site = self.site(parsed)
        plan = recovery_plans.drill(
            site, chosen=parsed.set, real=parsed.for_real, ticket=parsed.ticket
        )
        produced = running.make(self, site, plan, parsed)
        if produced.document["schema"] != "day2.run/1" or parsed.no_follow:
            return produced
        if recovery_plans.was_kept(site, plan.id):
            shown, earlier, troubles = recovery_plans.drills(site, plan.id)
            produced.text += f"\n{texts.drill(shown, earlier, troubles)}"
        return produced
