# SPDX-License-Identifier: Apache-2.0
"""Drills by whole commands: databases and configuration come back in scratch, timed."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lab.database_server import PASSWORD, Real, running, template
from lab.packages import install_packages
from tests.scenarios.backup.place import Ended, Place, private
from tests.scenarios.backup.test_database import NEEDED, SCHEMAS

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def real() -> Iterator[Real]:
    install_packages(NEEDED)
    folder = Path(tempfile.mkdtemp(prefix="d2drill"))
    with running(folder / "db", template(folder)) as server:
        server.sql(*SCHEMAS)
        yield server
    shutil.rmtree(folder)


@pytest.fixture
def place(tmp_path: Path, real: Real) -> Place:
    private(tmp_path / "password", f"{PASSWORD}\n")
    section = {
        "user": "day2",
        "password": {"file": str(tmp_path / "password")},
        "socket": str(real.socket),
        "scratch_folder": str(real.folder.parent),
        "scratch_memory_mib": 64,
    }
    return Place(tmp_path, backup_database=section)


def drilled(place: Place, *words: str) -> Ended:
    made = place.run("recovery", "drill", *words, "--plan-only", "-f", "json")
    assert made.code == 0, made.stderr
    name = str(made.document["id"])
    return place.run("plan", "apply", name, "--yes", "-f", "json")


def shown(place: Place, code: int, *words: str) -> dict[str, Any]:
    ended = place.run("recovery", "show", *words, "-f", "json")
    assert ended.code == code, (ended.stdout, ended.stderr)
    return ended.document


def test_a_drill_is_timed_by_its_steps_and_kept_and_held_against_those_before(
    place: Place,
) -> None:
    assert shown(place, 10)["troubles"] == ["there was no drill yet: day2 recovery drill"]
    refused = place.run("recovery", "drill", "--plan-only")
    assert (refused.code, "no set of the databases" in refused.stderr) == (2, True)
    assert place.apply("run", "database", "config", "day2", "--level", "3").code == 0

    plan = place.run("recovery", "plan", "-f", "json").document
    phases = {phase["name"]: phase for phase in plan["phases"]}
    assert [one["kind"] for one in phases["config"]["sets"]] == ["config", "day2"]
    assert phases["database"]["measured"] == "proofs of its sets"
    assert plan["slack_ratio"] == 0.25

    ended = drilled(place)
    # There is no cloud: what could not be compared is not proven.
    assert ended.code == 26, ended.document
    outcomes = {s["action"]: s["outcome"] for s in ended.document["steps"]}
    assert outcomes == {
        "recovery.ready": "done",
        "backup.verify": "done",
        "recovery.reconcile": "failed",
        "recovery.record": "failed",
    }
    kept = shown(place, 10)["drill"]
    assert [(p["name"], p["outcome"]) for p in kept["phases"]] == [
        ("prepare", "done"),
        ("config", "done"),
        ("database", "done"),
        ("compute", "failed"),
    ]
    assert kept["ok"] is False
    steps = {s["n"]: s for s in ended.document["steps"]}
    assert kept["phases"][0]["started_at"] == steps[1]["started_at"]
    assert kept["phases"][-1]["ended_at"] == steps[max(steps) - 1]["ended_at"]
    assert kept["rto_seconds"] >= sum(p["seconds"] for p in kept["phases"]) * 0.99
    assert kept["rpo_seconds"] > 0
    again = drilled(place, "--set", "random")
    assert again.code == 26
    both = shown(place, 10)
    assert [one["id"] for one in both["earlier"]] == [kept["id"]]
    assert both["drill"]["id"] == again.document["id"]
    text = place.run("recovery", "show").stdout
    assert "NOT RECOVERED" in text
    assert both["drill"]["id"] in text.splitlines()[0]


@pytest.mark.full
def test_a_set_that_does_not_hold_fails_its_phase_and_the_others_go_on(place: Place) -> None:
    assert place.apply("run", "database", "config").code == 0
    name = next(one for one in place.sets() if one.startswith("config"))
    (tree,) = place.vault.glob(f"lost/{name}/tree.tar.zst.age")
    made = place.run("recovery", "drill", "--plan-only", "-f", "json").document
    with tree.open("r+b") as opened:
        opened.seek(tree.stat().st_size // 2)
        opened.write(bytes(8))
    ended = place.run("plan", "apply", made["id"], "--yes", "-f", "json")
    assert ended.code == 26
    kept = shown(place, 10, made["id"])["drill"]
    outcomes = {phase["name"]: phase["outcome"] for phase in kept["phases"]}
    assert (outcomes["config"], outcomes["database"]) == ("failed", "done")
    assert "tree.tar.zst.age" in next(p for p in kept["phases"] if p["name"] == "config")["detail"]
