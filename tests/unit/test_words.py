# SPDX-License-Identifier: Apache-2.0
"""Until when somebody's word on a finding holds."""

from datetime import UTC, datetime, timedelta

import pytest

from day2.cli.finding import until
from day2.errors import BadUsage

NOW = datetime(2026, 5, 4, 9, 0, tzinfo=UTC)


def test_a_span_or_a_moment() -> None:
    assert until("3d", NOW) == NOW + timedelta(days=3)
    assert until("2026-05-05", NOW) == datetime(2026, 5, 5, tzinfo=UTC)


@pytest.mark.parametrize("text", ["0h", "99999999999d", "9999999w", "2026-05-04T08:59", "soon"])
def test_what_is_past_or_no_time_at_all_is_refused(text: str) -> None:
    with pytest.raises(BadUsage):
        until(text, NOW)
