# SPDX-License-Identifier: Apache-2.0
"""Read Ceph: one job, where the settings name a command."""

from collections.abc import Mapping, Sequence

from day2.adapters.ceph import CephSettings
from day2.survey.lanes import Job, Result, Rows

KIND = "ceph_pools"


def ceph_jobs(
    settings: CephSettings, kinds: Sequence[str], environment: Mapping[str, str]
) -> list[Job]:
    """Return the job, unless the table is not wanted or there is no Ceph."""
    if KIND not in kinds or not settings.command:
        return []

    def run(_rows: Rows) -> Result:
        from day2.adapters import ceph  # noqa: PLC0415 - in its thread

        return Result(rows={KIND: [*ceph.look(settings, environment)]}, requests=1)

    return [Job(lane="ceph", kinds=(KIND,), what="ceph df", run=run)]
