# SPDX-License-Identifier: Apache-2.0
"""`day2 plan …`: what would be done, people's word on it, and its one run."""

import argparse
from typing import TYPE_CHECKING, Any

from day2.cli.document import Document, Produced, envelope

if TYPE_CHECKING:
    from day2.model.plan import Saved
    from day2.wiring.site import Site


class List(Document):
    """List the plans of this cloud, newest first."""

    codes = (0, 2)

    def produce(self, parsed: argparse.Namespace) -> Produced:
        """List them."""
        import msgspec

        from day2.memory import plans
        from day2.report import changes as texts

        site = self.site(parsed)
        now = site.clock.now()
        found = plans.listed(site.memory, site.cloud, site.region)
        states = {run.id: run.state.value for run in site.changes.every_run()}
        rows = []
        for plan in found:
            waits = "expired" if plan.expires_at <= now else "waits"
            rows.append({**msgspec.structs.asdict(plan), "state": states.get(plan.id, waits)})
        return Produced(
            document=envelope("plans", cloud=site.cloud, at=now, plans=rows),
            text=texts.plans(rows) or "no plan\n",
            columns=["id", "kind", "state", "at", "expires_at", "by"],
            rows=[
                tuple(row[name] for name in ("id", "kind", "state", "at", "expires_at", "by"))
                for row in rows
            ],
        )


class _OfPlan(Document):
    """A command about one plan."""

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add them."""
        parser.add_argument("plan", help="the plan's id, or the beginning of it")


class Show(_OfPlan):
    """Show a plan: every step, what it leaves alone and why, and how it is taken back."""

    codes = (0, 2, 24)

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add them."""
        super().add_arguments(parser)
        parser.add_argument("--all", action="store_true", help="every step of long tables")

    def produce(self, parsed: argparse.Namespace) -> Produced:
        """Show it."""
        site = self.site(parsed)
        return shown(site, site.changes.load(parsed.plan), all_steps=parsed.all)


class Diff(_OfPlan):
    """Compare a plan with the cloud as it is now: which subjects changed, old and new."""

    codes = (0, 2, 10, 20, 21, 24)

    def produce(self, parsed: argparse.Namespace) -> Produced:
        """Look at every subject again."""
        from day2.report import changes as texts

        site = self.site(parsed)
        saved = site.changes.load(parsed.plan)
        found = site.changes.differences(saved)
        return Produced(
            document=envelope(
                "plan-diff", cloud=site.cloud, at=site.clock.now(), id=saved.plan.id, changed=found
            ),
            text=texts.differences(saved.plan, found),
            columns=["n", "subject", "what", "was", "is"],
            rows=[(d.n, d.subject.label, d.what, d.was, d.now) for d in found],
            exit_code=10 if found else 0,
        )


class Approve(_OfPlan):
    """Approve a plan: your word on exactly what it says, bound to its hash."""

    codes = (0, 2, 24)

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add them."""
        super().add_arguments(parser)
        parser.add_argument("--reason", default="", help="for your colleagues and the journal")

    def produce(self, parsed: argparse.Namespace) -> Produced:
        """Approve it."""
        site = self.site(parsed)
        saved = site.changes.load(parsed.plan)
        site.changes.approve(saved, reason=parsed.reason)
        by = site.changes.filer().by
        return Produced(
            document=envelope(
                "approval",
                cloud=site.cloud,
                at=site.clock.now(),
                plan=saved.plan.id,
                sha256=saved.sha256,
                by=by,
            ),
            text=f"{saved.plan.id}\n  approved by {by}; run it with: "
            f"day2 plan apply {saved.plan.id}\n",
        )


class Apply(_OfPlan):
    """Run an approved plan and follow it; Ctrl-C stops following, the run goes on."""

    codes = (0, 2, 3, 20, 21, 23, 24, 26)

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add them."""
        super().add_arguments(parser)
        parser.add_argument(
            "--yes",
            action="store_true",
            help="approve it without asking; never for steps that cannot be taken back",
        )
        add_apply_arguments(parser)

    def produce(self, parsed: argparse.Namespace) -> Produced:
        """File the run and follow it."""
        from day2.cli import running

        site = self.site(parsed)
        return running.apply(self, site, site.changes.load(parsed.plan), parsed)


def add_apply_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what every command understands that runs a plan."""
    parser.add_argument("--ticket", default="", help="where this change is tracked")
    parser.add_argument(
        "--wait", action="store_true", help="file it now, begin when changes are allowed again"
    )
    parser.add_argument("--no-follow", action="store_true", help="file it and return at once")


def add_making_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what every command understands that makes a plan, shows it, and asks."""
    parser.add_argument(
        "--plan-only", action="store_true", help="save the plan, show it, and do not run it"
    )
    add_apply_arguments(parser)


def shown(site: "Site", saved: "Saved", *, note: str = "", all_steps: bool = False) -> Produced:
    """Produce a plan, for the eye and for programs."""
    from day2.report import plan as plan_texts

    plan = saved.plan
    text = plan_texts.render(plan, sha256=saved.sha256, all_steps=all_steps)
    return Produced(
        document=whole("plan", site, document(saved)),
        text=f"{text}{note}",
        columns=["n", "action", "subject", "why"],
        rows=[(s.n, s.action, s.subject.label, s.why) for s in plan.steps],
    )


def whole(name: str, site: "Site", content: dict[str, Any]) -> dict[str, Any]:
    """Make a document of a noun that carries its cloud and moment itself; `made_at` is its own."""
    own = {key: value for key, value in content.items() if key not in {"cloud", "at"}}
    return envelope(name, cloud=site.cloud, at=site.clock.now(), made_at=content["at"], **own)


def document(saved: "Saved") -> dict[str, Any]:
    """Return a plan's stable keys."""
    import msgspec

    return {**msgspec.structs.asdict(saved.plan), "sha256": saved.sha256}
