# SPDX-License-Identifier: Apache-2.0
"""The plan of a drain, made of what a sandbox says of itself over its APIs."""

import os
from collections.abc import Iterator

import pytest

from day2.model.survey import Survey
from day2.operations.hosts import impact
from day2.operations.hosts.kinds import DRAIN_KINDS
from day2.operations.hosts.plan import Asked, drain
from day2.operations.hosts.policy import DrainPolicy
from day2.report import impact as impact_text
from day2.report import plan as plan_text
from day2.settings import Settings
from day2.wiring.sandbox import load_settings
from day2.wiring.site import Site
from tests.scenarios.sandboxes import Home
from tests.unit.builders import NOW
from tests.unit.operations.hosts.racks import kinds_of

ASKED = Asked(now=NOW, by="ana")


@pytest.fixture(scope="module")
def surveys(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Survey]]:
    """Survey both scenarios once, each in a sandbox of its own."""
    home = Home(tmp_path_factory.mktemp("drain"))
    found = {}
    try:
        for scenario in ("small", "healthy"):
            up = home.run("sandbox", "up", "--name", scenario, "--scenario", scenario)
            assert up.code == 0, up.err
            found[scenario] = _site(home, f"sandbox-{scenario}").survey(DRAIN_KINDS)
        yield found
    finally:
        for place in (home.state / "sandbox").glob("*"):
            home.run("sandbox", "down", "--name", place.name)


def _site(home: Home, cloud: str) -> Site:
    environment = {**os.environ, "DAY2_STATE": str(home.state), "HOME": str(home.folder)}
    settings: Settings = load_settings(None, cloud, environment)
    return Site(settings, cloud=cloud, environment=environment)


def _width(said: str) -> int:
    return max(len(line) for line in said.splitlines())


def test_a_cloud_with_a_year_of_leftovers_names_everything_in_the_way(
    surveys: dict[str, Survey],
) -> None:
    survey = surveys["small"]
    plan = drain(survey, "compute01", policy=DrainPolicy(), asked=ASKED)
    assert survey.gaps == []
    assert kinds_of(plan) == ["busy", "no-room", "no-room"]
    assert plan.totals == {
        "servers": 7,
        "ask": 3,
        "block-live": 3,
        "failover": 1,
        "blockers": 3,
    }
    assert [r.subject.name for r in plan.blockers] == ["render01", "web-01", "web-03"]
    assert _width(plan_text.render(plan)) <= 80


def test_the_last_host_of_a_zone_says_so(surveys: dict[str, Survey]) -> None:
    plan = drain(
        surveys["small"], "compute03", policy=DrainPolicy(), purpose="decommission", asked=ASKED
    )
    assert kinds_of(plan) == ["last-of-aggregate", "no-room", "no-room"]


def test_a_healthy_host_is_drained_once_its_one_danger_is_accepted(
    surveys: dict[str, Survey],
) -> None:
    survey = surveys["healthy"]
    host = next(server.host for server in survey.tables.servers if server.host)
    asking = drain(survey, host, policy=DrainPolicy(), asked=ASKED)
    # Its web servers are on every host already, and may not meet.
    assert {(r.kind, r.allow) for r in asking.blockers} == {("no-room", "stop-guests")}
    plan = drain(survey, host, policy=DrainPolicy(), allow=["stop-guests"], asked=ASKED)
    assert plan.blockers == []
    assert plan.changes
    projects = impact.impact(plan, survey)
    said = impact_text.render(f"drain of {host}", projects)
    assert {project.name for project in projects} <= {p.name for p in survey.tables.projects}
    assert _width(said) <= 80
