# SPDX-License-Identifier: Apache-2.0
from datetime import UTC, datetime
from typing import Any

from day2.model.survey import Gap, Reading, Survey, Tables
from day2.model.tables.compute import Server
from day2.survey.compare import compare

AT = datetime(2026, 1, 1, tzinfo=UTC)


def survey(*servers: Server, gap: bool = False) -> Survey:
    gaps = [Gap(kind="servers", what="servers", error="Denied", message="no")] if gap else []
    tables: dict[str, Any] = {"servers": list(servers)}
    return Survey(
        cloud="c",
        region="r",
        started_at=AT,
        ended_at=AT,
        tables=Tables(**tables),
        readings={"servers": Reading(rows=len(servers), requests=1, seconds=0)},
        gaps=gaps,
    )


WEB = Server(id="1", name="web", status="ACTIVE", host="compute01")


def test_a_moved_server_is_told_with_both_hosts() -> None:
    after = Server(id="1", name="web", status="ACTIVE", host="compute02")
    (change,) = compare(survey(WEB), survey(after))
    assert change.sentence == "server web: host compute01 -> compute02"
    assert change.fields == {"host": ("compute01", "compute02")}


def test_coming_and_going_are_told() -> None:
    other = Server(id="2", name="db", status="ACTIVE")
    said = {c.sentence for c in compare(survey(WEB), survey(other))}
    assert said == {"server web is gone", "server db is new"}


def test_a_list_with_a_gap_proves_no_absence() -> None:
    assert compare(survey(WEB), survey(gap=True)) == []
    assert compare(survey(gap=True), survey(WEB)) == []


def test_equal_surveys_say_nothing() -> None:
    assert compare(survey(WEB), survey(WEB)) == []
