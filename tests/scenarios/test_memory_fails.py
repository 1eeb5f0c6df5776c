# SPDX-License-Identifier: Apache-2.0
"""A round whose memory fails: the cloud is judged all the same, and the report says so."""

import resource
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.scenarios.sandboxes import PROGRAM, Home


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    found = Home(tmp_path_factory.mktemp("home"))
    assert found.run("sandbox", "up").code == 0
    yield found
    found.run("sandbox", "down")


def environment(home: Home, state: Path) -> dict[str, str]:
    settings = str(home.place() / "day2.yaml")
    return {"PATH": "/usr/bin:/bin", "DAY2_CONFIG": settings, "DAY2_STATE": str(state)}


def test_a_memory_that_cannot_be_opened_does_not_hide_the_report(
    home: Home, tmp_path: Path
) -> None:
    (tmp_path / "state").write_text("not a folder")
    home.more = environment(home, tmp_path / "state")
    ended = home.run("round", "daily", state=False)
    assert ended.code == 2
    assert "NOT KEPT: cannot keep a memory" in ended.out
    assert "DHCP agent on control02 is dead" in ended.out
    assert "Traceback" not in ended.err
    report = home.run("round", "daily", "-f", "json", state=False).document
    assert report["not_kept"]["exit_code"] == 2
    assert report["findings"]
    assert report["round"] is None


def test_a_disk_that_fills_up_loses_neither_the_report_nor_what_was_kept(
    home: Home, tmp_path: Path
) -> None:
    home.more = environment(home, tmp_path)
    assert home.run("round", "daily", state=False).code == 10
    size = sum(file.stat().st_size for file in tmp_path.glob("memory.sqlite*"))

    def full() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    done = subprocess.run(
        [str(PROGRAM), "round", "daily", "--html", str(tmp_path / "report.html")],
        env={**home.more, "HOME": str(home.folder)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        preexec_fn=full,
    )
    assert done.returncode == 2
    assert "NOT KEPT" in done.stdout
    assert "against round 1" in done.stdout
    assert "no HTML report" in done.stderr
    history = home.run("health", "history", "-f", "json", state=False)
    assert len(history.document["rounds"]) == 1
