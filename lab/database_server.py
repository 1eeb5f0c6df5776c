# SPDX-License-Identifier: Apache-2.0
"""MariaDB servers in folders of their own, as plain processes: for tests and measurements."""

import contextlib
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pymysql

from day2.adapters.database.beside import Beside, Login
from day2.adapters.database.server import Server

PASSWORD = r"""planted'"\pass#word; 7f3a"""  # noqa: S105 - hard to quote, and easy to find where it must not be


class Real:
    """One server; its socket is short enough for the kernel."""

    def __init__(self, folder: Path, *, options: tuple[str, ...] = ()) -> None:
        self.folder = folder
        self.data = folder / "data"
        self.socket = folder / "s.sock"
        self.log = folder / "server.log"
        self._options = options
        self._child: subprocess.Popen[bytes] | None = None

    def install(self, template: Path) -> None:
        """Begin with a copy of an empty data folder."""
        self.folder.mkdir(parents=True, exist_ok=True)
        shutil.copytree(template, self.data)

    def words(self) -> list[str]:
        """Return the words that start it: for those who start it otherwise."""
        words = [
            *("mariadbd", "--no-defaults", f"--datadir={self.data}", f"--socket={self.socket}"),
            *("--skip-networking", f"--pid-file={self.folder / 'server.pid'}"),
            # Not /tmp: whichever server starts there deletes the temporary tables of the others.
            f"--tmpdir={self.folder}",
            *("--innodb-buffer-pool-size=64M", "--innodb-log-file-size=16M", "--server-id=7"),
            *("--log-bin=binlog", "--binlog-format=ROW", "--max-allowed-packet=1G"),
            *("--character-set-server=utf8mb4", "--performance-schema=OFF", *self._options),
        ]
        return [*words, "--user=root"] if os.geteuid() == 0 else words

    def start(self) -> None:
        """Start it and return once it greets.

        Raises:
            RuntimeError: when it does not; its log says why.

        """
        with self.log.open("ab") as log:
            self._child = subprocess.Popen(
                self.words(), stdout=log, stderr=log, stdin=subprocess.DEVNULL
            )
        until = time.monotonic() + 60
        while time.monotonic() < until and self._child.poll() is None:
            with contextlib.closing(socket.socket(socket.AF_UNIX)) as probe:
                probe.settimeout(5)
                # Its greeting comes once it accepts; ended before, it would never stop.
                with contextlib.suppress(OSError):
                    probe.connect(str(self.socket))
                    if probe.recv(1):
                        return
            time.sleep(0.05)
        raise RuntimeError(self.log.read_text(errors="replace")[-2000:])

    def stop(self) -> None:
        """Stop it in order; one that does not stop is killed."""
        if self._child is not None:
            child, self._child = self._child, None
            child.terminate()
            try:
                child.wait(30)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()

    @property
    def pid(self) -> int:
        """Return the number of its process, 0 when it does not run."""
        return self._child.pid if self._child else 0

    def sql(
        self, *statements: str, user: str = "day2", password: str = PASSWORD
    ) -> list[tuple[object, ...]]:
        """Run statements in one connection and return the rows of the last."""
        link = pymysql.connect(
            unix_socket=str(self.socket),
            user=user,
            password=password,
            autocommit=True,
            charset="utf8mb4",
            max_allowed_packet=1 << 30,
        )
        rows: list[tuple[object, ...]] = []
        with link, link.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
                rows = list(cursor.fetchall())
        return rows

    def login(self) -> Login:
        """Return our account, by its socket."""
        return Login(user="day2", password=PASSWORD, socket=str(self.socket))

    def server(self, prefix: tuple[str, ...] = ()) -> Server:
        """Return it as the program's adapters see it."""
        return Server(Beside(prefix=list(prefix)), self.login(), name="database db1")


def template(folder: Path) -> Path:
    """An empty data folder with our account: making one takes seconds, copying it does not."""
    data = folder / "template"
    subprocess.run(
        [
            *("mariadb-install-db", "--no-defaults", f"--datadir={data}", "--skip-test-db"),
            f"--tmpdir={folder}",
            *("--auth-root-authentication-method=normal", "--skip-name-resolve"),
            *(("--user=root",) if os.geteuid() == 0 else ()),
        ],
        check=True,
        capture_output=True,
    )
    real = Real(folder / "making")
    real.folder.mkdir()
    real.data = data
    real.start()
    quoted = PASSWORD.replace("\\", "\\\\").replace("'", "\\'")
    real.sql(
        f"CREATE USER day2@localhost IDENTIFIED BY '{quoted}'",
        "GRANT ALL ON *.* TO day2@localhost WITH GRANT OPTION",
        "RESET MASTER",
        user="root",
        password="",
    )
    real.stop()
    return data


@contextlib.contextmanager
def running(folder: Path, made: Path, *options: str) -> Iterator[Real]:
    """Start a server over a copy of an empty data folder, and stop it at the end."""
    real = Real(folder, options=options)
    real.install(made)
    real.start()
    try:
        yield real
    finally:
        real.stop()
