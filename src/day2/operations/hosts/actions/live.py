# SPDX-License-Identifier: Apache-2.0
"""Live migration: the guest keeps running, or stays paused."""

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from day2.engine.action import Doing, Result, Seen
from day2.model.plan import Step
from day2.operations.hosts.actions import facts as facts_of
from day2.operations.hosts.actions.arrivals import Arrival, proven, way_back
from day2.operations.hosts.actions.attempts import Mover, Way
from day2.operations.hosts.actions.cloud import Cloud, arguments
from day2.operations.hosts.actions.moving import Ladder, Road

ACTIVE, PAUSED = "ACTIVE", "PAUSED"
LIVE = Way(
    kind="live-migration",
    said="live migration",
    statuses=frozenset({ACTIVE, PAUSED}),
    arrived=frozenset({"completed"}),
    begins="migrating",
)


class LiveArguments(msgspec.Struct, frozen=True, kw_only=True):
    """`targets` in order of preference, none: the scheduler's choice; `block`: copies disks too.

    `seconds_max` is how long one attempt may take before the ladder is climbed.
    """

    source: str
    targets: list[str] = []
    block: bool | Literal["auto"] = "auto"
    seconds_max: float
    memory_mib: int = 0
    force_complete: bool = False
    abort: bool = True
    tries: int = 2


class LiveMigrate:
    """Move a running or paused server to another host."""

    name = "server.live-migrate"

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud

    def look(self, step: Step) -> Seen:
        """Read the server."""
        return facts_of.look(self._cloud, step, arguments(step, LiveArguments).source)

    def perform(self, step: Step, do: Doing) -> Result:
        """Migrate it, follow the migration to its end, and prove where the server is."""
        given = arguments(step, LiveArguments)
        own = step.subject.id
        cloud = self._cloud
        mover = Mover(
            cloud,
            step,
            LIVE,
            source=given.source,
            ask=lambda target: cloud.compute.act(
                own, "os-migrateLive", {"host": target, "block_migration": given.block}
            ),
        )
        ladder = Ladder(
            seconds_max=given.seconds_max,
            targets=given.targets,
            tries=given.tries,
            force_complete=given.force_complete,
            abort=given.abort,
            memory_mib=given.memory_mib,
        )
        status = str(step.fingerprint.get("status") or ACTIVE)

        def finish(arrival: Arrival) -> Result:
            return proven(do, mover, arrival, status=status, ended=LIVE.arrived)

        return Road(do, mover, ladder, rests_as={status}, finish=finish).go()

    def undo(self, step: Step, facts: Mapping[str, Any]) -> Step | None:
        """Migrate it back."""
        return way_back(step, dict(facts))
