# SPDX-License-Identifier: Apache-2.0
"""The daily round over real OpenStack: what it keeps, what it says, and what it never shows."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lab.cloud import Cloud
from lab.passwords import passwords
from tests.lab.kept import everything_kept
from tests.lab.lean import each
from tests.lab.program import Program, grave

SERVICES = {
    "keystone": "servers",
    "placement": "providers",
    "nova-api": "servers",
    "neutron-server": "ports",
    "glance-api": "images",
    "cinder-api": "volumes",
    "heat-api": "stacks",
}
ROUND_SECONDS_MAX = 60


@pytest.fixture
def stopped(cloud: Cloud, request: pytest.FixtureRequest) -> Iterator[str]:
    """A service that takes connections and never answers: the worst way of being down."""
    name = str(request.param)
    cloud.processes.signal(name, signal.SIGSTOP)
    yield name
    cloud.processes.signal(name, signal.SIGCONT)


def test_a_whole_cloud_is_well_and_nothing_is_left_unread(program: Program) -> None:
    report = program.report()
    assert grave(report) == {}
    assert report["gaps"] == []
    assert report["objects"] > 100
    assert program.run("round", "daily").code == 0
    assert program.run("round", "daily", "--nagios").code == 0


@pytest.mark.parametrize("stopped", each(SERVICES), indirect=True)
def test_a_service_that_never_answers_is_a_gap_and_the_rest_is_judged(
    stopped: str, program: Program
) -> None:
    # The two that most others need are waited for as long as an operator's settings say.
    patient = stopped in {"keystone", "nova-api"} or os.environ.get("TEST_FULL")
    limits = {} if patient else {"DAY2_LOAD__REQUEST_SECONDS_MAX": "6"}
    started = time.monotonic()
    report = program.report(**limits)
    seconds = time.monotonic() - started
    assert seconds < ROUND_SECONDS_MAX
    assert SERVICES[stopped] in {gap["kind"] for gap in report["gaps"]}
    assert report["checks"] > 0
    if stopped != "keystone":
        other = "agents" if stopped != "neutron-server" else "compute_services"
        assert other not in {gap["kind"] for gap in report["gaps"]}


def test_the_second_round_says_what_is_new_and_what_is_gone(cloud: Cloud, program: Program) -> None:
    key = "network.agent.down:service:neutron-dhcp-agent@net02"
    program.report()
    cloud.silence("net02", "neutron-dhcp-agent")
    try:
        report = wait_for_key(program, key, there=True)
        assert key in report["new"]
    finally:
        cloud.unsilence("net02", "neutron-dhcp-agent")
    report = wait_for_key(program, key, there=False)
    assert key in report["gone"]
    assert "DHCP" in program.run("finding", "list", "--all").stdout
    newest, *_earlier = program.run("health", "history", "-f", "json").document["rounds"]
    changes = program.run("health", "diff", "1", str(newest["id"] - 1)).stdout
    assert "neutron-dhcp-agent on net02: alive True -> False" in changes


def wait_for_key(program: Program, key: str, *, there: bool) -> dict[str, Any]:
    deadline = time.monotonic() + 40
    while True:
        report = program.report()
        if (key in grave(report)) is there:
            return report
        assert time.monotonic() < deadline, f"{key} is {'not ' if there else ''}there"
        time.sleep(1)


def test_a_read_only_account_completes_a_round_and_says_what_it_could_not_see(
    cloud: Cloud, tmp_path: Path
) -> None:
    program = Program(cloud, tmp_path, account="lab-reader")
    ended = program.run("round", "daily", "-f", "json")
    assert ended.code == 12, ended.stderr
    gaps = ended.document["gaps"]
    assert gaps
    assert all(gap["error"] == "Denied" for gap in gaps)
    assert all(gap["hint"] for gap in gaps)


def test_no_secret_of_the_lab_is_shown_or_kept(cloud: Cloud, program: Program) -> None:
    secrets = {s for s in passwords(cloud.place.state / "passwords.yml").values() if len(s) > 6}
    assert len(secrets) > 5
    shown = ""
    for words in (["round", "daily"], ["finding", "list"], ["config", "show"], ["health", "diff"]):
        for form in ("text", "json"):
            ended = program.run("-v", *words, "-f", form)
            shown += ended.stdout + ended.stderr
    kept = everything_kept(program.folder)
    running = processes_while(program)
    for secret in secrets:
        assert secret not in shown
        assert secret.encode() not in kept
        assert secret not in running


def processes_while(program: Program) -> str:
    """Return command lines and environments of day2 and its children while a round runs."""
    child = subprocess.Popen(
        [str(Path(sys.executable).parent / "day2"), "round", "daily"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        env={
            **os.environ,
            "DAY2_CONFIG": str(program.settings),
            "DAY2_STATE": str(program.folder / "state"),
        },
    )
    seen = ""
    while child.poll() is None:
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            try:
                group = os.getpgid(int(entry.name)) == os.getpgid(child.pid)
                if group:
                    seen += (entry / "cmdline").read_text(errors="replace")
                    seen += (entry / "environ").read_text(errors="replace")
            except (OSError, ProcessLookupError):
                continue
        time.sleep(0.05)
    return seen
