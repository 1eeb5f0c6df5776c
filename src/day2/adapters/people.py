# SPDX-License-Identifier: Apache-2.0
"""Who is at work, by what the kernel says; a variable is believed only where it says nothing."""

import os
import pwd
from collections.abc import Mapping
from pathlib import Path

LOGIN = Path("/proc/self/loginuid")
NOBODY_LOGGED_IN = 0xFFFFFFFF


def who(environment: Mapping[str, str]) -> str:
    """Name the person: who logged in, also behind `sudo` and `su`, else who called `sudo`.

    The login is kept by the kernel, and only root can change it. Without one (a container, a host
    without audit) `sudo` is believed: several people share the account whose state this is. `USER`
    and `LOGNAME` are never asked: whoever starts the program sets them.
    """
    login = _login()
    if login:
        return _name(login)
    return environment.get("SUDO_USER") or _name(os.getuid())


def _login() -> int:
    """Return the uid of who logged in; 0 when nobody did, or root: behind that is nobody known."""
    try:
        uid = int(LOGIN.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return 0
    return 0 if uid == NOBODY_LOGGED_IN else uid


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid {uid}"
