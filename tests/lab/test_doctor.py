# SPDX-License-Identifier: Apache-2.0
"""`day2 doctor` over real OpenStack, as an ordinary user."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from lab.cloud import Cloud
from tests.lab.program import Program

CLOSED = 1  # nothing listens on that port
SERVICES = (
    "identity",
    "compute",
    "placement",
    "network",
    "block-storage",
    "image",
    "orchestration",
)
CUT_DOWN = {
    "lists.network": "agents",
    "lists.block-storage": "volumes",
    "lists.image": "images",
    "lists.compute": "server groups",
}


def _ordinary() -> list[str]:
    """Run as an ordinary user: root gets a user namespace in which it has no rights."""
    return [] if os.geteuid() else ["unshare", "--user", "--map-user=1000", "--map-group=1000"]


def doctor(program: Program, *words: str) -> tuple[int, dict[str, dict[str, Any]], str]:
    """Return the exit code, the items by id, and everything that was printed."""
    done = subprocess.run(
        [*_ordinary(), str(Path(sys.executable).parent / "day2"), *words, "doctor", "-f", "json"],
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
        env={
            **os.environ,
            "DAY2_CONFIG": str(program.settings),
            "DAY2_STATE": str(program.folder / "state"),
        },
    )
    document = json.loads(done.stdout)
    assert document["schema"] == "day2.doctor/1"
    assert document["exit_code"] == done.returncode
    return done.returncode, {i["id"]: i for i in document["items"]}, done.stdout + done.stderr


def states(items: dict[str, dict[str, Any]], state: str) -> set[str]:
    return {name for name, item in items.items() if item["state"] == state}


@pytest.fixture
def clouds(cloud: Cloud) -> dict[str, Any]:
    file = Path(str(cloud.describe()["clouds_yaml"]))
    found: dict[str, Any] = YAML(typ="safe", pure=True).load(file.read_text())["clouds"]
    return found


def with_entry(program: Program, entry: dict[str, Any], **more: Any) -> Program:
    """Let the program use this entry instead of the lab's own."""
    file = program.folder / "clouds.yaml"
    writer = YAML(typ="safe", pure=True)
    with file.open("w") as opened:
        writer.dump({"clouds": {"lab": entry}}, opened)
    file.chmod(0o600)
    section = {"cloud": "lab", "clouds_file": str(file), **more}
    with program.settings.open("w") as opened:
        writer.dump({"clouds": {"lab": {"openstack": section}}}, opened)
    return program


def test_an_administrator_may_see_everything(program: Program, clouds: dict[str, Any]) -> None:
    code, items, said = doctor(program)
    assert (code, states(items, "failed")) == (0, set())
    assert states(items, "warning") == set()
    for service in SERVICES:
        assert items[f"service.{service}"]["state"] == "ok"
        assert items[f"lists.{service}"]["state"] == "ok"
    assert "microversion 2.96" in items["service.compute"]["detail"]
    assert "of every project" in items["lists.network"]["detail"]
    assert items["region"]["detail"] == "RegionOne"
    assert items["clock"]["state"] == "ok"
    assert clouds["lab"]["auth"]["password"] not in said


def test_a_reader_is_told_what_is_refused_and_what_is_silently_cut_down(
    cloud: Cloud, tmp_path: Path, clouds: dict[str, Any]
) -> None:
    code, items, said = doctor(Program(cloud, tmp_path, account="lab-reader"))
    assert code == 21
    assert states(items, "failed") == {
        "lists.identity",
        "lists.placement",
        *CUT_DOWN,
    }
    for name, kind in CUT_DOWN.items():
        assert "without a word" in items[name]["detail"]
        assert kind in items[name]["detail"].partition("without a word")[2]
    assert "os_compute_api:servers:detail:get_all_tenants" in items["lists.compute"]["detail"]
    (command,) = items["lists.compute"]["commands"]
    assert command == (
        "openstack role add --user day2-reader --user-domain Default "
        "--project admin --project-domain Default admin"
    )
    assert clouds["lab-reader"]["auth"]["password"] not in said


def test_tables_that_are_skipped_are_not_asked_for(cloud: Cloud, tmp_path: Path) -> None:
    program = Program(cloud, tmp_path, survey={"skip_kinds": ["stacks"]})
    _code, items, _said = doctor(program)
    assert states(items, "warning") == set()


def test_a_wrong_password_is_denied(program: Program, clouds: dict[str, Any]) -> None:
    auth = {**clouds["lab"]["auth"], "password": "Wrong-Secret-1"}
    code, items, said = doctor(with_entry(program, {**clouds["lab"], "auth": auth}))
    assert (code, states(items, "failed")) == (21, {"account"})
    assert "--os-cloud lab token issue" in items["account"]["commands"][0]
    assert "Wrong-Secret-1" not in said


def test_a_closed_port_is_unreachable(program: Program, clouds: dict[str, Any]) -> None:
    auth = {**clouds["lab"]["auth"], "auth_url": f"http://127.0.0.1:{CLOSED}/v3"}
    code, items, _said = doctor(with_entry(program, {**clouds["lab"], "auth": auth}))
    assert (code, states(items, "failed")) == (20, {"account"})
    assert items["service.compute"]["state"] == "skipped"


def test_an_unknown_region_is_a_matter_of_settings(
    program: Program, clouds: dict[str, Any]
) -> None:
    code, items, _said = doctor(with_entry(program, clouds["lab"], region="Nowhere"))
    assert code == 2
    assert "RegionOne" in items["region"]["detail"]


def test_an_interface_without_endpoints_is_a_matter_of_settings(
    program: Program, clouds: dict[str, Any]
) -> None:
    code, items, _said = doctor(with_entry(program, clouds["lab"], interface="nowhere"))
    assert code == 2
    assert "service.compute" in states(items, "failed")


def test_missing_settings_are_exit_2(program: Program) -> None:
    program.settings.unlink()
    code, items, _said = doctor(program)
    assert (code, states(items, "failed")) == (2, {"settings"})


def test_every_cloud_of_the_settings_is_examined(program: Program, clouds: dict[str, Any]) -> None:
    with_entry(program, clouds["lab"])
    whole = YAML(typ="safe", pure=True).load(program.settings.read_text())
    whole["clouds"]["second"] = {"openstack": {"cloud": "missing"}}
    with program.settings.open("w") as opened:
        YAML(typ="safe", pure=True).dump(whole, opened)
    done = subprocess.run(
        [*_ordinary(), str(Path(sys.executable).parent / "day2"), "doctor", "-f", "json"],
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
        env={
            **os.environ,
            "DAY2_CONFIG": str(program.settings),
            "DAY2_STATE": str(program.folder / "state"),
        },
    )
    items = json.loads(done.stdout)["items"]
    assert done.returncode == 2
    failed = [(i["cloud"], i["id"]) for i in items if i["state"] == "failed"]
    assert failed == [("second", "account")]
