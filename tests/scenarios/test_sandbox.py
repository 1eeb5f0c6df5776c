# SPDX-License-Identifier: Apache-2.0
"""The real `day2 sandbox …`: processes, files, and what a round finds in each scenario."""

import json
import os
import shutil
import signal
import socket
import stat
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from day2.adapters import processes
from day2.adapters.clock import SystemClock
from tests.scenarios.sandboxes import Home


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    found = Home(tmp_path)
    yield found
    for place in (found.state / "sandbox").glob("*"):
        found.run("sandbox", "down", "--name", place.name)


def wait_until_gone(pid: int) -> None:
    until = time.monotonic() + 10
    while processes.remembered(pid) is not None:
        assert time.monotonic() < until
        time.sleep(0.02)


def test_a_sandbox_goes_up_within_five_seconds_and_is_used_without_settings(home: Home) -> None:
    started = time.monotonic()
    up = home.run("sandbox", "up", "--scenario", "healthy")
    assert (up.code, up.err) == (0, "")
    assert time.monotonic() - started < 5
    assert "day2 --cloud sandbox round daily" in up.out
    ended = home.run("--cloud", "sandbox", "round", "daily", "-f", "json")
    assert (ended.code, ended.err) == (0, "")
    assert (ended.document["findings"], ended.document["gaps"]) == ([], [])
    again = home.run("sandbox", "up", "--scenario", "healthy")
    assert (again.code, "was up already" in again.out) == (0, True)
    down = home.run("sandbox", "down")
    assert (down.code, down.out) == (0, "sandbox default is down\n")
    assert home.run("sandbox", "down").out == "sandbox default was down already\n"
    refused = home.run("--cloud", "sandbox", "round", "daily")
    assert refused.code == 2
    assert "it is not up" in refused.err
    assert "day2 sandbox up" in refused.err


def test_it_works_with_an_empty_home_and_keeps_secrets_private(home: Home) -> None:
    name = f"test-{os.getpid()}"  # root's state folder is shared with whoever else tests here
    assert home.run("sandbox", "up", "--name", name, state=False).code == 0
    root = Path("/var/lib/day2") if os.geteuid() == 0 else home.folder / ".local/state/day2"
    place = root / "sandbox" / name
    try:
        modes = {(f.is_dir(), stat.S_IMODE(f.stat().st_mode)) for f in place.iterdir()}
        assert modes == {(False, 0o600), (True, 0o700)}
        assert stat.S_IMODE(place.stat().st_mode) == 0o700
        wanted = json.loads((place / "wanted.json").read_text())
        running = json.loads((place / "sandbox.json").read_text())
        pid = running["process"]["pid"]
        seen = Path(f"/proc/{pid}/cmdline").read_bytes() + Path(f"/proc/{pid}/environ").read_bytes()
        secrets = [*wanted["passwords"].values(), *wanted["secrets"].values()]
        for secret in [wanted["key"], *secrets]:
            assert secret.encode() not in seen
            assert secret not in (place / "log").read_text()
    finally:
        home.run("sandbox", "down", "--name", name, state=False)
        shutil.rmtree(place)


def test_it_listens_on_loopback_only(home: Home) -> None:
    home.run("sandbox", "up")
    port = home.running()["port"]
    lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
    local = [line.split()[1] for line in lines if line.split()[3] == "0A"]
    assert [at for at in local if at.endswith(f":{port:04X}")] == [f"0100007F:{port:04X}"]


def test_several_live_side_by_side(home: Home) -> None:
    home.run("sandbox", "up", "--scenario", "healthy")
    home.run("sandbox", "up", "--name", "bad", "--scenario", "outage")
    listed = home.json("sandbox", "list")["sandboxes"]
    assert [(one["name"], one["state"], one["cloud"]) for one in listed] == [
        ("bad", "up", "sandbox-bad"),
        ("default", "up", "sandbox"),
    ]
    assert home.run("--cloud", "sandbox", "round", "daily").code == 0
    assert home.run("--cloud", "sandbox-bad", "round", "daily").code == 11
    assert home.run("sandbox", "show", "--name", "bad").out.startswith("sandbox bad is up\n")


def test_a_killed_one_is_noticed_and_started_anew(home: Home) -> None:
    home.run("sandbox", "up", "--scenario", "healthy")
    pid = home.running()["process"]["pid"]
    os.kill(pid, signal.SIGKILL)
    wait_until_gone(pid)
    assert home.json("sandbox", "show")["sandbox"]["state"] == "gone"
    refused = home.run("--cloud", "sandbox", "today")
    assert (refused.code, "its process has ended" in refused.err) == (2, True)
    up = home.run("sandbox", "up", "--scenario", "healthy")
    assert (up.code, "is up" in up.out) == (0, True)
    assert home.running()["process"]["pid"] != pid


