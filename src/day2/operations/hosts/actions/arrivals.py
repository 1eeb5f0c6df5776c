# SPDX-License-Identifier: Apache-2.0
"""A server that has arrived: what is told of its move, its proof, and its way back."""

from collections.abc import Collection
from typing import Any

import msgspec

from day2.engine.action import Doing, Result
from day2.model.outcome import Ending
from day2.model.plan import Facts, Step
from day2.operations.hosts.actions import proof
from day2.operations.hosts.actions.attempts import Mover
from day2.operations.hosts.actions.facts import DELETED, Move, Situation


class Arrival(msgspec.Struct, frozen=True, kw_only=True):
    """A move that ended elsewhere: what the rest of the action and the proof go by."""

    before: Situation
    attempt: int
    move: Move
    started_at: float
    ended_at: float


def in_error(said: str) -> str:
    """Say what to do about a server that Nova calls broken: its guest may well be running."""
    return (
        f"{said}, its status is ERROR: the guest may still run, so look on both hosts (virsh list) "
        "before anything is reset; day2 resets nothing here"
    )


def moved_facts(arrival: Arrival, host: str, source: str) -> dict[str, Any]:
    """Return what the way back needs, and how long the phases took."""
    waited = arrival.started_at - arrival.before.at
    moving = arrival.ended_at - arrival.started_at
    return {
        "moved": True,
        "from": source,
        "to": host,
        "migration": arrival.move.number,
        "attempts": arrival.attempt,
        "seconds": {"waiting": round(waited, 1), "moving": round(moving, 1)},
    }


def proven(
    do: Doing,
    mover: Mover,
    arrival: Arrival,
    *,
    status: str,
    ended: Collection[str],
    source_keeps: bool = False,
) -> Result:
    """Prove that a server has moved, and say so."""
    expected = proof.Expected(
        server_id=mover.own,
        source=mover.source,
        status=status,
        volumes=str(arrival.before.facts.get("volumes") or ""),
        move=arrival.move.uuid,
        ended=sorted(ended),
        source_keeps=source_keeps,
    )
    found = proof.prove(do, mover.cloud, expected)
    if found.gone:
        said = f"{DELETED}, after it had moved"
        return Result(ending=Ending.SKIPPED, detail=said, facts={"gone": True})
    facts = moved_facts(arrival, found.host, mover.source)
    facts["seconds"]["proving"] = round(found.at - arrival.ended_at, 1)
    facts["proof"] = {**found.facts, "missing": found.missing}
    said = f"{mover.source} → {found.host}"
    if found.holds:
        return Result(ending=Ending.DONE, detail=said, facts=facts)
    lacking = "; ".join(found.missing)
    return Result(ending=Ending.FAILED, detail=f"{said}, but not proven: {lacking}", facts=facts)


def way_back(step: Step, facts: Facts | dict[str, Any]) -> Step | None:
    """Return the step that brings a server back to where it came from; None when it never left."""
    if not facts.get("moved"):
        return None
    source, target = str(facts["to"]), str(facts["from"])
    limits = {
        f"source:{source}" if scope.startswith("source:") else scope: capacity
        for scope, capacity in step.limits.items()
    }
    return msgspec.structs.replace(
        step,
        subject=msgspec.structs.replace(step.subject, host=source),
        why=f"back to {target}, from where it came",
        arguments={**step.arguments, "source": source, "targets": [target]},
        fingerprint={**step.fingerprint, "host": source, "task_state": None},
        undo=f"moves back to {source}",
        limits=limits,
    )
