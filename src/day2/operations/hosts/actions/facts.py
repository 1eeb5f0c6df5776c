# SPDX-License-Identifier: Apache-2.0
"""What is true of a server, in the words of fingerprints, and how it differs from them."""

import msgspec

from day2.engine.action import Seen
from day2.model import plan
from day2.model.plan import Fact, Facts, Step
from day2.model.tables.compute import Migration, Server
from day2.operations.hosts.actions.cloud import Cloud

# A move is over with these; `finished` waits for a confirmation, all others are under way.
ENDED = frozenset({"completed", "failed", "error", "cancelled", "done", "confirmed", "reverted"})
FINISHED = "finished"
VERIFY_RESIZE = "VERIFY_RESIZE"
DELETED = "deleted by its owner"


class Move(msgspec.Struct, frozen=True, kw_only=True):
    """One move of a server, as recorded: `number` is what requests name it by."""

    uuid: str
    number: int
    kind: str
    status: str
    source: str
    target: str


class Situation(msgspec.Struct, frozen=True, kw_only=True):
    """A server before something is done to it.

    `open` is the move that it is on, `known` the uuids of all moves that it ever had: what is not
    among them later began later.
    """

    at: float
    gone: bool = False
    facts: Facts = {}
    open: Move | None = None
    known: list[str] = []


def of_server(server: Server) -> Facts:
    """Return what fingerprints say of a server."""
    return {
        "status": server.status,
        "task_state": server.task_state,
        "host": server.host,
        "flavor": server.flavor.original_name,
        "locked": server.locked,
        "volumes": ",".join(sorted(volume.id for volume in server.volumes)),
        "project_id": server.project_id,
    }


def of_move(row: Migration) -> Move:
    """Return a move as it is recorded."""
    return Move(
        uuid=row.uuid,
        number=row.id,
        kind=row.migration_type or "",
        status=row.status,
        source=row.source_compute or "",
        target=row.dest_compute or "",
    )


def situation(cloud: Cloud, server_id: str) -> Situation:
    """Read a server with its moves."""
    server = cloud.compute.server(server_id)
    if server is None:
        return Situation(at=cloud.at(), gone=True)
    moves = [of_move(row) for row in cloud.compute.moves_of(server_id)]
    return Situation(
        at=cloud.at(),
        facts=of_server(server),
        open=open_move(server, moves),
        known=[move.uuid for move in moves],
    )


def open_move(server: Server, moves: list[Move]) -> Move | None:
    """Return the move that a server is on.

    A record alone is no move: a conductor that died leaves them `running` for ever.
    """
    busy = server.task_state is not None
    waits = server.status == VERIFY_RESIZE
    live = [
        move
        for move in moves
        if move.status not in ENDED and (waits if move.status == FINISHED else busy)
    ]
    return max(live, key=lambda move: move.number, default=None)


def differences(step: Step, now: Facts) -> str:
    """Say how a subject differs from the step's fingerprint: `status ACTIVE → SHUTOFF`, or ''."""
    found = plan.changed(step.fingerprint, now)
    return ", ".join(f"{name} {word(old)} → {word(new)}" for name, (old, new) in found.items())


def word(fact: Fact) -> str:
    """Say a fact for people."""
    match fact:
        case None | "":
            return "none"
        case True:
            return "yes"
        case False:
            return "no"
        case _:
            return str(fact)


def look(cloud: Cloud, step: Step, source: str) -> Seen:
    """Read a server that is to leave a host."""
    now = situation(cloud, step.subject.id)
    if now.gone:
        return Seen(gone=DELETED)
    host = now.facts["host"]
    if now.open is None and host not in {None, source}:
        return Seen(facts=now.facts, already=f"is on {host} already")
    return Seen(facts=now.facts)
