# SPDX-License-Identifier: Apache-2.0
"""Read the caches: one small job per memcached server."""

from collections.abc import Sequence

from day2.adapters import memcached
from day2.adapters.clock import Clock
from day2.survey.lanes import Job, Result, Rows

KIND = "cache_nodes"


class CacheReader:
    """Makes the jobs."""

    def __init__(self, settings: memcached.CacheSettings, *, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock

    def jobs(self, kinds: Sequence[str]) -> list[Job]:
        """Return one job per server, unless the table is not wanted."""
        if KIND not in kinds:
            return []
        return [self._job(server) for server in self._settings.servers]

    def _job(self, server: str) -> Job:
        def run(_rows: Rows) -> Result:
            seconds = self._settings.timeout_seconds
            node = memcached.look(server, seconds=seconds, clock=self._clock)
            return Result(rows={KIND: [node]}, requests=1)

        return Job(lane="cache", kinds=(KIND,), what=f"memcached {server}", run=run)
