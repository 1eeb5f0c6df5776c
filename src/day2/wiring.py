# SPDX-License-Identifier: Apache-2.0
"""The only place that knows every concrete class: settings become adapters and rooms."""

import os
import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import msgspec
from msgspec import Meta

from day2.adapters.clock import Clock, SystemClock
from day2.adapters.openstack.clouds import OpenStackSettings
from day2.adapters.openstack.limits import LoadSettings
from day2.errors import BadUsage
from day2.memory.retention import MemorySettings
from day2.model.round import Before, Report
from day2.model.survey import KINDS, Survey
from day2.operations.health.policy import HealthPolicy
from day2.settings import Schema, Settings, state_folder
from day2.survey.read import SurveySettings

if TYPE_CHECKING:
    from day2.memory.store import Memory
    from day2.operations.health.check import Check
    from day2.report.today import Today
    from day2.survey.compare import Change
    from day2.survey.lanes import Job

Progress = Callable[[str, int, int], None]
DAILY = timedelta(hours=24)
T = TypeVar("T", bound=msgspec.Struct)


class RootSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The top of the settings file."""

    default_cloud: Annotated[
        str,
        Meta(description="The cloud of `clouds` meant without --cloud; empty: the only one."),
    ] = ""


class CloudSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Section `clouds.NAME`."""

    access: Annotated[
        str,
        Meta(
            pattern="^(observe|propose|act)$",
            description="observe: no writer is wired; propose: plans are made; act: plans may run.",
        ),
    ] = "observe"


# Sections that hold for every cloud at the top of the file, and for one below `clouds.NAME`.
SHARED: dict[str, type[msgspec.Struct]] = {
    "load": LoadSettings,
    "survey": SurveySettings,
    "health": HealthPolicy,
}
OF_A_CLOUD: dict[str, type[msgspec.Struct]] = {"openstack": OpenStackSettings}
SCHEMA: Schema = {
    "": RootSettings,
    "memory": MemorySettings,
    **SHARED,
    "clouds.*": CloudSettings,
    **{f"clouds.*.{name}": kind for name, kind in OF_A_CLOUD.items()},
    **{f"clouds.*.{name}": kind for name, kind in SHARED.items()},
}


def checks() -> tuple["Check", ...]:
    """Return every check: ours, then those that entry points of `day2.checks` add."""
    from stevedore import extension

    from day2.operations.health import rules

    added: Any = extension.ExtensionManager("day2.checks", on_load_failure_callback=_broken_check)
    return (*rules.all_checks(), *(check for found in added for check in found.plugin))


def _broken_check(_manager: object, entry_point: object, error: BaseException) -> None:
    raise BadUsage(f"the check plug-in {entry_point} does not load: {error}") from error


