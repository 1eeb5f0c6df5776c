# SPDX-License-Identifier: Apache-2.0
"""The real `day2 log review` over hosts that a scripted Ansible stands for, twice in a row."""

import json
import os
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from tests.ansible import say, scripted

PROGRAM = Path(sys.executable).parent / "day2"
PASSWORD = "Cloud-Secret-1"


def error(words: str, minutes: float = 60) -> str:
    at = datetime.now(UTC).astimezone() - timedelta(minutes=minutes)
    return (
        f"{at:%Y-%m-%d %H:%M:%S}.000 7 ERROR nova.compute.manager "
        f"[None req-6e5ad2be-f97f-459e-bb08-710e827553a2 u p - - -] {words}\n"
    )


class Cloud:
    """A cloud of which only the hosts answer."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log = folder / "log" / "nova" / "nova-compute.log"
        self.log.parent.mkdir(parents=True)
        self.log.write_text("")
        self.sections: dict[str, Any] = {
            "kolla": scripted(folder, ("ctl1", "cmp1")),
            "logs": {"folder": str(folder / "log")},
        }
        passwords = folder / "passwords.yml"
        passwords.write_text(f"database_password: {PASSWORD}\n")
        self.sections["kolla"]["passwords_file"] = str(passwords)
        auth = {"auth_url": "http://127.0.0.1:1/v3", "username": "u", "password": "p"}
        self.write("clouds.yaml", {"clouds": {"one": {"auth": auth, "region_name": "R"}}})

    def write(self, name: str, tree: Any) -> str:
        file = self.folder / name
        with file.open("w") as opened:
            YAML(typ="safe", pure=True).dump(tree, opened)
        file.chmod(0o600)
        return str(file)

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        account = {"cloud": "one", "clouds_file": str(self.folder / "clouds.yaml")}
        whole = {"clouds": {"one": {"openstack": account, **self.sections}}}
        return subprocess.run(
            [str(PROGRAM), *words],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            env={
                **os.environ,
                "DAY2_CONFIG": self.write("day2.yaml", whole),
                "DAY2_STATE": str(self.folder / "state"),
            },
        )

    def review(self, *words: str) -> dict[str, Any]:
        done = self.run("log", "review", "-f", "json", *words)
        assert done.returncode in {0, 10, 11, 12}, done.stderr
        found: dict[str, Any] = json.loads(done.stdout)
        return found


@pytest.fixture
def cloud(tmp_path: Path) -> Cloud:
    return Cloud(tmp_path)


def test_an_error_is_new_once_and_known_afterwards(cloud: Cloud) -> None:
    cloud.log.write_text(error("Server 1 broke") * 5)
    done = cloud.run("log", "review")
    assert done.returncode == 10, done.stderr
    assert "kinds of errors: 1 new, 0 known, 0 noise" in done.stdout
    assert "nova.compute.manager: Server <*> broke" in done.stdout
    assert "example (req-6e5ad2be-f97f-459e-bb08-710e827553a2):" in done.stdout
    assert "2 hosts (cmp1, ctl1)" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80
    cloud.log.write_text(error("Server 2 broke") * 5 + error("A rare one") * 3)
    again = cloud.review()
    assert [(t["template"].partition(": ")[2], t["new"]) for t in again["templates"]] == [
        ("A rare one", True),
        ("Server <*> broke", False),
    ]
    assert again["schema"] == "day2.log-review/1"
    assert again["severity"] == "warning"
    assert (again["events"], again["lines"], again["hosts"]) == (16, 16, ["cmp1", "ctl1"])


def test_nothing_wrong_ends_with_0_and_a_silent_host_with_12(cloud: Cloud) -> None:
    assert cloud.run("log", "review").returncode == 0
    say(cloud.folder, "cmp1", "unreachable", msg="No route to host")
    done = cloud.run("log", "review")
    assert done.returncode == 12
    assert "NOT ALL READ" in done.stdout
    assert "No route to host" in done.stdout
    assert cloud.run("log", "review", "--nagios").returncode == 3


def test_a_review_of_one_service_does_not_make_its_errors_known(cloud: Cloud) -> None:
    cloud.log.write_text(error("It broke") * 5)
    assert cloud.review("--service", "nova_compute", "--host", "cmp1")["hosts"] == ["cmp1"]
    assert cloud.review("--service", "neutron")["templates"] == []
    assert cloud.review()["templates"][0]["new"]


def test_no_secret_is_shown_or_kept(cloud: Cloud) -> None:
    cloud.log.write_text(error(f"rabbit://nova:{PASSWORD}@h refused {PASSWORD} \x1b[2J"))
    done = cloud.run("log", "review", "--details")
    assert PASSWORD not in done.stdout
    assert "\x1b" not in done.stdout
    for file in (cloud.folder / "state").iterdir():
        assert PASSWORD.encode() not in file.read_bytes()


def test_known_noise_is_only_counted(cloud: Cloud) -> None:
    own = cloud.folder / "known"
    own.mkdir()
    (own / "noise.yaml").write_text("- {id: hum, match: It hums, note: n, reference: r}\n")
    cloud.sections["log_review"] = {"known_folder": str(own)}
    cloud.log.write_text(error("It hums") * 700)
    done = cloud.run("log", "review")
    assert done.returncode == 0
    assert "1,400 x  hum" in done.stdout
    (own / "noise.yaml").write_text("- {id: hum}\n")
    done = cloud.run("log", "review")
    assert done.returncode == 2
    assert "noise.yaml, entry 1" in done.stderr


@pytest.mark.parametrize("age", ["0h", "soon", "9999d", "-1h"])
def test_an_age_that_is_none_is_refused(cloud: Cloud, age: str) -> None:
    done = cloud.run("log", "review", f"--since={age}")
    assert done.returncode == 2
    assert "--since" in done.stderr


def test_without_logs_the_command_says_what_to_set(cloud: Cloud) -> None:
    del cloud.sections["kolla"]
    done = cloud.run("log", "review")
    assert done.returncode == 2
    assert "clouds.NAME.kolla.inventory" in done.stderr


def round_of(cloud: Cloud) -> dict[str, Any]:
    done = cloud.run("round", "daily", "-f", "json")
    assert done.returncode in {10, 11, 12}, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def logged(report: dict[str, Any]) -> dict[str, str]:
    return {f["key"]: f["severity"] for f in report["findings"] if f["check"].startswith("logs.")}


def test_the_daily_round_has_the_review_and_follows_an_error_to_its_end(cloud: Cloud) -> None:
    cloud.log.write_text(error("It broke") * 5)
    first = round_of(cloud)
    (key,) = logged(first)
    assert logged(first) == {key: "warning"}
    second = round_of(cloud)
    assert logged(second) == {key: "info"}
    assert key not in {*second["new"], *second["gone"], *second["unjudged"]}
    cloud.log.write_text(error("Another one") * 5)
    third = round_of(cloud)
    assert key in third["gone"]
    another = next(iter(logged(third)))
    assert another in third["new"]
    say(cloud.folder, "cmp1", "unreachable", msg="No route to host")
    cloud.log.write_text("")
    fourth = round_of(cloud)
    assert another in fourth["unjudged"]
    assert "logs" in {gap["kind"] for gap in fourth["gaps"]}


def test_logs_that_hang_do_not_stretch_the_round(cloud: Cloud) -> None:
    (cloud.folder / "hang").write_text("")
    cloud.sections["kolla"]["seconds_max"] = 2
    cloud.sections["logs"]["seconds_max"] = 2
    began = time.monotonic()
    found = round_of(cloud)
    assert time.monotonic() - began < 15
    assert "logs" in {gap["kind"] for gap in found["gaps"]}


def test_a_round_without_logs_has_no_gap_of_them(cloud: Cloud) -> None:
    cloud.sections["logs"] = {"source": "none"}
    found = round_of(cloud)
    assert logged(found) == {}
    assert "logs" not in {gap["kind"] for gap in found["gaps"]}
