# SPDX-License-Identifier: Apache-2.0
"""What a test does to engines and runs over the toy cloud."""

import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from day2.engine import filing
from day2.engine.filing import Filer
from day2.engine.settings import ChangeSettings
from day2.memory import journal, plans, runs
from day2.memory.store import Memory, open_memory
from day2.model.plan import Plan, Saved, seal
from day2.model.run import Run, Wanted
from tests.faults.runs.toy import Toy

ROOT = Path(__file__).parents[3]


class Nursery:
    """Forks engine processes, one at a time, and says how each ended."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.runs.drive"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )

    def engine(self, stand: "Stand", kill: int | str = 0) -> tuple[int, str]:
        """Run one engine to its end; 0 when it left by itself, -9 when it was killed, and where."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{stand.state}\t{stand.toy.folder}\t{kill}\n")
        self._process.stdin.flush()
        code, _space, point = self._process.stdout.readline().partition(" ")
        return int(code), point.strip()

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(timeout=10)
        assert self._process.stdout is not None
        self._process.stdout.close()


class Stand:
    """A toy cloud with a memory, and an operator in front of it."""

    def __init__(self, folder: Path, count: int) -> None:
        self.toy = Toy(folder / "cloud")
        self.toy.fill(count)
        self.count = count
        self.state = folder / "state"
        self.memory: Memory = open_memory(self.state)

    def filer(self, **changed: Any) -> Filer:
        values: dict[str, Any] = {
            "by": "operator",
            "now": datetime.now(UTC),
            "cloud": "toy",
            "region": "",
            "foundation": "toy",
        }
        return Filer(**(values | changed))

    def save(self, made: Plan) -> Saved:
        saved = seal(made)
        plans.save(self.memory, saved)
        return saved

    def file(self, made: Plan, changes: ChangeSettings | None = None) -> Run:
        """Save, approve and file."""
        saved = self.save(made)
        filing.approve(self.memory, saved, self.filer())
        return filing.file(
            self.memory, saved, self.filer(), changes or ChangeSettings(), wait=False
        )

    def run(self, name: str) -> Run:
        return runs.load(self.memory, name)

    def want(self, name: str, wanted: Wanted) -> None:
        filing.want(self.memory, self.run(name), self.filer(), wanted)

    def answer(self, name: str, choice: str) -> None:
        saved = plans.load(self.memory, name)
        filing.answer(self.memory, self.run(name), saved.plan, self.filer(), "", choice, reason="")

    def moves(self) -> Counter[str]:
        """Count the moves that were started, by what was moved where."""
        return Counter(line for line in self.toy.effects() if line.startswith("move "))

    def rows(self, name: str) -> Counter[tuple[str, str]]:
        """Count the journal's rows of a run by step and kind."""
        entries = journal.entries(self.memory, "toy", "", run=name)
        return Counter((entry.step, entry.kind) for entry in entries)


@contextmanager
def nursery() -> Iterator[Nursery]:
    made = Nursery()
    try:
        yield made
    finally:
        made.close()
