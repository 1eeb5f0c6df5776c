# SPDX-License-Identifier: Apache-2.0
"""What becomes of Ansible's answers; the real Ansible is in the lab's tests.

The scripted `ansible` says its events the way that ansible-runner's own plug-in does.
"""

import fcntl
import json
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from day2.adapters.hosts import Hosts
from day2.adapters.kolla.inventory import Inventory
from day2.adapters.kolla.settings import KollaSettings
from day2.adapters.kolla.virtualenv import Virtualenv
from day2.errors import BadAnswer, BadSettings
from day2.survey.hosts import KINDS, HostsReader

ANSIBLE = """#!{python}
import base64, json, os, pathlib, sys, time
here = pathlib.Path({folder!r})
here.joinpath("called").write_text(json.dumps([sys.argv, dict(os.environ), os.getcwd()]))
limit = sys.argv[sys.argv.index("--limit") + 1][1:]
here.joinpath("limit").write_text(pathlib.Path(limit).read_text())
events = pathlib.Path(os.environ["AWX_ISOLATED_DATA_DIR"]) / "job_events"
for number, event in enumerate(json.loads(here.joinpath("events").read_text())):
    name = "event-%d" % number
    (events / (name + "-partial.json")).write_text(json.dumps({{"uuid": name, **event}}))
    text = base64.b64encode(json.dumps({{"uuid": name}}).encode()).decode()
    end = base64.b64encode(b"{{}}").decode()
    for data in (text, end):
        print("\\x1b[K" + data + "\\x1b[%dD" % len(data) + "\\x1b[K", end="", flush=True)
    print(flush=True)
time.sleep(float(here.joinpath("sleep").read_text()))
"""
INVENTORY = {
    "baremetal": {"hosts": ["a", "b"]},
    "_meta": {"hostvars": {"a": {"ansible_host": "x"}}},
}
START, END = "2026-05-04T09:00:00+00:00", "2026-05-04T09:00:04+00:00"
BEGAN = 1777885200.0
SEEN: dict[str, Any] = {
    "began": BEGAN + 61.0,
    "ended": BEGAN + 63.0,
    "engine": "docker",
    "containers": [],
}
NO_RIGHT = {"containers": None, "containers_error": "the Ansible user is not in group docker"}


def ok(host: str, **seen: Any) -> dict[str, Any]:
    data = {"host": host, "start": START, "end": END, "res": {"day2": {**SEEN, **seen}}}
    return {"event": "runner_on_ok", "event_data": data}


def said(event: str, host: str, **result: Any) -> dict[str, Any]:
    return {"event": f"runner_on_{event}", "event_data": {"host": host, "res": result}}


