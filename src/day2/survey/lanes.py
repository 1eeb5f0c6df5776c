# SPDX-License-Identifier: Apache-2.0
"""Run many small reads at once, a few at a time per service, and let a sick service alone.

A lane is one service (or database, bus, ...): it has a width, and it closes when too many of its
requests stay unanswered. Threads are daemons: a server that drips for ever cannot hold the process.
"""

import queue
import threading
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import msgspec

from day2.adapters.clock import Clock
from day2.errors import BadAnswer, Day2Error, Unreachable
from day2.model.survey import Gap, Reading

Rows = Mapping[str, Sequence[Any]]
SLOW_SECONDS = 0.2
SAMPLE = 8


class Result(msgspec.Struct, kw_only=True):
    """What one job brought: rows by kind, its cost, its gaps, and jobs that it makes necessary."""

    rows: dict[str, list[Any]] = {}
    requests: int = 0
    gaps: list[Gap] = []
    follow: list["Job"] = []
    absent: str = ""


class Job(msgspec.Struct, kw_only=True, frozen=True):
    """One read.

    `kinds` are the tables that it fills (each gets a gap when it fails); it starts when every job
    of every kind in `after` has ended, and is handed the rows read so far. Jobs that are one
    request among many alike (one per item) are `small`: their latency steers the lane's width.
    `each` are the tables whose rows it goes through: what these lack, it lacks too, and says so.
    """

    lane: str
    kinds: tuple[str, ...]
    what: str
    run: Callable[[Rows], Result]
    after: tuple[str, ...] = ()
    each: tuple[str, ...] = ()
    small: bool = False


class Gathered(msgspec.Struct, kw_only=True):
    """Everything that the jobs brought."""

    rows: dict[str, list[Any]]
    readings: dict[str, Reading]
    gaps: list[Gap]
    absent: list[str]
    requests: int


