# SPDX-License-Identifier: Apache-2.0
"""`day2 host …`: plans about one host, and their runs."""

import argparse
from typing import TYPE_CHECKING

from day2.cli.document import Document, Produced, envelope
from day2.cli.plan import add_making_arguments
from day2.cli.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Sequence

    from day2.model.hosts import HostLine
    from day2.model.plan import Plan
    from day2.model.survey import Gap, Survey
    from day2.wiring.site import Site

PURPOSES = ("reboot", "decommission")


class List(Document):
    """List the hosts: state, servers, room, agents, containers, reboot and last patch of each."""

    codes = (0, 2, 12, 20, 21)

    def produce(self, parsed: argparse.Namespace) -> Produced:
        """Read and list them."""
        from day2.operations.inventory import lines
        from day2.report import hosts as texts

        site = self.site(parsed)
        with Progress("looking") as progress:
            survey = site.survey(lines.KINDS, progress)
        found = lines.lines(survey)
        where = f"{site.cloud}{f' ({site.region})' if site.region else ''}"
        notes = [f"not read: {gap.what}: {gap.message}" for gap in survey.gaps if _whole(gap)]
        if not survey.was_read("hosts"):
            notes.append(
                "no inventory is configured (clouds.NAME.kolla.inventory): nothing is known of "
                "containers, reboots and patches"
            )
        return Produced(
            document=envelope(
                "hosts",
                cloud=site.cloud,
                at=survey.ended_at,
                region=site.region,
                hosts=found,
                gaps=survey.gaps,
            ),
            text=texts.render(where, survey.ended_at, found, notes=notes, colour=self.colour),
            columns=texts.COLUMNS,
            rows=[texts.row(line) for line in found],
            exit_code=_ending(survey, found),
        )


def _whole(gap: "Gap") -> bool:
    """Tell whether a gap is of a whole table: those of one host stand below its line."""
    return not gap.what.startswith(("host ", "containers of "))


def _ending(survey: "Survey", found: "Sequence[HostLine]") -> int:
    """End with 12 when something is not known; with its own code when nothing could be read."""
    errors = {gap.error for gap in survey.gaps}
    if not found and "Denied" in errors:
        return 21
    if not found and errors & {"Unreachable", "BadAnswer"}:
        return 20
    return 12 if survey.gaps else 0


class _OfHost(Document):
    """A plan about one host, shown, asked about, and run."""

    codes = (0, 2, 3, 20, 21, 23, 24, 26)

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add them."""
        parser.add_argument("host", help="the host as nova-compute names it; never a pattern")
        add_making_arguments(parser)

    def produce(self, parsed: argparse.Namespace) -> Produced:
        """Plan it, show it, and run it when somebody says so."""
        from day2.cli import running

        site = self.site(parsed)
        if not parsed.plan_only and site.changes.access != "observe":
            site.changes.require("act")
        with Progress("reading") as progress:
            plan = self.plan(site, parsed, progress)
        return running.make(self, site, plan, parsed)

    def plan(self, site: "Site", parsed: argparse.Namespace, progress: Progress) -> "Plan":
        """Make the plan."""
        raise NotImplementedError


class Drain(_OfHost):
    """Move every server off a host that is alive, and prove for each where it is."""

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add them."""
        super().add_arguments(parser)
        add_drain_arguments(parser)

    def plan(self, site: "Site", parsed: argparse.Namespace, progress: Progress) -> "Plan":
        """Plan the drain."""
        return site.host_plans.drain(
            parsed.host,
            purpose=parsed.purpose,
            allow=parsed.allow,
            ticket=parsed.ticket,
            progress=progress,
        )


class Enable(_OfHost):
    """Give a host back that day2 disabled; --back brings its servers home."""

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add them."""
        super().add_arguments(parser)
        parser.add_argument(
            "--back",
            nargs="?",
            const="last",
            default="",
            metavar="RUN",
            help="bring back what this drain moved (the last one of the host unless named)",
        )
        parser.add_argument(
            "--no-smoke",
            dest="smoke",
            action="store_false",
            help="do not boot a server there first to see whether the host serves",
        )

    def plan(self, site: "Site", parsed: argparse.Namespace, progress: Progress) -> "Plan":
        """Plan it."""
        return site.host_plans.enable(
            parsed.host,
            back=parsed.back,
            smoke=parsed.smoke,
            ticket=parsed.ticket,
            progress=progress,
        )


class Evacuate(_OfHost):
    """Rebuild the servers of a dead host elsewhere; refused until its death is proven."""

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add them."""
        super().add_arguments(parser)
        _add_allow(parser)

    def plan(self, site: "Site", parsed: argparse.Namespace, progress: Progress) -> "Plan":
        """Plan it."""
        return site.host_plans.evacuate(
            parsed.host, allow=parsed.allow, ticket=parsed.ticket, progress=progress
        )


def add_drain_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what decides how a drain goes."""
    parser.add_argument(
        "--purpose",
        choices=PURPOSES,
        default=PURPOSES[0],
        help="reboot: what is stopped may stay; decommission: nothing may (reboot)",
    )
    _add_allow(parser)


def _add_allow(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--allow",
        action="append",
        default=[],
        metavar="DANGER",
        help="accept one danger that the plan names; may be given several times",
    )