class Site:
    """One cloud of one installation, wired on demand; nothing is opened before it is used."""

    def __init__(
        self,
        settings: Settings,
        *,
        cloud: str | None = None,
        environment: Mapping[str, str] | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.settings = settings
        self.environment = os.environ if environment is None else environment
        self.clock = clock or SystemClock()
        self.cloud = _choose(settings, cloud)

    @classmethod
    def load(cls, *, config: str | None, cloud: str | None) -> "Site":
        """Read the settings and choose the cloud.

        Raises:
            BadSettings, BadUsage: when the settings are wrong or do not have this cloud.

        """
        settings = Settings.load(schema=SCHEMA, given=config, environment=os.environ)
        return cls(settings, cloud=cloud or os.environ.get("DAY2_CLOUD"))

    def section(self, name: str, kind: type[T]) -> T:
        """Return a section: that of the cloud over the shared one over the defaults."""
        return self.settings.section(kind, name, f"clouds.{self.cloud}.{name}")

    @cached_property
    def state(self) -> Path:
        """Where this installation keeps what it remembers."""
        return state_folder(self.environment)

    @cached_property
    def memory(self) -> "Memory":
        """Open the memory (SQLAlchemy is imported here, not before)."""
        from day2.memory.store import open_memory

        return open_memory(self.state)

    @cached_property
    def region(self) -> str:
        """The region looked at; empty when the account's cloud has only one."""
        from day2.adapters.openstack import clouds

        chosen = self.section("openstack", OpenStackSettings)
        return clouds.find(chosen, self.environment).region

    def jobs(self, kinds: Sequence[str]) -> list["Job"]:
        """Make every read of one survey, restricted to these kinds."""
        from day2.adapters.openstack import clouds
        from day2.adapters.openstack.session import Session
        from day2.survey.openstack import OpenStackReader

        credentials = clouds.find(self.section("openstack", OpenStackSettings), self.environment)
        session = Session(credentials, limits=self.section("load", LoadSettings), clock=self.clock)
        return OpenStackReader(session, clock=self.clock).jobs(kinds)

    def survey(self, kinds: Sequence[str] = KINDS, progress: Progress | None = None) -> Survey:
        """Read a survey of these kinds."""
        from day2.survey import read

        return read.read(
            self.jobs(kinds),
            cloud=self.cloud,
            region=self.region,
            clock=self.clock,
            load=self.section("load", LoadSettings),
            settings=self.section("survey", SurveySettings),
            progress=progress,
        )

    def judge(
        self, survey: Survey, history: Sequence[Survey], before: Before, *, kind: str
    ) -> Report:
        """Judge a survey by this cloud's policy."""
        from day2.operations.health import judge
        from day2.operations.health.check import Facts

        facts = Facts(
            survey=survey,
            policy=self.section("health", HealthPolicy),
            now=self.clock.now(),
            history=list(history),
        )
        return judge.judge(facts, checks(), before, kind=kind)

    def check(self, kinds: Sequence[str] | None = None, progress: Progress | None = None) -> Report:
        """Judge the cloud now without touching the memory.

        Raises:
            BadUsage: when there is no such table.

        """
        unknown = sorted(set(kinds or ()) - set(KINDS))
        if unknown:
            raise BadUsage(f"no table {', '.join(unknown)}; known: {', '.join(KINDS)}")
        survey = self.survey(kinds or KINDS, progress=progress)
        return self.judge(survey, [], Before(), kind="health")

    def diff(self, before: int | None, after: int | None) -> tuple[Survey, Survey, list["Change"]]:
        """Compare the surveys of two rounds; without ids, of the last two.

        Raises:
            BadUsage: when a round is not kept, or its survey is not kept any more.

        """
        from day2.memory import rounds, surveys
        from day2.survey.compare import compare

        kept = rounds.history(self.memory, self.cloud, self.region, count=1000)
        by_round = {report.id: survey for report, survey in kept if survey is not None}
        newest = sorted((i for i in by_round if i is not None), reverse=True)
        if len(newest) < 2 and (before is None or after is None):  # noqa: PLR2004 - two to compare
            raise BadUsage("two rounds are needed", hint="run one with: day2 round daily")
        pair = (before or newest[1], after or newest[0])
        loaded: list[Survey] = []
        for round_id in pair:
            survey_id = by_round.get(round_id)
            survey = None if survey_id is None else surveys.load(self.memory, survey_id)
            if survey is None:
                raise BadUsage(
                    f"round {round_id} has no survey (any more)", hint="day2 health history"
                )
            loaded.append(survey)
        return loaded[0], loaded[1], compare(loaded[0], loaded[1])

    def today(self) -> "Today":
        """Gather today in ten lines, from memory alone."""
        from day2.memory import rounds
        from day2.report.today import Today

        kept = rounds.history(self.memory, self.cloud, self.region, count=1)
        now = self.clock.now()
        latest = kept[0][0] if kept else None
        due = []
        if latest is None or now - latest.at > DAILY:
            due.append("the daily round:  day2 round daily")
        return Today(cloud=self.cloud, now=now, latest=latest, due=due)

    def round(self, kind: str, progress: Progress | None = None) -> Report:
        """Run one round and keep it."""
        # The memory's libraries load while the first requests are on their way.
        warm = threading.Thread(target=lambda: self.memory, daemon=True)
        warm.start()
        survey = self.survey(progress=progress)
        warm.join()
        from day2.operations.rounds import procedure

        return procedure.run(
            read=lambda: survey,
            judge=lambda found, history, before: self.judge(found, history, before, kind=kind),
            memory=self.memory,
            retention=self.settings.section(MemorySettings, "memory"),
            clock=self.clock,
            cloud=self.cloud,
            region=self.region,
            kind=kind,
        )


def _choose(settings: Settings, wanted: str | None) -> str:
    known = settings.names("clouds")
    if wanted:
        if wanted in known or not known:
            return wanted
        raise BadUsage(f"no cloud {wanted!r} in the settings; known: {', '.join(known)}")
    default = settings.value("default_cloud")
    if default:
        if default not in known:
            raise BadUsage(f"default_cloud {default!r} is not one of: {', '.join(known)}")
        return str(default)
    if len(known) > 1:
        raise BadUsage(f"name a cloud with --cloud: {', '.join(known)}")
    return known[0] if known else "default"
