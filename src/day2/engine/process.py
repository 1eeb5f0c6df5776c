# SPDX-License-Identifier: Apache-2.0
"""The process that holds runs: one per machine and state folder, started by those who file runs.

It takes runs that somebody chose, carries them on, and leaves when they have ended or wait for
people, unless one of them made what ends by itself meanwhile. Killed at any time it loses nothing:
another one carries on what somebody asks it to.
"""

import contextlib
import fcntl
import os
import socket
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import msgspec

from day2.adapters import processes
from day2.adapters.clock import Clock
from day2.adapters.files import write_private
from day2.adapters.processes import Process
from day2.engine.action import Action
from day2.engine.activity import Activity
from day2.engine.book import Book
from day2.engine.claims import Claims
from day2.engine.doing import Tools
from day2.engine.durable import Durable
from day2.engine.heads import Heads
from day2.engine.settings import ChangeSettings
from day2.engine.upkeep import Upkeep
from day2.engine.windows import Closed, closed
from day2.engine.work import Work
from day2.errors import Locked, Refused
from day2.memory import plans, runs
from day2.memory.journal import Journalist
from day2.memory.store import Memory, open_engine_database
from day2.model.plan import Plan, Saved
from day2.model.run import Run, State, Wanted

LOCK, WHO, HALT = "engine.lock", "engine.json", "stop-all"
LOOK_SECONDS = 0.2
LEAVE_SECONDS = 4.0
"""Between two steps nothing works for a moment: that is not idle yet."""
BEGIN_SECONDS_MAX = 600.0
"""What is still not begun then is not coming: another engine may do better."""


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """What the engine needs of one cloud; made by wiring, from the settings of now.

    `region` and `foundation` are where its actions work: a plan of elsewhere is not carried on.
    """

    actions: Mapping[str, Action]
    changes: ChangeSettings
    region: str
    foundation: str


