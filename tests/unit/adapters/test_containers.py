# SPDX-License-Identifier: Apache-2.0
"""From what an engine prints, through the program on the host, to rows."""

import ast
import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from day2.adapters import containers
from day2.adapters.remote import day2_look

PROGRAM = resources.files("day2.adapters.remote").joinpath("day2_look.py")
DOCKER: list[dict[str, Any]] = [
    {
        "Id": "c1",
        "Name": "/nova_compute",
        "Image": "sha256:abc",
        "RestartCount": 4,
        "State": {
            "Status": "exited",
            "ExitCode": 137,
            "StartedAt": "2025-01-02T03:04:05.123456789Z",
            "FinishedAt": "2025-01-02T05:04:05+02:00",
            "Health": {"Status": "unhealthy", "FailingStreak": 7, "Log": [{"Output": "hidden"}]},
        },
        "Config": {
            "Image": "quay.io/openstack.kolla/nova-compute:2025.1",
            "Env": ["SECRET=hidden"],
            "Cmd": ["--password=hidden"],
            "Labels": {"kolla_version": "20.1.0", "name": "nova-compute"},
        },
        "HostConfig": {"RestartPolicy": {"Name": "unless-stopped"}},
    },
    {
        "Id": "c2",
        "Name": "/x",
        "Image": "sha256:d",
        "State": {"Status": "created", "StartedAt": "0001-01-01T00:00:00Z"},
    },
]


def look(folder: Path, script: str) -> dict[str, Any]:
    """Run the program as a host would, with a scripted docker first on its PATH."""
    program = folder / "docker"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    done = subprocess.run(
        [sys.executable, str(PROGRAM)],
        capture_output=True,
        check=True,
        env={"PATH": f"{folder}:{os.environ['PATH']}"},
    )
    seen: dict[str, Any] = json.loads(done.stdout)["day2"]
    return seen


def test_an_engines_answer_becomes_rows_without_what_is_private(tmp_path: Path) -> None:
    (tmp_path / "inspected").write_text(json.dumps(DOCKER))
    seen = look(tmp_path, f'[ "$1" = ps ] && echo "c1 c2" || cat {tmp_path}/inspected')
    assert "hidden" not in json.dumps(seen)
    first, second = containers.rows("cmp1", seen["containers"])
    assert (first.host, first.name, first.state, first.health) == (
        "cmp1",
        "nova_compute",
        "exited",
        "unhealthy",
    )
    assert (first.image_id, first.restarts, first.exit_code) == ("abc", 4, 137)
    assert (first.restart_policy, first.kolla_version) == ("unless-stopped", "20.1.0")
    assert first.failing_checks == 7
    assert first.started_at == datetime(2025, 1, 2, 3, 4, 5, 123456, UTC)
    assert first.finished_at == datetime(2025, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert (second.state, second.started_at, second.kolla_version) == ("created", None, "")


@pytest.mark.parametrize(
    ("script", "containers_seen", "error"),
    [
        ("exit 0", [], ""),
        (
            'echo "permission denied while trying to connect to the Docker daemon" >&2; exit 1',
            None,
            "the Ansible user is not in group docker",
        ),
        ('echo "Cannot connect to the Docker daemon" >&2; exit 1', None, "Cannot connect"),
        ("echo c1", None, "docker said nothing"),
    ],
)
def test_an_engine_that_cannot_be_asked_is_never_empty(
    tmp_path: Path, script: str, containers_seen: list[Any] | None, error: str
) -> None:
    seen = look(tmp_path, script)
    assert seen["containers"] == containers_seen
    assert seen["containers_error"].startswith(error)


def test_a_host_tells_what_it_is(tmp_path: Path) -> None:
    seen = look(tmp_path, "exit 0")
    assert seen["hostname"] == os.uname().nodename
    assert seen["cpus"] == os.cpu_count()
    assert seen["memory_total_bytes"] > 1 << 20
    assert seen["ended"] >= seen["began"]
    assert all(0 <= mount["used_ratio"] <= 1 for mount in seen["mounts"])
    assert not any(mount["kind"] in {"overlay", "tmpfs", "squashfs"} for mount in seen["mounts"])


def test_the_program_is_valid_for_the_oldest_python_of_a_host() -> None:
    ast.parse(PROGRAM.read_text(), feature_version=(3, 6))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2025-01-02T03:04:05.1Z", datetime(2025, 1, 2, 3, 4, 5, 100000, UTC)),
        ("2025-01-02 03:04:05.123456789 +0000 UTC", datetime(2025, 1, 2, 3, 4, 5, 123456, UTC)),
        ("0001-01-01T00:00:00Z", None),
        ("", None),
        ("2025-99-02T03:04:05Z", None),
    ],
)
def test_a_moment_is_read_as_both_engines_write_it(text: str, expected: datetime | None) -> None:
    assert containers.moment(text) == expected


@pytest.mark.parametrize(
    ("written", "path"),
    [
        ("/var/lib/nova", "/var/lib/nova"),
        ("/mnt/donn\\040ées", "/mnt/donn ées"),
        ("/mnt/a\\134b", "/mnt/a\\b"),
    ],
)
def test_a_mount_is_looked_at_whatever_letters_its_path_has(written: str, path: str) -> None:
    assert day2_look.unescaped(written) == path
