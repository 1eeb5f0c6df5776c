# SPDX-License-Identifier: Apache-2.0
"""Who holds what in Placement: servers, moves of servers, and consumers that are neither."""

import enum
from collections.abc import Iterable

import msgspec

from day2.model.survey import Survey, Tables

NEEDED = ("servers", "migrations")
NAMED_MAX = 3


class Held(enum.Enum):
    """What a consumer is."""

    SERVER = enum.auto()
    MOVE = enum.auto()
    NOBODY = enum.auto()


class Consumers(msgspec.Struct, frozen=True, kw_only=True):
    """Every consumer that is known: `known` False where servers or migrations were not read whole.

    While a server moves or waits for the confirmation of a resize, the migration is a consumer of
    its own: it holds the place on the source.
    """

    known: bool
    projects: dict[str, str] = {}
    moves: dict[str, str] = {}

    def held_by(self, consumer: str) -> Held:
        """Tell what a consumer is."""
        if consumer in self.projects:
            return Held.SERVER
        return Held.MOVE if consumer in self.moves else Held.NOBODY

    def project_of(self, consumer: str) -> str:
        """Return whose it is; empty when nobody's."""
        return self.projects.get(consumer) or self.moves.get(consumer, "")

    def notes(self, tables: Tables) -> list[str]:
        """Count and name the consumers that are no server."""
        held: dict[Held, dict[str, dict[str, int]]] = {Held.MOVE: {}, Held.NOBODY: {}}
        for row in tables.allocations:
            for consumer, resources in row.allocations.items():
                kind = self.held_by(consumer)
                if kind is Held.SERVER:
                    continue
                sums = held[kind].setdefault(consumer, {})
                for resource, amount in resources.items():
                    sums[resource] = sums.get(resource, 0) + amount
        said = []
        for kind, one, many in (
            (Held.MOVE, "migration holds", "migrations hold"),
            (
                Held.NOBODY,
                "consumer that is neither server nor migration holds",
                "consumers that are neither server nor migration hold",
            ),
        ):
            if held[kind]:
                words = one if len(held[kind]) == 1 else many
                said.append(
                    f"{len(held[kind])} {words} {_amounts(held[kind].values())}: "
                    f"{_few(sorted(held[kind]))}"
                )
        return said


def consumers(survey: Survey) -> Consumers:
    """Gather who is who; empty where the lists are not whole."""
    if not all(survey.is_complete(kind) for kind in NEEDED):
        return Consumers(known=False)
    servers = {server.id: server.project_id for server in survey.tables.servers}
    moves = {
        move.uuid: move.project_id or servers.get(move.instance_uuid, "")
        for move in survey.tables.migrations
        if move.uuid
    }
    return Consumers(known=True, projects=servers, moves=moves)


def _amounts(held: Iterable[dict[str, int]]) -> str:
    sums: dict[str, int] = {}
    for resources in held:
        for resource, amount in resources.items():
            sums[resource] = sums.get(resource, 0) + amount
    return ", ".join(f"{amount:,} {resource}" for resource, amount in sorted(sums.items()))


def _few(names: list[str]) -> str:
    shown = ", ".join(names[:NAMED_MAX])
    left = len(names) - NAMED_MAX
    return shown if left <= 0 else f"{shown} and {left} more"
