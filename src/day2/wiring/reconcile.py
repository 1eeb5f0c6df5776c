# SPDX-License-Identifier: Apache-2.0
"""The stores of one cloud read and held against each other; changes nothing."""

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import TYPE_CHECKING

from day2.errors import BadAnswer, Day2Error, NotDeployed, Unreachable
from day2.model.recovery import Reconciled
from day2.model.round import Before, Report
from day2.model.severity import worst
from day2.model.survey import Gap
from day2.operations.recovery.policy import RecoveryPolicy

if TYPE_CHECKING:
    from day2.adapters.openstack.images import Images
    from day2.adapters.rbd import Rbd
    from day2.model.recovery import Guests
    from day2.model.survey import Survey
    from day2.model.tables.storage import Image
    from day2.operations.backup.actions.outage import Reconciled as ForRestore
    from day2.operations.recovery.rules.seen import Picture, Suspect, Thing
    from day2.wiring.site import Progress, Site

KINDS = (
    "tokens",
    "projects",
    "catalog_services",
    "compute_services",
    "hypervisors",
    "servers",
    "migrations",
    "providers",
    "allocations",
    "ports",
    "routers",
    "floating_ips",
    "volumes",
    "volume_attachments",
    "images",
    "baremetal_nodes",
)
COUNTED = ("servers", "allocations", "ports", "floating_ips", "volumes", "images")
AT_ONCE = 4
ACTIVE = "active"
NOT_LISTED = frozenset({"ironic"})
"""Hypervisors whose guests are machines."""


def reconcile(site: "Site", progress: "Progress | None" = None) -> Reconciled:
    """Read every store that this installation reaches, and hold them against each other."""
    from day2.operations.health.policy import HealthPolicy
    from day2.operations.recovery import rules
    from day2.operations.recovery.rules.seen import Picture

    began = site.clock.monotonic()
    policy = site.section("recovery_plan", RecoveryPolicy)
    health = site.section("health", HealthPolicy)
    gaps: list[Gap] = []
    survey = site.survey(KINDS, progress=progress)
    guests = _guests(site, policy, gaps)
    gaps += _unasked(survey, guests)
    picture = Picture(
        survey=survey,
        now=site.clock.now(),
        settle=timedelta(minutes=health.settle_minutes),
        guests=guests,
        rbd=_rbd_images(site, policy, gaps),
        rbd_backends=policy.rbd_backends,
        volumes_pools=policy.volumes_pools,
        images_pools=policy.images_pools,
        no_data=_no_data(site, survey, gaps) if policy.image_data else {},
    )
    judged = _judged(site, survey)
    found = [*rules.suspects(picture), *rules.of_checks([*judged.findings, *judged.folded])]
    findings = rules.settled(found, _proofs(site, found))
    report = Report(
        kind="reconcile",
        cloud=survey.cloud,
        region=survey.region,
        at=picture.now,
        severity=worst(finding.severity for finding in findings),
        findings=findings,
        gaps=[*survey.gaps, *gaps],
        refused=judged.refused,
        checks=len(rules.RULES) + len(rules.REUSED),
        objects=judged.objects,
        seconds=round(site.clock.monotonic() - began, 3),
    )
    return Reconciled(
        report=report, holds=rules.holding(findings), compared=_compared(survey, picture)
    )


def for_restore(site: "Site") -> "ForRestore":
    """Reconcile in the words of a whole restore: what holds the cloud closed.

    Raises:
        Unreachable: while nothing answers that could be compared.

    """
    from day2.operations.backup.actions.outage import Reconciled as Told

    found = reconcile(site)
    if not found.compared:
        raise Unreachable("nothing that could be compared answers yet")
    summaries = {finding.key: finding.summary for finding in found.report.findings}
    return Told(
        summary=f"{len(summaries)} things that the stores do not agree on",
        grave=[summaries[key] for key in found.holds],
    )


def _judged(site: "Site", survey: "Survey") -> Report:
    """Let the rounds' own checks judge what they know."""
    from day2.operations.health import judge
    from day2.operations.health.check import Facts
    from day2.operations.health.policy import HealthPolicy
    from day2.operations.recovery.rules import REUSED
    from day2.wiring.registries import checks

    policy = site.section("health", HealthPolicy)
    facts = Facts(survey=survey, policy=policy, now=site.clock.now())
    wanted = [check for check in checks() if check.name in REUSED]
    return judge.judge(facts, wanted, Before(), kind="reconcile")


def _compared(survey: "Survey", picture: "Picture") -> dict[str, int]:
    counted = {kind: len(getattr(survey.tables, kind)) for kind in COUNTED if survey.was_read(kind)}
    if picture.guests is not None:
        counted["hypervisors"] = len(picture.guests.hosts)
        counted["guests"] = len(picture.guests.guests)
    counted |= {f"rbd.{pool}": len(names) for pool, names in picture.rbd.items()}
    return counted


