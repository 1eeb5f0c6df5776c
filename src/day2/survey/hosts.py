# SPDX-License-Identifier: Apache-2.0
"""Read the hosts and their containers: one Ansible run, one job."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from day2.model.survey import Gap
from day2.survey.lanes import Job, Result, Rows, gap_of

if TYPE_CHECKING:
    from day2.adapters.hosts import Hosts  # ansible-runner is loaded when the job runs

KINDS = ("hosts", "containers")


class HostsReader:
    """Makes the job that looks at all hosts; `open_hosts` is called when it starts."""

    def __init__(self, open_hosts: Callable[[], "Hosts"]) -> None:
        self._open_hosts = open_hosts

    def jobs(self, kinds: Sequence[str]) -> list[Job]:
        """Return the one job, unless neither of its tables is wanted."""
        if not set(KINDS) & set(kinds):
            return []
        return [
            Job(lane="hosts", kinds=KINDS, what="hosts and containers by Ansible", run=self._look)
        ]

    def _look(self, _rows: Rows) -> Result:
        looked = self._open_hosts().look()
        gaps: list[Gap] = []
        for failure in looked.failures:
            gaps.append(gap_of("containers", f"containers of {failure.host}", failure.error))
            if not failure.containers_only:
                gaps.append(gap_of("hosts", f"host {failure.host}", failure.error))
        return Result(
            rows={"hosts": looked.hosts, "containers": looked.containers}, requests=1, gaps=gaps
        )
