# SPDX-License-Identifier: Apache-2.0
"""Evidence of one cloud: everything is read at once, and what cannot be read is said.

Nothing is kept in the memory, and nothing that fails stops the rest.
"""

import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Generic, TypeVar

from msgspec import structs

from day2 import __version__
from day2.adapters.ceph import CephSettings
from day2.adapters.kolla.settings import KollaSettings
from day2.errors import Day2Error, Locked, MemoryUnusable, Unreachable
from day2.model.evidence import Evidence
from day2.model.logs import LogReading, LogReview
from day2.model.survey import KINDS
from day2.operations.evidence.policy import EvidencePolicy

if TYPE_CHECKING:
    from day2.adapters.logs.cleaning import Cleaner
    from day2.model.evidence import HostEvidence
    from day2.model.round import Report
    from day2.model.survey import Survey
    from day2.operations.evidence.told import Told
    from day2.operations.logs.review import Span
    from day2.wiring.evidence_memory import Remembered
    from day2.wiring.site import Site

Progress = Callable[[str, int, int], None]
GRACE_SECONDS = 3.0
T = TypeVar("T")


class Later(Generic[T]):
    """One question that is asked in a thread of its own, which a silent server cannot hold up."""

    def __init__(self, what: str, ask: Callable[[], T]) -> None:
        self._what = what
        self._answer: list[T | BaseException] = []
        self._done = threading.Event()
        threading.Thread(target=self._work, args=(ask,), daemon=True).start()

    def _work(self, ask: Callable[[], T]) -> None:
        try:
            self._answer.append(ask())
        except BaseException as error:  # noqa: BLE001 - handed to the main thread, which raises it
            self._answer.append(error)
        self._done.set()

    def get(self, seconds: float) -> T:
        """Return the answer; wait so long for it.

        Raises:
            Unreachable: when there is none by then.
            Day2Error: what the question raised.

        """
        if not self._done.wait(max(seconds, 0.01)):
            raise Unreachable(
                f"{self._what}: not read in time", hint="setting evidence.seconds_max"
            )
        answer = self._answer[0]
        if isinstance(answer, BaseException):
            raise answer
        return answer


def collect(site: "Site", since: timedelta, progress: Progress | None = None) -> Evidence:
    """Gather the evidence; what the cloud does never raises.

    Raises:
        BadSettings, BadUsage: when the settings, clouds.yaml or your own known problems are wrong.

    """
    from day2.wiring import evidence_memory as remembering

    policy = site.section("evidence", EvidencePolicy)
    began, now = site.clock.monotonic(), site.clock.now()
    until = began + policy.seconds_max
    # A file of the operator's own that is wrong is told at once, not after a minute.
    _ = site.problems, site.logs.tables
    clean = site.logs.cleaner
    hosts = Later("hosts", lambda: _hosts(site, policy, now - since, clean))
    ceph = Later("ceph -s", lambda: _ceph(site))
    logs = Later("logs", lambda: site.logs.read(_span(site, now, since)))
    survey = _survey(site, policy, progress)
    memory = remembering.remember(site)
    report = site.judge(survey, memory.history, memory.before, kind="evidence")
    left = until - site.clock.monotonic()
    read, why_not = _logs(site, logs, left + GRACE_SECONDS)
    review = _reviewed(site, read, _span(site, now, since), memory) if read is not None else None
    told = _told(site, hosts, until - site.clock.monotonic() + GRACE_SECONDS)
    from day2.wiring import evidence_parts as parts

    gathered = parts.Gathered(
        site=site,
        policy=policy,
        since=now - since,
        now=now,
        survey=survey,
        report=_with_logs(site, report, review, memory),
        review=review,
        review_error=why_not,
        told=told,
        memory=memory,
        ceph=parts.asked(lambda: ceph.get(until - site.clock.monotonic() + GRACE_SECONDS)),
    )
    made = parts.evidence(gathered)
    seconds = round(site.clock.monotonic() - began, 1)
    return structs.replace(made, seconds=seconds, version=__version__)


def write(site: "Site", made: Evidence, output: str) -> tuple[Path, str]:
    """Write a pack; return its file and the SHA-256 of that.

    Raises:
        BadUsage: when it cannot be written.

    """
    import hashlib

    from day2.adapters import packs
    from day2.report import evidence_pack

    policy = site.section("evidence", EvidencePolicy)
    folder = Path(output or policy.folder or site.state / "evidence").expanduser().absolute()
    content = evidence_pack.members(made, site.logs.cleaner.tree)
    told = packs.manifest(
        content, schema="day2.evidence-pack/1", scope=made.scope, cloud=made.cloud, at=made.at
    )
    name = f"day2-evidence-{evidence_pack.plain_name(made.cloud)}-{made.at:%Y%m%dT%H%M%SZ}"
    file = packs.write(folder, name, told, content)
    return file, hashlib.sha256(file.read_bytes()).hexdigest()


