# SPDX-License-Identifier: Apache-2.0
"""The way back: a plan, made from what a run did, step by step in reverse."""

from collections.abc import Mapping
from datetime import datetime
from typing import Protocol, runtime_checkable

from msgspec import structs

from day2.engine.action import Action
from day2.engine.book import ACTED
from day2.errors import Refused
from day2.model.outcome import Ending
from day2.model.plan import Plan, Refusal, Step
from day2.model.run import Run, State

UNPROVEN = "it was changed, or may have been, and that was not proven: look at it yourself"
SHOWN = 3


@runtime_checkable
class Opening(Protocol):
    """An action that shuts what others leave: nothing comes back before that is taken back."""

    undone_first: bool


def undo(
    plan: Plan,
    run: Run,
    actions: Mapping[str, Action],
    *,
    name: str,
    by: str,
    now: datetime,
    expires_at: datetime,
) -> Plan:
    """Plan the way back of what a run has done; pure.

    The steps come back in the reverse order of their stages, those of one stage at the same time
    but for the steps of one chain, which come back in reverse; what the others need to come back
    at all is first (`Opening`).
    What cannot be taken back is refused by name, with the reason that the plan gave.

    Raises:
        Refused: when the run has not ended, was undone, or did nothing that can be taken back.

    """
    if not run.state.ended:
        raise Refused(
            f"{run.id} has not ended", hint=f"day2 run cancel {run.id}, then undo what it did"
        )
    if run.state is State.UNDONE:
        raise Refused(f"{run.id} was undone already", hint=f"day2 run show {run.id}")
    by_number = {step.n: step for step in plan.steps}
    last = max((s.stage for s in plan.steps), default=0)
    steps: list[Step] = []
    refused: list[Refusal] = []
    # A step that failed may have done its deed and not proven it: its facts say so.
    done = [s for s in run.steps if s.acted and s.n in by_number]
    for did in sorted(done, key=lambda s: (-by_number[s.n].stage, -s.n)):
        step = by_number[did.n]
        if step.readonly:
            continue
        action = actions.get(step.action)
        back = action.undo(step, did.facts) if action is not None and step.undo else None
        if back is None and did.outcome is Ending.FAILED:
            if did.facts.get(ACTED):
                why = f"{UNPROVEN} ({did.detail})"
                refused.append(Refusal(subject=step.subject, why=why, kind="unproven"))
            continue
        if back is None:
            why = step.irreversible or "nothing is known to take back"
            refused.append(Refusal(subject=step.subject, why=why, kind="irreversible"))
            continue
        first = isinstance(action, Opening) and action.undone_first
        stage = 0 if first else 1 + last - step.stage
        # What must not go at the same time must not come back at the same time.
        steps.append(structs.replace(back, stage=stage, chain=step.chain))
    if not steps:
        said = (f"{one.subject.type} {one.subject.label}: {one.why}" for one in refused[:SHOWN])
        raise Refused(f"{run.id} did nothing that day2 can take back", hint="; ".join(said))
    steps.sort(key=lambda s: s.stage)
    steps = [structs.replace(s, n=n) for n, s in enumerate(steps, start=1)]
    return Plan(
        id=name,
        kind="undo",
        cloud=plan.cloud,
        region=plan.region,
        foundation=plan.foundation,
        subject=plan.subject,
        summary=f"undo {run.id}: {plan.summary}",
        at=now,
        expires_at=expires_at,
        by=by,
        ticket=run.ticket,
        steps=steps,
        refused=refused,
        totals={"undo": len(steps)},
        bounds=plan.bounds,
        other_person=plan.other_person,
        seconds_expected=plan.seconds_expected,
        manifest={"undoes": run.id},
    )
