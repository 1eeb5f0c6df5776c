# SPDX-License-Identifier: Apache-2.0
"""Choose what a smoke run boots, of what, and where: what the settings leave open."""

from collections.abc import Iterable
from typing import Any, TypeVar

import msgspec

from day2.errors import BadUsage, Refused
from day2.model.survey import Survey
from day2.model.tables.compute import ComputeService, Flavor
from day2.model.tables.network import Network
from day2.model.tables.storage import Image
from day2.operations.smoke.policy import SmokePolicy

KINDS = ("flavors", "images", "networks", "routers", "compute_services")
"""The tables that the choice is made from."""
NONE = "none"
T = TypeVar("T", Image, Flavor, Network)
_GIB = 1 << 30


class Chosen(msgspec.Struct, frozen=True, kw_only=True):
    """What was chosen; without `network` the run makes one, without `external` no floating IP."""

    image: Image
    flavor: Flavor
    network: Network | None
    external: Network | None
    service: ComputeService | None


def choose(survey: Survey, policy: SmokePolicy, *, project: str, host: str) -> Chosen:
    """Choose by name or id where the settings say one, else the smallest that will do.

    Raises:
        Refused: when a table that decides was not read whole, or nothing of it will do.
        BadUsage: when the settings or `--host` name something that is not there.

    """
    lost = [gap for gap in survey.gaps if gap.kind in KINDS]
    if lost:
        raise Refused(f"{lost[0].what}: {lost[0].message}", hint=lost[0].hint)
    tables = survey.tables
    image = _image(tables.images, policy)
    network = _network(survey, policy, project)
    return Chosen(
        image=image,
        flavor=_flavor(tables.flavors, policy, image),
        network=network,
        external=_external(survey, policy, network),
        service=_service(tables.compute_services, host) if host else None,
    )


def _image(images: Iterable[Image], policy: SmokePolicy) -> Image:
    if policy.image:
        return _by_name(images, policy.image, "image", "smoke.image")
    fit = [
        image
        for image in images
        if image.status == "active"
        and image.visibility == "public"
        and not image.os_hidden
        and image.image_type != "snapshot"
    ]
    if not fit:
        raise Refused("there is no active public image to boot", hint="setting smoke.image")
    return min(fit, key=lambda image: (image.size or 0, image.id))


def _flavor(flavors: Iterable[Flavor], policy: SmokePolicy, image: Image) -> Flavor:
    if policy.flavor:
        return _by_name(flavors, policy.flavor, "flavor", "smoke.flavor")
    disk = max(image.min_disk, -(-(image.virtual_size or image.size or 0) // _GIB))
    fit = [
        flavor
        for flavor in flavors
        if flavor.is_public
        and not flavor.extra_specs
        and flavor.ram >= image.min_ram
        and flavor.disk >= disk
    ]
    if not fit:
        raise Refused(
            f"no public flavor without extra specs fits the image {image.name}: it wants "
            f"{disk} GiB of disk and {image.min_ram} MiB of memory",
            hint="setting smoke.flavor",
        )
    return min(fit, key=lambda flavor: (flavor.vcpus, flavor.ram, flavor.disk, flavor.id))


def _network(survey: Survey, policy: SmokePolicy, project: str) -> Network | None:
    networks = survey.tables.networks
    if policy.network:
        return _by_name(networks, policy.network, "network", "smoke.network")
    own = [n for n in networks if n.project_id == project and not n.external and n.subnets]
    # Those of other smoke runs end with them.
    own = [n for n in own if not n.name.startswith("day2-smoke-")]
    return min(own, key=lambda n: (n.name, n.id), default=None)


def _external(survey: Survey, policy: SmokePolicy, network: Network | None) -> Network | None:
    if policy.external_network == NONE:
        return None
    external = [network for network in survey.tables.networks if network.external]
    if policy.external_network:
        return _by_name(external, policy.external_network, "network", "smoke.external_network")
    if network is not None and network.external:
        return None
    return min(external, key=lambda n: (n.name, n.id), default=None)


def _service(services: Iterable[ComputeService], host: str) -> ComputeService:
    computes = [service for service in services if service.binary == "nova-compute"]
    for service in computes:
        if service.host == host:
            return service
    known = ", ".join(sorted(service.host for service in computes)[:10])
    raise BadUsage(f"no compute host {host!r}; there are: {known}", hint="day2 host list")


def _by_name(things: Iterable[T], wanted: str, what: str, setting: str) -> T:
    """Find the one of this name or id.

    Raises:
        BadUsage: when there is none, or several.

    """
    found: list[Any] = [thing for thing in things if wanted in {thing.id, thing.name}]
    if len(found) == 1:
        chosen: T = found[0]
        return chosen
    said = f"several {what}s are called" if found else f"there is no {what}"
    raise BadUsage(f"{said} {wanted!r}", hint=f"setting {setting}")
