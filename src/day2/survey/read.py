# SPDX-License-Identifier: Apache-2.0
"""Read one survey: gather every job's rows into one typed, time-stamped picture."""

from collections.abc import Callable, Iterable
from typing import Annotated

import msgspec
from msgspec import Meta

from day2.adapters.clock import Clock
from day2.adapters.openstack.limits import LoadSettings
from day2.adapters.remote.log_masks import masked
from day2.model.survey import KINDS, Survey, Tables
from day2.survey.lanes import Job, Runner
from day2.survey.words import Clean, cleaned, cleaned_gaps


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
    clean: Clean = masked,
    progress: Callable[[str, int, int], None] | None = None,
) -> Survey:
    """Run the jobs and return the survey. Never raises for what the cloud does: that is a gap.

    `clean` takes secrets out of a text; it is called for what is in words only.
    """
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
    rows = {k: cleaned(k, gathered.rows[k], clean) for k in KINDS if k in gathered.rows}
    return Survey(
        cloud=cloud,
        region=region,
        started_at=started,
        ended_at=clock.now(),
        tables=Tables(**rows),
        readings=gathered.readings,
        gaps=cleaned_gaps(gathered.gaps, clean),
        absent=gathered.absent,
    )
