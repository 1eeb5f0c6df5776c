# SPDX-License-Identifier: Apache-2.0
"""The lab's database is destroyed and put back by command; OpenStack is what it was at the set."""

import logging
import os
import shutil
import sys
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import openstack.connection
import pyrage
import pytest
from openstack.config import OpenStackConfig

from lab.cloud import Cloud
from lab.databases import sql
from lab.place import Place
from tests.conftest import unfinished
from tests.lab.program import Program

LOG = logging.getLogger("lab")
ROOT = Path(__file__).parents[2]
KEPT = (
    "SELECT uuid, display_name, vm_state, host FROM nova.instances WHERE deleted = 0",
    # Neutron makes and moves the ports of DHCP by itself, whenever an agent is silent.
    "SELECT id, name, device_id FROM neutron.ports WHERE device_owner <> 'network:dhcp'",
    "SELECT id, display_name, status FROM cinder.volumes WHERE deleted = 0",
    "SELECT id, domain_id FROM keystone.user",
)
MARK = "CREATE TABLE IF NOT EXISTS keystone.lab_mark (id INT PRIMARY KEY)"


class Destroyed:
    """A lab whose database is backed up, changed, destroyed, and put back."""

    def __init__(self, cloud: Cloud, place: Place, folder: Path) -> None:
        self.cloud = cloud
        self.place = place
        self.folder = folder
        self.datadir = place.data / "mariadb"
        self.aside = ""
        keys = [pyrage.x25519.Identity.generate() for _ in range(2)]
        _private(folder / "identity", f"{keys[0]}\n")
        _private(folder / "password", f"{cloud.facts.passwords['database_password']}\n")
        (folder / "vault").mkdir(mode=0o700)
        work = place.state / "work"
        work.mkdir(exist_ok=True)
        account = {"cloud": "lab", "clouds_file": str(cloud.describe()["clouds_yaml"])}
        self.program = Program(
            cloud,
            folder,
            access="act",
            writing=account,
            backup_vault={
                "path": str(folder / "vault"),
                "reserve_gib": 0,
                "recipients": [str(key.to_public()) for key in keys],
                "identity_file": str(folder / "identity"),
            },
            backup_database={
                "user": "root",
                "password": {"file": str(folder / "password")},
                "socket": str(place.run / "mariadb.sock"),
                "scratch_folder": str(work),
            },
            recovery={
                "nodes": [
                    {
                        "name": "lab",
                        "datadir": str(self.datadir),
                        "owner": f"{os.getuid()}:{os.getgid()}",
                        "stop": self._lab("database", "stop"),
                        "start": self._lab("database", "start"),
                    }
                ],
                "stop_services": self._lab("services", "stop"),
                "start_services": self._lab("services", "start"),
                "answers_seconds_max": 120,
            },
        )
        self.program.seconds_max = 300

    def _lab(self, *words: str) -> list[str]:
        where = [f"PYTHONPATH={ROOT}", f"LAB_ID={self.place.lab_id}"]
        where += [f"DAY2_LAB_STATE={self.place.state.parent}", f"DAY2_LAB_CACHE={self.place.cache}"]
        return ["/usr/bin/env", *where, sys.executable, "-m", "lab", *words]

    def ask(self, *statements: str) -> list[tuple[Any, ...]]:
        rows: list[tuple[Any, ...]] = []
        with sql(self.cloud.facts) as cursor:
            for statement in statements:
                cursor.execute(statement)
                rows = list(cursor.fetchall())
        return sorted(rows)

    def contents(self) -> list[list[tuple[Any, ...]]]:
        return [self.ask(question) for question in KEPT]

    def take(self, method: str) -> str:
        """Write the row before, back up, write the row after; return the set."""
        self.ask(MARK, "INSERT INTO keystone.lab_mark VALUES (1)")
        words = ("backup", "run", "database", "--method", method, "--plan-only", "-f", "json")
        ended = self.apply(self.program.run(*words).document["id"])
        assert ended["state"] == "done", ended
        self.ask("INSERT INTO keystone.lab_mark VALUES (2)")
        return str(ended["steps"][0]["subject"]["id"])

    def plan(self, name: str) -> dict[str, Any]:
        words = ("backup", "restore", name, "--whole", "--plan-only", "-f", "json")
        ended = self.program.run(*words)
        assert ended.code == 0, ended.stderr
        return ended.document

    def apply(self, plan: str) -> dict[str, Any]:
        ended = self.program.run("plan", "apply", plan, "--yes", "-f", "json")
        assert ended.stdout, ended.stderr
        return ended.document

    def wait(self, run: str) -> dict[str, Any]:
        end = time.monotonic() + 200
        while True:
            found = self.program.run("run", "show", run, "-f", "json").document
            if found["state"] not in {"running", "queued"}:
                return found
            assert time.monotonic() < end, found
            time.sleep(0.5)


