# SPDX-License-Identifier: Apache-2.0
"""Databases, configuration and keys of the lab are gone; a drill brings them back, timed."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from lab.cloud import Cloud
from lab.place import Place
from tests.conftest import fresh
from tests.lab.test_whole_restore import MARK, Destroyed

KEYS = ("fernet-keys", "credential-keys")
RTO_SECONDS_MAX = 900
PHASES = ["prepare", "config", "database", "control", "compute", "smoke"]


def prepared(cloud: Cloud, place: Place, folder: Path, hypervisors: Path) -> Destroyed:
    """Write the settings of a test cloud that is backed up with its configuration and keys."""
    made = Destroyed(cloud, place, folder)
    yaml = YAML(typ="safe", pure=True)
    whole = yaml.load(made.program.settings)
    whole["clouds"]["lab"] |= {
        "kolla": {"config_dir": str(place.etc)},
        "backup": {
            "kinds": ["database", "config"],
            "config_paths": [str(place.data / "keystone" / name) for name in KEYS],
        },
        "recovery_plan": {
            "test_cloud": True,
            "guests_command": ["sh", "-c", f"cat {hypervisors}/*"],
        },
        "health": {"settle_minutes": 0},
        # The lab's driver has no guest that could speak.
        "smoke": {"console_seconds_max": 1.0},
    }
    with made.program.settings.open("w") as opened:
        yaml.dump(whole, opened)
    return made


@pytest.fixture
def lab(cloud: Cloud, place: Place, tmp_path: Path, hypervisors: Path) -> Iterator[Destroyed]:
    fresh(cloud, place)
    yield prepared(cloud, place, tmp_path, hypervisors)
    cloud.restore()
    for kept in (*place.data.glob("mariadb.*-*"), *place.data.glob("keystone/.*-kept")):
        shutil.rmtree(kept)
    for kept in place.state.glob(".etc.*-kept"):
        shutil.rmtree(kept)
    shutil.rmtree(place.state / "work", ignore_errors=True)


@pytest.mark.timeout(RTO_SECONDS_MAX + 600)
def test_a_cloud_without_databases_configuration_and_keys_is_recovered_in_time(
    lab: Destroyed, place: Place
) -> None:
    run, program = lab.program.run, lab.program
    program.seconds_max = RTO_SECONDS_MAX + 60
    lab.ask(MARK, "INSERT INTO keystone.lab_mark VALUES (1)")
    words = ("database", "config", "--method", "full", "--level", "3")
    taken = lab.apply(run("backup", "run", *words, "--plan-only", "-f", "json").document["id"])
    assert taken["state"] == "done", taken
    lab.ask("INSERT INTO keystone.lab_mark VALUES (2)")
    before, files = lab.contents(), held(place)
    lab.cloud.kill("mariadb")
    for gone in (lab.datadir, place.etc, *(place.data / "keystone" / name for name in KEYS)):
        shutil.rmtree(gone)
    real = drilled(lab, "--for-real")
    assert (real["depth"], real["ok"]) == ("for-real", True), real
    assert [phase["name"] for phase in real["phases"]] == PHASES
    assert all(phase["seconds"] > 0 and not phase["late"] for phase in real["phases"])
    assert sum(phase["seconds"] for phase in real["phases"]) <= real["rto_seconds"]
    assert real["rto_seconds"] <= RTO_SECONDS_MAX
    assert 0 < real["rpo_seconds"] < RTO_SECONDS_MAX
    assert lab.ask("SELECT id FROM keystone.lab_mark") == [(1,)]
    assert lab.contents() == before
    assert held(place) == files
    sets = run("backup", "list", "-f", "json").document["sets"]
    assert {one["level"] for one in sets} == {4}
    lab.cloud.restore()
    assert lab.cloud.missing() == []
    shown = run("recovery", "plan", "-f", "json").document["phases"]
    assert {p["measured"] for p in shown if p["name"] == "database"} == {"1 drills for real"}


def drilled(lab: Destroyed, *words: str) -> dict[str, Any]:
    """Drill, and return what it measured."""
    made = lab.program.run("recovery", "drill", *words, "--plan-only", "-f", "json")
    assert made.code == 0, made.stderr
    ended = lab.apply(made.document["id"])
    assert ended["state"] == "done", [(s["action"], s["detail"]) for s in ended["steps"]]
    shown = lab.program.run("recovery", "show", made.document["id"], "-f", "json")
    found: dict[str, Any] = shown.document["drill"]
    return found


def held(place: Place) -> dict[str, bytes]:
    """Return every file of the configuration and its keys."""
    roots = (place.etc, *(place.data / "keystone" / name for name in KEYS))
    files = [path for root in roots for path in sorted(root.rglob("*")) if path.is_file()]
    return {str(path): path.read_bytes() for path in files}
