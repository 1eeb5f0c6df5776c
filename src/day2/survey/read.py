# SPDX-License-Identifier: Apache-2.0
"""Read one survey: gather every job's rows into one typed, time-stamped picture."""

from collections.abc import Callable, Iterable
from typing import Annotated

import msgspec
from msgspec import Meta

from day2.adapters.clock import Clock
from day2.adapters.openstack.limits import LoadSettings
from day2.model.survey import KINDS, Survey, Tables
from day2.survey.lanes import Job, Runner


class SurveySettings(msgspec.Struct, frozen=True, kw_only=True):
    """Section `survey`."""

    seconds_max: Annotated[
        float, Meta(gt=0, description="Seconds for a whole survey; what is not read then is a gap.")
    ] = 55.0
    skip_kinds: Annotated[
        list[str], Meta(description="Tables not to read (`stacks`, ...): left out is not a gap.")
    ] = []


def read(
    jobs: Iterable[Job],
    *,
    cloud: str,
    region: str,
    clock: Clock,
    load: LoadSettings,
    settings: SurveySettings,
    progress: Callable[[str, int, int], None] | None = None,
) -> Survey:
    """Run the jobs and return the survey. Never raises for what the cloud does: that is a gap."""
    started = clock.now()
    skipped = set(settings.skip_kinds)
    runner = Runner(
        clock=clock,
        width=load.requests_per_service_max,
        failures_max=load.failures_max,
        seconds_max=settings.seconds_max,
        progress=progress,
    )
    gathered = runner.run(job for job in jobs if not skipped.issuperset(job.kinds))
    rows = {kind: gathered.rows[kind] for kind in KINDS if kind in gathered.rows}
    return Survey(
        cloud=cloud,
        region=region,
        started_at=started,
        ended_at=clock.now(),
        tables=Tables(**rows),
        readings=gathered.readings,
        gaps=gathered.gaps,
        absent=gathered.absent,
    )
