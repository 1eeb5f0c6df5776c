# SPDX-License-Identifier: Apache-2.0
"""The database in containers with Kolla's own files: backed up, proven, destroyed, put back."""

import logging
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.parts import running
from lab.parts.boxes import Boxes
from lab.parts.boxes_kolla import Kolla
from lab.parts.boxes_neighbours import Neighbours
from lab.parts.tools import remove
from lab.place import Place
from tests.faults.database.sampler import Sampler
from tests.lab.box import Machine, done

pytestmark = pytest.mark.full
LOG = logging.getLogger("lab")
SCHEMAS = (
    "CREATE DATABASE nova",
    "CREATE TABLE nova.marks (id INT PRIMARY KEY, said TEXT)",
    "CREATE DATABASE keystone",
    "CREATE TABLE keystone.alembic_version (version_num VARCHAR(32) PRIMARY KEY)",
    "INSERT INTO keystone.alembic_version VALUES ('11c3b243b4cb')",
    "CREATE USER nova@'%' IDENTIFIED BY 'planted'",
    "GRANT ALL ON nova.* TO nova@'%'",
)
MARKS = "SELECT id FROM nova.marks ORDER BY id"
ENGINES = ("docker", "podman")


@pytest.fixture(scope="module", params=ENGINES)
def boxes(place: Place, request: pytest.FixtureRequest) -> Iterator[Boxes]:
    with running(Boxes(place, request.param)) as part:
        yield part


@pytest.fixture
def machine(boxes: Boxes, place: Place, tmp_path: Path) -> Machine:
    boxes.reset()
    boxes.sql("mariadb", *SCHEMAS)
    return Machine(tmp_path, place, boxes)


def mark(boxes: Boxes, number: int) -> None:
    boxes.sql("mariadb", f"INSERT INTO nova.marks VALUES ({number}, 'ä')")  # noqa: S608


def test_a_destroyed_volume_comes_back_from_files(boxes: Boxes, machine: Machine) -> None:
    began = time.monotonic()

    def told(what: str) -> None:
        LOG.info("%5.1f s %s %s", time.monotonic() - began, boxes.engine.name, what)

    secrets = tuple(
        boxes.password(name) for name in ("database_password", "mariadb_backup_database_password")
    )
    with Sampler(secrets) as sampler:
        mark(boxes, 1)
        full = machine.take("full", level=1)
        told("full")
        mark(boxes, 2)
        increment = machine.take("increment")
        told("increment, restored for a proof")
        mark(boxes, 3)
        shown = done(machine.run("backup", "show", increment, "-f", "json"))
        assert shown["parent"] == full
        volume = boxes.engine.volume("mariadb")
        for entry in volume.iterdir():
            remove(entry)
        run = done(machine.apply("restore", increment, "--whole"))
        told("put back")
    assert run["state"] == "done"
    boxes.wait("mariadb")
    assert boxes.sql("mariadb", MARKS) == [(1,), (2,)]
    assert sampler.seen == set()
    assert sampler.looked > 1000


def test_a_destroyed_volume_comes_back_from_a_dump(boxes: Boxes, machine: Machine) -> None:
    mark(boxes, 1)
    dump = machine.take("logical")
    mark(boxes, 2)
    run = done(machine.apply("restore", dump, "--whole"))
    boxes.wait("mariadb")
    assert boxes.sql("mariadb", MARKS) == [(1,)]
    assert boxes.sql("mariadb", "SELECT COUNT(*) FROM mysql.user WHERE User = 'nova'") == [(1,)]
    undo = done(machine.run("run", "undo", run["id"], "--plan-only", "-f", "json"))
    done(machine.run("plan", "apply", undo["id"], "--yes", "-f", "json"))
    boxes.wait("mariadb")
    assert boxes.sql("mariadb", MARKS) == [(1,), (2,)]


def test_kollas_own_backups_are_adopted_and_restore(boxes: Boxes, machine: Machine) -> None:
    mark(boxes, 1)
    boxes.kolla_backup("full")
    mark(boxes, 2)
    folder = boxes.kolla_backup("incremental")
    ended = done(machine.apply("adopt", str(folder), "--level", "3"))
    assert ended["state"] == "done"
    found = [(one["method"], one["state"], one["level"]) for one in machine.sets().values()]
    assert found == [("adopted", "good", 3)] * 2


def test_etcd_and_ovn_come_back_from_a_set_of_the_configuration(
    boxes: Boxes, place: Place, tmp_path: Path
) -> None:
    neighbours = Neighbours(place, boxes)
    neighbours.up()
    inventory = tmp_path / "inventory"
    interpreter = "ansible_python_interpreter=/usr/bin/python3"
    inventory.write_text(f"[keystone]\ncontrol01 ansible_connection=local {interpreter}\n")
    kolla = {
        "config_dir": str(tmp_path / "etc" / "kolla"),
        "inventory": str(inventory),
        "virtualenv": str(Kolla(place).bin.parent),
        "container_engine": boxes.engine.name,
    }
    machine = Machine(tmp_path, place, boxes, kolla=kolla)
    neighbours.etcdctl("put", "/octavia/jobboard", "before")
    neighbours.nbctl("ls-add", "before")
    done(machine.apply("run", "config", "--level", "3"))
    neighbours.nbctl("ls-add", "after")
    (name,) = machine.sets()
    shown = done(machine.run("backup", "show", name, "-f", "json"))
    source = shown["manifest"]["source"]
    assert source["missing"] == []
    assert source["credential_keys"] == "null key"
    assert source["fernet_keys"] == {"hosts": 1, "keys": 3, "equal": True}
    into = tmp_path / "back"
    done(machine.run("backup", "restore", name, "--into", str(into), "-f", "json"))
    host = into / "hosts" / "control01"
    assert sorted(file.name for file in (host / "keystone_fernet_tokens").iterdir()) == list("012")
    # It reads its input twice: a pipe is refused.
    boxes.engine("cp", host / "ovn_nb_db.backup", "ovn_nb_db:/tmp/back")
    restore = "ovsdb-client restore unix:/run/ovn/ovnnb_db.sock OVN_Northbound < /tmp/back"
    boxes.engine("exec", "ovn_nb_db", "sh", "-c", restore)
    assert "before" in neighbours.nbctl("ls-list")
    assert "after" not in neighbours.nbctl("ls-list")
    assert b"OVN_Southbound" in (host / "ovn_sb_db.backup").read_bytes()
    (snapshot,) = [file for file in (host / "etcd").rglob("*") if file.is_file()]
    boxes.engine("cp", snapshot, "etcd:/tmp/back")
    # It sees the hash that the snapshot ends with.
    neighbours.etcdctl("snapshot", "restore", "/tmp/back", "--data-dir", "/tmp/etcd-back")  # noqa: S108
    neighbours.down()
