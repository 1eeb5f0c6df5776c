# SPDX-License-Identifier: Apache-2.0
"""From a plan to its run: ask, file, follow, and say how it ended."""

import argparse
import sys
from typing import TYPE_CHECKING, Any

from day2.cli.document import Produced
from day2.errors import BadUsage, NotVerified, Refused
from day2.model.run import State

if TYPE_CHECKING:
    from day2.cli.document import Document
    from day2.model.plan import Plan, Saved
    from day2.model.run import Run
    from day2.wiring.site import Site

PARTIAL, REFUSED = 3, 24
SMOKE = "smoke-run"


def make(command: "Document", site: "Site", plan: "Plan", parsed: argparse.Namespace) -> Produced:
    """Save a plan that was just made; show it, and run it when somebody says so.

    With --plan-only it is saved and shown. Where the cloud is only observed it is shown, not saved.
    """
    from day2.cli.plan import shown
    from day2.model.plan import seal

    if site.changes.access == "observe":
        note = (
            f"\nNot saved: the cloud {site.cloud!r} has access: observe. With propose, plans are "
            "kept; with act, they may run.\n"
        )
        produced = shown(site, seal(plan), note=note)
        produced.exit_code = 0 if parsed.plan_only else REFUSED
        return produced
    saved = site.changes.save(plan)
    if parsed.plan_only or plan.blockers or not plan.steps:
        following = f"\nSaved. Next: day2 plan apply {plan.id}\n"
        note = "" if plan.blockers or not plan.steps else following
        produced = shown(site, saved, note=note)
        produced.exit_code = REFUSED if plan.blockers and not parsed.plan_only else 0
        return produced
    return apply(command, site, saved, parsed)


def apply(
    command: "Document", site: "Site", saved: "Saved", parsed: argparse.Namespace
) -> Produced:
    """Get the approval that is missing, file the run, and follow it."""
    site.changes.require("act")
    site.changes.require_fresh(saved)
    if not site.changes.is_approved(saved):
        _ask(site, saved, parsed)
        site.changes.approve(saved, reason="--yes" if _says_yes(parsed) else "asked")
    run = site.changes.apply(saved, ticket=parsed.ticket, wait=parsed.wait)
    if parsed.no_follow:
        return told(site, site.changes.run(run.id))
    return follow(command, site, run.id, parsed)


def follow(_command: "Document", site: "Site", name: str, parsed: argparse.Namespace) -> Produced:
    """Show a run as it goes, until nothing more happens without people."""
    from day2.cli.watching import Watching

    with Watching(site, as_json=parsed.formatter == "json") as watching:
        for run in site.changes.follow(name):
            watching(run)
    return told(site, site.changes.run(name))


def told(site: "Site", run: "Run") -> Produced:
    """Produce a run as it is."""
    from day2.cli.plan import whole
    from day2.report import changes as texts

    held = site.changes.engine_runs()
    return Produced(
        document=whole("run", site, _document(run)),
        text=texts.run(run, now=site.clock.now(), held=held),
        columns=["n", "action", "subject", "outcome", "detail"],
        rows=[
            (s.n, s.action, s.subject.label, s.outcome and s.outcome.value, s.detail or s.doing)
            for s in run.steps
        ],
        exit_code=_code(run),
    )


def _code(run: "Run") -> int:
    """Return how a command about a run ends; a smoke run with a phase that failed, with 26."""
    phases = [phase for step in run.steps for phase in step.facts.get("phases", ())]
    if run.kind == SMOKE and any(phase["outcome"] == "failed" for phase in phases):
        return NotVerified.exit_code
    if run.state in {State.DONE, State.UNDONE}:
        return 0
    if run.state is State.FAILED and run.detail.startswith("refused"):
        return REFUSED
    if any(step.facts.get("error") == NotVerified.__name__ for step in run.steps):
        return NotVerified.exit_code
    return PARTIAL if run.state.ended or run.state in {State.WAITING, State.PAUSED} else 0


def _document(run: "Run") -> dict[str, Any]:
    import msgspec

    found = msgspec.structs.asdict(run)
    found["gate"] = run.gates[0].name if run.gates else None
    return found


def _ask(site: "Site", saved: "Saved", parsed: argparse.Namespace) -> None:
    """Show the plan and ask for a yes.

    Raises:
        BadUsage: when there is nobody to ask.
        Refused: when the answer is no.

    """
    from day2.cli.plan import shown

    plan = saved.plan
    if _says_yes(parsed) and not plan.irreversible:
        return
    if not sys.stdin.isatty():
        why = (
            f"{len(plan.irreversible)} steps cannot be taken back: --yes does not answer for them"
            if _says_yes(parsed)
            else "there is no terminal to ask on"
        )
        raise BadUsage(why, hint=f"day2 plan approve {plan.id}, then day2 plan apply {plan.id}")
    print(shown(site, saved).text, file=sys.stderr)  # noqa: T201 - a conversation
    print(f"Run {plan.id}? Type yes: ", end="", file=sys.stderr, flush=True)  # noqa: T201
    if sys.stdin.readline().strip() != "yes":
        raise Refused("nothing was done", hint=f"the plan is kept: day2 plan show {plan.id}")


def _says_yes(parsed: argparse.Namespace) -> bool:
    """Tell whether --yes was given: only for a plan that was named by its id."""
    return bool(getattr(parsed, "yes", False))
