# SPDX-License-Identifier: Apache-2.0
"""What is read of RabbitMQ: every node asked for itself, their views merged, the queues once."""

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

import msgspec

from day2.adapters.addresses import BusSettings
from day2.adapters.clock import Clock
from day2.adapters.secrets import SecretRef
from day2.errors import BadAnswer, Day2Error, Unreachable
from day2.model.tables.infrastructure import BusEndpoint, BusNode
from day2.survey.lanes import Job, Result, Rows, gap_of

if TYPE_CHECKING:
    from day2.adapters.rabbitmq import BusServer, BusView

Resolve = Callable[[SecretRef], str]
KINDS = ("bus_endpoints", "bus_nodes", "bus_queues")


class BusReader:
    """Reads one cluster once."""

    def __init__(self, settings: BusSettings, *, resolve: Resolve, clock: Clock) -> None:
        self._settings = settings
        self._resolve = resolve
        self._clock = clock
        self._views: list[BusView] = []

    def jobs(self, kinds: Iterable[str]) -> list[Job]:
        """Make a job per address; nodes and queues wait for all of them, for they need one."""
        wanted = set(kinds)
        if wanted.isdisjoint(KINDS):
            return []
        made = [
            Job(
                lane="bus",
                kinds=("bus_endpoints",),
                what="message bus",
                run=self._look(management),
            )
            for management in self._settings.management
        ]
        after = ("bus_endpoints",)
        if "bus_nodes" in wanted:
            made.append(
                Job(
                    lane="bus",
                    kinds=("bus_nodes",),
                    what="bus nodes",
                    after=after,
                    run=self._nodes,
                )
            )
        if "bus_queues" in wanted:
            made.append(
                Job(
                    lane="bus",
                    kinds=("bus_queues",),
                    what="bus queues",
                    after=after,
                    run=self._queues,
                )
            )
        return made

    def _server(self, management: str) -> "BusServer":
        from day2.adapters.rabbitmq import BusServer  # noqa: PLC0415 - a client, in its thread

        return BusServer(
            management,
            user=self._settings.user,
            password=self._resolve(self._settings.password),
            ca_file=self._settings.ca_file,
        )

    def _look(self, management: str) -> Callable[[Rows], Result]:
        def run(_rows: Rows) -> Result:
            view = self._server(management).read()
            self._views.append(view)
            return Result(rows={"bus_endpoints": [view.endpoint]}, requests=2)

        return run

    def _nodes(self, rows: Rows) -> Result:
        self._require_one(rows)
        return Result(rows={"bus_nodes": merged(self._views)})

    def _queues(self, rows: Rows) -> Result:
        chosen = self._require_one(rows)
        for management in self._settings.management:
            server = self._server(management)
            if server.address == chosen:
                break
        else:  # pragma: no cover - the address came from one of them
            raise Unreachable(f"no management address {chosen}")
        found = server.queues(self._clock)
        gaps = [gap_of("bus_queues", "bus queues", found.failure)] if found.failure else []
        if found.unreadable:
            error: Day2Error = BadAnswer(
                f"bus queues: {found.unreadable:,} rows are not what this API promises"
            )
            gaps.append(gap_of("bus_queues", "bus queues", error))
        return Result(rows={"bus_queues": found.rows}, requests=found.requests, gaps=gaps)

    @staticmethod
    def _require_one(rows: Rows) -> str:
        """Return an address that answered: that nobody did is a finding, what it hides is a gap."""
        asked: Sequence[BusEndpoint] = rows.get("bus_endpoints", ())
        answered = [endpoint.address for endpoint in asked if endpoint.reachable]
        if not answered:
            raise Unreachable(
                "message bus: no management address answered",
                hint="section `bus`; on a node: docker ps --all --filter name=rabbitmq",
            )
        return answered[0]


def merged(views: "Sequence[BusView]") -> list[BusNode]:
    """Make one row per node: its own word first, for partitions and alarms anybody's."""
    words: dict[str, list[tuple[str, BusNode]]] = {}
    for view in views:
        for node in view.nodes:
            words.setdefault(node.name, []).append((view.endpoint.node, node))
    return [_one(name, said) for name, said in sorted(words.items())]


def _one(name: str, said: list[tuple[str, BusNode]]) -> BusNode:
    own = [node for speaker, node in said if speaker == name]
    best = next(iter(own or [n for _s, n in said if n.running] or [said[0][1]]))
    missed = {speaker for speaker, node in said if not node.running} if best.running else set()
    return msgspec.structs.replace(
        best,
        missed_by=sorted(missed - {name}),
        partitions=sorted({peer for _speaker, node in said for peer in node.partitions}),
        memory_alarm=any(node.memory_alarm for _speaker, node in said),
        disk_alarm=any(node.disk_alarm for _speaker, node in said),
    )
