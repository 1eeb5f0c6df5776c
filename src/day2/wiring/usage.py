# SPDX-License-Identifier: Apache-2.0
"""Usage of one cloud: read now, counted, and held against what is remembered."""

from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec

from day2.memory import usage as memory
from day2.model.survey import Gap
from day2.model.usage import Counted, Trend, UsagePoint
from day2.operations.usage import count, trend
from day2.wiring.site import Progress, Site

WEEK_DAYS = 7
BESIDES = 1.5
"""How far behind the wanted day kept points are looked at, as a factor."""


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """What was counted, with the trend of each row by its place."""

    at: datetime
    counted: Counted
    trends: Mapping[tuple[str, str, str], list[Trend]]
    days: Sequence[int]
    gaps: list[Gap]


def look(site: Site, scopes: Sequence[str], days: int, progress: Progress | None = None) -> Seen:
    """Read only the tables that these scopes need, and count them."""
    survey = site.survey(count.kinds(scopes), progress=progress)
    counted = site.count(survey, scopes)
    now = site.clock.now()
    spans = sorted({WEEK_DAYS, days})
    moments = memory.moments(
        site.memory, site.cloud, site.region, days=max(spans) * BESIDES, now=now
    )
    points = {span: _point(site, trend.nearest(moments, now, span)) for span in spans}
    return Seen(
        at=now,
        counted=counted,
        trends=trend.trends(counted.rows, points),
        days=spans,
        gaps=[*counted.gaps, *(gap for gap in survey.gaps if gap.kind == "tokens")],
    )


def _point(site: Site, moment: datetime | None) -> UsagePoint | None:
    return None if moment is None else memory.at(site.memory, site.cloud, site.region, moment)
