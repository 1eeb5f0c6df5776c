# SPDX-License-Identifier: Apache-2.0
"""What changed since earlier moments: rows now against the kept points nearest to them."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from day2.model.usage import Trend, Usage, UsagePoint

NEAR = 0.25
"""A point counts for `7 days ago` when it lies within this share of 7 days around it."""
NEAR_MIN = timedelta(hours=12)


def trends(
    rows: Sequence[Usage], points: Mapping[int, UsagePoint | None]
) -> dict[tuple[str, str, str], list[Trend]]:
    """Return for each row, by its place, one trend for each number of days in `points`."""
    before = {
        days: {row.place: row.allocated for row in point.rows}
        for days, point in points.items()
        if point is not None
    }
    found: dict[tuple[str, str, str], list[Trend]] = {}
    for row in rows:
        made = []
        for days, point in points.items():
            was = before.get(days, {}).get(row.place)
            if point is None or was is None:
                made.append(Trend(days=days))
            else:
                made.append(Trend(days=days, since=point.at, change=row.allocated - was))
        found[row.place] = made
    return found


def nearest(moments: Iterable[datetime], now: datetime, days: int) -> datetime | None:
    """Return the moment nearest to this many days ago; None when none is near."""
    wanted = now - timedelta(days=days)
    allowed = max(timedelta(days=days) * NEAR, NEAR_MIN)
    near = [moment for moment in moments if abs(moment - wanted) <= allowed]
    return min(near, key=lambda moment: abs(moment - wanted), default=None)