class Lane:
    """The queue of one service; never more than `width` of its jobs run at the same time."""

    def __init__(self, name: str, *, width: int, failures_max: int) -> None:
        self.name = name
        self.width = width
        self.running = 0
        self.waiting: deque[Job] = deque()
        self.failures = 0
        self._failures_max = failures_max
        self._latencies: deque[float] = deque(maxlen=SAMPLE)
        self._baseline: list[float] = []

    @property
    def closed(self) -> bool:
        """Tell whether the service left too many requests unanswered to be asked again."""
        return self.failures >= self._failures_max

    @property
    def allowed(self) -> int:
        """How many may run now: after a silence only one at a time, until the lane is closed."""
        doubtful = self.failures and not self.closed
        return 1 if doubtful else self.width

    def note(self, seconds: float, *, answered: bool, small: bool) -> None:
        """Learn from one finished job: close on silence, halve the width when latency doubles."""
        if not answered:
            # What was not asked any more is no further silence.
            self.failures += not self.closed
            return
        if not small:
            return
        if len(self._baseline) < SAMPLE:
            self._baseline.append(seconds)
            return
        self._latencies.append(seconds)
        usual = sum(self._baseline) / SAMPLE
        now = sum(self._latencies) / len(self._latencies)
        if len(self._latencies) == SAMPLE and now > max(2 * usual, SLOW_SECONDS):
            self.width = max(1, self.width // 2)
            self._latencies.clear()


def gap_of(kind: str, what: str, error: Day2Error) -> Gap:
    """Turn a named failure into a gap of one kind."""
    return Gap(kind=kind, what=what, error=error.kind, message=str(error), hint=error.hint)


class Runner:
    """Runs jobs over lanes until all have ended or the time is up."""

    def __init__(
        self,
        *,
        clock: Clock,
        width: int,
        failures_max: int,
        seconds_max: float,
        progress: Callable[[str, int, int], None] | None = None,
    ) -> None:
        self._clock = clock
        self._width = width
        self._failures_max = failures_max
        self._seconds_max = seconds_max
        self._progress = progress
        self._lanes: dict[str, Lane] = {}
        self._done: queue.SimpleQueue[tuple[Job, Result | Day2Error | BaseException, float]] = (
            queue.SimpleQueue()
        )
        self._rows: dict[str, list[Any]] = {}
        self._requests: dict[str, int] = {}
        self._seconds: dict[str, float] = {}
        self._gaps: list[Gap] = []
        self._absent: set[str] = set()
        self._open: dict[str, int] = {}
        self._held: list[Job] = []
        self._total = 0
        self._ended = 0

    def run(self, jobs: Iterable[Job]) -> Gathered:
        """Run them all. A job that raises a named error leaves gaps; any other error is a bug."""
        for job in jobs:
            self._admit(job)
        deadline = self._clock.monotonic() + self._seconds_max
        self._start_ready()
        unfinished: list[Job] = []
        while any(lane.running or lane.waiting for lane in self._lanes.values()) or self._held:
            left = deadline - self._clock.monotonic()
            try:
                job, result, seconds = self._done.get(timeout=max(left, 0.001))
            except queue.Empty:
                unfinished = self._abandon()
                break
            self._finish(job, result, seconds)
            self._start_ready()
        for job in unfinished:
            late = Unreachable(
                f"{job.what}: not read within {self._seconds_max:g} s",
                hint="setting survey.seconds_max",
            )
            self._gaps += [gap_of(kind, job.what, late) for kind in job.kinds]
        return self._gathered()

    def _admit(self, job: Job) -> None:
        self._total += 1
        for kind in job.kinds:
            self._open[kind] = self._open.get(kind, 0) + 1
        if job.after:
            self._held.append(job)
        else:
            self._lane(job.lane).waiting.append(job)

    def _lane(self, name: str) -> Lane:
        if name not in self._lanes:
            self._lanes[name] = Lane(name, width=self._width, failures_max=self._failures_max)
        return self._lanes[name]

    def _start_ready(self) -> None:
        freed = [job for job in self._held if not any(self._open.get(k) for k in job.after)]
        if freed:
            self._held = [job for job in self._held if job not in freed]
            for job in freed:
                self._lane(job.lane).waiting.append(job)
        for lane in list(self._lanes.values()):
            while lane.waiting and lane.running < lane.allowed:
                job = lane.waiting.popleft()
                lane.running += 1
                if lane.closed:
                    self._done.put((job, _let_alone(lane), 0.0))
                else:
                    threading.Thread(target=self._work, args=(job,), daemon=True).start()

    def _work(self, job: Job) -> None:
        started = self._clock.monotonic()
        result: Result | Day2Error | BaseException
        try:
            result = job.run(self._rows)
        except Day2Error as error:
            result = error.bare()
        except BaseException as error:  # noqa: BLE001 - handed to the main thread, which raises it
            result = error
        self._done.put((job, result, self._clock.monotonic() - started))

    def _finish(self, job: Job, result: Result | Day2Error | BaseException, seconds: float) -> None:
        lane = self._lane(job.lane)
        lane.running -= 1
        self._ended += 1
        if isinstance(result, Day2Error):
            # What cannot be read was an answer all the same: others of the service may be well.
            silent = isinstance(result, Unreachable) and not isinstance(result, BadAnswer)
            lane.note(seconds, answered=not silent, small=job.small)
            self._gaps += [gap_of(kind, job.what, result) for kind in job.kinds]
        elif isinstance(result, BaseException):
            raise result
        else:
            silent = any(gap.error == Unreachable.__name__ for gap in result.gaps)
            lane.note(seconds, answered=not silent, small=job.small)
            self._take(job, result, seconds)
        for kind in job.kinds:
            self._open[kind] -= 1
        if self._progress:
            self._progress(job.what, self._ended, self._total)

    def _take(self, job: Job, result: Result, seconds: float) -> None:
        self._gaps += result.gaps
        if result.absent:
            self._absent.add(result.absent)
            return
        self._gaps += self._inherited(job)
        for kind in job.kinds:
            self._rows.setdefault(kind, [])
            self._seconds[kind] = self._seconds.get(kind, 0.0) + seconds
        for kind, rows in result.rows.items():
            self._rows.setdefault(kind, []).extend(rows)
        self._requests[job.kinds[0]] = self._requests.get(job.kinds[0], 0) + result.requests
        for following in result.follow:
            self._admit(following)

    def _inherited(self, job: Job) -> list[Gap]:
        """Return the gaps of a job that goes through lists which have gaps themselves."""
        short = {gap.kind: gap for gap in reversed(self._gaps) if gap.kind in job.each}
        return [
            Gap(
                kind=kind,
                what=job.what,
                error=gap.error,
                message=f"{job.what}: not of all {gap.what}, which are not known whole",
                hint=gap.hint,
            )
            for gap in list(short.values())[:1]
            for kind in job.kinds
        ]

    def _abandon(self) -> list[Job]:
        """Give up on what still runs or waits; its threads end with the process."""
        waiting = [job for lane in self._lanes.values() for job in lane.waiting]
        started = {kind for kind, count in self._open.items() if count}
        named = {kind for job in (*waiting, *self._held) for kind in job.kinds}
        running = [
            Job(lane="", kinds=(kind,), what=kind.replace("_", " "), run=lambda _rows: Result())
            for kind in sorted(started - named)
        ]
        return [*waiting, *self._held, *running]

    def _gathered(self) -> Gathered:
        gapped = {gap.kind for gap in self._gaps}
        readings = {
            kind: Reading(
                rows=len(self._rows.get(kind, ())),
                requests=self._requests.get(kind, 0),
                seconds=round(self._seconds.get(kind, 0.0), 4),
            )
            for kind in sorted({*self._rows, *gapped})
        }
        return Gathered(
            rows=self._rows,
            readings=readings,
            gaps=_merged(self._gaps),
            absent=sorted(self._absent),
            requests=sum(self._requests.values()),
        )


def _let_alone(lane: Lane) -> Unreachable:
    return Unreachable(
        f"{lane.name} left {lane.failures} requests unanswered and was not asked again",
        hint="setting load.failures_max",
    )


def _merged(gaps: Iterable[Gap]) -> list[Gap]:
    """Keep one gap per kind and message, in the order of arrival."""
    return list({(gap.kind, gap.error, gap.message): gap for gap in gaps}.values())
