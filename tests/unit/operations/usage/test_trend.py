# SPDX-License-Identifier: Apache-2.0
from datetime import timedelta

import pytest

from day2.model.usage import Usage, UsagePoint
from day2.operations.usage import trend
from tests.unit.builders import NOW


def row(allocated: float, name: str = "c1") -> Usage:
    return Usage(scope="cloud", name=name, resource="VCPU", allocated=allocated)


@pytest.mark.parametrize(
    ("days_ago", "wanted", "near"),
    [
        ([7.0], 7, 7.0),
        ([0.0, 6.0, 7.2, 9.0], 7, 7.2),
        ([5.0], 7, None),
        ([9.0], 7, None),
        ([35.0, 22.0], 30, 35.0),
        ([0.9], 1, 0.9),
        ([0.2], 1, None),
        ([], 7, None),
    ],
)
def test_the_nearest_moment_counts_when_it_is_near(
    days_ago: list[float], wanted: int, near: float | None
) -> None:
    moments = [NOW - timedelta(days=days) for days in days_ago]
    found = trend.nearest(moments, NOW, wanted)
    assert found == (None if near is None else NOW - timedelta(days=near))


def test_a_change_is_said_only_where_the_same_row_was_kept() -> None:
    then = NOW - timedelta(days=7)
    points = {7: UsagePoint(at=then, rows=[row(90)]), 30: None}
    found = trend.trends([row(100), row(5, "new")], points)
    week, month = found["cloud", "c1", "VCPU"]
    assert (week.change, week.since) == (10, then)
    assert (month.change, month.since) == (None, None)
    assert found["cloud", "new", "VCPU"][0].change is None
