# SPDX-License-Identifier: Apache-2.0
"""Scenario files: what is shipped is whole, and what is wrong is named."""

from pathlib import Path

import pytest

from day2.errors import BadSettings, BadUsage
from day2.sandbox import scenario as scenarios
from day2.sandbox.timing import span
from tests.unit.sandbox.cloud import Cloud

LEAST = "description: x\nhosts: [{name: h1, roles: [control, network, compute]}]\n"


def read(folder: Path, text: str) -> None:
    file = folder / "mine.yaml"
    file.write_text(text)
    scenarios.load(str(file))


@pytest.mark.parametrize("name", scenarios.known())
def test_a_shipped_scenario_builds_a_world_with_its_servers(name: str) -> None:
    described = scenarios.load(name)
    cloud = Cloud(name)
    made = described.bulk.servers if described.bulk else 0
    assert len(cloud.world["servers"]) == made + sum(entry.count for entry in described.servers)
    assert described.description


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("hostss: []\n", "hostss"),
        ("dead: [{host: h9, binary: x, since: 1h}]\n", "there is no host 'h9'"),
        ("dead: [{host: h1, binary: x, since: long}]\n", "`$.dead[0].since`"),
        ("volumes: [{name: v, project: admin, server: s}]\n", "there is no server 's'"),
        ("bulk: {hosts: 0, projects: 1, servers: 1}\n", "`$.hosts`"),
        ("bulk: {hosts: 1, projects: 1, servers: 1001}\n", "more than 1,000 servers in a project"),
        ("bulk: {hosts: 1, projects: 1, servers: 1}\n", "bulk needs a flavor"),
        ("faults: [{kind: explode}]\n", "`$.faults[0].kind`"),
        ("stacks: [{name: s, project: nobody}]\n", "there is no project 'nobody'"),
    ],
)
def test_what_is_wrong_in_a_scenario_is_named(tmp_path: Path, more: str, said: str) -> None:
    with pytest.raises(BadSettings) as caught:
        read(tmp_path, LEAST + more)
    assert said in str(caught.value)
    assert "mine.yaml" in str(caught.value)


def test_the_least_scenario_is_enough(tmp_path: Path) -> None:
    read(tmp_path, LEAST)


def test_an_unknown_scenario_names_the_known_ones() -> None:
    with pytest.raises(BadUsage, match="healthy, huge, large, outage, small"):
        scenarios.load("smal")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("20s", 20), ("10m", 600), ("3h", 10800), ("1.5d", 129600), ("1w", 604800)],
)
def test_spans(text: str, seconds: float) -> None:
    assert span(text).total_seconds() == seconds


def test_the_same_scenario_is_the_same_cloud() -> None:
    first, second = ([row["id"] for row in Cloud("small").world["servers"]] for _time in range(2))
    assert first == second
