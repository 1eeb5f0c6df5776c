# SPDX-License-Identifier: Apache-2.0
"""Run `day2` with a home of its own, and talk to the sandboxes that it starts."""

import json
import subprocess
import sys
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PROGRAM = Path(sys.executable).parent / "day2"
# Five of these may run beside each other on two cores.
SECONDS = 180


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.out)
        return found


class Home:
    """A user with nothing but an empty home."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.state = folder / "state"
        self.more: dict[str, str] = {}

    def run(self, *words: str, state: bool = True) -> Ended:
        environment = {"PATH": "/usr/bin:/bin", "HOME": str(self.folder), **self.more}
        if state:
            environment["DAY2_STATE"] = str(self.state)
        done = subprocess.run(
            [str(PROGRAM), *words],
            env=environment,
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        return Ended(done.returncode, done.stdout, done.stderr)

    def json(self, *words: str) -> dict[str, Any]:
        ended = self.run(*words, "-f", "json")
        assert ended.out, ended.err
        return ended.document

    def place(self, name: str = "default") -> Path:
        return self.state / "sandbox" / name

    def running(self, name: str = "default") -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.place(name) / "sandbox.json").read_text())
        return found

    def control(
        self, method: str, page: str, body: Any = None, name: str = "default"
    ) -> dict[str, Any]:
        """Ask the sandbox's own pages, with its key."""
        wanted = json.loads((self.place(name) / "wanted.json").read_text())
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.running(name)['port']}/sandbox/{page}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"X-Sandbox-Key": wanted["key"]},
        )
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - our own
            found: dict[str, Any] = json.load(answer)
            return found
