# SPDX-License-Identifier: Apache-2.0
"""Programs in a container and behind ssh: the same words, the same secrets, the same end."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from day2.adapters.database import programs
from day2.adapters.database.beside import Beside, Login
from day2.adapters.database.server import Server
from day2.errors import BadAnswer, BadSettings, NotDeployed, Unreachable
from lab.database_server import PASSWORD, Real

# As ssh does: what stands behind the host is joined with spaces, and is another shell's.
SSH = 'while [ "$1" != root@10.0.0.11 ]; do shift; done; shift; cd /; exec setsid sh -c "$*"'
# As docker does: what it starts is not of its own session.
DOCKER = 'shift 3; exec setsid "$@"'

HOLDS = """
import sys, time
from day2.adapters.database.beside import Beside
from day2.adapters.database.programs import Program
with Program(Beside(prefix=sys.argv[1:]), ["sleep", "4712"], what="a test") as program:
    print("began", flush=True)
    time.sleep(600)
"""


def prefix(place: Path, kind: str) -> list[str]:
    if kind == "plain":
        return []
    file = place / kind
    file.write_text(f"#!/bin/sh\n{SSH if kind == 'ssh' else DOCKER}\n")
    file.chmod(0o700)
    if kind == "ssh":
        return [str(file), "-o", "BatchMode=yes", "-T", "root@10.0.0.11"]
    return [str(file), "exec", "-i", "mariadb"]


KINDS = pytest.mark.parametrize("kind", ["plain", "docker", "ssh"])


@KINDS
def test_words_secrets_and_data_arrive_as_they_are(real: Real, place: Path, kind: str) -> None:
    server = Server(Beside(prefix=prefix(place, kind)), real.login())
    odd = 'it\'s `$(touch x)` "quoted" \\n; * ✓'
    text = odd.replace("\\", "\\\\").replace("'", "''")
    assert server.ask(f"SELECT CURRENT_USER(), '{text}', 'a\nb\tc', '.'") == [
        ["day2@localhost", odd, "a\nb\tc", "."]
    ]
    printed = programs.run(server.beside, ["printf", "%s", odd], what="a word")
    assert printed.decode() == odd


@KINDS
def test_what_we_started_ends_with_us(place: Path, kind: str) -> None:
    words = [sys.executable, "-c", HOLDS, *prefix(place, kind)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "began\n"
        until = time.monotonic() + 10
        while not sleeping() and time.monotonic() < until:
            time.sleep(0.05)
        assert len(sleeping()) == 1
        os.kill(child.pid, signal.SIGKILL)
    until = time.monotonic() + 10
    while sleeping() and time.monotonic() < until:
        time.sleep(0.05)
    assert sleeping() == []


def sleeping() -> list[str]:
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if (process / "cmdline").read_bytes() == b"sleep\x004712\0":
                found.append(process.name)
        except OSError:
            continue
    return found


def test_the_users_own_options_are_not_read(
    real: Real, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (place / ".my.cnf").write_text("[client]\nuser=somebody\npassword=else\n")
    monkeypatch.setenv("HOME", str(place))
    assert real.server().one("SELECT CURRENT_USER()") == ["day2@localhost"]


def test_a_program_that_ends_before_it_read_everything_is_a_failure() -> None:
    with (
        programs.Program(Beside(), ["true"], what="a test", fed=True) as program,
        pytest.raises(BadAnswer, match="before it had read everything"),
    ):
        for _part in range(64):
            program.write(b"x" * (1 << 20))


def test_what_a_container_does_not_have_is_told() -> None:
    with pytest.raises(NotDeployed):
        programs.run(Beside(), ["no-such-program"], what="a test")
    with pytest.raises(NotDeployed):
        programs.find(Beside(), "no-such-program", "neither-this")


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (1, "Error response from daemon: Container 4f1c is not running"),
        (1, "Error response from daemon: container 4f1c is not running"),
        (1, "Error: No such container: mariadb"),
        (1, "Error response from daemon: No such container: mariadb"),
        (1, "Error response from daemon: Container 4f1c is restarting, wait until it is running"),
        (1, "Error response from daemon: Container mariadb is paused, unpause it before exec"),
        (1, "Cannot connect to the Docker daemon at unix:///run/docker.sock. Is it running?"),
        (
            255,
            "Error: can only create exec sessions on running containers: container state improper",
        ),
        (125, 'Error: no container with name or ID "mariadb" found: no such container'),
        (255, "ssh: connect to host 10.0.0.11 port 22: Connection refused"),
    ],
)
def test_a_container_or_a_host_that_stands_is_a_server_that_does_not_answer(
    place: Path, code: int, said: str
) -> None:
    file = place / "engine"
    file.write_text(f"#!/bin/sh\ncat <<'X' >&2\n{said}\nX\nexit {code}\n")
    file.chmod(0o700)
    server = Server(Beside(prefix=[str(file), "exec", "-i", "mariadb"]), Login(user="u"))
    with pytest.raises(Unreachable):
        server.ask("SELECT 1")


def test_a_password_that_no_file_can_hold_is_refused_and_none_is_shown() -> None:
    with pytest.raises(BadSettings) as caught:
        Login(user="u", password="a\nb", socket="/s").options()
    assert "a\nb" not in str(caught.value)
    shown = repr(Server(Beside(), Login(user="u", password=PASSWORD, socket="/s")))
    assert PASSWORD not in shown
