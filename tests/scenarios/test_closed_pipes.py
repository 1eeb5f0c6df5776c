# SPDX-License-Identifier: Apache-2.0
"""Whoever hangs up first: a reader of our output ends us quietly, a server does not."""

import subprocess
import sys
from pathlib import Path

PROGRAM = Path(sys.executable).parent / "day2"
HUNG_UP = """
import socket, sys
from day2.cli import app

def run(self, argv):
    ours, theirs = socket.socketpair()
    theirs.close()
    try:
        ours.sendall(b"x")
    except BrokenPipeError:
        print("went on")
    return 0

app.App.run = run
app.main()
"""


def test_a_server_that_hangs_up_does_not_end_the_program() -> None:
    done = subprocess.run(
        [sys.executable, "-c", HUNG_UP], capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "went on\n", "")


def test_a_reader_that_hangs_up_ends_the_program_without_a_word(tmp_path: Path) -> None:
    done = subprocess.run(
        ["sh", "-c", f"{PROGRAM} health list | head -1"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "DAY2_STATE": str(tmp_path / "s")},
    )
    assert done.returncode == 0
    assert len(done.stdout.splitlines()) == 1
    assert done.stderr == ""
