# SPDX-License-Identifier: Apache-2.0
"""A drill: the plan of one, and what its run measured. Pure.

A phase is a stage of ordinary steps, so that a drill is as durable as every run; its times are
those of the steps' records.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
from msgspec import structs

from day2.model.backup import Kind
from day2.model.finding import Subject
from day2.model.outcome import Ending
from day2.model.plan import Asked, Plan, Step
from day2.model.recovery import Drill, Phase, SetInUse
from day2.model.run import Run, RunStep
from day2.operations.recovery.phases import BY_NAME
from day2.operations.recovery.policy import RecoveryPolicy
from day2.operations.recovery.procedure import drift_seconds, rpo_seconds

KIND = "recovery-drill"
READY, RECONCILE, RECORD = "recovery.ready", "recovery.reconcile", "recovery.record"
SMOKE = "recovery.smoke"
WHOLE_SECONDS = 300.0
SCRATCH, REAL = "scratch", "for-real"
ENDED_WELL = frozenset({Ending.DONE, Ending.ALREADY})


class Bounds(msgspec.Struct, frozen=True, kw_only=True):
    """What policy allowed when the drill was planned; seconds."""

    rto: float
    rpo: float
    phases: dict[str, float]


class Basis(msgspec.Struct, frozen=True, kw_only=True):
    """What the plan keeps for the measuring: how deep, with which sets, within which bounds.

    `steps` says by its number which phase a step belongs to.
    """

    depth: str
    steps: dict[int, str]
    sets: list[SetInUse]
    bounds: Bounds


def ready_step(cloud: str) -> Step:
    """Make the step that looks whether everything is at hand."""
    return Step(
        action=READY,
        subject=Subject(type="cloud", id=cloud, name=cloud),
        why="the sets, keys, programs and room that a recovery needs",
        readonly=True,
    )


def reconcile_step(cloud: str, *, gate: bool) -> Step:
    """Make the step that compares the stores; with a gate, it holds compute closed."""
    return Step(
        action=RECONCILE,
        subject=Subject(type="cloud", id=cloud, name=cloud),
        why="no guest may exist twice or nowhere" + (" before compute is opened" if gate else ""),
        arguments={"gate": gate, "whole_seconds_max": WHOLE_SECONDS if gate else 0.0},
        readonly=True,
    )


def smoke_step(cloud: str) -> Step:
    """Make the step that boots a server, of what the recovered cloud has then."""
    return Step(
        action=SMOKE,
        subject=Subject(type="cloud", id=cloud, name=cloud),
        why="a server boots and is deleted; image, flavor and network are chosen of what is there",
        undo="it deletes everything that it made, also when something fails",
        seconds_expected=60.0,
    )


def plan_drill(
    phases: Sequence[tuple[str, Sequence[Step]]],
    sets: Sequence[SetInUse],
    asked: Asked,
    policy: RecoveryPolicy,
    *,
    depth: str,
) -> Plan:
    """Put the phases' steps in order, one stage after another, and the measuring last."""
    steps: list[Step] = []
    belongs: dict[int, str] = {}
    stage = 0
    for name, given in phases:
        own = sorted({step.stage for step in given})
        steps += [
            structs.replace(
                step,
                n=len(steps) + number,
                stage=stage + own.index(step.stage),
                chain=f"{name}.{step.chain}" if step.chain else name,
            )
            for number, step in enumerate(given, start=1)
        ]
        belongs |= {step.n: name for step in steps[-len(given) :]}
        stage += len(own)
    cloud = Subject(type="cloud", id=asked.cloud, name=asked.cloud)
    record = Step(
        n=len(steps) + 1,
        action=RECORD,
        subject=cloud,
        why="what each phase took, against its budget",
        stage=stage,
        chain="record",
        readonly=True,
    )
    basis = Basis(
        depth=depth,
        steps=belongs,
        sets=list(sets),
        bounds=Bounds(
            rto=policy.rto_hours * 3600,
            rpo=policy.rpo_hours * 3600,
            phases={name: policy.budget_seconds(name) for name, _steps in phases},
        ),
    )
    databases = [one.id for one in sets if one.kind == Kind.DATABASE.value]
    where = "this cloud itself" if depth == REAL else "scratch servers and folders; nothing else"
    return asked.plan(
        KIND,
        cloud,
        f"recover {', '.join(databases) or 'what there is'} into {where}",
        [*steps, record],
        totals={"phases": len(phases), "sets": len(sets)},
        manifest=msgspec.to_builtins(basis, str_keys=True),
    )


def measured(run: Run, manifest: Mapping[str, Any], now: datetime) -> Drill:
    """Return what a run measured so far; the step that asks is not counted."""
    basis = msgspec.convert(manifest, Basis, strict=False)
    went = {step.n: step for step in run.steps}
    phases = []
    # A plan is kept with its keys sorted: the order is that of the steps.
    for name in dict.fromkeys(basis.steps[n] for n in sorted(basis.steps)):
        budget = basis.bounds.phases[name]
        numbers = [n for n in sorted(basis.steps) if basis.steps[n] == name]
        phases.append(_phase(name, budget, [went.get(n) for n in numbers]))
    begun = min((p.started_at for p in phases if p.started_at), default=run.started_at or now)
    ended = max((p.ended_at for p in phases if p.ended_at), default=now)
    return Drill(
        id=run.id,
        cloud=run.cloud,
        region=run.region,
        depth=basis.depth,
        by=run.by,
        at=begun,
        ended_at=ended,
        ok=bool(phases) and all(phase.outcome in ENDED_WELL for phase in phases),
        phases=phases,
        sets=basis.sets,
        rto_seconds=round((ended - begun).total_seconds(), 3),
        rto_seconds_max=basis.bounds.rto,
        rpo_seconds=rpo_seconds(basis.sets, begun),
        rpo_seconds_max=basis.bounds.rpo,
        drift_seconds=drift_seconds(basis.sets),
    )


def _phase(name: str, budget: float, steps: Sequence[RunStep | None]) -> Phase:
    """Return a phase by the records of its steps; it ended when all of them did."""
    begun = [s.started_at for s in steps if s is not None and s.started_at is not None]
    ended = [s.ended_at for s in steps if s is not None and s.ended_at is not None]
    endings = [s.outcome if s is not None else None for s in steps]
    outcome = None
    if len(ended) == len(steps):
        bad = [ending for ending in endings if ending not in ENDED_WELL]
        outcome = bad[0] if bad else Ending.DONE
    said = [
        f"{s.subject.label}: {s.detail}"
        for s in steps
        if s is not None and s.detail and (outcome is Ending.DONE or s.outcome not in ENDED_WELL)
    ]
    return Phase(
        name=name,
        title=BY_NAME[name].title,
        budget_seconds=budget,
        started_at=min(begun, default=None),
        ended_at=max(ended, default=None) if outcome is not None else None,
        outcome=outcome,
        detail="; ".join(said),
    )
