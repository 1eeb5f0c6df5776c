# SPDX-License-Identifier: Apache-2.0
"""The log review of one cloud: its source, its memory, its place in the daily round."""

import queue
import threading
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING

import msgspec

from day2.adapters.kolla.settings import KollaSettings
from day2.adapters.logs.settings import LogSettings
from day2.errors import BadSettings, Day2Error, Unreachable
from day2.memory.retention import MemorySettings
from day2.model.logs import Followed, LogReading
from day2.model.round import Before
from day2.operations.logs.policy import LogPolicy

if TYPE_CHECKING:
    from day2.adapters.logs.cleaning import Cleaner
    from day2.adapters.logs.hosts import HostLogs
    from day2.adapters.logs.opensearch import SearchLogs
    from day2.operations.logs.known import Tables
    from day2.operations.logs.procedure import Reviewed
    from day2.operations.logs.review import Span
    from day2.operations.rounds.procedure import Addition
    from day2.wiring.site import Site

# What packing, connecting and judging may take beyond the seconds of the source itself.
GRACE_SECONDS = 5.0
Read = tuple[LogReading, float]


class Logs:
    """The logs of one cloud."""

    def __init__(self, site: "Site") -> None:
        self._site = site
        self.settings = site.section("logs", LogSettings)
        self.policy = site.section("log_review", LogPolicy)

    @property
    def configured(self) -> bool:
        """Tell whether there is anything to read: an inventory, or an address of OpenSearch."""
        if self.settings.source == "none":
            return False
        inventory = self._site.section("kolla", KollaSettings).inventory
        return self.settings.from_opensearch or bool(inventory)

    @cached_property
    def tables(self) -> "Tables":
        """What is known of error lines.

        Raises:
            BadSettings: when a file of the operator's own folder is wrong.

        """
        from day2.operations.logs import known
        from day2.wiring import problems

        return known.load(self.policy.known_folder, problems.of_logs(self._site.problems))

    @property
    def marks(self) -> list[str]:
        """The words that make a line worth reading below the level of an error."""
        return sorted({problem.mark for problem in self.tables.problems if problem.mark})

    def review(
        self, since: timedelta, *, services: Sequence[str] = (), hosts: Sequence[str] = ()
    ) -> "Reviewed":
        """Review the logs now; keep the review unless it was of some services or hosts only.

        Raises:
            BadSettings, BadUsage: when nothing is configured, or a name is wrong.
            MemoryUnusable, Locked: when the memory cannot be read or written.

        """
        if not self.configured:
            raise BadSettings(
                f"no logs of {self._site.cloud} are set",
                hint="setting clouds.NAME.kolla.inventory, or clouds.NAME.logs.opensearch.address",
            )
        from day2.memory import logs
        from day2.operations.logs import procedure

        tables = self.tables
        source = self._source()
        span = self._span(since)
        reading, seconds = procedure.read(
            lambda begin, end: source.read(
                begin, end, services=services, hosts=hosts, marks=self.marks
            ),
            span,
            self._site.clock,
        )
        made = self._judged(reading, span, seconds, tables)
        if services or hosts:
            return made
        with self._site.memory.writing() as connection:
            kept = logs.keep(connection, made.review, self._retention)
        return msgspec.structs.replace(made, review=msgspec.structs.replace(made.review, id=kept))

    def follow(
        self, requests: Sequence[str], since: datetime, until: datetime, *, lines_max: int
    ) -> Followed:
        """Follow requests through the logs of all hosts; what cannot be read is a gap."""
        from day2.operations.logs import lines, procedure

        try:
            reading = self._source().follow(requests, since, until, lines_max=lines_max)
        except Day2Error as error:
            return Followed(gaps=[procedure.gap(error)])
        return lines.followed(reading, requests)

    def begin(self, since: timedelta | None = None) -> "Pending":
        """Begin to read what the daily round reviews, in a thread of its own.

        `since` is how far it looks back, None: as far as a round does.
        """
        hours = timedelta(hours=self.policy.since_hours)
        return Pending(self, self._span(hours if since is None else since))

    def addition(
        self, reading: LogReading, span: "Span", seconds: float, before: Before
    ) -> "Addition":
        """Make of what was read what the round shows and keeps."""
        from day2.memory import logs
        from day2.operations.logs import rules
        from day2.operations.rounds.procedure import Addition

        made = self._judged(reading, span, seconds, self.tables)
        gone, unjudged = rules.gone(made.review, made.findings, before.open_checks)
        return Addition(
            checks=rules.CHECKS,
            findings=made.findings,
            gaps=made.review.gaps,
            gone=gone,
            unjudged=unjudged,
            templates=made.review.templates,
            keep=lambda connection: logs.keep(connection, made.review, self._retention),
        )

    def read(self, span: "Span") -> Read:
        """Read the whole cloud's logs; what cannot be read is a gap."""
        from day2.operations.logs import procedure

        source, marks = self._source(), self.marks
        return procedure.read(
            lambda begin, end: source.read(begin, end, marks=marks), span, self._site.clock
        )

    @property
    def seconds_max(self) -> float:
        """How long reading may take; the round waits no longer."""
        return self.settings.seconds_max + GRACE_SECONDS

    @property
    def now(self) -> float:
        """Seconds that only grow."""
        return self._site.clock.monotonic()

    def _judged(
        self, reading: LogReading, span: "Span", seconds: float, tables: "Tables"
    ) -> "Reviewed":
        from day2.operations.logs import procedure

        return procedure.judge(
            reading,
            span,
            memory=self._site.memory,
            tables=tables,
            policy=self.policy,
            seconds=seconds,
        )

    @property
    def _retention(self) -> MemorySettings:
        return self._site.settings.section(MemorySettings, "memory")

    def _span(self, since: timedelta) -> "Span":
        from day2.operations.logs.review import Span

        now: datetime = self._site.clock.now()
        site = self._site
        return Span(cloud=site.cloud, region=site.region, since=now - since, until=now)

    def _source(self) -> "HostLogs | SearchLogs":
        site = self._site
        if self.settings.from_opensearch:
            from day2.adapters.logs.opensearch import SearchLogs

            reference = self.settings.opensearch.password
            password = site.secrets.resolve(reference) if reference else ""
            return SearchLogs(
                self.settings, password=password, clock=site.clock, cleaner=self.cleaner
            )
        from day2.adapters.ansible import Ansible
        from day2.adapters.logs.hosts import HostLogs

        kolla = site.section("kolla", KollaSettings)
        ansible = Ansible(kolla, site.virtualenv, site.inventory)
        return HostLogs(self.settings, kolla, ansible, self.cleaner)

    @cached_property
    def cleaner(self) -> "Cleaner":
        """What masks secrets in whatever is shown or kept."""
        from day2.wiring import masking

        return masking.cleaner(self._site)


