# SPDX-License-Identifier: Apache-2.0
"""scripted: power and blocklist by scripted executables, addresses by real sockets."""

import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from day2.adapters.fencing import Fence, FencingSettings
from day2.errors import BadSettings
from day2.settings import Settings
from day2.wiring.sections import SCHEMA
from tests.unit.builders import HOSTILE


def fence(folder: Path, script: str, **more: float | str) -> Fence:
    program = folder / "power"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    words = [str(program), "status", "-H", "{host}.bmc"]
    given = {"power_command": words, "blocklist_command": words, **more}
    settings = Settings(schema=SCHEMA, tree={"clouds": {"c": {"fencing": given}}})
    return Fence(settings.section(FencingSettings, "clouds.c.fencing"), os.environ)


@pytest.mark.parametrize(
    ("script", "is_so", "said"),
    [
        ("echo 'Chassis Power is off'", True, "Chassis Power is off"),
        ("echo Off", True, "Off"),
        ("echo warming up; echo '\"PowerState\": OFF'; echo bye", True, '"PowerState": OFF'),
        ("echo 'Chassis Power is on'", False, "Chassis Power is on"),
        ("echo offline", False, "offline"),
        ("echo 'takeoff'", False, "takeoff"),
        ("echo 'off; echo on'", False, "off; echo on"),
        ("true", None, "it prints nothing"),
        ("echo 'Power is off'; exit 1", None, "exit code 1"),
        ("echo 'no route to BMC' >&2; exit 2", None, "no route to BMC"),
        ("head -c 70000 /dev/zero", None, "larger than 64 KiB"),
        ("sleep 30 & sleep 30", None, "did not end within 0.4 s"),
    ],
)
def test_only_a_whole_line_of_a_program_that_succeeds_counts(
    tmp_path: Path, script: str, is_so: bool | None, said: str
) -> None:
    seconds = 0.4 if "sleep" in script else 10.0
    started = time.monotonic()
    told = fence(tmp_path, script, seconds_max=seconds).is_off("cmp1")
    assert time.monotonic() - started < 8
    assert told.is_so is is_so
    assert said in told.said


STATUS = """System Power         : {power}
Power Overload       : false
Power Restore Policy : always-{policy}
Last Power Event     :
Chassis Identify     : off"""


@pytest.mark.parametrize(
    ("power", "policy", "sign", "is_so"),
    [
        ("on", "off", "", False),
        ("on", "on", "", False),
        ("off", "off", "", True),
        # Lines that say both prove nothing; the line that is meant can be named.
        ("off", "on", "", False),
        ("off", "on", "System Power *: off", True),
        ("on", "off", "System Power *: off", False),
    ],
)
def test_the_whole_state_of_a_chassis_is_not_read_by_its_restore_policy(
    tmp_path: Path, power: str, policy: str, sign: str, is_so: bool
) -> None:
    """`ipmitool chassis status` of a host that runs has lines that end with off."""
    printed = STATUS.format(power=power, policy=policy)
    more = {"power_off": sign} if sign else {}
    told = fence(tmp_path, f"echo '{printed}'", **more).is_off("cmp1")
    assert told.is_so is is_so
    if power == "on" and not sign:
        assert told.said == "System Power : on"


def test_the_host_is_one_word_and_nothing_of_a_shell(tmp_path: Path) -> None:
    told = fence(tmp_path, 'echo "$#: $* off"').is_off("cmp-1.example.org")
    assert told.said == "3: status -H cmp-1.example.org.bmc off"


@pytest.mark.parametrize("host", ["", "-H", "a b", "a;b", "../x", "a/b", "a\n", HOSTILE, "x" * 300])
def test_a_name_that_is_none_is_never_run(tmp_path: Path, host: str) -> None:
    with pytest.raises(BadSettings, match="no name of a host"):
        fence(tmp_path, f"touch {tmp_path}/ran; echo off").is_off(host)
    assert not (tmp_path / "ran").exists()


def test_the_blocklist_has_a_word_of_its_own(tmp_path: Path) -> None:
    listed = "echo 'listed 1 entries'; echo cmp1 blocklisted"
    assert fence(tmp_path, listed).is_blocklisted("cmp1").is_so is False
    told = fence(tmp_path, listed, blocklisted="cmp1 blocklisted").is_blocklisted("cmp1")
    assert told.is_so is True


def test_without_a_program_nothing_is_told() -> None:
    told = Fence(FencingSettings(), os.environ).is_off("cmp1")
    assert (told.is_so, "fencing.power_command" in told.said) == (None, True)


def test_a_word_that_is_no_expression_names_the_setting() -> None:
    tree = {"clouds": {"c": {"fencing": {"power_off": "("}}}}
    settings = Settings(schema=SCHEMA, tree=tree)
    with pytest.raises(BadSettings, match="power_off is no regular expression"):
        settings.section(FencingSettings, "clouds.c.fencing")


@pytest.fixture
def silent() -> Iterator[tuple[str, int]]:
    """A port behind which nobody is: its queue is full, and never emptied."""
    with socket.socket() as port:
        port.bind(("127.0.0.1", 0))
        port.listen(0)
        waiting = []
        for _ in range(3):
            link = socket.socket()
            link.setblocking(False)
            link.connect_ex(port.getsockname())
            waiting.append(link)
        yield port.getsockname()
        for link in waiting:
            link.close()


def test_nobody_answers_where_nobody_is(silent: tuple[str, int]) -> None:
    told = Fence(FencingSettings(seconds_max=0.5), os.environ).is_silent(*silent)
    assert told.is_so is True
    assert "does not answer within 0.5 s" in told.said


def test_whoever_accepts_or_refuses_is_alive() -> None:
    asked = Fence(FencingSettings(seconds_max=2), os.environ)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        accepted = asked.is_silent("127.0.0.1", port)
    refused = asked.is_silent("127.0.0.1", port)
    assert (accepted.is_so, refused.is_so) == (False, False)
    assert "refused" in refused.said


@pytest.mark.parametrize("address", ["no-such-host.invalid", "", "a\x00b", "é" * 80])
def test_an_address_that_is_none_proves_nothing(address: str) -> None:
    told = Fence(FencingSettings(seconds_max=2), os.environ).is_silent(address or "..", 22)
    assert told.is_so is None
