# SPDX-License-Identifier: Apache-2.0
"""Acts on a vault, in a process forked for each, which ends itself at a point as `kill -9` does.

The fork happens in a helper process that has imported everything and has no threads.
"""

import hashlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from day2.errors import Day2Error
from day2.model.backup import Told
from tests.unit.backup.stand import Stand, draft, record

ROOT = Path(__file__).parents[3]
# Some of it cannot be compressed, so that each file takes several writes.
PLAIN = b"INSERT INTO ports VALUES (1,'a');\n" * 3000 + hashlib.shake_128(b"x").digest(150_000)


class Killer:
    """Writes down each point, and ends the process at the one that it is given (from 1 on)."""

    def __init__(self, at: int, said: int) -> None:
        self._left = at
        self._said = said

    def __call__(self, name: str) -> None:
        self._left -= 1
        os.write(self._said, f"{name}\n".encode())
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)


def write(stand: Stand, point: Callable[[str], None], name: str) -> None:
    with stand.vault(point=point).write(draft(name)) as writer:
        for of in ("dump", "accounts"):
            with writer.sink(of, of) as sink:
                sink.write(PLAIN)
        writer.commit(source={}, exits={})


def condemn(stand: Stand, point: Callable[[str], None], name: str) -> None:
    vault = stand.vault(point=point)
    vault.record(record(vault.find(name), Told.CONDEMNED))


def remove(stand: Stand, point: Callable[[str], None], name: str) -> None:
    vault = stand.vault(point=point)
    for found in vault.sets():
        if found.manifest.id == name:
            vault.remove(found)


def sweep(stand: Stand, point: Callable[[str], None], _name: str) -> None:
    stand.clock.jump(days=4000)
    vault = stand.vault(point=point)
    vault.sweep(vault.left(hours=1), hours=1)


ACTS = {"write": write, "condemn": condemn, "remove": remove, "sweep": sweep}


class Nursery:
    """Forks processes that do one act each; says how it ended and which points it passed."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.backup.drive"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )

    def act(self, stand: Stand, act: str, name: str, kill: int = 0) -> tuple[int, list[str]]:
        """Do it; 0 when it came to its end, -9 when it was killed, else the error's exit code."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        asked = {"folder": str(stand.folder), "act": act, "name": name, "kill": kill}
        self._process.stdin.write(json.dumps(asked) + "\n")
        self._process.stdin.flush()
        code, points = json.loads(self._process.stdout.readline())
        return code, points

    def close(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(timeout=10)
        self._process.stdout.close()


@contextmanager
def nursery() -> Iterator[Nursery]:
    made = Nursery()
    try:
        yield made
    finally:
        made.close()


def again(folder: Path) -> Stand:
    """Return the stand that lies in a folder already."""
    stand = object.__new__(Stand)
    stand.take_up(folder)
    return stand


def _child(asked: dict[str, Any], said: int) -> int:
    try:
        stand = again(Path(asked["folder"]))
        ACTS[asked["act"]](stand, Killer(asked["kill"], said), asked["name"])
    except Day2Error as error:
        return error.exit_code
    except BaseException as error:  # noqa: BLE001 - told to the test
        os.write(said, f"{type(error).__name__}: {error}\n".encode())
        return 1
    return 0


def main() -> None:
    for line in sys.stdin:
        hear, said = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(hear)
            os._exit(_child(json.loads(line), said))
        os.close(said)
        points = b""
        while part := os.read(hear, 1 << 16):
            points += part
        os.close(hear)
        _pid, status = os.waitpid(child, 0)
        answer = [os.waitstatus_to_exitcode(status), points.decode().splitlines()]
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
