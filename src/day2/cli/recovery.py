# SPDX-License-Identifier: Apache-2.0
"""`day2 recovery …`: bring the cloud back, and know beforehand that it can be."""

import argparse
from typing import TYPE_CHECKING

from day2.cli.document import Document, Produced, envelope

if TYPE_CHECKING:
    from day2.model.recovery import Drill
    from day2.wiring.site import Site


class Preflight(Document):
    """Prove that a recovery could begin now: sets, keys, programs, versions, room.

    Changes nothing. A canary that is sealed now is opened with the identity at hand; with
    --identity also with one that usually lies in a safe.
    """

    codes = (0, 2, 26)

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add them."""
        parser.add_argument(
            "--identity", default="", metavar="FILE", help="an identity to prove, mode 0600"
        )

    def produce(self, parsed: argparse.Namespace) -> Produced:
        """Look at everything."""
        from day2.report import doctor
        from day2.wiring import recovery

        site = self.site(parsed)
        found = recovery.preflight(site, identity=parsed.identity)
        return Produced(
            document=envelope(
                "recovery-preflight",
                cloud=site.cloud,
                at=found.at,
                items=found.items,
                seconds=found.seconds,
                exit_code=found.exit_code,
            ),
            text=doctor.render(
                found, colour=self.colour, name="recovery preflight", following="day2 backup list"
            ),
            columns=("state", "item", "detail", "cure"),
            rows=[(i.state.value, i.id, i.detail, i.cure) for i in found.items],
            exit_code=found.exit_code,
        )


class Reconcile(Document):
    """Hold the stores against each other: what one has and another does not. Changes nothing.

    Nova's servers against Placement, Cinder, Neutron and the guests of the hypervisors; rows of
    Cinder and Glance against their data. What is called gone was asked for by its id.
    """

    codes = (0, 2, 10, 11, 12, 21)

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add them."""
        from day2.cli.round import add_round_arguments

        add_round_arguments(parser)

    def produce(self, parsed: argparse.Namespace) -> Produced:
        """Read, compare, prove."""
        from day2.cli.progress import Progress
        from day2.cli.round import report_produced
        from day2.report import recovery as texts
        from day2.wiring import reconcile

        site = self.site(parsed)
        with Progress("comparing") as progress:
            found = reconcile.reconcile(site, progress=progress)
        made = report_produced(
            found.report, schema="recovery-reconcile", colour=self.colour, details=parsed.details
        )
        made.document |= {"holds": found.holds, "compared": found.compared}
        made.text += texts.gate(found)
        return made


class Plan(Document):
    """Show how the whole cloud would be recovered now: phases, budgets, sets, what is missing."""

    codes = (0, 2, 10, 20)

    def produce(self, parsed: argparse.Namespace) -> Produced:
        """Read the vault and what earlier drills measured."""
        import msgspec

        from day2.report import recovery as texts
        from day2.wiring import recovery_plans

        site = self.site(parsed)
        found = recovery_plans.procedure(site)
        return Produced(
            document=envelope(
                "recovery-plan",
                cloud=site.cloud,
                at=site.clock.now(),
                **msgspec.structs.asdict(found),
            ),
            text=texts.procedure(found, cloud=site.cloud),
            columns=("phase", "budget_seconds", "usual_seconds", "sets", "missing"),
            rows=[
                (
                    phase.name,
                    phase.budget_seconds,
                    phase.usual_seconds,
                    ", ".join(one.id for one in phase.sets),
                    "; ".join(phase.missing),
                )
                for phase in found.phases
            ],
            exit_code=10 if found.troubles else 0,
        )


class Show(Document):
    """Show what drills measured: the newest, or one of them, against its budget and those before.

    Ends with 10 when the newest drill failed, was late, or is older than policy allows.
    """

    codes = (0, 2, 10)

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add them."""
        parser.add_argument(
            "drill", nargs="?", default="", help="a drill's id, or the beginning of it"
        )

    def produce(self, parsed: argparse.Namespace) -> Produced:
        """Read the memory; the cloud is not asked."""
        from day2.wiring import recovery_plans

        site = self.site(parsed)
        shown, earlier, troubles = recovery_plans.drills(site, parsed.drill)
        return drill_produced(site, shown, earlier, troubles)


def drill_produced(
    site: "Site", shown: "Drill | None", earlier: "list[Drill]", troubles: list[str]
) -> Produced:
    """Produce one drill with those before it."""
    from day2.report import recovery as texts

    everything = [*([shown] if shown else []), *earlier]
    return Produced(
        document=envelope(
            "recovery-drills",
            cloud=site.cloud,
            at=site.clock.now(),
            drill=texts.document(shown) if shown else None,
            earlier=[texts.document(one) for one in earlier],
            troubles=troubles,
        ),
        text=texts.drill(shown, earlier, troubles),
        columns=("id", "at", "depth", "rto_seconds", "rpo_seconds", "ok", "late"),
        rows=[
            (d.id, d.at, d.depth, d.rto_seconds, d.rpo_seconds, d.ok, d.is_late) for d in everything
        ],
        exit_code=10 if troubles else 0,
    )
