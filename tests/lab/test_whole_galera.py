# SPDX-License-Identifier: Apache-2.0
"""A cluster of three is put back by one node; the others join it one by one."""

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lab.parts.galera import Galera
from lab.place import Place
from tests.scenarios.backup.place import Place as Machine

ROOT = Path(__file__).parents[2]
HAND = """
import os, sys
sys.path.insert(0, sys.argv[1])
os.environ["PATH"] += ":/usr/sbin:/sbin"
from pathlib import Path
from lab.parts.galera import Galera
from lab.place import Place
place = Place(lab_id=int(sys.argv[2]), state=Path(sys.argv[3]), cache=Path(sys.argv[4]))
getattr(Galera(place), sys.argv[5])(sys.argv[6])
"""


@pytest.fixture
def galera(place: Place) -> Iterator[Galera]:
    part = Galera(place)
    part.reset()
    yield part
    part.down()
    for name in part.nodes:
        for left in part.data(name).parent.glob(f"{name}*"):
            if left.is_dir() and not left.name.endswith("-tmp"):
                shutil.rmtree(left)


@pytest.fixture
def machine(galera: Galera, place: Place, tmp_path: Path) -> Machine:
    first = galera.nodes[0]

    def words(what: str, name: str) -> list[str]:
        where = [str(ROOT), str(place.lab_id), str(place.state), str(place.cache)]
        return [sys.executable, "-c", HAND, *where, what, name]

    nodes = [
        {
            "name": name,
            "datadir": str(galera.data(name)),
            "socket": str(place.run / f"{name}.sock"),
            "stop": words("stop", name),
            "start": words("start", name),
            "bootstrap": words("bootstrap", name),
        }
        for name in galera.nodes
    ]
    work = place.state / "work"
    work.mkdir(exist_ok=True)
    return Machine(
        tmp_path,
        backup_database={
            "user": "root",
            "socket": str(place.run / f"{first}.sock"),
            "scratch_folder": str(work),
        },
        recovery={
            "nodes": nodes,
            "stop_services": ["true"],
            "start_services": ["true"],
            "answers_seconds_max": 0,
        },
    )


@pytest.mark.full
@pytest.mark.parametrize("method", ["full", "logical"])
def test_a_cluster_comes_back_by_one_node_and_the_others_join_it(
    galera: Galera, machine: Machine, method: str
) -> None:
    first, second, third = galera.nodes
    for statement in (
        "CREATE DATABASE nova",
        "CREATE TABLE nova.marks (id INT PRIMARY KEY) ENGINE=InnoDB",
        "INSERT INTO nova.marks VALUES (1)",
        "CREATE USER service@'%' IDENTIFIED BY 'planted'",
    ):
        galera.sql(first, statement)
    taken = machine.apply("run", "database", "--method", method)
    assert taken.code == 0, taken.stdout
    (name,) = machine.sets()
    galera.sql(second, "INSERT INTO nova.marks VALUES (2)")
    galera.sql(second, "DROP USER service@'%'")
    ended = machine.apply("restore", name, "--whole")
    assert ended.code == 0, (ended.stdout, ended.stderr)
    steps: list[dict[str, Any]] = ended.document["steps"]
    done = [(step["action"], step["subject"]["id"]) for step in steps[2:]]
    assert done == [
        ("backup.stop-services", "all"),
        *(("backup.stop-node", node) for node in (third, second, first)),
        *(("backup.keep-data", node) for node in (first, second, third)),
        ("backup.place-data", first),
        ("backup.start-node", first),
        ("backup.prove-data", name),
        ("backup.join-node", second),
        ("backup.join-node", third),
        ("backup.start-services", "all"),
    ]
    for node in galera.nodes:
        assert galera.sql(node, "SELECT id FROM nova.marks") == [("1",)]
        status = galera.status(node)
        assert status["wsrep_local_state_comment"] == "Synced"
        assert status["wsrep_cluster_size"] == "3"
        (accounts,) = galera.sql(node, "SELECT COUNT(*) FROM mysql.user WHERE User = 'service'")
        assert accounts == ("1",)
    galera.sql(third, "INSERT INTO nova.marks VALUES (3)")
    assert galera.sql(first, "SELECT COUNT(*) FROM nova.marks") == [("2",)]


@pytest.mark.full
def test_the_way_back_is_the_old_cluster(galera: Galera, machine: Machine) -> None:
    first, second, _third = galera.nodes
    galera.sql(first, "CREATE DATABASE nova")
    galera.sql(first, "CREATE TABLE nova.marks (id INT PRIMARY KEY) ENGINE=InnoDB")
    assert machine.apply("run", "database", "--method", "full").code == 0
    (name,) = machine.sets()
    galera.sql(second, "INSERT INTO nova.marks VALUES (2)")
    restored = machine.apply("restore", name, "--whole")
    assert restored.code == 0, restored.stdout
    assert galera.sql(second, "SELECT COUNT(*) FROM nova.marks") == [("0",)]
    undo = machine.run("run", "undo", restored.document["id"], "--plan-only", "-f", "json")
    undone = machine.run("plan", "apply", undo.document["id"], "--yes", "-f", "json")
    assert undone.code == 0, undone.stdout
    for node in galera.nodes:
        assert galera.sql(node, "SELECT id FROM nova.marks") == [("2",)]
        assert galera.status(node)["wsrep_cluster_size"] == "3"
