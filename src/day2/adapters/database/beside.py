# SPDX-License-Identifier: Apache-2.0
"""Where the server's own programs are, and how one is called there without its secrets being seen.

The words of a call are visible to everybody on the host, so are the variables of a process. What a
program may know (the password) goes ahead of everything else through its standard input; a shell
takes it off line by line, into a file that has lost its name before the first byte is in it, and
the program reads it from descriptor 3. That is the same in a container, and through ssh.
"""

import os
import shlex
from collections.abc import Mapping, Sequence
from pathlib import PurePath

import msgspec

from day2.errors import BadSettings

OPTIONS = "--defaults-file=/proc/self/fd/3"
"""The only file of options that our programs read: neither the host's nor the user's own."""
END = "."

# `read` takes single bytes, so nothing of what follows the options is lost. Memory before disk.
_TAKE = """
umask 077
c=
while IFS= read -r l && [ "$l" != . ]; do c="$c$l
"
done
f=$(mktemp -p /dev/shm day2.XXXXXX 2>/dev/null || mktemp) || exit 125
exec 4>"$f" 3<"$f"
rm -f "$f"
printf %s "$c" >&4
exec 4>&-
c=
"""
FED = f'{_TAKE}exec "$@"\n'
"""The rest of standard input is the program's."""
HELD = f"""{_TAKE}
exec 5<&0
"$@" </dev/null 5<&- &
p=$!
(while read -r l <&5; do :; done; kill "$p") >/dev/null 2>&1 3<&- &
w=$!
wait "$p"
s=$?
kill "$w" 2>/dev/null
exit "$s"
"""
"""The rest of standard input holds the program: once it ends, because we did, so does the program.

Ending a client of a container or of ssh does not end what it started; this does.
"""

_PASSED = frozenset(
    {
        *("HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "TZ", "TMPDIR", "XDG_RUNTIME_DIR"),
        *("SSH_AUTH_SOCK", "DOCKER_HOST", "DOCKER_CONTEXT", "CONTAINER_HOST"),
    }
)


class Beside(msgspec.Struct, frozen=True, kw_only=True):
    """The words before a program's: none here, `docker exec -i mariadb`, or those behind an ssh."""

    prefix: list[str] = []

    def words(self, script: str, argv: Sequence[str]) -> list[str]:
        """Return the whole call of a script with a program's words as its arguments."""
        call = ["sh", "-c", script, "day2", *argv]
        if self.prefix and PurePath(self.prefix[0]).name == "ssh":
            # ssh joins its words with spaces and hands them to another shell.
            return [*self.prefix, *(shlex.quote(word) for word in call)]
        return [*self.prefix, *call]


class Login(msgspec.Struct, frozen=True, kw_only=True):
    """An account of the server, by socket or by address; a socket is what proves where one is."""

    user: str
    password: str = ""
    socket: str = ""
    host: str = ""
    port: int = 3306
    ca_file: str = ""

    def __repr__(self) -> str:
        return f"Login(user={self.user}, at={self.socket or f'{self.host}:{self.port}'})"

    def options(self) -> bytes:
        """Return the file of options: what a program is told through its standard input.

        Raises:
            BadSettings: when a value holds what such a file cannot.

        """
        told = {"user": self.user, "password": self.password}
        if self.socket:
            told |= {"protocol": "socket", "socket": self.socket}
        elif self.host:
            told |= {"protocol": "tcp", "host": self.host, "port": str(self.port)}
            if self.ca_file:
                told |= {"ssl-ca": self.ca_file}
        lines = ["[client]", *(f'{name}="{_escaped(name, v)}"' for name, v in told.items())]
        if self.ca_file and not self.socket:
            lines.append("ssl-verify-server-cert")
        return "\n".join([*lines, END, ""]).encode()


NOBODY = f"{END}\n".encode()
"""The options of a program that needs none."""


def _escaped(name: str, value: str) -> str:
    if any(ord(letter) < ord(" ") for letter in value):
        raise BadSettings(f"the {name} of the database's account holds a control character")
    return value.replace("\\", "\\\\").replace('"', '\\"')


def kept(environment: Mapping[str, str]) -> dict[str, str]:
    """Return what a program gets of our environment: where things are, and no secret."""
    found = {name: value for name, value in environment.items() if name in _PASSED}
    return {**found, "PATH": environment.get("PATH", os.defpath)}
