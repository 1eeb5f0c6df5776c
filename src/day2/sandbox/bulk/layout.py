# SPDX-License-Identifier: Apache-2.0
"""Who is where: the arithmetic of a large cloud. Every question has an answer without a search.

Servers go round the hosts (host = number modulo hosts) and belong to projects in blocks, so that
those of a host and those of a project are ranges. Everything else hangs on a server's number.
"""

import ipaddress
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from day2.sandbox.build.plot import Plot
from day2.sandbox.bulk.numbering import Numbering
from day2.sandbox.bulk.sizes import Bulk, host_name, project_name
from day2.sandbox.services.compute.moves import FLAVOR_KEYS

NICS = ("front", "back")
FIRST_NET, NET_BITS = int(ipaddress.ip_address("10.0.0.0")), 10
FIRST_ADDRESS = 16
OUTSIDE, OUTSIDE_CIDR = "internet", "198.18.0.0/15"
FIRST_OUTSIDE = int(ipaddress.ip_address("198.18.1.0"))
YOUNGEST, OLDEST = timedelta(days=1), timedelta(days=300)
EMPTY = range(0)


class Layout:
    """Ids, places and moments by number; tables by id only of what there are few of."""

    def __init__(self, plot: Plot, bulk: Bulk) -> None:
        seed = plot.world.scenario.seed
        self.bulk = bulk
        self.user_id = plot.user("admin")
        self.begin: datetime = plot.world.started_at
        self.hosts = [host_name(number) for number in range(bulk.hosts)]
        self.host_numbers = {name: number for number, name in enumerate(self.hosts)}
        zones = {h: a.zone for a in plot.world.scenario.aggregates for h in a.hosts if a.zone}
        self.zones = [zones.get(name, "nova") for name in self.hosts]
        self.providers = [plot.id("hypervisor", name) for name in self.hosts]
        self.provider_numbers = {own: number for number, own in enumerate(self.providers)}
        names = [project_name(number) for number in range(bulk.projects)]
        self.project_names = names
        self.projects = [plot.project(name) for name in names]
        self.project_numbers = {own: number for number, own in enumerate(self.projects)}
        self.groups = [[plot.id("security_group", f"{name}/default")] for name in names]
        self.networks = [[plot.id("network", f"{n}-{nic}") for nic in NICS] for n in names]
        self.subnets = [[plot.id("subnet", f"{n}-{nic}") for nic in NICS] for n in names]
        self.routers = [plot.id("router", f"bulk/{name}") for name in names]
        self.network_places = {
            own: (number, nic)
            for number, two in enumerate(self.networks)
            for nic, own in enumerate(two)
        }
        self.outside = plot.id("network", OUTSIDE)
        self.outside_subnet = plot.id("subnet", OUTSIDE)
        self.flavors = [self._flavor(plot, flavor.name) for flavor in plot.world.scenario.flavors]
        self.images = [
            (plot.id("image", image.name), image.name)
            for image in plot.world.scenario.images
            if image.visibility == "public" and image.status == "active"
        ]
        self.pools = [f"{p.host}@{p.name}#{p.name}" for p in plot.world.scenario.pools]
        self.pool_names = [pool.name for pool in plot.world.scenario.pools]
        self.type_ids = [plot.id("volume_type", name) for name in self.pool_names]
        self.servers = Numbering(seed, "server", bulk.servers)
        self.volumes = Numbering(seed, "volume", -(-bulk.servers // bulk.volume_every))
        self.attachments = Numbering(seed, "attachment", self.volumes.count)
        self.floating_ips = Numbering(seed, "floating", -(-bulk.servers // bulk.floating_every))
        self.inner_ports = len(NICS) * bulk.servers
        self.ports = Numbering(seed, "port", self.inner_ports + self.floating_ips.count)
        self._step = (OLDEST - YOUNGEST) / bulk.servers

    @staticmethod
    def _flavor(plot: Plot, name: str) -> dict[str, Any]:
        row = plot.world.require("flavors", plot.id("flavor", name))
        return {key: row[key] for key in FLAVOR_KEYS}

    def created_at(self, server: int) -> datetime:
        """Return when a server was made: the higher its number, the longer ago."""
        moment = self.begin - YOUNGEST - server * self._step
        return moment.replace(microsecond=0)

    def host_of(self, server: int) -> int:
        """Return the number of a server's host."""
        return server % self.bulk.hosts

    def project_of(self, server: int) -> int:
        """Return the number of a server's project."""
        return server * self.bulk.projects // self.bulk.servers

    def first_of(self, project: int) -> int:
        """Return the number of a project's first server."""
        return -(-project * self.bulk.servers // self.bulk.projects)

    def flavor_of(self, server: int) -> dict[str, Any]:
        """Return a server's flavor."""
        return self.flavors[server // self.bulk.hosts % len(self.flavors)]

    def is_running(self, server: int) -> bool:
        """Tell whether a server runs: one in ten is shut off."""
        return server % 10 != 3  # noqa: PLR2004 - any of ten

    def address(self, server: int, nic: int) -> str:
        """Return the address of a server in one of its project's networks."""
        project = self.project_of(server)
        place = server - self.first_of(project) + FIRST_ADDRESS
        return address_in(project, nic, place)

    def outside_address(self, floating: int) -> str:
        """Return a floating address."""
        return str(ipaddress.IPv4Address(FIRST_OUTSIDE + floating))

    def on_host(self, host: Any) -> Iterable[int]:  # noqa: ANN401 - whatever is looked for
        """Return the servers of a host, by its name."""
        return self._on(self.host_numbers.get(host))

    def on_provider(self, provider: Any) -> Iterable[int]:  # noqa: ANN401
        """Return the servers of a host, by its resource provider."""
        return self._on(self.provider_numbers.get(provider))

    def _on(self, number: int | None) -> range:
        return EMPTY if number is None else range(number, self.bulk.servers, self.bulk.hosts)

    def in_project(self, project: Any) -> range:  # noqa: ANN401
        """Return the servers of a project."""
        number = self.project_numbers.get(project)
        return EMPTY if number is None else range(self.first_of(number), self.first_of(number + 1))


def cidr_of(project: int, nic: int) -> str:
    """Return the span of one of a project's networks."""
    return f"{address_in(project, nic, 0)}/{32 - NET_BITS}"


def address_in(project: int, nic: int, place: int) -> str:
    """Return an address in one of a project's networks."""
    number = FIRST_NET + ((project * len(NICS) + nic) << NET_BITS) + place
    return f"{number >> 24}.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"


def every(numbers: range, step: int) -> range:
    """Return, divided by `step`, those of a range that it divides."""
    return range(-(-numbers.start // step), -(-numbers.stop // step))
