# SPDX-License-Identifier: Apache-2.0
"""Drills on paper: their plans, what is measured of a run, and the procedure made of both."""

from datetime import datetime, timedelta

import msgspec
import pytest
from msgspec import structs

from day2.model.backup import Kind
from day2.model.finding import Subject
from day2.model.outcome import Ending
from day2.model.plan import Asked, Plan, Step, encode
from day2.model.recovery import Drill, SetInUse
from day2.model.run import Run, RunStep, State, Wanted
from day2.operations.recovery import drill
from day2.operations.recovery.phases import PHASES
from day2.operations.recovery.policy import RecoveryPolicy
from day2.operations.recovery.procedure import procedure
from tests.unit.builders import NOW

POLICY = RecoveryPolicy()
NAMES = [phase.name for phase in PHASES]
ASKED = Asked(
    id="recovery-drill-1",
    cloud="c1",
    region="r1",
    foundation="http://c1",
    by="ann",
    at=NOW,
    expires_at=NOW + timedelta(hours=1),
)


def in_use(kind: Kind, *, hours: float = 2.0, level: int = 3, seconds: float = 0.0) -> SetInUse:
    return SetInUse(
        kind=kind.value,
        id=f"{kind.value}-1",
        sha256="x",
        holds_at=NOW - timedelta(hours=hours),
        level=level,
        seconds=seconds,
    )


def step(name: str, stage: int = 0, chain: str = "") -> Step:
    subject = Subject(type="thing", id=name)
    return Step(n=0, action="a", subject=subject, why="", stage=stage, chain=chain, readonly=True)


def planned(policy: RecoveryPolicy = POLICY) -> Plan:
    phases = [
        ("prepare", [step("ready")]),
        ("config", [step("files"), step("day2")]),
        ("database", [step("stop", 3, "s"), step("make", 5, "m"), step("start", 9)]),
    ]
    sets = [in_use(Kind.DATABASE), in_use(Kind.CONFIG, hours=30)]
    return drill.plan_drill(phases, sets, ASKED, policy, depth=drill.SCRATCH)


def test_phases_follow_each_other_and_keep_the_order_within() -> None:
    plan = planned()
    rows = [(s.n, s.subject.id, s.stage, s.chain) for s in plan.steps]
    assert rows == [
        (1, "ready", 0, "prepare"),
        (2, "files", 1, "config"),
        (3, "day2", 1, "config"),
        (4, "stop", 2, "database.s"),
        (5, "make", 3, "database.m"),
        (6, "start", 4, "database"),
        (7, "c1", 5, "record"),
    ]


def went(*seconds: float, endings: dict[int, Ending] | None = None) -> Run:
    """Return a run whose steps took so long, one after another, with a second between them."""
    rows, at = [], NOW
    for number, took in enumerate(seconds, start=1):
        ending = (endings or {}).get(number, Ending.DONE)
        rows.append(
            RunStep(
                n=number,
                action="a",
                subject=Subject(type="thing", id=str(number)),
                outcome=ending,
                detail=f"said {number}",
                started_at=at,
                ended_at=at + timedelta(seconds=took),
            )
        )
        at += timedelta(seconds=took + 1)
    return Run(
        id="recovery-drill-1",
        cloud="c1",
        region="r1",
        plan="recovery-drill-1",
        sha256="",
        kind=drill.KIND,
        summary="",
        state=State.RUNNING,
        wanted=Wanted.RUN,
        by="ann",
        at=NOW,
        steps=rows,
    )


def measured(run: Run, policy: RecoveryPolicy = POLICY) -> Drill:
    kept = msgspec.json.decode(encode(planned(policy)), type=Plan)
    return drill.measured(run, kept.manifest, NOW + timedelta(hours=1))


def test_times_are_those_of_the_steps() -> None:
    found = measured(went(10, 20, 30, 100, 200, 300))
    assert [(p.name, p.seconds) for p in found.phases] == [
        ("prepare", 10),
        ("config", 51),
        ("database", 602),
    ]
    assert (found.rto_seconds, found.ok, found.is_late) == (665, True, False)
    assert found.rpo_seconds == 2 * 3600
    # The configuration is no store that rows point to.
    assert found.drift_seconds == 0


