# SPDX-License-Identifier: Apache-2.0
"""Secrets planted wherever a host can show them: none may be in a pack, a story, a memory."""

import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.scenarios.evidence.patience import wait_longer
from tests.scenarios.evidence.planted import ODD, PASSWORD, PRIVATE, everything, leaked, lines
from tests.scenarios.sandboxes import Home


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """A sandbox on whose first controller everything that is looked at is full of secrets."""
    found = Home(tmp_path_factory.mktemp("planted"))
    up = found.run("sandbox", "up", "--scenario", "small")
    assert up.code == 0, up.err
    wait_longer(found)
    kolla = found.place() / "kolla"
    passwords = json.loads((kolla / "passwords.yml").read_text())
    passwords |= {
        "planted_password": PASSWORD,
        "odd_password": ODD,
        "kolla_ssh_key": {"private_key": PRIVATE, "public_key": "ssh-rsa AAAA"},
    }
    (kolla / "passwords.yml").write_text(json.dumps(passwords))
    # A container that restarts again and again: its environment, files and output are looked at.
    host, name = kolla / "hosts" / "control02", "neutron_dhcp_agent"
    stamp = datetime.now(UTC).astimezone() - timedelta(minutes=5)
    head = f"{stamp:%Y-%m-%d %H:%M:%S}.000 7 ERROR neutron.agent.dhcp.agent [-] "
    logged = "".join(f"{head}{line}\n" for line in lines()) + f"{head}{PRIVATE}\n" + PRIVATE + "\n"
    for place, text in (
        (f"environment/{name}", "\n".join(lines())),
        (f"printed/{name}", "\n".join([*lines(), PRIVATE])),
        (f"var/log/kolla/neutron/{name.replace('_', '-')}.log", logged),
        (f"etc/kolla/{name.replace('_', '-')}/neutron.conf", "\n".join(lines())),
        (f"etc/kolla/{name.replace('_', '-')}/server.key", PRIVATE),
    ):
        file = host / place
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    processes = [f"   4242 999999 1.0 100 {line}" for line in lines()[:12]]
    (host / "processes").write_text("\n".join(processes))
    yield found
    found.run("sandbox", "down")


def test_no_planted_secret_is_in_a_pack_or_on_the_screen(home: Home, tmp_path: Path) -> None:
    ended = home.run(
        "--cloud", "sandbox", "evidence", "collect", "--output", str(tmp_path), "-f", "json"
    )
    assert ended.code in {0, 12}, ended.err
    pack = everything(Path(ended.document["file"]))
    # What was planted was looked at: the lines are there, without their secrets.
    for said in (b"Validating token ***", b"stats auth openstack:***", b"mysqldump --user root"):
        assert said in pack, said
    assert leaked(pack) == []
    assert leaked(ended.out.encode()) == []
    for words in (("evidence", "collect"), ("log", "review", "--details"), ("problem", "find")):
        shown = home.run("--cloud", "sandbox", *words)
        assert leaked(shown.out.encode() + shown.err.encode()) == [], words


def test_no_planted_secret_is_kept(home: Home) -> None:
    kept = home.run("--cloud", "sandbox", "round", "daily", "-f", "json")
    assert kept.code in {10, 11, 12}, kept.err
    assert leaked(kept.out.encode()) == []
    show = home.run("--cloud", "sandbox", "report", "show", "--details")
    assert leaked(show.out.encode()) == []
    for name in ("web-01", "test-01"):
        told = home.run("--cloud", "sandbox", "explain", name, "--all")
        assert leaked(told.out.encode()) == []
    memory = home.state / "memory.sqlite"
    from day2.memory import logs, rounds
    from day2.memory.store import open_memory

    assert leaked(memory.read_bytes()) == []
    opened = open_memory(home.state)
    text = io.StringIO()
    for review in logs.history(opened, "sandbox", "RegionOne"):
        text.write(repr(review))
    for report, _survey in rounds.history(opened, "sandbox", "RegionOne"):
        text.write(repr(report))
    opened.close()
    assert "neutron-dhcp-agent" in text.getvalue()
    assert leaked(text.getvalue().encode()) == []
