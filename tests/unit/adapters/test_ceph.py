# SPDX-License-Identifier: Apache-2.0
"""scripted: `ceph df` and `ceph health` by a scripted program; answers as Ceph documents them."""

import json
import os
import time
from pathlib import Path

import pytest

from day2.adapters import ceph
from day2.adapters.ceph import CephSettings
from day2.errors import BadAnswer, BadSettings, Unreachable
from day2.model.tables.storage import CephCheck, CephPool

TOTALS = {"total_bytes": 1000, "total_avail_bytes": 700, "total_used_raw_bytes": 300}
ANSWER = {
    "stats": {**TOTALS, "num_osds": 3},
    "stats_by_class": {"ssd": TOTALS},
    "pools": [
        {"name": "volumes", "id": 1, "stats": {"stored": 90, "max_avail": 200, "objects": 4}},
        {"name": "x\x1b[31m\nevil", "id": 2, "stats": {"stored": 0, "max_avail": 0}},
    ],
}


def scripted(folder: Path, script: str, *, seconds: float = 10) -> CephSettings:
    program = folder / "ceph"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    return CephSettings(command=[str(program)], seconds_max=seconds)


def test_pools_and_devices_are_read(tmp_path: Path) -> None:
    (tmp_path / "answer").write_text(json.dumps(ANSWER))
    script = f'[ "$*" = "df --format json" ] && cat {tmp_path}/answer'
    found = ceph.look(scripted(tmp_path, script), os.environ)
    assert found == [
        CephPool(name="ceph", used_bytes=300, free_bytes=700, raw=True),
        CephPool(name="volumes", used_bytes=90, free_bytes=200),
        CephPool(name="x [31m evil", used_bytes=0, free_bytes=0),
    ]


def test_what_is_not_well_is_read(tmp_path: Path) -> None:
    checks = {
        "OSD_DOWN": {
            "severity": "HEALTH_WARN",
            "summary": {"message": "1 osds\n\x1b[31mdown", "count": 1},
            "muted": False,
        },
        "MON_DOWN": {"severity": "HEALTH_WARN", "summary": {"message": "m"}, "muted": True},
    }
    (tmp_path / "answer").write_text(json.dumps({"status": "HEALTH_WARN", "checks": checks}))
    script = f'[ "$*" = "health --format json" ] && cat {tmp_path}/answer'
    assert ceph.health(scripted(tmp_path, script), os.environ) == [
        CephCheck(code="MON_DOWN", severity="HEALTH_WARN", summary="m", muted=True),
        CephCheck(code="OSD_DOWN", severity="HEALTH_WARN", summary="1 osds [31mdown"),
    ]


def test_a_well_ceph_has_nothing_to_say(tmp_path: Path) -> None:
    script = """echo '{"status": "HEALTH_OK", "checks": {}, "mutes": []}'"""
    assert ceph.health(scripted(tmp_path, script), os.environ) == []


def test_an_answer_that_is_no_health_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadAnswer, match="ceph health"):
        ceph.health(scripted(tmp_path, "echo '[]'"), os.environ)


def test_classes_of_devices_are_told_apart_where_there_are_several(tmp_path: Path) -> None:
    both = {**ANSWER, "stats_by_class": {"ssd": TOTALS, "hdd": TOTALS}}
    (tmp_path / "answer").write_text(json.dumps(both))
    found = ceph.look(scripted(tmp_path, f"cat {tmp_path}/answer"), os.environ)
    assert [pool.name for pool in found if pool.raw] == ["ceph", "ceph (ssd)", "ceph (hdd)"]


@pytest.mark.parametrize(
    ("script", "error", "said"),
    [
        ("echo 'Error: no keyring' >&2; exit 2", Unreachable, "Error: no keyring"),
        ("exit 3", Unreachable, "exit code 3"),
        ("echo not json", BadAnswer, "not what Ceph promises"),
        ("echo '{}'", BadAnswer, "not what Ceph promises"),
        ("sleep 30 & sleep 30", Unreachable, "did not end within 0.3 s"),
        ("exec head -c 17000000 /dev/zero", BadAnswer, "larger than 16 MiB"),
    ],
)
def test_whatever_goes_wrong_is_a_named_error_in_time(
    tmp_path: Path, script: str, error: type[Exception], said: str
) -> None:
    seconds = 0.3 if "sleep" in script else 10
    started = time.monotonic()
    with pytest.raises(error, match=said):
        ceph.look(scripted(tmp_path, script, seconds=seconds), os.environ)
    assert time.monotonic() - started < 8


def test_a_command_that_does_not_exist_names_the_setting() -> None:
    with pytest.raises(BadSettings, match="cannot run") as caught:
        ceph.look(CephSettings(command=["/no/such/ceph"]), os.environ)
    assert "ceph.command" in caught.value.hint


def test_the_child_gets_no_secret_of_ours(tmp_path: Path) -> None:
    secret = {"OS_PASSWORD": "hunter2", "PATH": os.environ["PATH"], "CEPH_CONF": "/etc/x.conf"}
    with pytest.raises(Unreachable, match=r"^ceph df failed: CEPH_CONF=/etc/x.conf,$"):
        ceph.look(scripted(tmp_path, "env | grep -e OS_ -e CEPH | tr '\\n' , >&2; exit 1"), secret)