class Engine:
    """Holds runs until they have ended or wait for people."""

    def __init__(
        self,
        memory: Memory,
        *,
        clock: Clock,
        place: Callable[[str], Place],
        heads: Heads,
        database: str = "",
        point: Callable[[str], None] = lambda _name: None,
        leave_seconds: float = LEAVE_SECONDS,
    ) -> None:
        self._memory = memory
        self._folder = memory.folder
        self._clock = clock
        self._place = place
        self._heads = heads
        self._database = database
        self._point = point
        self._leave_seconds = leave_seconds
        self._activity = Activity(clock)
        self._claims = Claims(memory)
        self._books: dict[str, Book] = {}
        self._places: dict[tuple[str, str, str], Place] = {}
        self._upkeep = Upkeep(
            memory,
            clock,
            books=lambda: list(self._books.values()),
            actions=lambda book: self._places[_where(book.plan)].actions,
            halted=lambda: self._activity.halted,
        )
        self._work = Work(
            self._tools,
            book=self._books.__getitem__,
            actions=lambda book: self._places[_where(book.plan)].actions,
            closed=self._closed,
            ended=self._ended,
        )
        self.executor = ""

    def run(self) -> None:
        """Take runs until none is left to carry on.

        Raises:
            Locked: when another engine is at work on this machine.

        """
        with contextlib.ExitStack() as stack:
            stack.enter_context(_locked(self._folder))
            own = processes.remembered(os.getpid()) or Process(pid=os.getpid(), started="")
            # Another name at each start: the library's own recovery finds nothing to revive.
            self.executor = f"{socket.gethostname()}:{own.pid}:{own.started.rpartition(':')[2]}"
            write_private(self._folder / WHO, msgspec.json.encode(own))
            self._claims.load()
            database = open_engine_database(self._folder, self._database)
            self._durable = Durable(database, executor=self.executor, body=self._work)
            self._durable.launch()
            try:
                self._hold()
                self._leave()
            finally:
                runs.release(self._memory, self.executor)

    def _hold(self) -> None:
        while True:
            self._look()
            idle = self._activity.idle_seconds()
            leaves = idle > (self._leave_seconds if self._books else LOOK_SECONDS)
            if leaves and not (self._window_opens() or self._upkeep.needed or self._begins(idle)):
                return
            self._clock.sleep(LOOK_SECONDS)

    def _begins(self, idle: float) -> bool:
        """Tell whether a run is still to be begun: it would stand still, called running."""
        return idle < BEGIN_SECONDS_MAX and any(map(self._durable.begins, list(self._books)))

    def _leave(self) -> None:
        """Let the next engine take what only waits for the places of runs that stand still."""
        for name in list(self._books):
            others = sorted(self._claims.in_the_way(name))
            if not others:
                continue
            why = (
                f"waits for what {', '.join(others)} holds, which stands still: "
                f"day2 run show {others[0]}; carry it on, or cancel it, and this goes on as well"
            )
            state = State.WAITING if runs.load(self._memory, name).gates else State.PAUSED
            with self._memory.writing() as connection:
                runs.set_state(connection, name, state, detail=why, chosen=1)

    def _look(self) -> None:
        self._activity.halted = (self._folder / HALT).exists()
        for run in runs.chosen(self._memory):
            self._take(run)
        self._activity.tell(runs.wishes(self._memory, self.executor))
        for book in list(self._books.values()):
            book.flush()
            self._show(book)
        self._upkeep.look()

    def _take(self, run: Run) -> None:
        if run.state.ended or not runs.take(self._memory, run.id, self.executor, self._clock.now()):
            return
        if run.id in self._books:
            return
        try:
            saved = approved_plan(self._memory, run)
            place = self._place(run.cloud)
            require_place(saved.plan, place)
            # Windows and freezes are read all the time then: one that cannot be is told here.
            closed(self._clock.now(), place.changes.windows, place.changes.freezes)
            self._places[_where(saved.plan)] = place
            # What the settings do not allow is told before the run begins, which waits for them.
            for name in {step.action for step in saved.plan.steps}:
                place.actions.get(name)
        except Refused as error:
            self._refuse(run, str(error), ends=run.wanted is Wanted.CANCEL)
            return
        except Exception as error:  # noqa: BLE001 - whatever it is, the run says so
            self._refuse(run, str(error))
            return
        self._claims.line_up(run.id)
        self._activity.tell(runs.wishes(self._memory, self.executor))
        self._books[run.id] = Book(
            self._memory,
            self._clock,
            saved,
            runs.load(self._memory, run.id),
            outage_seconds=place.changes.outage_seconds,
        )
        with self._activity.working():
            self._durable.start(run.id)

    def _refuse(self, run: Run, why: str, *, ends: bool = False) -> None:
        """Leave a run as it is: whoever mends what is wrong lets it go on.

        `ends`: nobody can, and it was cancelled. It ends as it stands, or it would hold its places
        for ever.
        """
        if not ends:
            with self._memory.writing() as connection:
                runs.set_state(connection, run.id, State.PAUSED, detail=why, engine="")
            return
        now, said = self._clock.now(), f"left as it stood: {why}"
        with self._memory.writing() as connection:
            Journalist(run.cloud, run.region).append(
                connection,
                at=now,
                run=run.id,
                kind="ended",
                by=run.by,
                body={"state": State.CANCELLED.value, "detail": said},
            )
            runs.set_state(
                connection, run.id, State.CANCELLED, detail=said, ended_at=now, engine="", chosen=0
            )
        self._claims.forget(run.id)

    def _show(self, book: Book) -> None:
        """Say in the memory whether the run works, waits for an answer, or is paused."""
        run = runs.load(self._memory, book.run.id)
        if run.state.ended:
            return
        state = State.RUNNING
        if run.gates:
            state = State.WAITING
        elif run.wanted is Wanted.PAUSE or self._closed(book) is not None:
            state = State.PAUSED if self._idle(run) else State.RUNNING
        if state is not run.state:
            with self._memory.writing() as connection:
                runs.show_state(connection, run.id, state)
            self._heads.export()

    @staticmethod
    def _idle(run: Run) -> bool:
        """Tell whether no step of a run is at work: those under way end before it is paused."""
        working = [s for s in run.steps if s.outcome is None]
        return not working

    def _closed(self, book: Book) -> Closed | None:
        changes = self._places[_where(book.plan)].changes
        return closed(self._clock.now(), changes.windows, changes.freezes)

    def _window_opens(self) -> bool:
        """Tell whether a run waits for a time that is known: nobody else would carry it on then."""
        found = [self._closed(book) for book in self._books.values()]
        return any(shut is not None and shut.until is not None for shut in found)

    def _ended(self, book: Book) -> None:
        self._claims.forget(book.run.id)
        self._books.pop(book.run.id, None)
        self._heads.export()

    def _tools(self) -> Tools:
        return Tools(
            memory=self._memory,
            clock=self._clock,
            durable=self._durable,
            claims=self._claims,
            activity=self._activity,
            point=self._point,
        )


def approved_plan(memory: Memory, run: Run) -> Saved:
    """Return the very plan that a run was filed for.

    Raises:
        Refused: when what is kept under its name is another one now.

    """
    saved = plans.load(memory, run.plan)
    if saved.sha256 != run.sha256:
        raise Refused(f"the plan {run.plan} is not the one that was approved")
    return saved


def require_place(plan: Plan, place: Place) -> None:
    """See that what the settings name now is still the cloud that a plan was made for.

    Raises:
        Refused: when it is another one: its hosts may have the same names.

    """
    if (plan.foundation, plan.region) != (place.foundation, place.region):
        there = f"{place.foundation} ({place.region})" if place.region else place.foundation
        here = f"{plan.foundation} ({plan.region})" if plan.region else plan.foundation
        raise Refused(
            f"the plan {plan.id} was made for the cloud at {here}; the settings now name {there}"
        )


def _where(plan: Plan) -> tuple[str, str, str]:
    return plan.cloud, plan.region, plan.foundation


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    handle = os.open(folder / LOCK, os.O_CREAT | os.O_RDWR, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise Locked(
                "another engine is at work here", hint="it takes what is filed: day2 run list"
            ) from None
        yield
    finally:
        os.close(handle)


def is_held(folder: Path) -> bool:
    """Tell whether an engine holds this state folder."""
    with contextlib.suppress(Locked), _locked(folder):
        return False
    return True
