# SPDX-License-Identifier: Apache-2.0
"""One MariaDB server of the Galera cluster, asked over its socket as root."""

import re
import shutil
import signal
from pathlib import Path

import pymysql

from lab.parts.tools import remove, run, template
from lab.place import Place
from lab.processes import Processes, wait_for

PORT = 3306
PROVIDER = "/usr/lib/galera/libgalera_smm.so"


class GaleraNode:
    """A server with folders, an address and a configuration file of its own."""

    def __init__(self, place: Place, folder: Path, number: int, addresses: list[str]) -> None:
        """Name the node's folders and address; nothing is started."""
        self._place = place
        self._processes = Processes(place)
        self._addresses = addresses
        self.name = f"galera{number + 1}"
        self.address = addresses[number]
        self.data = folder / self.name
        self.socket = place.run / f"{self.name}.sock"
        self._tmp = folder / f"{self.name}-tmp"
        self._log = folder / f"{self.name}.log"
        self._config = place.etc / f"{self.name}.cnf"

    def write_configuration(self) -> None:
        """Write the file and the folders that the server needs, owned by the user it becomes."""
        self._tmp.mkdir(exist_ok=True)
        self._log.touch()
        for path in (self._tmp, self._log):
            shutil.chown(path, "mysql", "mysql")
        # The socket lies in a folder of root's: the server makes it while it still is in its own.
        self._config.write_text(
            template(
                "galera.cnf",
                name=self.name,
                lab_id=self._place.lab_id,
                data=self.data,
                tmp=self._tmp,
                socket=self._tmp / "mysql.sock",
                log=self._log,
                address=self.address,
                port=PORT,
                wsrep="ON",
                provider=PROVIDER,
                peers=",".join(self._addresses),
            )
        )
        self.socket.unlink(missing_ok=True)
        self.socket.symlink_to(self._tmp / "mysql.sock")

    def install(self, statements: str) -> None:
        """Make a data folder with these users, written as a cluster of one and closed in order."""
        remove(self.data)
        self.data.mkdir(mode=0o755)
        shutil.chown(self.data, "mysql", "mysql")
        self.write_configuration()
        run(
            [
                *("mariadb-install-db", f"--defaults-file={self._config}", "--user=mysql"),
                *("--skip-test-db", "--auth-root-authentication-method=socket"),
                *("--skip-name-resolve", "--wsrep-on=OFF"),
            ]
        )
        self.start("--wsrep-new-cluster")
        self.wait_synced(60)
        for statement in statements.split(";\n"):
            if statement.strip():
                self.sql(statement)
        self._processes.stop([self.name], grace_seconds=60)

    def start(self, *more: str) -> None:
        """Start the server unless it runs."""
        if self._processes.pid(self.name) is None:
            argv = ["mariadbd", f"--defaults-file={self._config}", *more]
            self._processes.start(self.name, argv)

    def wait_synced(self, seconds: float) -> None:
        """Return once the server is Synced.

        Raises:
            RuntimeError: when the server ends instead; its log says why.

        """

        def synced() -> bool:
            if self._processes.pid(self.name) is None:
                lines = self._log.read_text(errors="replace").splitlines()
                errors = [line for line in lines if "[ERROR]" in line][-4:]
                message = f"{self.name} ended: {errors}"
                raise RuntimeError(message)
            return self.state() == "Synced"

        wait_for(synced, f"{self.name} to be Synced", seconds=seconds)

    def thaw(self) -> None:
        """Let a frozen server go on."""
        self._processes.signal(self.name, signal.SIGCONT)

    def sql(self, statement: str) -> list[tuple[str, ...]]:
        """Run one statement as root."""
        with (
            pymysql.connect(
                unix_socket=str(self.socket),
                user="root",
                autocommit=True,
                connect_timeout=2,
                read_timeout=30,
            ) as link,
            link.cursor() as cursor,
        ):
            cursor.execute(statement)
            return [tuple(str(value) for value in row) for row in cursor.fetchall()]

    def provider_option(self, option: str) -> None:
        """Set an option of the Galera library."""
        self.sql(f"SET GLOBAL wsrep_provider_options='{option}'")

    def answers(self) -> bool:
        """Tell whether it takes statements at all."""
        return bool(self.wsrep())

    def wsrep(self) -> dict[str, str]:
        """Return the wsrep status; empty when it does not answer."""
        if self._processes.pid(self.name) is None:
            return {}
        try:
            return {row[0]: row[1] for row in self.sql("SHOW GLOBAL STATUS LIKE 'wsrep%'")}
        except (pymysql.Error, OSError):
            return {}

    def state(self) -> str:
        """Return `Synced`, `Donor/Desynced`, `Initialized`…; empty when it does not answer."""
        return self.wsrep().get("wsrep_local_state_comment", "")

    def primary(self) -> bool:
        """Tell whether it is in the Primary component."""
        return self.wsrep().get("wsrep_cluster_status") == "Primary"

    def healthy(self, size: int) -> bool:
        """Tell whether it is Synced in a Primary component of this size."""
        status = self.wsrep()
        return (
            status.get("wsrep_cluster_status") == "Primary"
            and status.get("wsrep_local_state_comment") == "Synced"
            and status.get("wsrep_cluster_size") == str(size)
        )

    def undo_settings(self) -> None:
        """Take back what a test set on the running server."""
        if not self.answers():
            return
        self.provider_option("gmcast.isolate=0")
        self.sql("SET GLOBAL wsrep_desync=OFF, wsrep_reject_queries=NONE, read_only=OFF")

    def position(self) -> int:
        """Return the last transaction of a stopped server, read from the tables if need be."""
        state = self.data / "grastate.dat"
        text = state.read_text() if state.exists() else ""
        found = re.search(r"^seqno:\s+(-?\d+)", text, re.MULTILINE)
        if found and int(found[1]) >= 0:
            return int(found[1])
        before = self._log.stat().st_size
        run(["mariadbd", f"--defaults-file={self._config}", "--wsrep-recover"])
        with self._log.open("rb") as log:
            log.seek(before)
            said = log.read().decode(errors="replace")
        recovered = re.findall(r"Recovered position: [0-9a-f-]+:(-?\d+)", said)
        return int(recovered[-1]) if recovered else -1