def _guests(site: "Site", policy: RecoveryPolicy, gaps: list[Gap]) -> "Guests | None":
    """Ask the hypervisors; what could not be asked is a gap, for it may have a guest twice."""
    from day2.adapters import guests
    from day2.adapters.kolla.settings import KollaSettings

    kolla = site.section("kolla", KollaSettings)
    seconds = policy.guests_seconds_max
    try:
        if policy.guests_command:
            found = guests.by_command(policy.guests_command, site.environment, seconds=seconds)
        elif kolla.inventory:
            from day2.adapters.ansible import Ansible

            hosts = Ansible(kolla, site.virtualenv, site.inventory)
            found = guests.by_ansible(
                hosts,
                engine=kolla.container_engine,
                host_seconds=float(kolla.host_seconds),
                seconds_max=seconds,
            )
        else:
            raise NotDeployed(
                "no hypervisor was asked: whether a guest exists twice or nowhere is not known",
                hint="set clouds.NAME.kolla.inventory, or recovery_plan.guests_command",
            )
    except Day2Error as error:
        gaps.append(_gap("guests", "guests of the hypervisors", error))
        return None
    gaps += [
        Gap(kind="guests", what=f"guests of {host}", error="Unreachable", message=f"{host}: {why}")
        for host, why in found.silent.items()
    ]
    return found


def _unasked(survey: "Survey", guests: "Guests | None") -> list[Gap]:
    """Name the hypervisors that nobody asked: what they have is not known."""
    from day2.operations.recovery.rules.seen import short

    if guests is None:
        return []
    known = {short(host) for host in (*guests.hosts, *guests.silent)}
    hosts = {
        row.service.host or row.hypervisor_hostname
        for row in survey.tables.hypervisors
        if row.hypervisor_type.lower() not in NOT_LISTED
    }
    return [
        _gap(
            "guests",
            f"guests of {host}",
            NotDeployed(
                f"{host}: nobody said which guests it has",
                hint="is it in the inventory, with libvirt? Else: recovery_plan.guests_command",
            ),
        )
        for host in sorted(hosts)
        if short(host) not in known
    ]


def _rbd_images(site: "Site", policy: RecoveryPolicy, gaps: list[Gap]) -> dict[str, list[str]]:
    """List the RBD images of the pools, where the settings say how Ceph is asked."""
    rbd = _rbd(site)
    if rbd is None:
        return {}
    found = {}
    for pool in dict.fromkeys([*policy.volumes_pools, *policy.images_pools]):
        try:
            found[pool] = rbd.images(pool)
        except Day2Error as error:
            gaps.append(_gap("rbd", f"RBD images of {pool}", error))
    return found


def _rbd(site: "Site") -> "Rbd | None":
    from day2.adapters.rbd import Rbd, RbdSettings

    settings = site.section("backup_rbd", RbdSettings)
    return Rbd(settings, site.environment) if settings.command else None


def _no_data(site: "Site", survey: "Survey", gaps: list[Gap]) -> dict[str, str]:
    """Read the first bytes of every active image; return those that have none, with the reason."""
    from day2.adapters.openstack.images import Images
    from day2.wiring import takers

    active = [i for i in survey.tables.images if i.status == ACTIVE and i.size]
    if not active:
        return {}
    images = Images(takers.seeing(site), site.clock)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        asked = list(pool.map(lambda image: _asked(images, image), active))
    missing = {}
    for image, error in zip(active, asked, strict=True):
        if isinstance(error, NotDeployed | BadAnswer):
            missing[image.id] = str(error)
        elif error is not None:
            gaps.append(_gap("images", f"data of image {image.id}", error))
    return missing


def _asked(images: "Images", image: "Image") -> Day2Error | None:
    try:
        images.require_data(image.id)
    except Day2Error as error:
        return error.bare()
    return None


def _proofs(site: "Site", found: "Iterable[Suspect]") -> "Mapping[Thing, bool | None]":
    """Ask for everything that must not be there, by its id; None: it could not be told."""
    things = list(dict.fromkeys(thing for one in found for thing in one.absent))
    if not things:
        return {}
    ask = _askers(site)

    def asked(thing: "Thing") -> bool | None:
        kind, identifier = thing
        try:
            return ask[kind](identifier)
        except Day2Error:
            return None

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return dict(zip(things, pool.map(asked, things), strict=True))


def _askers(site: "Site") -> dict[str, Callable[[str], bool]]:
    """Return who tells of each kind whether a thing is proven not to be there."""
    from day2.adapters.openstack.compute import Compute
    from day2.adapters.openstack.images import Images
    from day2.adapters.openstack.network import Network
    from day2.adapters.openstack.storage import Storage
    from day2.wiring import takers

    session, clock = takers.seeing(site), site.clock
    compute, network = Compute(session, clock), Network(session, clock)
    storage, images = Storage(session, clock), Images(session, clock)
    rbd = _rbd(site)

    def no_rbd(name: str) -> bool:
        assert rbd is not None  # noqa: S101 - only listed images are suspected
        pool, _slash, image = name.partition("/")
        try:
            rbd.image(pool, image)
        except NotDeployed:
            return True
        return False

    return {
        "server": lambda own: compute.server(own) is None,
        "port": lambda own: network.is_absent("port", own),
        "router": lambda own: network.is_absent("router", own),
        "volume": lambda own: storage.volume(own) is None,
        "image": images.is_absent,
        "rbd": no_rbd,
    }


def _gap(kind: str, what: str, error: Day2Error) -> Gap:
    return Gap(kind=kind, what=what, error=error.kind, message=str(error), hint=error.hint)