@pytest.mark.parametrize(
    ("ending", "ok"),
    [
        (Ending.ALREADY, True),
        (Ending.SKIPPED, False),
        (Ending.FAILED, False),
    ],
)
def test_a_phase_is_what_its_worst_step_is(ending: Ending, ok: bool) -> None:
    found = measured(went(1, 1, 1, 1, 1, 1, endings={3: ending}))
    assert found.ok is ok
    assert found.phases[1].detail == ("2: said 2; 3: said 3" if ok else "3: said 3")


def test_a_phase_that_did_not_end_has_no_time_and_proves_nothing() -> None:
    found = measured(went(10, 20))
    assert [phase.outcome for phase in found.phases] == [Ending.DONE, None, None]
    assert [phase.seconds for phase in found.phases] == [10, None, None]
    assert not found.ok


def test_what_passes_a_bound_is_late() -> None:
    slow = RecoveryPolicy(config_minutes=0.5)
    found = measured(went(10, 20, 30, 1, 1, 1), slow)
    assert [phase.is_late for phase in found.phases] == [False, True, False]
    assert found.is_late
    assert measured(went(*[1.0] * 6), RecoveryPolicy(rpo_hours=1)).is_late


SETS = {
    Kind.DATABASE: in_use(Kind.DATABASE, seconds=60),
    Kind.CONFIG: in_use(Kind.CONFIG, seconds=5),
}


def test_the_guides_budgets_leave_a_quarter_free() -> None:
    found = procedure(SETS, [Kind.DATABASE, Kind.CONFIG], POLICY, [], NOW)
    assert [phase.name for phase in found.phases] == NAMES
    assert (found.budget_seconds / 60, found.slack_ratio) == (180, 0.25)
    assert found.usual_seconds == 65
    assert found.troubles == []
    commands = [line for phase in found.phases for line in phase.commands]
    assert "day2 backup restore database-1 --whole" in commands


def test_storage_costs_time_where_nothing_else_takes_as_long() -> None:
    slow = RecoveryPolicy(storage_minutes=100)
    assert procedure(SETS, [], slow, [], NOW).budget_seconds / 60 == 180 + 25


@pytest.mark.parametrize(
    ("sets", "policy", "now", "said"),
    [
        ({Kind.DATABASE: SETS[Kind.DATABASE]}, POLICY, NOW, "no set of config"),
        (
            {**SETS, Kind.CONFIG: in_use(Kind.CONFIG, level=1)},
            POLICY,
            NOW,
            "config-1 was never restored",
        ),
        (SETS, RecoveryPolicy(smoke_minutes=60), NOW, "leave 8% of recovery_plan.rto_hours"),
        (SETS, POLICY, NOW + timedelta(hours=23), "25.0 h of work would be lost"),
        ({Kind.CONFIG: SETS[Kind.CONFIG]}, POLICY, NOW, "no set of database"),
    ],
)
def test_what_is_in_the_way_is_told(
    sets: dict[Kind, SetInUse], policy: RecoveryPolicy, now: datetime, said: str
) -> None:
    found = procedure(sets, [Kind.DATABASE, Kind.CONFIG], policy, [], now)
    assert len(found.troubles) == 1
    assert said in found.troubles[0]


def test_what_drills_measured_comes_before_what_proofs_took() -> None:
    scratch = measured(went(10, 20, 30, 1, 1, 1))
    real = structs.replace(measured(went(1, 2, 3, 100, 100, 100)), depth=drill.REAL)
    failed = measured(went(1, 1, 1, 1, 1, 1, endings={6: Ending.FAILED}))
    usual = {
        phase.name: (phase.usual_seconds, phase.measured)
        for phase in procedure(SETS, [], POLICY, [failed, scratch], NOW).phases
    }
    assert usual["database"] == (5, "1 drills in scratch")
    both = procedure(SETS, [], POLICY, [scratch, real, failed], NOW).phases
    assert {p.name: p.measured for p in both}["database"] == "1 drills for real"
    assert {p.name: p.usual_seconds for p in both}["database"] == 302
