# SPDX-License-Identifier: Apache-2.0
"""real: what day2 counts on the lab is what Placement itself counts, and every round keeps it."""

from typing import Any

import openstack.connection
import pytest
from openstack.config import OpenStackConfig

from lab.cloud import Cloud
from tests.lab.program import Program


@pytest.fixture
def placement(cloud: Cloud) -> Any:
    settings = OpenStackConfig(config_files=[str(cloud.describe()["clouds_yaml"])])
    api = openstack.connection.Connection(config=settings.get_one(cloud="lab"))

    def get(path: str) -> Any:
        return api.placement.get(path, microversion="1.36").json()

    return get


def rows(document: dict[str, Any], scope: str) -> dict[tuple[str, str], dict[str, Any]]:
    return {(r["name"], r["resource"]): r for r in document["usage"] if r["scope"] == scope}


def test_projects_use_what_placement_says_that_they_use(program: Program, placement: Any) -> None:
    ended = program.run("usage", "show", "-f", "json")
    assert ended.code == 0, ended.stderr
    projects = rows(ended.document, "project")
    assert projects
    for project in {name for name, _ in projects}:
        usages = placement(f"/usages?project_id={project}")["usages"]
        mine = {r: row["allocated"] for (name, r), row in projects.items() if name == project}
        assert mine == {name: amount for name, amount in usages.items() if amount}


def test_the_cloud_is_the_sum_of_its_providers(program: Program, placement: Any) -> None:
    document = program.run("usage", "show", "--scope", "cloud", "-f", "json").document
    usable: dict[str, float] = {}
    allocated: dict[str, float] = {}
    for provider in placement("/resource_providers")["resource_providers"]:
        path = f"/resource_providers/{provider['uuid']}"
        for name, has in placement(f"{path}/inventories")["inventories"].items():
            capacity = (has["total"] - has["reserved"]) * has["allocation_ratio"]
            usable[name] = usable.get(name, 0) + capacity
        for name, amount in placement(f"{path}/usages")["usages"].items():
            allocated[name] = allocated.get(name, 0) + amount
    cloud = rows(document, "cloud")
    found = {
        r: (row["usable"] + row["closed_usable"], row["allocated"] + row["closed_allocated"])
        for (_, r), row in cloud.items()
    }
    assert found == {name: (usable[name], allocated[name]) for name in usable}


def test_a_weekly_round_reports_usage_and_keeps_it_for_the_trend(program: Program) -> None:
    file = program.folder / "report.html"
    ended = program.run("round", "weekly", "--html", str(file), "-f", "json")
    assert ended.code in {0, 10, 11, 12}, ended.stderr
    assert {row["scope"] for row in ended.document["usage"]} >= {"cloud", "aggregate", "zone"}
    text = file.read_text()
    assert "How much of what may be allocated is allocated" in text
    again = program.folder / "again.html"
    shown = program.run("report", "show", "--html", str(again), "-f", "json")
    assert shown.code == 0, shown.stderr
    assert shown.document["findings"] == ended.document["findings"]
    assert "<h2>Usage" in again.read_text()
