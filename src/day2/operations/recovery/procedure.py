# SPDX-License-Identifier: Apache-2.0
"""The recovery as it would be done now, on paper: pure, from sets, policy and earlier drills."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from statistics import median

from day2.model.backup import Kind, Level
from day2.model.recovery import Drill, Planned, Procedure, SetInUse
from day2.operations.recovery.phases import INDISPENSABLE, PHASES, STORES, Named
from day2.operations.recovery.policy import RecoveryPolicy

DRILLS = 3
REAL = "for-real"


def procedure(
    sets: Mapping[Kind, SetInUse],
    wanted: Sequence[Kind],
    policy: RecoveryPolicy,
    drills: Sequence[Drill],
    now: datetime,
) -> Procedure:
    """Lay the phases out; `drills` are newest first, `wanted` the kinds that are taken here."""
    phases = [_phase(one, sets, wanted, policy, drills) for one in PHASES]
    budget = _on_the_way([(p.name, p.budget_seconds, p.beside) for p in phases])
    known = all(p.usual_seconds is not None for p in phases if p.sets)
    usual = _on_the_way([(p.name, p.usual_seconds or 0.0, p.beside) for p in phases])
    rto = policy.rto_hours * 3600
    rpo = rpo_seconds(sets.values(), now)
    slack = 1 - budget / rto
    return Procedure(
        phases=phases,
        budget_seconds=budget,
        usual_seconds=usual if known and any(p.usual_seconds for p in phases) else None,
        slack_ratio=round(slack, 3),
        slack_ratio_min=policy.slack_ratio_min,
        rto_seconds_max=rto,
        rpo_seconds=rpo,
        rpo_seconds_max=policy.rpo_hours * 3600,
        drift_seconds=drift_seconds(sets.values()),
        troubles=[
            *(missing for phase in phases for missing in phase.missing),
            *_bounds(slack, usual, rpo, policy),
        ],
    )


def _phase(
    named: Named,
    sets: Mapping[Kind, SetInUse],
    wanted: Sequence[Kind],
    policy: RecoveryPolicy,
    drills: Sequence[Drill],
) -> Planned:
    taken = [sets[kind] for kind in named.kinds if kind in sets]
    needed = [k for k in named.kinds if k in wanted or k in INDISPENSABLE]
    missing = [
        f"there is no set of {kind.value} that could be restored: day2 backup run {kind.value}"
        for kind in needed
        if kind not in sets
    ]
    missing += [
        f"{one.id} was never restored for a proof: day2 backup verify {one.id} --level 3"
        for one in taken
        if one.level < Level.RESTORED
    ]
    seconds, measured = _usual(named.name, taken, drills)
    ids = {kind.value: sets[kind].id if kind in sets else "SET" for kind in Kind}
    return Planned(
        name=named.name,
        title=named.title,
        budget_seconds=policy.budget_seconds(named.name),
        beside=named.beside,
        usual_seconds=seconds,
        measured=measured,
        sets=taken,
        missing=missing,
        commands=[command.format(**ids) for command in named.commands],
    )


def _usual(
    name: str, sets: Sequence[SetInUse], drills: Sequence[Drill]
) -> tuple[float | None, str]:
    """Return what a phase took: in real drills, else in drills in scratch, else its proofs."""
    for real in (True, False):
        took = [
            phase.seconds
            for drill in drills
            if (drill.depth == REAL) is real and drill.ok
            for phase in drill.phases
            if phase.name == name and phase.seconds is not None
        ][:DRILLS]
        if took:
            depth = "for real" if real else "in scratch"
            return round(median(took), 3), f"{len(took)} drills {depth}"
    proofs = [one.seconds for one in sets if one.seconds]
    return (round(sum(proofs), 3), "proofs of its sets") if proofs else (None, "")


def _on_the_way(rows: Sequence[tuple[str, float, bool]]) -> float:
    """Add the phases up; one beside the others counts where it is longer than those beside it.

    Storage is brought up while the deployment host and the databases are.
    """
    alone = {name: seconds for name, seconds, beside in rows if not beside}
    longer = sum(seconds for _name, seconds, beside in rows if beside)
    others = alone.get("config", 0.0) + alone.get("database", 0.0)
    return sum(alone.values()) + max(longer - others, 0.0)


def _bounds(slack: float, usual: float, rpo: float | None, policy: RecoveryPolicy) -> list[str]:
    told = []
    if slack < policy.slack_ratio_min:
        told.append(
            f"budgets leave {slack:.0%} of recovery_plan.rto_hours = {policy.rto_hours:g} free; "
            f"recovery_plan.slack_ratio_min = {policy.slack_ratio_min:g}"
        )
    if usual > policy.rto_hours * 3600:
        told.append(
            f"what was measured adds up to {usual / 3600:.1f} h; "
            f"recovery_plan.rto_hours = {policy.rto_hours:g}"
        )
    if rpo is not None and rpo > policy.rpo_hours * 3600:
        told.append(
            f"{rpo / 3600:.1f} h of work would be lost; "
            f"recovery_plan.rpo_hours = {policy.rpo_hours:g}"
        )
    return told


def rpo_seconds(sets: Iterable[SetInUse], now: datetime) -> float | None:
    """Return how old the databases of these sets are; None: there are none."""
    moments = [one.holds_at for one in sets if one.kind == Kind.DATABASE.value]
    return max((now - max(moments)).total_seconds(), 0.0) if moments else None


def drift_seconds(sets: Iterable[SetInUse]) -> float:
    """Return how far apart the databases and the data that they point to are."""
    stores = {kind.value for kind in STORES}
    moments = [one.holds_at for one in sets if one.kind in stores]
    return (max(moments) - min(moments)).total_seconds() if moments else 0.0
