# SPDX-License-Identifier: Apache-2.0
"""Start and stop the lab's processes: each its own session, its pid and start time on disk.

Only processes that this file started are ever signalled: a pid file also holds the process's start
time, so that a pid which the kernel gave to somebody else is left alone.
"""

import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from lab.place import Place


def started_at(pid: int) -> int | None:
    """Return the kernel's start tick of a live process; None when it is gone or a zombie.

    Zombies are never reaped here: `waitpid(-1)` would steal the exit codes of a test's children.
    One whose other threads have not ended is alive: they still hold its sockets open.
    """
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = text.rsplit(")", 1)[1].split()
    ended = fields[0] == "X" or (fields[0] == "Z" and int(fields[17]) <= 1)
    return None if ended else int(fields[19])


class Processes:
    """The processes of one lab, by name; survives the death of the program that started them."""

    def __init__(self, place: Place) -> None:
        self._place = place

    def _pid_file(self, name: str) -> Path:
        return self._place.run / f"{name}.json"

    def pid(self, name: str) -> int | None:
        """Return the pid of a live process of ours; None when it does not run."""
        try:
            record = json.loads(self._pid_file(name).read_text())
        except (FileNotFoundError, ValueError):
            return None
        return record["pid"] if started_at(record["pid"]) == record["started_at"] else None

    def names(self) -> list[str]:
        """List every name that has a pid file, alive or not."""
        return sorted(file.stem for file in self._place.run.glob("*.json"))

    def start(
        self,
        name: str,
        argv: Sequence[str | Path],
        *,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
    ) -> int:
        """Start a process unless it already runs; its output goes to `log/NAME.out`."""
        running = self.pid(name)
        if running is not None:
            return running
        with (self._place.log / f"{name}.out").open("ab") as output:
            child = subprocess.Popen(
                [str(word) for word in argv],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, **(env or {})},
                cwd=cwd or self._place.state,
                start_new_session=True,
            )
        record = {
            "pid": child.pid,
            "started_at": started_at(child.pid),
            "argv": [str(w) for w in argv],
        }
        file = self._pid_file(name)
        file.with_suffix(".new").write_text(json.dumps(record))
        file.with_suffix(".new").rename(file)
        return child.pid

    def signal(self, name: str, number: signal.Signals) -> bool:
        """Send a signal to the whole process group; False when the process does not run."""
        pid = self.pid(name)
        if pid is None:
            return False
        try:
            os.killpg(pid, number)
        except ProcessLookupError:
            return False
        return True

    def stop(self, names: Sequence[str], *, grace_seconds: float = 10) -> None:
        """TERM to every group first, then wait for all, then KILL what is left."""
        for name in names:
            self.signal(name, signal.SIGTERM)
        deadline = time.monotonic() + grace_seconds
        while time.monotonic() < deadline and any(self.pid(name) for name in names):
            time.sleep(0.05)
        for name in names:
            self.signal(name, signal.SIGKILL)
        for name in names:
            self._pid_file(name).unlink(missing_ok=True)

    def kill(self, name: str) -> None:
        """`kill -9` the process group and return once it is gone; the pid file stays."""
        self.signal(name, signal.SIGKILL)
        wait_for(lambda: self.pid(name) is None, f"{name} to die", seconds=10)


def wait_for(ready: Callable[[], bool], what: str, *, seconds: float, every: float = 0.1) -> None:
    """Poll until `ready()` is true.

    Raises:
        TimeoutError: naming what was waited for.

    """
    deadline = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > deadline:
            message = f"waited {seconds:g} s for {what}"
            raise TimeoutError(message)
        time.sleep(every)


def listening(port: int, host: str = "127.0.0.1") -> bool:
    """Tell whether something accepts connections there (which is not yet readiness)."""
    try:
        with socket.create_connection((host, port), timeout=1):
            return True
    except OSError:
        return False
