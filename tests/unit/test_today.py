# SPDX-License-Identifier: Apache-2.0
"""What is due, when the newest round was kept by a clock that was wrong."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from day2.memory import rounds
from day2.model.round import Report
from day2.model.severity import Severity
from day2.report.today import render
from day2.settings import Settings
from day2.wiring.sections import SCHEMA
from day2.wiring.site import Site


def test_a_round_of_tomorrow_does_not_stand_for_that_of_today(tmp_path: Path) -> None:
    environment = {"DAY2_STATE": str(tmp_path), "OS_AUTH_URL": "http://k"}
    site = Site(Settings(schema=SCHEMA, tree={}), environment=environment)
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    kept = Report(kind="daily", cloud=site.cloud, region="", at=tomorrow, severity=Severity.OK)
    with site.memory.writing() as connection:
        rounds.save(connection, kept, None)
    seen = site.today()
    assert seen.due == ["the daily round:  day2 round daily"]
    text = render(seen)
    assert "the clock was ahead" in text
    assert " ago" not in text
    assert max(map(len, text.splitlines())) <= 80
