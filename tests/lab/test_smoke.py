# SPDX-License-Identifier: Apache-2.0
"""Smoke runs on a real cloud: everything is made, tried, and gone again; the worst included."""

import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from day2.adapters.clock import SystemClock
from day2.adapters.openstack import clouds
from day2.adapters.openstack.clouds import OpenStackSettings
from day2.adapters.openstack.compute import Compute
from day2.adapters.openstack.limits import LoadSettings
from day2.adapters.openstack.own import KINDS, Own
from day2.adapters.openstack.session import Session
from day2.adapters.openstack.traits import Traits
from day2.operations.smoke.actions.trial import DISABLED_TRAIT
from day2.operations.smoke.plan import PREFIX
from lab.cloud import Cloud
from lab.processes import wait_for
from tests.lab.program import Ended, Program

HOST = "compute03"
CLOCK = SystemClock()
# The lab's driver has no guest that could speak.
POLICY = {"console_seconds_max": 1.0}
PHASES = ["network", "port", "boot", "volume", "floating-ip", "guest", "clean"]


class Smoke:
    """The program with an account that may change things, and what it left in the cloud."""

    def __init__(self, cloud: Cloud, folder: Path, **policy: Any) -> None:
        file = str(cloud.describe()["clouds_yaml"])
        account = {"cloud": "lab", "clouds_file": file}
        self.program = Program(
            cloud, folder, access="act", writing=account, smoke={**POLICY, **policy}
        )
        credentials = clouds.find(OpenStackSettings(cloud="lab", clouds_file=file), {})
        session = Session(credentials, limits=LoadSettings(), clock=CLOCK)
        self.own = Own(session, CLOCK)
        self.compute = Compute(session, CLOCK)
        self.traits = Traits(session, CLOCK)

    def run(self, *words: str) -> Ended:
        """Run it and say yes, as somebody at a terminal does."""
        ours, theirs = pty.openpty()
        os.write(ours, b"yes\n")
        with os.fdopen(theirs, "rb", 0) as terminal:
            done = subprocess.run(
                [str(Path(sys.executable).parent / "day2"), "smoke", "run", *words],
                stdin=terminal,
                capture_output=True,
                text=True,
                timeout=240,
                check=False,
                env={
                    **os.environ,
                    "DAY2_CONFIG": str(self.program.settings),
                    "DAY2_STATE": str(self.program.folder / "state"),
                },
            )
        os.close(ours)
        return Ended(done.returncode, done.stdout, done.stderr)

    def phases(self, ended: Ended) -> dict[str, str]:
        step = ended.document["steps"][0]
        assert step["facts"]["left"] == []
        return {phase["name"]: phase["outcome"] for phase in step["facts"]["phases"]}

    def left(self) -> list[str]:
        return [t.name for kind in KINDS for t in self.own.beginning(kind, PREFIX)]


@pytest.fixture
def smoke(cloud: Cloud, tmp_path: Path) -> Iterator[Smoke]:
    yield Smoke(cloud, tmp_path)
    cloud.script("spawns", {})


def test_a_run_goes_through_every_phase_and_leaves_nothing(smoke: Smoke) -> None:
    ended = smoke.run("-f", "json")
    assert ended.code == 0, (ended.stdout, ended.stderr)
    found = smoke.phases(ended)
    assert list(found) == PHASES
    # What cannot be seen here is neither good nor bad.
    assert [name for name, outcome in found.items() if outcome != "done"] == ["guest"]
    assert set(ended.document["steps"][0]["facts"]["made"]) == set(KINDS)
    assert smoke.left() == []


@pytest.mark.full
def test_a_disabled_host_is_tried_and_stays_disabled(smoke: Smoke) -> None:
    service = smoke.compute.services(host=HOST, binary="nova-compute")[0]
    off = {"status": "disabled", "disabled_reason": "day2: a test"}
    assert smoke.compute.update_service(str(service.id), **off).ok
    try:
        ended = smoke.run("--host", HOST)
        assert ended.code == 0, (ended.stdout, ended.stderr)
        assert f"on {HOST}" in ended.stdout
        now = smoke.compute.services(host=HOST, binary="nova-compute")[0]
        assert (now.status, now.disabled_reason) == ("disabled", "day2: a test")
        assert smoke.traits.has(HOST, DISABLED_TRAIT)
        assert smoke.left() == []
    finally:
        assert smoke.compute.update_service(str(service.id), status="enabled").ok


@pytest.mark.full
def test_a_boot_that_hangs_ends_within_its_bound_and_names_the_one_thing_left(
    cloud: Cloud, tmp_path: Path, smoke: Smoke
) -> None:
    """Nova itself deletes a server only when its hypervisor has let go of the boot: then it does.

    Both hold the same lock in nova-compute. Everything else is gone before.
    """
    cloud.script("spawns", {"*": {"hang": True}})
    short = Smoke(cloud, tmp_path, boot_seconds_max=6.0, clean_seconds_max=8.0)
    ended = short.run("-f", "json")
    assert ended.code == 26, (ended.stdout, ended.stderr)
    step = ended.document["steps"][0]
    assert step["detail"] == "boot: not ACTIVE within 6 s (BUILD, spawning)"
    (left,) = step["facts"]["left"]
    assert left.startswith(f"server {step['facts']['made']['server']}")
    assert len(smoke.left()) == 1
    cloud.script("spawns", {})
    wait_for(lambda: smoke.left() == [], "the end of the server", seconds=60)


@pytest.mark.full
def test_a_boot_that_fails_is_told_in_novas_words(cloud: Cloud, smoke: Smoke) -> None:
    cloud.script("spawns", {"*": {"fail": "no such luck"}})
    ended = smoke.run("-f", "json")
    assert ended.code == 26, (ended.stdout, ended.stderr)
    assert smoke.phases(ended)["boot"] == "failed"
    assert "the server is ERROR" in ended.document["steps"][0]["detail"]
    assert smoke.left() == []


def test_a_cloud_that_is_only_observed_is_not_tried(cloud: Cloud, tmp_path: Path) -> None:
    ended = Program(cloud, tmp_path).run("smoke", "run", "-f", "json")
    assert ended.code == 24
    assert "access: observe" in ended.stderr