def test_a_process_that_got_the_same_number_is_never_ended(home: Home) -> None:
    home.run("sandbox", "up")
    running = home.running()
    real = running["process"]["pid"]
    file = home.place() / "sandbox.json"
    # As after a reboot: the number is somebody else's now (ours), the start is not.
    running["process"]["pid"] = os.getpid()
    file.write_text(json.dumps(running))
    down = home.run("sandbox", "down")
    assert (down.code, "was gone already" in down.out) == (0, True)
    ours = processes.remembered(real)
    assert ours is not None
    assert processes.end(ours, SystemClock())
    assert not processes.end(ours, SystemClock())


def test_what_cannot_be_started_says_why(home: Home) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        cases = {
            ("--port", port): "cannot be used: Address already in use",
            ("--port", "70000"): "70000 is not a port",
            ("--scenario", "nope"): "no scenario 'nope'",
            ("--scenario", "./nope.yaml"): "cannot read",
            ("--name", "../x"): "is not a name for a sandbox",
        }
        for words, said in cases.items():
            refused = home.run("sandbox", "up", *words)
            assert (refused.code, said in refused.err) == (2, True), refused.err
    assert home.run("sandbox", "show", "--name", "other").code == 2
    home.run("sandbox", "up", "--scenario", "small")
    refused = home.run("sandbox", "up", "--scenario", "outage")
    assert (refused.code, "is up with scenario 'small'" in refused.err) == (2, True)


def test_a_scenario_of_ones_own(home: Home) -> None:
    file = home.folder / "mine.yaml"
    file.write_text(
        "description: one dead host\n"
        "hosts:\n  - {name: all01, roles: [control, network, compute]}\n"
        "  - {name: dead01, roles: [compute], dead: 2h}\n"
    )
    assert home.run("sandbox", "up", "--scenario", "./mine.yaml").code == 0
    found = home.json("--cloud", "sandbox", "round", "daily")["findings"]
    assert [finding["key"] for finding in found] == ["host.down:host:dead01"]


def test_a_cloud_of_the_settings_is_never_taken_for_a_sandbox(home: Home) -> None:
    config = home.folder / "day2.yaml"
    config.write_text("clouds: {sandbox: {openstack: {cloud: elsewhere}}}\n")
    home.run("sandbox", "up", "--scenario", "healthy")
    refused = home.run("--config", str(config), "--cloud", "sandbox", "round", "daily")
    assert "elsewhere" in refused.err + refused.out


def test_the_doctor_finds_everything_usable(home: Home) -> None:
    home.run("sandbox", "up", "--scenario", "healthy")
    ended = home.run("--cloud", "sandbox", "doctor", "-f", "json")
    assert ended.code == 0
    assert {i["state"] for i in ended.document["items"]} <= {"ok", "skipped"}


SMALL = {
    "certificate.expires": 1,
    "compute.migration.stuck": 1,
    "container.restarting": 1,
    "host.disk.full": 1,
    "monitoring.alert.firing": 1,
    "logs.template": 2,
    "quota.nearly_full": 1,
    "server.error": 3,
    "volume.error": 3,
    "stack.failed": 1,
}
OUTAGE = {
    "amphora.error": 1,
    "container.stopped": 1,
    "host.down": 2,
    "load_balancer.error": 1,
    "logs.problem": 1,
    "server.error": 1,
}
SILENT = [
    f"{what} of {host}" for what in ("containers", "logs") for host in ("compute02", "control01")
]


@pytest.mark.parametrize(
    ("scenario", "code", "planted", "silent"),
    [("small", 10, SMALL, []), ("outage", 11, OUTAGE, SILENT)],
)
def test_a_round_finds_what_was_planted_and_nothing_else(
    home: Home, scenario: str, code: int, planted: dict[str, int], silent: list[str]
) -> None:
    home.run("sandbox", "up", "--scenario", scenario)
    ended = home.run("--cloud", "sandbox", "round", "daily", "-f", "json")
    found: dict[str, int] = {}
    for finding in ended.document["findings"]:
        found[finding["check"]] = found.get(finding["check"], 0) + 1
    gaps = sorted(gap["what"] for gap in ended.document["gaps"])
    assert (ended.code, found, gaps) == (code, planted, silent)


def test_an_outage_is_told_by_its_causes(home: Home) -> None:
    home.run("sandbox", "up", "--scenario", "outage")
    document = home.json("--cloud", "sandbox", "round", "daily")
    hosts = {f["key"] for f in document["findings"] if f["check"] == "host.down"}
    assert hosts == {"host.down:host:control01", "host.down:host:compute02"}
    assert json.dumps(document["folded"]).count("cinder-volume") >= 1
