# SPDX-License-Identifier: Apache-2.0
"""A server for one proof: of the same image, without a network, gone with the one who started it.

It is held by its standard input: when day2 dies, so does it, in a container as well. Its folder is
private and is removed at the end; what a killed day2 left of one is swept by the next.
"""

import contextlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from day2.adapters import private_folders
from day2.adapters.clock import Clock
from day2.adapters.database import programs
from day2.adapters.database.beside import Beside, Login
from day2.adapters.database.programs import Program
from day2.adapters.database.server import Server
from day2.errors import BadSettings, Day2Error, Unreachable

START_SECONDS = 120.0
RECOVERY_SECONDS = 1800.0
"""A prepared folder is recovered once more at its first start."""
POLL_SECONDS = 0.1
ORDERLY_SECONDS = 3600.0
"""So long the end of a server may take whose folder is to last: it writes all that it holds."""
SOCKET_MAX = 100
"""The kernel takes 107 bytes of a socket's name."""
LOG = "64M"
SERVERS = ("mariadbd", "mysqld")
INSTALLERS = ("mariadb-install-db", "mysql_install_db")

# Nothing of it must last: what is lost by a crash is loaded again.
_CARELESS = (
    "--skip-networking",
    "--skip-log-bin",
    "--skip-slave-start",
    "--event-scheduler=OFF",
    "--wsrep-on=OFF",
    "--performance-schema=OFF",
    "--innodb-flush-log-at-trx-commit=0",
    "--skip-innodb-doublewrite",
    "--max-allowed-packet=1G",
    "--max-statement-time=0",
)
_KEPT = {
    "character-set-server": "character_set_server",
    "collation-server": "collation_server",
    "lower-case-table-names": "lower_case_table_names",
    "innodb-page-size": "innodb_page_size",
}
"""What a server must have like the one that was read; the innodb-page-size only when it is made."""


@contextlib.contextmanager
def folder(parent: Path) -> Iterator[Path]:
    """Give a private folder for one proof, whose name is short enough for a socket in it.

    Raises:
        BadSettings: when it cannot be made, or its name is too long.

    """
    with private_folders.folder(parent) as place:
        if len(str(place / "s.sock")) > SOCKET_MAX:
            raise BadSettings(f"{parent} is too long a name: a socket in it cannot be reached")
        yield place


@contextlib.contextmanager
def empty(
    beside: Beside,
    place: Path,
    clock: Clock,
    *,
    like: Mapping[str, str],
    memory_mib: int = 256,
    lasting: bool = False,
) -> Iterator[Server]:
    """Start a server with nothing in it; `like` are the variables of the one that was dumped.

    `lasting`: its data folder, `data` in the place, is whole at the end and may be used.

    Raises:
        Unreachable: when it does not start; its log's last words say why.
        Day2Error: as `Program.finish`.

    """
    data = place / "data"
    kept = [f"--{option}={like[name]}" for option, name in _KEPT.items() if like.get(name)]
    programs.run(
        beside,
        [
            *(programs.find(beside, *INSTALLERS), "--no-defaults", f"--datadir={data}"),
            *("--auth-root-authentication-method=normal", "--skip-test-db", "--skip-name-resolve"),
            # A server that starts deletes what is named like a temporary table, also another's.
            *(f"--tmpdir={place}", *kept, *_user()),
        ],
        what="making a scratch server",
    )
    words = [f"--datadir={data}", *kept]
    running = _running(
        beside,
        place,
        words,
        clock,
        memory_mib=memory_mib,
        seconds=START_SECONDS,
        lasting=lasting,
    )
    with running as server:
        yield server


@contextlib.contextmanager
def over(
    beside: Beside, place: Path, clock: Clock, *, prepared: Path, memory_mib: int = 256
) -> Iterator[Server]:
    """Start a server over a prepared data folder; its accounts are not asked for.

    Raises:
        Unreachable: when it does not start; its log's last words say why.

    """
    options = prepared / "backup-my.cnf"
    words = [f"--datadir={prepared}", "--skip-grant-tables", f"--innodb-log-file-size={LOG}"]
    # What its files were written with (page size, table spaces) stands beside them. So does the
    # size of its log, which is 2 GiB with Kolla: nothing is written here that would need it.
    first = [f"--defaults-file={options}"] if options.exists() else ["--no-defaults"]
    running = _running(
        beside, place, words, clock, memory_mib=memory_mib, seconds=RECOVERY_SECONDS, first=first
    )
    with running as server:
        yield server


@contextlib.contextmanager
def _running(
    beside: Beside,
    place: Path,
    words: list[str],
    clock: Clock,
    *,
    memory_mib: int,
    seconds: float,
    first: list[str] | None = None,
    lasting: bool = False,
) -> Iterator[Server]:
    socket = place / "s.sock"
    call = [
        *(programs.find(beside, *SERVERS), *(first or ["--no-defaults"]), *_CARELESS, *words),
        *(f"--socket={socket}", f"--pid-file={place / 'pid'}", f"--tmpdir={place}", *_user()),
        f"--innodb-buffer-pool-size={memory_mib}M",
    ]
    server = Server(beside, Login(user="root", socket=str(socket)), name="the scratch server")
    with Program(beside, call, what="the scratch server") as program:
        _await(server, program, clock, seconds)
        yield server
        # Closed in order, so that nothing of it is left in a container.
        program.close()
        if lasting:
            until = clock.monotonic() + ORDERLY_SECONDS
            while program.runs() and clock.monotonic() < until:
                clock.sleep(POLL_SECONDS)
            program.finish()
            return
        with contextlib.suppress(Day2Error):
            program.finish()


def _await(server: Server, program: Program, clock: Clock, seconds: float) -> None:
    until = clock.monotonic() + seconds
    while clock.monotonic() < until:
        if not program.runs():
            break
        try:
            server.ask("SELECT 1")
        except Day2Error:
            clock.sleep(POLL_SECONDS)
        else:
            return
    # The first error is the reason, the others are what came of it.
    errors = [line for line in program.said() if "[ERROR]" in line] or program.said()[-1:]
    raise Unreachable(
        f"the scratch server does not start: {errors[0] if errors else 'it says nothing'}",
        hint="is its image the one of the server that was backed up?",
    )


def _user() -> list[str]:
    return ["--user=root"] if os.geteuid() == 0 else []
