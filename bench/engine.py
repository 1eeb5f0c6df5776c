# SPDX-License-Identifier: Apache-2.0
"""`python -m bench.engine`: durable steps with a journal, beside the bare library's.

Each number is a process of its own on a fresh database. `bare` is DBOS with its own settings for
SQLite; `bare, as ours` has our database settings (WAL, synchronous FULL). Ours writes, for each
act, an intent and an outcome into the hash-chained journal, in the other database, each flushed.
"""

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from dbos import DBOS

from bench.bounds import Bound
from day2.adapters.clock import SystemClock
from day2.engine import filing
from day2.engine.action import Doing, Result, Seen
from day2.engine.filing import Filer
from day2.engine.heads import Heads
from day2.engine.process import Engine, Place
from day2.engine.settings import ChangeSettings, JournalSettings
from day2.memory import plans, runs
from day2.memory.store import open_engine_database, open_memory
from day2.model.finding import Subject
from day2.model.outcome import Ending
from day2.model.plan import Plan, Step, seal
from day2.model.run import State

STEPS = 1000
TURNS = 3
MEMORY_AT = (2000, 10_000)
RATIO_MIN, GROWTH_MAX = 0.35, 1.2


def bare(folder: Path, steps: int, *, as_ours: bool) -> float:
    """Run a workflow of steps that do nothing; return steps per second."""
    database = open_engine_database(folder) if as_ours else None
    config: Any = {"name": "bench", "application_version": "1", "executor_id": "bench"}
    config |= {"console_log_level": "ERROR", "log_level": "ERROR"}
    config["system_database_url"] = f"sqlite:///{folder / 'engine.sqlite'}"
    if database is not None:
        config["system_database_engine"] = database
    DBOS(config=config)

    @DBOS.workflow()
    def many() -> int:
        for number in range(steps):
            DBOS.run_step({"name": "step"}, partial(int, number))
        return steps

    DBOS.launch()
    began = time.monotonic()
    DBOS.start_workflow(many).get_result()
    return steps / (time.monotonic() - began)


def ours(folder: Path, steps: int) -> float:
    """Run a plan of one step with so many acts; return acts per second, start and end included."""

    class Many:
        name = "many"

        def look(self, _step: Step) -> Seen:
            return Seen()

        def perform(self, _step: Step, do: Doing) -> Result:
            for number in range(steps):
                do.act(f"act-{number}", partial(int, number), int)
            return Result(ending=Ending.DONE, detail="done")

        def undo(self, _step: Step, _facts: object) -> None:
            return None

    memory = open_memory(folder)
    now = datetime.now(UTC)
    subject = Subject(type="bench", id="1")
    saved = seal(
        Plan(
            id="bench",
            kind="bench",
            cloud="bench",
            region="",
            foundation="bench",
            subject=subject,
            summary="bench",
            at=now,
            expires_at=now + timedelta(hours=1),
            by="bench",
            steps=[Step(n=1, action="many", subject=subject, why="", irreversible="it is nothing")],
        )
    )
    plans.save(memory, saved)
    filer = Filer(by="bench", now=now, cloud="bench", region="", foundation="bench")
    filing.approve(memory, saved, filer)
    filing.file(memory, saved, filer, ChangeSettings(), wait=False)
    clock = SystemClock()
    place = Place(actions={"many": Many()}, changes=ChangeSettings(), region="", foundation="bench")
    heads = Heads(memory, JournalSettings(), clock)
    Engine(memory, clock=clock, place=lambda _cloud: place, heads=heads).run()
    run = runs.load(memory, "bench")
    (step,) = run.steps
    if run.state is not State.DONE or step.started_at is None or step.ended_at is None:
        raise SystemExit(f"the run ended as {run.state.value}: {run.detail}")
    return steps / (step.ended_at - step.started_at).total_seconds()


KINDS = {
    "bare": lambda folder, steps: bare(folder, steps, as_ours=False),
    "bare, as ours": lambda folder, steps: bare(folder, steps, as_ours=True),
    "day2": ours,
}


def measured(kind: str, steps: int) -> tuple[float, float]:
    """Return steps per second and peak memory in MiB of a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [sys.executable, "-m", "bench.engine", kind, folder, str(steps)],
            capture_output=True,
            check=True,
        )
    rate, mib = json.loads(done.stdout.splitlines()[-1])
    return rate, mib


def main() -> None:
    """Measure in turns, print the table, and fail when a target is missed."""
    if len(sys.argv) > 1:
        kind, folder, steps = sys.argv[1:]
        rate = KINDS[kind](Path(folder), int(steps))
        print(json.dumps([rate, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024]))
        sys.stdout.flush()
        os._exit(0)
    rates: dict[str, list[float]] = {kind: [] for kind in KINDS}
    for _turn in range(TURNS):
        for kind, found in rates.items():
            found.append(measured(kind, STEPS)[0])
    print(f"{'steps/s, ' + str(STEPS) + ' steps':28} median     best")
    for kind, found in rates.items():
        print(f"{kind:28} {statistics.median(found):6.0f}   {max(found):6.0f}")
    memory = {count: measured("day2", count)[1] for count in MEMORY_AT}
    print()
    for count, mib in memory.items():
        print(f"day2 after {count:6} steps: {mib:6.1f} MiB at most")
    print()
    middle = {kind: statistics.median(found) for kind, found in rates.items()}
    bounds = [
        Bound("day2 / bare", middle["day2"] / middle["bare"], RATIO_MIN, at_least=True),
        Bound(
            "day2 / bare, as ours",
            middle["day2"] / middle["bare, as ours"],
            RATIO_MIN,
            at_least=True,
        ),
        Bound(
            "memory, 10,000 / 2,000 steps", memory[MEMORY_AT[1]] / memory[MEMORY_AT[0]], GROWTH_MAX
        ),
    ]
    for bound in bounds:
        print(bound)
    print(f"\n{TURNS} turns; {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    sys.exit(any(not bound.met for bound in bounds))


if __name__ == "__main__":
    main()