class Pending:
    """A reading that goes on while the survey is read."""

    def __init__(self, logs: Logs, span: "Span") -> None:
        self._logs = logs
        self._span = span
        self._until = logs.now + logs.seconds_max
        self._done: queue.SimpleQueue[Read | BaseException] = queue.SimpleQueue()
        threading.Thread(target=self._work, daemon=True).start()

    def _work(self) -> None:
        try:
            self._done.put(self._logs.read(self._span))
        except Day2Error as error:
            from day2.operations.logs import procedure

            self._done.put((LogReading(source="", gaps=[procedure.gap(error)]), 0.0))
        except BaseException as error:  # noqa: BLE001 - handed to the main thread, which raises it
            self._done.put(error)

    def addition(self, before: Before) -> "Addition":
        """Wait for it, no longer than its settings allow, and judge it."""
        from day2.operations.logs import procedure

        try:
            read = self._done.get(timeout=max(self._until - self._logs.now, 0.01))
        except queue.Empty:
            late = Unreachable(
                f"logs: not read within {self._logs.settings.seconds_max:g} s",
                hint="setting clouds.NAME.logs.seconds_max",
            )
            read = LogReading(source="", gaps=[procedure.gap(late)]), 0.0
        if isinstance(read, BaseException):
            raise read
        reading, seconds = read
        return self._logs.addition(reading, self._span, seconds, before)
