# SPDX-License-Identifier: Apache-2.0
"""`day2 smoke run` and `day2 host list` as somebody at a terminal types them."""

import os
import pty
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.scenarios.sandboxes import PROGRAM, Ended, Home

SMALL = Path("src/day2/sandbox/scenarios/small.yaml")


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    found = Home(tmp_path)
    yield found
    found.run("sandbox", "down")


def answered(home: Home, answer: bytes, *words: str) -> Ended:
    """Run it on a terminal, and answer its question."""
    ours, theirs = pty.openpty()
    os.write(ours, answer)
    with os.fdopen(theirs, "rb", 0) as terminal:
        done = subprocess.run(
            [str(PROGRAM), "--cloud", "sandbox", *words],
            stdin=terminal,
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
            cwd=home.folder,
            env={
                "PATH": "/usr/bin:/bin",
                "HOME": str(home.folder),
                "DAY2_STATE": str(home.state),
                **home.more,
            },
        )
    os.close(ours)
    return Ended(done.returncode, done.stdout, done.stderr)


def counted(home: Home) -> dict[str, int]:
    """Count what there is; the histories of servers outlive them."""
    tables: dict[str, int] = home.control("GET", "state")["tables"]
    return {name: count for name, count in tables.items() if name != "server_actions"}


def test_a_boot_that_hangs_ends_with_26_and_a_line_for_each_phase(home: Home) -> None:
    slow = SMALL.read_text().replace("seed: small", "seed: small\ntimers: {boot: 30m}")
    (home.folder / "slow.yaml").write_text(slow)
    assert home.run("sandbox", "up", "--scenario", "./slow.yaml").code == 0
    home.more["DAY2_SMOKE__BOOT_SECONDS_MAX"] = "2"
    before = counted(home)
    refused = answered(home, b"no\n", "smoke", "run")
    assert (refused.code, "nothing was done" in refused.err) == (24, True)
    ended = answered(home, b"yes\n", "smoke", "run")
    assert ended.code == 26, (ended.out, ended.err)
    shown = home.run("--cloud", "sandbox", "run", "show", "smoke")
    assert shown.code == 26, (shown.out, shown.err)
    lines = [line.split() for line in ended.out.splitlines()]
    phases = {words[1]: words[0] for words in lines if words and words[0] in {"✓", "✗", "?"}}
    assert phases | {"1": "✗"} == {
        "1": "✗",
        "network": "✓",
        "port": "✓",
        "boot": "✗",
        "clean": "✓",
    }
    assert "not ACTIVE within 2 s (BUILD, scheduling)" in " ".join(ended.out.split())
    assert counted(home) == before
    # Without a terminal nobody can be asked.
    asked = home.run("--cloud", "sandbox", "smoke", "run")
    assert (asked.code, "no terminal" in asked.err) == (2, True)


def test_a_cloud_that_is_only_observed_is_refused(home: Home) -> None:
    home.run("sandbox", "up")
    home.more["DAY2_CLOUDS__SANDBOX__ACCESS"] = "observe"
    ended = home.run("--cloud", "sandbox", "smoke", "run", "--plan-only", "-f", "json")
    assert (ended.code, "access: observe" in ended.err) == (24, True)


def test_hosts_are_listed_and_what_is_not_known_is_not_called_well(home: Home) -> None:
    home.run("sandbox", "up", "--scenario", "outage")
    ended = home.run("--cloud", "sandbox", "host", "list", "-f", "json")
    assert ended.code == 12
    hosts = {line["name"]: line for line in ended.document["hosts"]}
    assert hosts["compute01"]["state"] == "up"
    assert hosts["compute01"]["reboot_required"] is False
    dead = hosts["compute02"]
    assert (dead["state"], dead["reachable"], dead["containers"]) == ("down", False, None)
    assert (dead["reboot_required"], dead["packages_changed_at"]) == (None, None)
    assert hosts["control02"]["state"] == ""
    text = home.run("--cloud", "sandbox", "host", "list").out
    line = next(line for line in text.splitlines() if line.startswith("compute02"))
    assert line.split()[-3:] == ["?", "?", "?"]
    assert max(map(len, text.splitlines())) <= 80
