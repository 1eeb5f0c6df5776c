# SPDX-License-Identifier: Apache-2.0
"""Engine processes, forked from one that has imported everything already; here over the toy cloud.

Each line of standard input is `STATE PLACE KILL`, with tabs between: an engine is forked; it ends
itself, as `kill -9` does, at the KILLth point that it passes (a number, 0: never), or the
first time that it passes the point named KILL. `full@POINT` fills its disk there instead: no file
may grow any more. The answer is `CODE POINT`.
"""

import os
import resource
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from day2.adapters.clock import SystemClock
from day2.engine.heads import Heads
from day2.engine.process import LEAVE_SECONDS, Engine, Place
from day2.engine.settings import ChangeSettings, JournalSettings
from day2.engine.windows import Freeze
from day2.errors import BadSettings, Locked
from day2.memory.store import open_memory
from tests.faults.runs.toy import Toy, actions


class Killer:
    """Ends this process at the Nth point, or at one by its name, as `kill -9` does."""

    def __init__(self, at: str, said: int) -> None:
        self._left = int(at) if at.isdigit() else -1
        self._fills = at.startswith("full@")
        self._name = at.removeprefix("full@")
        self._said = said
        self._lock = threading.Lock()

    def __call__(self, name: str) -> None:
        with self._lock:
            self._left -= 1
            if self._left != 0 and name != self._name:
                return
            os.write(self._said, name.encode())
            if self._fills:
                resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
            else:
                os.kill(os.getpid(), signal.SIGKILL)


def serve(state: Path, toy: Path, killer: Killer) -> None:
    memory = open_memory(state)
    clock = SystemClock()
    heads = Heads(memory, JournalSettings(head_file=str(state / "heads")), clock)

    def place(_cloud: str) -> Place:
        unwired = state / "unwired"
        if unwired.exists():
            raise BadSettings(unwired.read_text())
        frozen = state / "frozen"
        until = frozen.read_text() if frozen.exists() else ""
        freezes = [Freeze(begins="2026-01-01", ends=until)] if until else []
        elsewhere = state / "foundation"
        return Place(
            actions=actions(Toy(toy)),
            changes=ChangeSettings(outage_seconds=5, freezes=freezes),
            region="",
            foundation=elsewhere.read_text() if elsewhere.exists() else "toy",
        )

    url, leave = state / "database", state / "leave"
    Engine(
        memory,
        clock=clock,
        place=place,
        heads=heads,
        database=url.read_text() if url.exists() else "",
        point=killer,
        leave_seconds=float(leave.read_text()) if leave.exists() else LEAVE_SECONDS,
    ).run()


def fork_for_each_line(serve: Callable[[Path, Path, Killer], None]) -> None:
    """Fork an engine for each line, and answer how it ended and where."""
    for line in sys.stdin:
        state, place, kill = line.rstrip("\n").split("\t")
        hear, said = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(hear)
            code = 1
            try:
                serve(Path(state), Path(place), Killer(kill, said))
                code = 0
            except Locked:
                code = Locked.exit_code
            finally:
                os._exit(code)
        os.close(said)
        point = b""
        while part := os.read(hear, 1000):
            point += part
        os.close(hear)
        _pid, status = os.waitpid(child, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)} {point.decode() or '-'}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    fork_for_each_line(serve)