def _private(file: Path, text: str) -> None:
    file.write_text(text)
    file.chmod(0o600)


def log_seconds(run: dict[str, Any]) -> None:
    """Log the seconds of each step: an RTO is made of them."""
    for step in run["steps"]:
        began, ended = (datetime.fromisoformat(step[at]) for at in ("started_at", "ended_at"))
        LOG.info("%6.1f s  %s", (ended - began).total_seconds(), step["action"])


@pytest.fixture
def lab(
    cloud: Cloud, place: Place, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[Destroyed]:
    with unfinished(place, request.session):
        made = Destroyed(cloud, place, tmp_path)
        yield made
        cloud.restore()
        made.ask("DROP TABLE IF EXISTS keystone.lab_mark")
        for kept in place.data.glob("mariadb.*-*"):
            shutil.rmtree(kept)
        shutil.rmtree(place.state / "work", ignore_errors=True)


@pytest.mark.full
def test_a_destroyed_database_comes_back_though_the_engine_is_killed(lab: Destroyed) -> None:
    name = lab.take("full")
    before = lab.contents()
    require_later_network_is_named(lab, name)
    shutil.rmtree(lab.datadir)
    lab.cloud.kill("mariadb")
    plan = lab.plan(name)
    assert [s["action"] for s in plan["steps"]] == [
        "backup.verify",
        "backup.make-data",
        "backup.stop-services",
        "backup.stop-node",
        "backup.keep-data",
        "backup.place-data",
        "backup.start-node",
        "backup.prove-data",
        "backup.start-services",
    ]
    assert "cannot be known" in plan["protected"][0]["why"]
    assert all(step["undo"] or step["readonly"] for step in plan["steps"])
    assert lab.program.run("plan", "approve", plan["id"]).code == 0
    assert lab.program.run("plan", "apply", plan["id"], "--no-follow").code == 0
    # While services are stopped by a program, and while the new data folder is put in place.
    for child in ("3-stop", "6-work"):
        kill_when_it_has_begun(lab, plan["id"], child)
        assert lab.program.run("run", "resume", plan["id"]).code == 0
    run = lab.wait(plan["id"])
    log_seconds(run)
    assert run["state"] == "done", run
    assert lab.ask("SELECT id FROM keystone.lab_mark") == [(1,)]
    assert lab.contents() == before
    lab.cloud.restore()
    assert lab.cloud.missing() == []


def require_later_network_is_named(lab: Destroyed, name: str) -> None:
    """See that what a tenant made since the set is in the plan, while the database lives."""
    file = str(lab.cloud.describe()["clouds_yaml"])
    region = OpenStackConfig(config_files=[file]).get_one(cloud="lab")
    with openstack.connection.Connection(config=region) as api:
        made = api.network.create_network(name="since-the-set")
        plan = lab.plan(name)
        api.session.session.close()
    since = plan["manifest"]["since"]
    assert since["gaps"] == []
    assert [(t["type"], t["id"], t["name"]) for t in since["lost"]] == [
        ("network", made.id, "since-the-set")
    ]
    assert plan["protected"][0]["why"] == "1 network made since the set: lost to the cloud"


@pytest.mark.full
def test_a_living_database_goes_back_by_a_dump_and_is_what_it_was_after_an_undo(
    lab: Destroyed,
) -> None:
    name = lab.take("logical")
    before = lab.contents()
    run = lab.apply(lab.plan(name)["id"])
    log_seconds(run)
    assert run["state"] == "done", run
    assert lab.ask("SELECT id FROM keystone.lab_mark") == [(1,)]
    assert lab.contents() == before
    undo = lab.program.run("run", "undo", run["id"], "--plan-only", "-f", "json").document
    undone = lab.apply(undo["id"])
    log_seconds(undone)
    assert undone["state"] == "done", undone
    assert lab.ask("SELECT id FROM keystone.lab_mark") == [(1,), (2,)]
    assert lab.contents() == before


def kill_when_it_has_begun(lab: Destroyed, run: str, child: str) -> None:
    """End the engine as `kill -9` does as soon as this program of the run has begun."""
    began = lab.folder / "state" / "runs" / run / child / "began"
    end = time.monotonic() + 150
    while not began.exists():
        assert time.monotonic() < end, child
        time.sleep(0.005)
    assert lab.program.kill_engine()
