# SPDX-License-Identifier: Apache-2.0
"""What people do with plans and runs: approve, file, answer, pause, cancel. No step runs here."""

from datetime import datetime

import msgspec

from day2.engine.settings import ChangeSettings
from day2.engine.windows import closed
from day2.errors import BadPlan, BadUsage, Locked, Refused
from day2.memory import plans, runs
from day2.memory.journal import Journalist
from day2.memory.store import Memory
from day2.model.plan import Approval, Plan, Saved
from day2.model.run import Run, State, Wanted


class Filer(msgspec.Struct, frozen=True, kw_only=True):
    """Who does it, when, on which cloud; `foundation` is that cloud's identity service."""

    by: str
    now: datetime
    cloud: str
    region: str
    foundation: str
    ticket: str = ""


def require_sound(plan: Plan) -> None:
    """See that a plan says of each step how it is taken back, and names none twice.

    Raises:
        BadPlan: when it does not: what made it has a bug.

    """
    numbers = [step.n for step in plan.steps]
    if len(set(numbers)) != len(numbers) or 0 in numbers:
        raise BadPlan(f"the plan {plan.id} numbers its steps wrongly")
    for step in plan.steps:
        if sum(map(bool, (step.undo, step.irreversible, step.readonly))) != 1:
            raise BadPlan(
                f"step {step.n} ({step.action}) must say one of: how it is taken back, why it "
                "cannot be, that it changes nothing"
            )


def require_fresh(saved: Saved, filer: Filer) -> None:
    """See that a plan is of this cloud and of now.

    Raises:
        Refused: when it is of another cloud, expired, has blockers, or changes nothing.

    """
    plan = saved.plan
    if (plan.cloud, plan.region) != (filer.cloud, filer.region):
        raise Refused(
            f"the plan {plan.id} is of the cloud {plan.cloud!r}, this is {filer.cloud!r}",
            hint=f"day2 --cloud {plan.cloud} plan show {plan.id}",
        )
    if plan.foundation != filer.foundation:
        raise Refused(
            f"the plan {plan.id} was made for the cloud at {plan.foundation}; the settings now "
            f"name {filer.foundation}",
            hint="make a new plan",
        )
    if filer.now >= plan.expires_at:
        raise Refused(
            f"the plan {plan.id} expired {plan.expires_at:%Y-%m-%d %H:%M} UTC",
            hint="make a new one: the cloud has moved on",
        )
    if plan.blockers:
        first = plan.blockers[0]
        raise Refused(
            f"the plan {plan.id} has {len(plan.blockers)} blockers; the first: "
            f"{first.subject.label}: {first.why}",
            hint=f"see them all: day2 plan show {plan.id}",
        )
    if not plan.steps:
        raise Refused(f"the plan {plan.id} has nothing to do")


def approve(memory: Memory, saved: Saved, filer: Filer, *, reason: str = "") -> None:
    """Keep this person's approval of the plan as it is now.

    Raises:
        Refused: when it is not fit to run, or this policy wants another person than its maker.

    """
    require_fresh(saved, filer)
    if saved.plan.other_person and saved.plan.by == filer.by:
        raise Refused(
            f"{saved.plan.kind} wants another person than the one who made the plan ({filer.by})",
            hint=f"somebody else: day2 plan approve {saved.plan.id}",
        )
    word = Approval(sha256=saved.sha256, by=filer.by, at=filer.now, reason=reason)
    plans.approve(memory, filer.cloud, filer.region, word, plan=saved.plan.id)


def is_approved(memory: Memory, saved: Saved) -> bool:
    """Tell whether somebody who may has approved these very bytes."""
    said = plans.words(memory, saved.sha256)
    return any(not saved.plan.other_person or word.by != saved.plan.by for word in said)