def _survey(site: "Site", policy: EvidencePolicy, progress: Progress | None) -> "Survey":
    from day2.adapters.openstack.limits import LoadSettings
    from day2.survey import read
    from day2.survey.read import SurveySettings

    settings = site.section("survey", SurveySettings)
    return read.read(
        site.jobs(KINDS),
        cloud=site.cloud,
        region=site.region,
        clock=site.clock,
        load=site.section("load", LoadSettings),
        settings=structs.replace(settings, seconds_max=policy.seconds_max),
        clean=site.logs.cleaner.clean,
        progress=progress,
    )


def _hosts(site: "Site", policy: EvidencePolicy, since: datetime, clean: "Cleaner") -> "Told":
    """Ask the hosts; also the files of this machine, and what the virtual addresses are."""
    from day2.adapters.ansible import Ansible
    from day2.adapters.host_evidence import EvidenceOfHosts, Question
    from day2.adapters.kolla import addresses
    from day2.adapters.logs.settings import LogSettings
    from day2.operations.evidence.told import Told

    kolla = site.section("kolla", KollaSettings)
    ansible = Ansible(kolla, site.virtualenv, site.inventory)
    reader = EvidenceOfHosts(ansible, clean)
    folders = [Path(kolla.config_dir).expanduser()]
    local = reader.local([f for f in folders if f.is_dir()], since, policy.files_max)
    variables: dict[str, str] = {}
    vips: dict[str, str] = {}
    found: list[HostEvidence] = []
    error = vips_error = ""
    try:
        if kolla.inventory:
            variables = site.inventory.variables
        try:
            vips = addresses.virtual_addresses(kolla, variables)
        except Day2Error as failure:
            # The hosts can be asked all the same.
            vips_error = clean.line(str(failure))
        if kolla.inventory:
            found = reader.gather(
                Question(
                    since=since,
                    config_folder=policy.config_folder,
                    log_folder=site.section("logs", LogSettings).folder,
                    engine=kolla.container_engine,
                    lines=policy.lines,
                    tails_max=policy.tails_max,
                    files_max=policy.files_max,
                    host_seconds=policy.host_seconds,
                    seconds_max=policy.seconds_max,
                )
            )
    except Day2Error as failure:
        error = clean.line(str(failure))
    return Told(hosts=found, local=local, vips=vips, error=error, vips_error=vips_error)


def _told(site: "Site", hosts: "Later[Told]", seconds: float) -> "Told":
    from day2.operations.evidence.told import Told

    configured = bool(site.section("kolla", KollaSettings).inventory)
    try:
        return structs.replace(hosts.get(seconds), configured=configured)
    except Day2Error as failure:
        return Told(error=str(failure), configured=configured)


def _ceph(site: "Site") -> dict[str, object] | None:
    from day2.adapters import ceph

    settings = site.section("ceph", CephSettings)
    return ceph.status(settings, site.environment) if settings.command else None


def _span(site: "Site", now: datetime, since: timedelta) -> "Span":
    from day2.operations.logs.review import Span

    return Span(cloud=site.cloud, region=site.region, since=now - since, until=now)


def _logs(
    site: "Site", logs: "Later[tuple[LogReading, float]]", seconds: float
) -> tuple[tuple[LogReading, float] | None, str]:
    if not site.logs.configured:
        return None, ""
    try:
        return logs.get(seconds), ""
    except Day2Error as error:
        return None, str(error)


def _reviewed(
    site: "Site", read: tuple[LogReading, float], span: "Span", memory: "Remembered"
) -> LogReview:
    """Make the review, held against earlier ones where the memory can be read."""
    from day2.operations.logs import procedure, review

    reading, seconds = read
    tables = site.logs.tables
    if memory.opened is not None:
        try:
            return procedure.judge(
                reading,
                span,
                memory=memory.opened,
                tables=tables,
                policy=site.logs.policy,
                seconds=seconds,
            ).review
        except (MemoryUnusable, Locked) as error:
            memory.error = memory.error or str(error)
    return review.make(
        reading,
        span,
        known={},
        templates=[],
        tables=tables,
        policy=site.logs.policy,
    )


def _with_logs(
    site: "Site", report: "Report", review: LogReview | None, memory: "Remembered"
) -> "Report":
    """Add what the log review finds: a known problem that only logs tell of is a finding too."""
    from day2.operations.logs import rules
    from day2.operations.rounds.procedure import Addition, with_addition

    if review is None:
        return report
    found = rules.judge(review, [], site.logs.tables, site.logs.policy)
    addition = Addition(checks=rules.CHECKS, findings=found, gaps=review.gaps)
    return with_addition(report, addition, memory.before)
