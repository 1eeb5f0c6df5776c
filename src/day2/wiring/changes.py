# SPDX-License-Identifier: Apache-2.0
"""The road of changes on one cloud: plans, runs, journal, and the engine that carries runs on."""

import secrets
import sys
from collections.abc import Iterator, Mapping
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import structs

from day2.adapters import processes
from day2.adapters.people import who
from day2.engine.settings import ChangeSettings, EngineSettings, JournalSettings
from day2.errors import Locked, Refused, Unreachable
from day2.memory import journal, plans, runs
from day2.model.plan import Asked, Plan, Saved, seal
from day2.model.run import Run, State, Wanted
from day2.wiring.sections import CloudSettings

if TYPE_CHECKING:
    from day2.engine.action import Action
    from day2.engine.differing import Difference
    from day2.engine.filing import Filer
    from day2.engine.heads import Heads
    from day2.engine.process import Engine, Place
    from day2.memory.journal import Head
    from day2.wiring.site import Site

FOLLOW_SECONDS = 0.25
START_SECONDS = 60.0
ID_BYTES = 2


class Changes:
    """Everything that people do with plans and runs on one cloud."""

    def __init__(self, site: "Site") -> None:
        self._site = site

    @property
    def access(self) -> str:
        """What day2 may do here: observe, propose or act."""
        found = self._site.settings.section(CloudSettings, f"clouds.{self._site.cloud}")
        return found.access

    @cached_property
    def settings(self) -> ChangeSettings:
        """How changes are made here."""
        return self._site.section("changes", ChangeSettings)

    @cached_property
    def foundation(self) -> str:
        """What identifies this cloud: where its identity service is."""
        url = str(self._site.credentials.auth["auth_url"]).rstrip("/")
        return url.removesuffix("/v3")

    def filer(self, ticket: str = "") -> "Filer":
        """Say who is at work, now, on this cloud."""
        from day2.engine.filing import Filer

        return Filer(
            by=who(self._site.environment),
            now=self._site.clock.now(),
            cloud=self._site.cloud,
            region=self._site.region,
            foundation=self.foundation,
            ticket=ticket,
        )

    def asked(self, name: str, ticket: str) -> Asked:
        """Say who asks for a plan, now, and draw its id: the name, the moment, four letters."""
        now = self._site.clock.now()
        return Asked(
            # Two people may ask within one second.
            id=f"{name}-{now:%Y%m%d-%H%M%S}-{secrets.token_hex(ID_BYTES)}",
            cloud=self._site.cloud,
            region=self._site.region,
            foundation=self.foundation,
            by=who(self._site.environment),
            at=now,
            expires_at=now + timedelta(hours=self.settings.plan_hours),
            ticket=ticket,
        )

    def require(self, access: str) -> None:
        """See that this cloud's access allows it.

        Raises:
            Refused: when it does not.

        """
        order = ("observe", "propose", "act")
        if order.index(self.access) < order.index(access):
            raise Refused(
                f"the cloud {self._site.cloud!r} has access: {self.access}",
                hint=f"set clouds.{self._site.cloud}.access: {access}",
            )

    def save(self, plan: Plan) -> Saved:
        """Seal a plan and keep it.

        Raises:
            Refused: when this cloud is only observed.

        """
        from day2.engine import filing

        self.require("propose")
        filing.require_sound(plan)
        another = bool({plan.kind, "*"} & set(self.settings.other_person))
        plan = structs.replace(plan, other_person=plan.other_person or another)
        saved = seal(plan)
        plans.save(self._site.memory, saved)
        return saved

    def load(self, name: str) -> Saved:
        """Return a plan by its id or the beginning of one."""
        return plans.load(self._site.memory, name)

    def approve(self, saved: Saved, *, reason: str = "") -> None:
        """Approve a plan as it is."""
        from day2.engine import filing

        self.require("propose")
        filing.approve(self._site.memory, saved, self.filer(), reason=reason)

    def differences(self, saved: Saved) -> "list[Difference]":
        """Look at every subject of a plan again."""
        from day2.engine.differing import differences

        return differences(saved.plan, self.actions())

    def is_approved(self, saved: Saved) -> bool:
        """Tell whether somebody who may has approved it."""
        from day2.engine import filing

        return filing.is_approved(self._site.memory, saved)

    def require_fresh(self, saved: Saved) -> None:
        """See that it is fit to run."""
        from day2.engine import filing

        filing.require_fresh(saved, self.filer())

    def apply(self, saved: Saved, *, ticket: str = "", wait: bool = False) -> Run:
        """File the run of an approved plan, and see that an engine takes it."""
        from day2.engine import filing

        self.require("act")
        run = filing.file(self._site.memory, saved, self.filer(ticket), self.settings, wait=wait)
        self.start_engine()
        return run

    def run(self, name: str) -> Run:
        """Return a run by its id or the beginning of one."""
        return runs.load(self._site.memory, name)

    def list_runs(self) -> list[Run]:
        """Return the newest runs of this cloud."""
        return runs.listed(self._site.memory, self._site.cloud, self._site.region)

    def every_run(self, *kinds: str) -> list[Run]:
        """Return all runs of this cloud, of these kinds when any is named, newest first."""
        site = self._site
        return runs.listed(site.memory, site.cloud, site.region, count=None, kinds=kinds)

    def want(self, name: str, wanted: Wanted) -> Run:
        """Pause, carry on or cancel a run."""
        from day2.engine import filing

        self.require("act")
        run = self.run(name)
        filing.want(self._site.memory, run, self.filer(), wanted)
        if wanted is not Wanted.PAUSE:
            self.start_engine()
        return self.run(run.id)

    def answer(self, name: str, gate: str, choice: str, *, reason: str) -> tuple[Run, str]:
        """Answer a gate; return the run and the gate's name."""
        from day2.engine import filing

        self.require("act")
        run = self.run(name)
        saved = self.load(run.plan)
        said = filing.answer(
            self._site.memory, run, saved.plan, self.filer(), gate, choice, reason=reason
        )
        self.start_engine()
        return run, said

    def undo(self, name: str) -> Plan:
        """Plan the way back of an ended run.

        What an earlier such plan left, expired or half done, is planned again under another name.

        Raises:
            Locked: while another run takes it back.

        """
        from day2.engine.undo import undo

        self.require("act")
        run = self.run(name)
        back = next((r for r in runs.undoing(self._site.memory, run.id) if not r.state.ended), None)
        if back is not None:
            raise Locked(f"{back.id} takes it back", hint=f"day2 run show {back.id}")
        now = self._site.clock.now()
        return undo(
            self.load(run.plan).plan,
            run,
            self.actions(),
            name=plans.unused(self._site.memory, f"undo-{run.id}"),
            by=who(self._site.environment),
            now=now,
            expires_at=now + timedelta(hours=self.settings.plan_hours),
        )

    @property
    def halted(self) -> bool:
        """Tell whether everything is stopped (`run stop-all`)."""
        return (self._site.state / _halt()).exists()

    def halt(self, *, stop: bool) -> list[Run]:
        """Stop every run of this installation before its next act, or let them go on."""
        from day2.adapters.files import write_private

        flag = self._site.state / _halt()
        self._site.memory  # noqa: B018 - makes the folder
        if stop:
            write_private(flag, f"{who(self._site.environment)}\n".encode())
        else:
            flag.unlink(missing_ok=True)
        return [run for run in self.every_run() if not run.state.ended]

    def engine_runs(self) -> bool:
        """Tell whether an engine is at work for this installation."""
        from day2.engine.process import is_held

        return is_held(self._site.state)

    def start_engine(self) -> None:
        """See that an engine is at work; one that is just leaving is followed by another.

        Raises:
            Unreachable: when none holds the lock in time; the message names its log.

        """
        log = self._site.state / "engine.log"
        clock = self._site.clock
        until = clock.monotonic() + START_SECONDS
        started: processes.Process | None = None
        while clock.monotonic() < until:
            if self.engine_runs() and not runs.chosen(self._site.memory):
                return
            if not self.engine_runs() and (started is None or not processes.runs(started)):
                if started is not None and not runs.chosen(self._site.memory):
                    return
                started = processes.start(
                    [sys.executable, "-m", "day2.cli.app", *self._site.own_words, "engine"],
                    log=log,
                    folder=self._site.state,
                    environment=self._site.environment,
                    keep=[],
                    also=_kept(self._site.environment),
                )
            clock.sleep(0.1)
        raise Unreachable(
            f"the engine did not start within {START_SECONDS:.0f} s; what was filed stays filed",
            hint=f"see {log}, then: day2 run resume",
        )

    def usual_seconds(self, run: Run) -> float | None:
        """Guess how long a run takes, by earlier ones of its kind; None without any."""
        return runs.usual_seconds(self._site.memory, run.cloud, run.region, run.kind, run.total)

    def follow(self, name: str) -> Iterator[Run]:
        """Yield a run as it goes, until it has ended, waits for people, or no engine holds it."""
        quiet = 0
        while True:
            run = self.run(name)
            yield run
            if run.state.ended or run.state in {State.WAITING, State.PAUSED}:
                return
            quiet = 0 if self.engine_runs() else quiet + 1
            if quiet > 4:  # noqa: PLR2004 - a second: it may just be handed over
                return
            self._site.clock.sleep(FOLLOW_SECONDS)

    def actions(self) -> Mapping[str, "Action"]:
        """Return every action, over the account for writing."""
        from day2.wiring.actions import actions

        return actions(self._site)

    def place(self) -> "Place":
        """Return what an engine needs of this cloud."""
        from day2.engine.process import Place

        self.require("act")
        return Place(
            actions=self.actions(),
            changes=self.settings,
            region=self._site.region,
            foundation=self.foundation,
        )

    @cached_property
    def heads(self) -> "Heads":
        """What copies the journal's head elsewhere."""
        from day2.engine.heads import Heads

        settings = self._site.settings.section(JournalSettings, "journal")
        return Heads(self._site.memory, settings, self._site.clock)

    def verify_journal(self, *, given: list["Head"], file: str) -> tuple["Head", int]:
        """Walk the chain, and hold it against copied heads; return its end and how many there were.

        Raises:
            JournalBroken: when it does not hold.

        """
        from day2.engine import heads

        settings = self._site.settings.section(JournalSettings, "journal")
        named = file or settings.head_file
        known = list(given)
        if named and (file or Path(named).exists()):
            known += heads.copied(Path(named))
        return journal.verify(self._site.memory, known), len(known)


def engine(site: "Site", load_site: "type[Site]", config: str | None) -> "Engine":
    """Make the engine of this installation; each run's cloud is wired when it is taken."""
    from day2.engine.process import Engine

    def place(cloud: str) -> "Place":
        return Changes(load_site.load(config=config, cloud=cloud)).place()

    settings = site.settings.section(EngineSettings, "engine")
    url = site.secrets.resolve(settings.database) if settings.database else ""
    return Engine(
        site.memory, clock=site.clock, place=place, heads=Changes(site).heads, database=url
    )


def _kept(environment: Mapping[str, str]) -> list[str]:
    """Name what the engine needs of the environment: where things are; never an account."""
    places = ("HOME", "XDG_STATE_HOME", "XDG_CONFIG_HOME", "OS_CLIENT_CONFIG_FILE", "SUDO_USER")
    own = [name for name in environment if name.startswith("DAY2_")]
    return [*places, *own]


def child_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Return what a process of ours needs of the environment: where things are; no account."""
    names = (*processes.KEPT, *_kept(environment))
    return {name: environment[name] for name in names if name in environment}


def _halt() -> str:
    from day2.engine.process import HALT

    return HALT
