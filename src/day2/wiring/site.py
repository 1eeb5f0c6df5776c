# SPDX-License-Identifier: Apache-2.0
"""One cloud of one installation: its adapters and rooms, wired on demand."""

import os
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import msgspec

from day2.adapters.addresses import (
    BusSettings,
    DatabaseSettings,
    MonitoringSettings,
    ProxySettings,
)
from day2.adapters.ceph import CephSettings
from day2.adapters.clock import Clock, SystemClock
from day2.adapters.hashicorp import VaultSettings
from day2.adapters.kolla.settings import KollaSettings
from day2.adapters.memcached import CacheSettings
from day2.adapters.openstack.clouds import OpenStackSettings
from day2.adapters.openstack.limits import LoadSettings
from day2.adapters.secrets import SecretRef
from day2.adapters.tls import TlsSettings
from day2.errors import BadUsage, Locked, MemoryUnusable
from day2.memory.retention import MemorySettings
from day2.model.round import Before, Report
from day2.model.survey import KINDS, Survey
from day2.model.usage import SCOPES, Counted
from day2.operations.health.policy import HealthPolicy
from day2.operations.usage.policy import UsagePolicy
from day2.settings import Settings, state_folder
from day2.survey.read import SurveySettings
from day2.wiring.registries import checks, prepare_judging

if TYPE_CHECKING:
    from day2.adapters.hosts import Hosts
    from day2.adapters.kolla.inventory import Inventory
    from day2.adapters.kolla.virtualenv import Virtualenv
    from day2.adapters.openstack.clouds import Credentials
    from day2.adapters.secrets import Secrets
    from day2.memory.store import Memory
    from day2.model.problem import KnownProblem
    from day2.report.today import Today
    from day2.survey.compare import Change
    from day2.survey.lanes import Job
    from day2.wiring.backup import Backups
    from day2.wiring.changes import Changes
    from day2.wiring.hosts import HostPlans
    from day2.wiring.logs import Logs

Progress = Callable[[str, int, int], None]
DAILY = timedelta(hours=24)
T = TypeVar("T", bound=msgspec.Struct)