def file(memory: Memory, saved: Saved, filer: Filer, changes: ChangeSettings, *, wait: bool) -> Run:
    """File the one run of an approved plan.

    `wait` files it also while changes are not allowed, when it is known when they are again.

    Raises:
        Refused: when it is not fit to run, not approved, or ran before.
        Locked: when it runs now.

    """
    require_fresh(saved, filer)
    if not is_approved(memory, saved):
        raise Refused(
            f"the plan {saved.plan.id} is not approved",
            hint=f"day2 plan approve {saved.plan.id}",
        )
    shut = closed(filer.now, changes.windows, changes.freezes)
    if shut is not None and saved.plan.changes and not (wait and shut.until):
        hint = "--wait files it now and begins then" if shut.until else "see setting changes"
        raise Refused(shut.why, hint=hint)
    if (
        shut is not None
        and shut.until
        and saved.plan.changes
        and shut.until >= saved.plan.expires_at
    ):
        raise Refused(
            f"{shut.why}, and the plan {saved.plan.id} expires before, "
            f"{saved.plan.expires_at:%Y-%m-%d %H:%M} UTC",
            hint="make a new one nearer to that time",
        )
    run = _run(saved, filer)
    with memory.writing() as connection:
        if runs.insert_run(connection, run):
            Journalist(run.cloud, run.region).append(
                connection,
                at=filer.now,
                run=run.id,
                kind="filed",
                by=filer.by,
                body={"sha256": saved.sha256, "ticket": run.ticket},
            )
            return run
    known = runs.load(memory, run.id)
    if known.state.ended:
        raise Refused(
            f"the plan {run.id} ran already: {known.state.value}",
            hint=f"day2 run show {run.id}; a plan runs once: make a new one for the rest",
        )
    raise Locked(f"the plan {run.id} runs now", hint=f"day2 run watch {run.id}")


def answer(
    memory: Memory, run: Run, plan: Plan, filer: Filer, gate: str, choice: str, *, reason: str
) -> str:
    """Answer a gate of a run, and ask an engine to carry the run on; return the gate's name.

    Raises:
        BadUsage: when it waits at no such gate, or the gate does not know this answer.
        Refused: when the policy wants another person than the one who filed the run, or it ended.

    """
    waiting = {found.name: found for found in run.gates}
    name = gate or (next(iter(waiting)) if len(waiting) == 1 else "")
    if name not in waiting:
        known = ", ".join(waiting) or "none"
        raise BadUsage(f"{run.id} waits at: {known}", hint="name one with --gate")
    found = waiting[name]
    if choice not in found.choices:
        raise BadUsage(f"the gate {name} knows: {', '.join(found.choices)}")
    if plan.other_person and filer.by == run.by:
        raise Refused(
            f"another person than {run.by} must answer", hint=f"day2 run approve {run.id}"
        )
    word = Approval(
        sha256=run.sha256,
        by=filer.by,
        at=filer.now,
        gate=name,
        run=run.id,
        answer=choice,
        reason=reason,
    )
    with memory.writing() as connection:
        # An answer is no more than that: who has paused or cancelled the run meant it.
        if not runs.carry_on(connection, run.id):
            raise _over(run)
        plans.record_approval(connection, run.cloud, run.region, word, plan=run.id)
    return name


def want(memory: Memory, run: Run, filer: Filer, wanted: Wanted) -> None:
    """Pause, carry on, or cancel a run; written into the journal.

    A cancelled run ends after the steps in hand; one that no engine holds ends when one takes it.

    Raises:
        Refused: when it has ended.

    """
    with memory.writing() as connection:
        say = runs.want if wanted is Wanted.PAUSE else runs.choose
        # Asked of the memory, not of `run`: it may have ended since that was read.
        if not say(connection, run.id, wanted):
            raise _over(run)
        Journalist(run.cloud, run.region).append(
            connection,
            at=filer.now,
            run=run.id,
            step=filer.now.isoformat(),
            kind=wanted.value,
            by=filer.by,
            body={},
        )


def _over(run: Run) -> Refused:
    return Refused(f"{run.id} has ended", hint=f"how: day2 run show {run.id}")


def _run(saved: Saved, filer: Filer) -> Run:
    plan = saved.plan
    return Run(
        id=plan.id,
        cloud=plan.cloud,
        region=plan.region,
        plan=plan.id,
        sha256=saved.sha256,
        kind=plan.kind,
        summary=plan.summary,
        state=State.QUEUED,
        wanted=Wanted.RUN,
        by=filer.by,
        at=filer.now,
        ticket=filer.ticket or plan.ticket,
        undoes=str(plan.manifest.get("undoes", "")),
        total=len(plan.steps),
    )
