# SPDX-License-Identifier: Apache-2.0
"""`day2 doctor`: which probes there are to run, for the installation and for each cloud."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeVar

import msgspec

from day2.adapters.clock import Clock
from day2.adapters.kolla.inventory import Inventory
from day2.adapters.kolla.settings import KollaSettings
from day2.adapters.kolla.virtualenv import Virtualenv
from day2.adapters.openstack import clouds
from day2.adapters.openstack.limits import LoadSettings
from day2.adapters.openstack.session import Session
from day2.adapters.secrets import SecretRef, Secrets
from day2.errors import Day2Error
from day2.model.examination import Examination, Item
from day2.operations.setup import account, doctor, files, kolla, local, writing
from day2.operations.setup.parts import NEEDED_KINDS, PARTS, with_commands
from day2.settings import Settings, state_folder
from day2.survey.lanes import Job
from day2.survey.read import SurveySettings

# All of it, whatever hangs; the rest of a minute is for starting and printing.
SECONDS_MAX = 50.0
REQUEST_SECONDS_MAX = 10.0
MEMORY_SECONDS_MAX = 10.0
ACT = "act"

T = TypeVar("T", bound=msgspec.Struct)
Progress = Callable[[str, int, int], None]
Sections = Mapping[str, type[msgspec.Struct]]


class Site(Protocol):
    """What the doctor needs of a wired cloud."""

    cloud: str
    settings: Settings
    environment: Mapping[str, str]

    @property
    def memory(self) -> object:
        """Open the memory."""

    @property
    def virtualenv(self) -> Virtualenv:
        """The executables of Kolla-Ansible's virtualenv."""

    @property
    def secrets(self) -> Secrets:
        """What fetches secrets."""

    def section(self, name: str, kind: type[T]) -> T:
        """Return a section of this cloud."""

    def jobs(self, kinds: Sequence[str]) -> list[Job]:
        """Make the reads of a survey."""


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What `wiring` hands in; key "" of `of_a_cloud` is the section of the cloud itself.

    `looked` are the places of the settings file, for the case that there is none.
    """

    load: Callable[[], Settings]
    open_site: Callable[[Settings, str | None], Site]
    of_a_cloud: Sections
    shared: Sections
    looked: Sequence[Path]
    environment: Mapping[str, str]
    clock: Clock
    progress: Progress | None = None


def run(plan: Plan, wanted: str | None) -> Examination:
    """Examine the installation, then the cloud that is wanted, or every one of them."""
    clock = plan.clock
    started = clock.monotonic()
    items: list[Item] = []
    try:
        settings = plan.load()
        names: list[str | None] = [] if wanted else [*settings.names("clouds")]
        sites = [plan.open_site(settings, name) for name in (names or [wanted])]
    except PermissionError as error:
        items.append(doctor.failure("settings", "settings", files.denied(error)))
    except Day2Error as error:
        items.append(doctor.failure("settings", "settings", error))
    else:
        variables = plan.environment
        by_variables = bool(variables.get("OS_AUTH_URL") or variables.get("OS_CLOUD"))
        items += _installation(sites[0], plan, by_variables=by_variables)
        if settings.file or by_variables:
            for number, site in enumerate(sites):
                left = SECONDS_MAX - (clock.monotonic() - started)
                items += _cloud(site, max(left / (len(sites) - number), 1.0), plan)
    seconds = round(clock.monotonic() - started, 3)
    return Examination(items=items, at=clock.now(), seconds=seconds)


def _installation(site: Site, plan: Plan, *, by_variables: bool) -> list[Item]:
    folder = state_folder(site.environment)
    opening = doctor.Probe(
        id="memory",
        title="memory",
        lane="memory",
        run=lambda: local.memory(lambda: site.memory, folder),
    )
    return [
        local.settings_file(site.settings.file, plan.looked, account=by_variables),
        local.state(folder),
        *doctor.examine(
            [opening], [], [], cloud="", clock=plan.clock, seconds_max=MEMORY_SECONDS_MAX
        ),
    ]


def _cloud(site: Site, seconds: float, plan: Plan) -> list[Item]:
    """Try one cloud: its account, services and lists, Kolla, secrets, and what lies below."""
    try:
        sections = _sections(site, plan)
    except Day2Error as error:
        wrong = doctor.failure("settings.cloud", "settings", error)
        return [msgspec.structs.replace(wrong, cloud=site.cloud)]
    items: list[Item] = []
    probes: list[doctor.Probe] = []
    jobs: list[Job] = []
    parts: Sequence[doctor.Part] = ()
    try:
        items, probes = _account(site, sections[""].access, plan.clock)
        parts = with_commands(site.section("kolla", KollaSettings))
        jobs = site.jobs([*NEEDED_KINDS, *(kind for part in PARTS for kind in part.kinds)])
    except PermissionError as error:
        items = [doctor.failure("account", "cloud account", files.denied(error))]
    except Day2Error as error:
        items = [doctor.failure("account", "cloud account", error)]
    if "kolla" in sections:
        tool = site.virtualenv
        probes += kolla.probes(
            sections["kolla"],
            virtualenv=tool,
            inventory=lambda: Inventory(sections["kolla"], tool),
        )
    references = {
        f"{name}.{field}": value
        for name, section in sections.items()
        for field in section.__struct_fields__
        if isinstance(value := getattr(section, field), SecretRef)
    }
    probes += kolla.secrets(references, site.secrets)
    found = doctor.examine(
        probes,
        jobs,
        parts,
        cloud=site.cloud,
        clock=plan.clock,
        seconds_max=seconds,
        progress=plan.progress,
    )
    return [*(msgspec.structs.replace(item, cloud=site.cloud) for item in items), *found]


def _sections(site: Site, plan: Plan) -> dict[str, Any]:
    """Read every section before anything is tried: a wrong value is a matter of settings."""
    prefix = f"clouds.{site.cloud}"
    found: dict[str, Any] = {
        name: site.section(name, kind)
        for name, kind in {**plan.shared, **plan.of_a_cloud}.items()
        if name in plan.shared or (name and site.settings.value(f"{prefix}.{name}") is not None)
    }
    found[""] = site.settings.section(plan.of_a_cloud[""], prefix)
    return found


def _account(site: Site, access: str, clock: Clock) -> tuple[list[Item], list[doctor.Probe]]:
    """Make what tries the account; its file is looked at at once."""
    credentials = clouds.find(site.section("openstack", clouds.OpenStackSettings), site.environment)
    load = site.section("load", LoadSettings)
    quick = min(load.request_seconds_max, REQUEST_SECONDS_MAX)
    limits = msgspec.structs.replace(load, request_seconds_max=quick)
    examiner = account.Examiner(
        Session(credentials, limits=limits, clock=clock),
        clock=clock,
        access=access,
        skip_kinds=site.section("survey", SurveySettings).skip_kinds,
        kolla=site.section("kolla", KollaSettings),
        section=f"clouds.{site.cloud}.openstack",
    )
    file = Path(credentials.source)
    items = [local.private("accounts", "accounts file", file)] if file.is_file() else []
    probes = examiner.probes()
    if access == ACT:
        probes.append(_writing(site, limits, clock))
    return items, probes


def _writing(site: Site, limits: LoadSettings, clock: Clock) -> doctor.Probe:
    """Make what tries the account that changes the cloud."""
    own = f"clouds.{site.cloud}.writing"

    def run() -> list[Item]:
        if not site.settings.value(f"{own}.cloud"):
            return [writing.unset(own)]
        reading = f"clouds.{site.cloud}.openstack"
        chosen = site.settings.section(clouds.WritingSettings, reading, own)
        found = clouds.find(chosen, site.environment)
        return [writing.examine(found, limits=limits, clock=clock, section=own)]

    return doctor.Probe(id=writing.NAME, title=writing.TITLE, lane="writing", run=run)
