# SPDX-License-Identifier: Apache-2.0
"""A part of `large` over sockets: what was planted is found among the rest, and nothing else."""

import json
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any

import openstack
import pytest

from day2.sandbox.bulk.sizes import scaled
from day2.settings import read_yaml
from day2.survey.openstack import KINDS
from tests.scenarios.sandboxes import Home

FACTOR = 0.02
HOSTS, PROJECTS, SERVERS = 20, 4, 1000
PLANTED = [
    ("network.agent.down", "neutron-openvswitch-agent on compute00007"),
    ("compute.migration.stuck", "live-migration of render"),
    ("server.error", "lost"),
    ("volume.error", "scratch"),
]

# openstacksdk warns of its own optional parts whatever is done with it.
pytestmark = pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    with resources.as_file(resources.files("day2.sandbox") / "scenarios" / "large.yaml") as file:
        tree = scaled(read_yaml(file), FACTOR)
    part = tmp_path / "large.yaml"
    part.write_text(json.dumps(tree))
    found = Home(tmp_path)
    up = found.run("sandbox", "up", "--scenario", str(part))
    assert (up.code, up.err) == (0, "")
    yield found
    found.run("sandbox", "down")


def check(home: Home) -> dict[str, Any]:
    ended = home.run(
        "--cloud", "sandbox", "health", "check", "--kinds", ",".join(KINDS), "-f", "json"
    )
    assert ended.code == 11, ended.err
    assert ended.document["gaps"] == []
    return ended.document


def state(home: Home) -> dict[str, int]:
    return dict(home.control("GET", "state")["tables"])


def cloud_of(home: Home) -> Any:
    entries = json.loads((home.place() / "clouds.yaml").read_text())["clouds"]
    return openstack.connection.Connection(**entries["sandbox"])


def test_what_is_planted_is_found_and_nothing_else(home: Home) -> None:
    there = state(home)
    assert there["hypervisors"] == HOSTS
    assert there["servers"] == SERVERS + 4
    # Two for each server, one for each floating IP, and what networks and planted things have.
    assert there["ports"] >= 2 * SERVERS + SERVERS // 10
    found = check(home)
    assert [(one["check"], one["subject"]["name"]) for one in found["findings"]] == PLANTED
    assert found["severity"] == "critical"
    counted = sum(there[name] for name in ("servers", "ports", "volumes", "floating_ips"))
    assert found["objects"] > counted
    # Read again, from kept answers: the same.
    assert check(home)["findings"] == found["findings"]


def test_a_real_client_reads_every_page_once_and_finds_rows_by_id(home: Home) -> None:
    there = state(home)
    with cloud_of(home) as cloud:
        listed = {
            "servers": [s.id for s in cloud.compute.servers(all_projects=True, limit=300)],
            "ports": [p.id for p in cloud.network.ports(limit=300)],
            "volumes": [v.id for v in cloud.block_storage.volumes(all_projects=True, limit=300)],
            "floating_ips": [ip.id for ip in cloud.network.ips(limit=30)],
        }
        for table, ids in listed.items():
            assert len(ids) == len(set(ids)) == there[table], table
        for place in (0, 7, SERVERS // 2, SERVERS):
            own = listed["servers"][place]
            assert cloud.compute.get_server(own).id == own
            port = listed["ports"][place]
            assert cloud.network.get_port(port).id == port
        project = cloud.identity.find_project("project0003")
        own = list(cloud.compute.servers(all_projects=True, project_id=project.id))
        assert len(own) == SERVERS // PROJECTS
        assert {server.project_id for server in own} == {project.id}


def test_what_is_deleted_is_gone_and_the_rest_is_as_it_was(home: Home) -> None:
    before = state(home)
    found = check(home)
    with cloud_of(home) as cloud:
        listed = list(cloud.compute.servers(all_projects=True))
        made = [server for server in listed if server.name.startswith("project")]
        victims = [server.id for server in made[:40]]
        for own in victims:
            cloud.compute.delete_server(own)
        home.control("POST", "clock", {"advance_seconds": 60})
        left = [server.id for server in cloud.compute.servers(all_projects=True)]
        assert left == [server.id for server in listed if server.id not in victims]
        with pytest.raises(openstack.exceptions.NotFoundException):
            cloud.compute.get_server(victims[0])
        assert not [p for p in cloud.network.ports(limit=1000) if p.device_id in victims]
    after = state(home)
    assert before["servers"] - after["servers"] == 40
    assert before["allocations"] - after["allocations"] == 40
    assert before["ports"] - after["ports"] == 80
    assert before["volume_attachments"] - after["volume_attachments"] == 20
    assert before["volumes"] == after["volumes"]
    now = check(home)
    assert [one["key"] for one in now["findings"]][:4] == [one["key"] for one in found["findings"]]
    assert found["objects"] - now["objects"] >= 40 + 80 + 20
