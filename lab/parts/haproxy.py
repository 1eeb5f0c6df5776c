# SPDX-License-Identifier: Apache-2.0
"""One HAProxy of a part: master and worker, a stats socket, reload without losing the port."""

import csv
import os
import signal
import socket

from lab.parts.tools import run
from lab.place import Place
from lab.processes import Processes, wait_for


class HAProxy:
    """An HAProxy process by name; its configuration must open the stats socket `socket`."""

    def __init__(self, place: Place, name: str) -> None:
        """Name the files; nothing is started."""
        self._processes = Processes(place)
        self.name = name
        self.config = place.etc / f"{name}.cfg"
        self.socket = place.run / f"{name}.sock"

    def start(self, text: str) -> None:
        """Run with this configuration: start, or reload when it runs with another one."""
        running = self._processes.pid(self.name)
        same = self.config.exists() and self.config.read_text() == text
        self.config.write_text(text)
        self.config.chmod(0o600)
        run(["haproxy", "-c", "-f", self.config])
        if running is None:
            self._processes.start(self.name, ["haproxy", "-W", "-db", "-f", self.config])
        elif not same:
            self.reload()
        wait_for(lambda: bool(self.rows()), f"{self.name} to answer", seconds=20)

    def reload(self) -> None:
        """Read the configuration and its files anew; returns when the new worker answers."""
        pid = self._processes.pid(self.name)
        if pid is None:
            message = f"{self.name} does not run"
            raise RuntimeError(message)
        before = self.worker()
        # To the master only: the group's signal would reach the old worker as well.
        os.kill(pid, signal.SIGUSR2)
        wait_for(lambda: self.worker() not in {"", before}, f"{self.name} to reload", seconds=20)

    def stop(self) -> None:
        """End it; open connections are cut."""
        self._processes.stop([self.name], grace_seconds=5)

    def kill(self) -> None:
        """`kill -9`: the frontends refuse connections."""
        self._processes.kill(self.name)

    def command(self, words: str) -> str:
        """Ask the stats socket; empty when nobody listens."""
        try:
            with socket.socket(socket.AF_UNIX) as client:
                client.settimeout(5)
                client.connect(str(self.socket))
                client.sendall(f"{words}\n".encode())
                answer = b"".join(iter(lambda: client.recv(65536), b""))
        except OSError:
            return ""
        return answer.decode()

    def worker(self) -> str:
        """Return the pid of the worker that answers the stats socket."""
        lines = [line for line in self.command("show info").splitlines() if line.startswith("Pid:")]
        return lines[0].split()[1] if lines else ""

    def rows(self) -> list[dict[str, str]]:
        """Return `show stat`: one row per frontend, server and backend."""
        return list(csv.DictReader(self.command("show stat").removeprefix("# ").splitlines()))

    def up_servers(self, backend: str) -> int:
        """Count the servers of a backend that are UP and not in maintenance or draining."""
        rows = [row for row in self.rows() if row["pxname"] == backend]
        return sum(
            row["status"] == "UP" for row in rows if row["svname"] not in {"BACKEND", "FRONTEND"}
        )

    def set_server(self, backend: str, server: str, state: str) -> None:
        """Set a server's state: `maint`, `drain` or `ready`."""
        self.command(f"set server {backend}/{server} state {state}")

    def describe(self) -> dict[str, object]:
        """Return where it is asked."""
        return {"stats_socket": str(self.socket), "config": str(self.config)}