class Site:
    """One cloud of one installation, wired on demand; nothing is opened before it is used."""

    def __init__(
        self,
        settings: Settings,
        *,
        cloud: str | None = None,
        environment: Mapping[str, str] | None = None,
        clock: Clock | None = None,
        config: str | None = None,
    ) -> None:
        self.settings = settings
        self.config = config
        self.environment = os.environ if environment is None else environment
        self.clock = clock or SystemClock()
        self.cloud = _choose(settings, cloud)

    @classmethod
    def load(cls, *, config: str | None, cloud: str | None) -> "Site":
        """Read the settings and choose the cloud.

        Raises:
            BadSettings, BadUsage: when the settings are wrong or do not have this cloud.

        """
        from day2.wiring.sandbox import load_settings

        wanted = cloud or os.environ.get("DAY2_CLOUD")
        return cls(load_settings(config, wanted, os.environ), cloud=wanted, config=config)

    @property
    def own_words(self) -> list[str]:
        """The words with which another process of ours sees the same cloud and settings."""
        config = ["--config", str(Path(self.config).absolute())] if self.config else []
        return ["--cloud", self.cloud, *config]

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
        return self.credentials.region

    @cached_property
    def credentials(self) -> "Credentials":
        """The account for reading: clouds.yaml is read once."""
        from day2.adapters.openstack import clouds

        return clouds.find(self.section("openstack", OpenStackSettings), self.environment)

    def jobs(self, kinds: Sequence[str]) -> list["Job"]:
        """Make every read of one survey, restricted to these kinds."""
        from day2.adapters.openstack.session import Session
        from day2.survey.endpoints import EndpointReader
        from day2.survey.openstack import OpenStackReader

        session = Session(
            self.credentials, limits=self.section("load", LoadSettings), clock=self.clock
        )
        return [
            *OpenStackReader(session, clock=self.clock).jobs(kinds),
            *EndpointReader(session, tls=self.section("tls", TlsSettings), clock=self.clock).jobs(
                kinds
            ),
            *self._carrier_jobs(kinds),
            *self._cache_jobs(kinds),
            *self._ceph_jobs(kinds),
            *self._host_jobs(kinds),
        ]

    def _carrier_jobs(self, kinds: Sequence[str]) -> list["Job"]:
        """Make the reads of database, load balancers, bus, monitoring: of what is configured."""
        from day2.survey import bus, database, monitoring

        def resolve(reference: SecretRef) -> str:
            return self.secrets.resolve(reference)

        made: list[Job] = []
        if self._configured("database"):
            settings = self.section("database", DatabaseSettings)
            made += database.database_jobs(settings, kinds, resolve)
        if self._configured("proxy"):
            made += database.proxy_jobs(self.section("proxy", ProxySettings), kinds, resolve)
        if self._configured("bus"):
            reader = bus.BusReader(
                self.section("bus", BusSettings), resolve=resolve, clock=self.clock
            )
            made += reader.jobs(kinds)
        if self._configured("monitoring"):
            watchers = self.section("monitoring", MonitoringSettings)
            made += monitoring.MonitoringReader(watchers, resolve=resolve).jobs(kinds)
        return made

    def _configured(self, name: str) -> bool:
        return self.settings.value(f"clouds.{self.cloud}.{name}") is not None

    def _cache_jobs(self, kinds: Sequence[str]) -> list["Job"]:
        from day2.survey.cache import CacheReader

        return CacheReader(self.section("cache", CacheSettings), clock=self.clock).jobs(kinds)

    def _ceph_jobs(self, kinds: Sequence[str]) -> list["Job"]:
        from day2.survey.ceph import ceph_jobs

        return ceph_jobs(self.section("ceph", CephSettings), kinds, self.environment)

    def _host_jobs(self, kinds: Sequence[str]) -> list["Job"]:
        from day2.survey.hosts import HostsReader

        if not self.section("kolla", KollaSettings).inventory:
            return []
        return HostsReader(lambda: self.hosts).jobs(kinds)

    @cached_property
    def hosts(self) -> "Hosts":
        """The hosts of the inventory (ansible-runner is imported here, not before)."""
        from day2.adapters.hosts import Hosts

        return Hosts(self.section("kolla", KollaSettings), self.virtualenv, self.inventory)

    @cached_property
    def inventory(self) -> "Inventory":
        """The hosts' names and groups: one start of ansible-inventory for all who ask."""
        from day2.adapters.kolla.inventory import Inventory

        return Inventory(self.section("kolla", KollaSettings), self.virtualenv)

    @cached_property
    def virtualenv(self) -> "Virtualenv":
        """The executables of Kolla-Ansible's virtualenv."""
        from day2.adapters.kolla.virtualenv import Virtualenv

        return Virtualenv(self.section("kolla", KollaSettings).virtualenv, self.environment)

    @cached_property
    def secrets(self) -> "Secrets":
        """What fetches secrets by reference: files, environment, Kolla's passwords, Vault."""
        from day2.adapters.hashicorp import Vault
        from day2.adapters.kolla.passwords import Passwords
        from day2.adapters.secrets import Secrets

        return Secrets(
            environment=self.environment,
            kolla=Passwords(self.section("kolla", KollaSettings), self.virtualenv),
            vault=Vault(self.section("vault", VaultSettings), self.environment),
        )

    @cached_property
    def changes(self) -> "Changes":
        """Plans, runs and the journal of this cloud."""
        from day2.wiring.changes import Changes

        return Changes(self)

    @cached_property
    def backups(self) -> "Backups":
        """Backup sets of this cloud."""
        from day2.wiring.backup import Backups

        return Backups(self)

    @cached_property
    def host_plans(self) -> "HostPlans":
        """What makes plans about hosts."""
        from day2.wiring.hosts import HostPlans

        return HostPlans(self)

    @cached_property
    def problems(self) -> list["KnownProblem"]:
        """Every known problem, the operator's own first.

        Raises:
            BadSettings: when the operator's folder or a file in it is wrong.

        """
        from day2.wiring import problems

        return problems.knowledge(self)

    @cached_property
    def logs(self) -> "Logs":
        """The services' logs."""
        from day2.wiring.logs import Logs

        return Logs(self)

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
            clean=lambda words: self.logs.cleaner.clean(words),  # noqa: PLW0108 - read when needed
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

    def count(self, survey: Survey, scopes: Sequence[str] = SCOPES) -> Counted:
        """Count the usage that a survey shows, by this cloud's policy."""
        from day2.operations.usage import count

        return count.count(survey, self.section("usage", UsagePolicy), scopes)

    def check(self, kinds: Sequence[str] | None = None, progress: Progress | None = None) -> Report:
        """Judge the cloud now without touching the memory.

        Raises:
            BadUsage: when there is no such table.

        """
        unknown = sorted(set(kinds or ()) - set(KINDS))
        if unknown:
            raise BadUsage(f"no table {', '.join(unknown)}; known: {', '.join(KINDS)}")
        # What judging needs loads while the first requests are on their way.
        threading.Thread(target=prepare_judging, daemon=True).start()
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
        if latest is None or not timedelta(0) <= now - latest.at <= DAILY:
            due.append("the daily round:  day2 round daily")
        return Today(cloud=self.cloud, now=now, latest=latest, due=due)

    def round(self, kind: str, progress: Progress | None = None) -> Report:
        """Run one round and keep it."""
        # The memory's libraries load while the first requests are on their way.
        warm = threading.Thread(target=self._warm_memory, daemon=True)
        warm.start()
        from day2.wiring import backup_rounds, problems

        # What is wrong in the operator's own files is said before anything is read.
        _ = self.problems
        logs = self.logs.begin() if self.logs.configured else None
        backups = backup_rounds.begin(self)
        survey = self.survey(progress=progress)
        warm.join()
        from day2.operations.rounds import procedure

        return procedure.run(
            read=lambda: survey,
            judge=lambda found, history, before: self.judge(found, history, before, kind=kind),
            count=self.count,
            memory=lambda: self.memory,
            retention=self.settings.section(MemorySettings, "memory"),
            clock=self.clock,
            suspect=partial(problems.with_suspects, self),
            additions=[pending.addition for pending in (logs, backups) if pending],
        )

    def _warm_memory(self) -> None:
        # Whoever needs it meets the failure, and says it.
        with suppress(MemoryUnusable, Locked):
            _ = self.memory


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
