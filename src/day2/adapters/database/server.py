# SPDX-License-Identifier: Apache-2.0
"""Ask a server through its own client program: what is in it, and who it is."""

import re
from collections.abc import Iterator, Sequence

from day2.adapters.database import programs
from day2.adapters.database.beside import OPTIONS, Beside, Login
from day2.errors import BadAnswer

SYSTEM = ("mysql", "information_schema", "performance_schema", "sys")
ASK_SECONDS = 120.0
PACKET = "--max-allowed-packet=1G"
CHARSET = "--default-character-set=utf8mb4"
BYTES = "--default-character-set=binary"
"""What is stored goes out and in as it is: nothing is converted, whatever a column's characters."""
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_MEANT = {"n": "\n", "t": "\t", "0": "\0", "\\": "\\"}


class Server:
    """A server, the account we have there, and the programs that stand beside it."""

    def __init__(self, beside: Beside, login: Login, *, name: str = "database") -> None:
        self.beside = beside
        self.login = login
        self.name = name
        self._found: dict[str, str] = {}

    def __repr__(self) -> str:
        return f"Server({self.name}, {self.login!r})"

    def program(self, *names: str) -> str:
        """Return the one of these programs that this image has; it is looked for once.

        Raises:
            NotDeployed: when it has none of them.

        """
        if names[0] not in self._found:
            self._found[names[0]] = programs.find(self.beside, *names)
        return self._found[names[0]]

    def start(
        self,
        argv: Sequence[str],
        *,
        what: str,
        fed: bool = False,
        silence_seconds: float = programs.SILENCE_SECONDS,
    ) -> programs.Program:
        """Start one of its programs, logged in."""
        first, *rest = argv
        return programs.Program(
            self.beside,
            [first, OPTIONS, *rest],
            what=f"{what} of {self.name}",
            options=self.login.options(),
            fed=fed,
            silence_seconds=silence_seconds,
        )

    def client(
        self, *more: str, what: str, silence_seconds: float = programs.SILENCE_SECONDS
    ) -> programs.Program:
        """Start a client that runs what it is fed; it stops at the first error."""
        # Without --comments it would leave them out of the bodies of routines and triggers.
        words = [self.program("mariadb", "mysql"), "--batch", "--skip-column-names", "--comments"]
        words += [CHARSET, PACKET, *more]
        return self.start(words, what=what, fed=True, silence_seconds=silence_seconds)

    def ask(self, statements: str, *, seconds: float = ASK_SECONDS) -> list[list[str]]:
        """Run statements in one connection and return their rows; NULL reads as `NULL`.

        Raises:
            Day2Error: as `Program.finish`.

        """
        with self.client(what="a question", silence_seconds=seconds) as client:
            client.write(statements.encode())
            client.close()
            answer = b"".join(client.parts())
        return list(_rows(answer))

    def one(self, statement: str) -> list[str]:
        """Return the only row of an answer.

        Raises:
            BadAnswer: when it has none, or more.

        """
        rows = self.ask(statement)
        if len(rows) != 1:
            raise BadAnswer(f"{self.name}: {len(rows)} rows where one was asked for")
        return rows[0]


def _rows(answer: bytes) -> Iterator[list[str]]:
    # Only our own line ends count: a value's are escaped, and others are letters of a value.
    for line in answer.decode(errors="surrogateescape").split("\n")[:-1]:
        yield [_ESCAPED.sub(_meant, value) for value in line.split("\t")]


def _meant(found: "re.Match[str]") -> str:
    return _MEANT.get(found[1], found[1])


def literal(text: str) -> str:
    """Write a string as SQL."""
    escaped = text.replace("\\", "\\\\").replace("'", "''").replace("\0", "\\0")
    return f"'{escaped}'"


def identifier(text: str) -> str:
    """Write a name as SQL."""
    doubled = text.replace("`", "``")
    return f"`{doubled}`"
