# SPDX-License-Identifier: Apache-2.0
"""Who is at work: a variable that anybody may set makes nobody another person."""

import os
import pwd
import subprocess
import sys
from pathlib import Path

import pytest

LOGIN = Path("/proc/self/loginuid")
ASK = """
import os, pathlib, sys
from day2.adapters.people import who
if sys.argv[1]:
    pathlib.Path("/proc/self/loginuid").write_text(sys.argv[1])
print(who(os.environ))
"""
NOBODY, DAEMON = "4294967295", "1"


def asked(login: str = "", **variables: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", ASK, login],
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": os.pathsep.join(sys.path), **variables},
        capture_output=True,
        text=True,
        check=False,
    )
    if "PermissionError" in done.stderr or "FileNotFoundError" in done.stderr:
        pytest.skip("nobody may say here who logged in")
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_user_and_logname_make_nobody_another_person() -> None:
    said = asked(USER="colleague", LOGNAME="colleague", LNAME="colleague", USERNAME="colleague")
    assert said == asked()
    assert said != "colleague"


def test_who_logged_in_is_known_behind_sudo_and_whatever_it_is_told() -> None:
    assert asked(DAEMON, SUDO_USER="colleague") == pwd.getpwuid(int(DAEMON)).pw_name


def test_where_no_login_is_known_sudo_tells_who_shares_the_account() -> None:
    assert asked(NOBODY, SUDO_USER="ana") == "ana"
    assert asked(NOBODY) == pwd.getpwuid(os.getuid()).pw_name
