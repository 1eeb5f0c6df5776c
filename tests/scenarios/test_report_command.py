# SPDX-License-Identifier: Apache-2.0
"""`day2 report show` over a memory that holds rounds; no cloud is asked."""

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from day2.memory import rounds, usage
from day2.memory.store import open_memory
from day2.model.usage import UsagePoint
from tests.unit.report import stories

PROGRAM = Path(sys.executable).parent / "day2"
ACCOUNT = """\
clouds:
  prod:
    region_name: RegionOne
    auth: {auth_url: "http://127.0.0.1:9/v3", username: u, password: p, project_name: p}
"""


class Home:
    """A settings file, an account that nobody answers, and a memory of two rounds."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "clouds.yaml").write_text(ACCOUNT)
        account = f"{{cloud: prod, clouds_file: {folder}/clouds.yaml}}"
        (folder / "day2.yaml").write_text(f"clouds:\n  prod:\n    openstack: {account}\n")
        memory = open_memory(folder / "state")
        story = stories.rich()
        daily = msgspec.structs.replace(
            story.report, kind="daily", usage=[], usage_notes=[], at=stories.AT - stories.DAY
        )
        other = msgspec.structs.replace(daily, cloud="other")
        with memory.writing() as connection:
            self.ids = [
                rounds.save(connection, report, None) for report in (daily, other, story.report)
            ]
            point = UsagePoint(at=daily.at, rows=story.usage)
            usage.save(connection, "prod", "RegionOne", point)
        memory.close()

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(PROGRAM), *words],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
            cwd=self.folder,
            env={
                "PATH": os.environ["PATH"],
                "HOME": "/proc/nobody",
                "DAY2_CONFIG": str(self.folder / "day2.yaml"),
                "DAY2_STATE": str(self.folder / "state"),
            },
        )


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


def test_the_newest_round_is_shown_whatever_it_found(home: Home) -> None:
    done = home.run("report", "show", "-f", "json")
    assert (done.returncode, done.stderr) == (0, "")
    document = json.loads(done.stdout)
    assert document["schema"] == "day2.round/1"
    assert document["round"] == home.ids[2]
    assert document["severity"] == "critical"
    assert document["usage"]


def test_a_file_to_forward_is_private_and_holds_the_usage_of_its_round(home: Home) -> None:
    done = home.run("report", "show", "--round", str(home.ids[0]), "--html", "out.html")
    assert done.returncode == 0, done.stderr
    # Nothing but this: no complaint of matplotlib about a home that cannot be written.
    assert done.stderr == "day2: the HTML report is out.html\n"
    file = home.folder / "out.html"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    text = file.read_text()
    assert "<h2>Usage" in text
    assert "compute.down:host:compute03 is not well" in text


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--round", "99"], "no round 99 of prod is kept"),
        (["--round", "2"], "no round 2 of prod is kept"),
        (["--html", "no/such/file.html"], "there is no folder"),
        (["--html", "."], "is a folder"),
    ],
)
def test_what_cannot_be_is_exit_2_and_a_sentence(home: Home, words: list[str], said: str) -> None:
    done = home.run("report", "show", *words)
    assert done.returncode == 2
    assert said in done.stderr


def test_a_round_is_not_begun_when_its_file_could_not_be_written(home: Home) -> None:
    done = home.run("round", "daily", "--html", "no/such/file.html")
    assert done.returncode == 2
    assert "there is no folder" in done.stderr
    shown = json.loads(home.run("report", "show", "-f", "json").stdout)
    assert shown["round"] == home.ids[2]


def test_usage_of_a_cloud_that_nobody_answers_is_exit_20_and_says_what_is_missing(
    home: Home,
) -> None:
    done = home.run("usage", "show")
    assert done.returncode == 20, done.stderr
    assert "Nothing could be counted" in done.stdout
    assert "not counted: usage by aggregate" in " ".join(done.stdout.split())