@pytest.fixture
def temporary(tmp_path: Path) -> Iterator[Path]:
    """Lead temporary folders here: what is left behind is seen."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    before, tempfile.tempdir = tempfile.tempdir, str(folder)
    yield folder
    tempfile.tempdir = before


def hosts(folder: Path, events: list[dict[str, Any]], *, sleep: float = 0, **fields: Any) -> Hosts:
    programs = folder / "venv" / "bin"
    programs.mkdir(parents=True)
    inventory = folder / "multinode"
    inventory.write_text("")
    (folder / "listing").write_text(json.dumps(INVENTORY))
    (folder / "events").write_text(json.dumps(events))
    (folder / "sleep").write_text(str(sleep))
    scripts = {
        "ansible": ANSIBLE.format(python=sys.executable, folder=str(folder)),
        "ansible-inventory": f"#!/bin/sh\ncat {folder}/listing\n",
    }
    for name, text in scripts.items():
        (programs / name).write_text(text)
        (programs / name).chmod(0o755)
    settings = KollaSettings(inventory=str(inventory), **fields)
    environment = {
        "PATH": os.environ["PATH"],
        "OS_PASSWORD": "hidden",
        "ANSIBLE_BECOME_PASSWORD": "hidden",
        "ANSIBLE_CONFIG": "/etc/kolla/ansible.cfg",
    }
    virtualenv = Virtualenv(str(folder / "venv"), environment)
    return Hosts(settings, virtualenv, Inventory(settings, virtualenv))


def test_a_host_that_answers_is_a_row_with_a_bounded_offset(tmp_path: Path) -> None:
    looked = hosts(tmp_path, [ok("a", hostname="a.example.org"), ok("b")]).look()
    assert [(h.name, h.hostname, h.address, h.reachable) for h in looked.hosts] == [
        ("a", "a.example.org", "x", True),
        ("b", "", "", True),
    ]
    # Began 61 s after our start, ended 59 s after our end: 60 s ahead, give or take one.
    assert looked.hosts[0].clock_offset_seconds == 60.0
    assert looked.hosts[0].clock_uncertainty_seconds == 1.0
    assert looked.failures == []


def test_nothing_secret_reaches_ansible_and_nothing_is_left(
    tmp_path: Path, temporary: Path
) -> None:
    os.environ["DAY2_TEST_SECRET"] = "hidden"
    try:
        hosts(tmp_path, [ok("a"), ok("b")], container_engine="podman", become=True).look()
    finally:
        del os.environ["DAY2_TEST_SECRET"]
    words, environment, _folder = json.loads((tmp_path / "called").read_text())
    assert "hidden" not in json.dumps([words, environment])
    assert environment["ANSIBLE_CONFIG"] == "/etc/kolla/ansible.cfg"
    assert "ANSIBLE_HOST_KEY_CHECKING" not in environment
    assert "--become" in words
    assert json.loads(words[words.index("-a") + 1])["engine"] == "podman"
    assert (tmp_path / "limit").read_text() == "a\nb\n"
    assert list(temporary.iterdir()) == []


def test_folders_of_killed_rounds_are_swept_and_nothing_else(
    tmp_path: Path, temporary: Path
) -> None:
    names = ("killed", "held", "young", "unlocked")
    for name in names:
        folder = temporary / f"day2-hosts-{name}"
        folder.mkdir()
        (folder / "answers").write_text("of a host")
        if name != "young":
            os.utime(folder, (0, 0))
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (temporary / "day2-hosts-link").symlink_to(elsewhere)
    with (temporary / "day2-hosts-held" / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        os.utime(temporary / "day2-hosts-held", (0, 0))
        hosts(tmp_path, [ok("a"), ok("b")]).look()
    left = {path.name for path in temporary.iterdir()}
    assert left == {"day2-hosts-held", "day2-hosts-young", "day2-hosts-link"}
    assert elsewhere.is_dir()


def test_a_host_out_of_reach_is_a_row_and_its_containers_are_not_read(tmp_path: Path) -> None:
    events = [said("unreachable", "a", msg="No route to host"), ok("b")]
    looked = hosts(tmp_path, events).look()
    assert [(h.name, h.reachable, h.error) for h in looked.hosts] == [
        ("a", False, "No route to host"),
        ("b", True, ""),
    ]
    assert [(f.host, f.containers_only, f.error.kind) for f in looked.failures] == [
        ("a", True, "Unreachable")
    ]


def test_a_host_that_hangs_is_out_of_reach(tmp_path: Path) -> None:
    hung = said("failed", "a", msg="The action failed to execute in the expected time frame (30)")
    assert not hosts(tmp_path, [hung, ok("b")]).look().hosts[0].reachable


def test_a_host_that_was_not_asked_in_time_is_no_row(tmp_path: Path) -> None:
    looked = hosts(tmp_path, [ok("b")], sleep=30, seconds_max=2).look()
    assert [h.name for h in looked.hosts] == ["b"]
    assert [(f.host, f.containers_only, f.error.kind) for f in looked.failures] == [
        ("a", False, "Unreachable")
    ]


@pytest.mark.parametrize(
    ("event", "kind", "containers_only"),
    [
        (said("failed", "a", msg="MODULE FAILURE", module_stderr="no python"), "BadAnswer", False),
        (said("ok", "a", day2={"began": "never"}), "BadAnswer", False),
        (said("ok", "a", day2=[1, 2]), "BadAnswer", False),
        (ok("a", containers=[{"name": 5}]), "BadAnswer", True),
        (ok("a", containers=["x"]), "BadAnswer", True),
        (ok("a", **NO_RIGHT), "Denied", True),
        (ok("a", containers=None, containers_error="Cannot connect"), "Unreachable", True),
    ],
)
def test_an_answer_that_cannot_be_used_is_a_gap(
    tmp_path: Path, event: dict[str, Any], kind: str, *, containers_only: bool
) -> None:
    looked = hosts(tmp_path, [event, ok("b")]).look()
    assert [(f.host, f.containers_only, f.error.kind) for f in looked.failures] == [
        ("a", containers_only, kind)
    ]
    assert {h.name: h.containers_read for h in looked.hosts} == {"a": False, "b": True}


def test_a_host_with_absurd_moments_costs_no_other_its_row(tmp_path: Path) -> None:
    absurd = ok("a", booted_at=1e300, packages_changed_at=-1e18, began=1e999, ended=1e999)
    looked = hosts(tmp_path, [absurd, ok("b")]).look()
    first, second = looked.hosts
    assert (first.booted_at, first.packages_changed_at, first.clock_offset_seconds) == (None,) * 3
    assert second.clock_offset_seconds == 60.0


def test_an_ansible_that_says_nothing_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadAnswer, match="nothing about any host"):
        hosts(tmp_path, []).look()


def test_a_virtualenv_without_ansible_is_a_wrong_setting(tmp_path: Path) -> None:
    found = hosts(tmp_path, [])
    (tmp_path / "venv" / "bin" / "ansible").unlink()
    with pytest.raises(BadSettings, match="bin/ansible"):
        found.look()


def test_the_survey_makes_gaps_of_failures(tmp_path: Path) -> None:
    found = hosts(tmp_path, [ok("a", **NO_RIGHT), said("failed", "b", msg="no python")])
    (job,) = HostsReader(lambda: found).jobs(KINDS)
    result = job.run({})
    assert [(gap.kind, gap.what) for gap in result.gaps] == [
        ("containers", "containers of a"),
        ("containers", "containers of b"),
        ("hosts", "host b"),
    ]
    assert HostsReader(lambda: found).jobs(["servers"]) == []
