# SPDX-License-Identifier: Apache-2.0
"""Three database containers in a cluster, as Kolla makes it: destroyed, and put back by one."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.parts import running
from lab.parts.boxes import Boxes
from lab.parts.tools import remove
from lab.place import Place
from tests.lab.box import Machine, done

pytestmark = [pytest.mark.full, pytest.mark.timeout(1200)]
SCHEMAS = (
    "CREATE DATABASE nova",
    "CREATE TABLE nova.marks (id INT PRIMARY KEY) ENGINE=InnoDB",
    "INSERT INTO nova.marks VALUES (1)",
    "CREATE USER nova@'%' IDENTIFIED BY 'planted'",
)
MARKS = "SELECT id FROM nova.marks ORDER BY id"
SIZE = "SHOW STATUS LIKE 'wsrep_cluster_size'"


@pytest.fixture(scope="module", params=("docker", "podman"))
def boxes(place: Place, request: pytest.FixtureRequest) -> Iterator[Boxes]:
    with running(Boxes(place, request.param, nodes=3)) as part:
        yield part


@pytest.fixture
def machine(boxes: Boxes, place: Place, tmp_path: Path) -> Iterator[Machine]:
    boxes.sql("mariadb", *SCHEMAS)
    yield Machine(tmp_path, place, boxes)
    for name in boxes.nodes:
        volume = boxes.engine.volume(name)
        for left in volume.parent.glob(f"{volume.name}.*"):
            shutil.rmtree(left)


def test_a_destroyed_cluster_comes_back_by_one_and_the_others_join_it(
    boxes: Boxes, machine: Machine
) -> None:
    first, second, third = boxes.nodes
    taken = machine.take("full")
    boxes.sql(second, "INSERT INTO nova.marks VALUES (2)", "DROP USER nova@'%'")
    for name in boxes.nodes:
        for entry in boxes.engine.volume(name).iterdir():
            remove(entry)
    run = done(machine.apply("restore", taken, "--whole"))
    starts = [s["subject"]["id"] for s in run["steps"] if s["action"] == "backup.start-node"]
    joins = [s["subject"]["id"] for s in run["steps"] if s["action"] == "backup.join-node"]
    assert (run["state"], starts, joins) == ("done", [first], [second, third])
    for name in boxes.nodes:
        boxes.wait(name)
        assert boxes.sql(name, MARKS) == [(1,)]
        assert boxes.sql(name, SIZE) == [("wsrep_cluster_size", "3")]
        assert boxes.sql(name, "SELECT COUNT(*) FROM mysql.user WHERE User = 'nova'") == [(1,)]
    boxes.sql(third, "INSERT INTO nova.marks VALUES (3)")
    assert boxes.sql(first, MARKS) == [(1,), (3,)]
