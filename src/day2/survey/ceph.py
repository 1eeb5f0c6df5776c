# SPDX-License-Identifier: Apache-2.0
"""Read Ceph, where the settings name a command: how full it is, and how it is."""

from collections.abc import Mapping, Sequence

from day2.adapters.ceph import CephSettings
from day2.survey.lanes import Job, Result, Rows

KIND, HEALTH = "ceph_pools", "ceph_health"


def ceph_jobs(
    settings: CephSettings, kinds: Sequence[str], environment: Mapping[str, str]
) -> list[Job]:
    """Return a job for each table that is wanted; none where there is no Ceph."""

    def pools(_rows: Rows) -> Result:
        from day2.adapters import ceph  # noqa: PLC0415 - in its thread

        return Result(rows={KIND: [*ceph.look(settings, environment)]}, requests=1)

    def health(_rows: Rows) -> Result:
        from day2.adapters import ceph  # noqa: PLC0415 - in its thread

        return Result(rows={HEALTH: [*ceph.health(settings, environment)]}, requests=1)

    if not settings.command:
        return []
    return [
        Job(lane="ceph", kinds=(kind,), what=what, run=run)
        for kind, what, run in ((KIND, "ceph df", pools), (HEALTH, "ceph health", health))
        if kind in kinds
    ]
