# SPDX-License-Identifier: Apache-2.0
"""What the others need to come back at all is taken back first; what was not proven, too."""

from datetime import UTC, datetime, timedelta
from typing import Any

from day2.engine.undo import undo
from day2.model.finding import Subject
from day2.model.outcome import Ending
from day2.model.plan import Plan, Step
from day2.model.run import Run, RunStep, State, Wanted
from tests.scenarios.hosts.guests import Guests

AT = datetime(2026, 11, 26, 6, 0, tzinfo=UTC)


def undone(guests: Guests, steps: list[Step], facts: dict[str, Any], ending: Ending) -> Plan:
    """Plan the way back of a run in which every step ended alike."""
    plan = Plan(
        id="drain-a-1",
        kind="host-drain",
        cloud="c",
        region="r",
        foundation="f",
        subject=Subject(type="host", id="a"),
        summary="drain a",
        at=AT,
        expires_at=AT + timedelta(hours=1),
        by="b",
        steps=steps,
    )
    run = Run(
        id=plan.id,
        cloud="c",
        region="r",
        plan=plan.id,
        sha256="0",
        kind=plan.kind,
        summary=plan.summary,
        state=State.PARTIAL,
        wanted=Wanted.RUN,
        by="b",
        at=AT,
        steps=[
            RunStep(n=s.n, action=s.action, subject=s.subject, outcome=ending, facts=facts)
            for s in steps
        ],
    )
    later = AT + timedelta(hours=1)
    return undo(plan, run, guests.actions, name="back", by="b", now=AT, expires_at=later)


def test_an_agent_is_enabled_before_it_is_given_anything_back(guests: Guests) -> None:
    agent = Subject(type="agent", id="agent-1")
    given = {"from_agent": "agent-1", "to_agent": "agent-2"}
    router = Step(
        n=1,
        action="agent.move-router",
        subject=Subject(type="router", id="router-1"),
        why="",
        stage=6,
        arguments=given,
        undo="back",
    )
    disable = Step(n=2, action="agent.disable", subject=agent, why="", stage=6, undo="enable it")
    facts = {"moved": True, "changed": True}
    back = undone(guests, [router, disable], facts, Ending.DONE)
    assert [(s.n, s.action) for s in back.steps] == [(1, "agent.enable"), (2, "agent.move-router")]
    assert back.steps[0].stage < back.steps[1].stage


def test_a_disable_that_was_not_proven_is_taken_back(guests: Guests) -> None:
    """Its reason says whose it is: what is not there, or somebody else's, is left alone."""
    host = Subject(type="host", id="a")
    reason = {
        "reason": "day2: drain",
        "service_id": "7",
        "host": "a@rbd",
        "binary": "cinder-volume",
    }
    steps = [
        Step(n=n, action=action, subject=host, why="", arguments=reason, undo="enable it")
        for n, action in enumerate(("compute.disable", "volume-service.disable"), start=1)
    ]
    back = undone(guests, steps, {"error": "Unreachable", "acted": True}, Ending.FAILED)
    assert {s.action for s in back.steps} == {"compute.enable", "volume-service.enable"}


def test_members_of_one_group_come_back_one_after_the_other(guests: Guests) -> None:
    """They went one after the other: at the same time Nova checks neither against the other."""
    moves = [
        Step(
            n=n,
            action="server.live-migrate",
            subject=Subject(type="server", id=f"server-{n}"),
            why="",
            stage=5,
            chain="group:g1" if n < 3 else "",
            arguments={"source": "a", "targets": ["b"], "seconds_max": 60.0},
            undo="back",
        )
        for n in (1, 2, 3)
    ]
    back = undone(guests, moves, {"moved": True, "from": "a", "to": "b"}, Ending.DONE)
    assert [(s.subject.id, s.chain) for s in back.steps] == [
        ("server-3", ""),
        ("server-2", "group:g1"),
        ("server-1", "group:g1"),
    ]
