# SPDX-License-Identifier: Apache-2.0
"""The rows of a large cloud, each a function of its number; of the shape that `build` gives."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from day2.sandbox.bulk.layout import EMPTY, NICS, Layout, every
from day2.sandbox.bulk.numbering import Numbering
from day2.sandbox.ids import mac_of
from day2.sandbox.services.compute.states import STORED
from day2.sandbox.services.placement import demand
from day2.sandbox.tables import Row

Finders = Mapping[str, Callable[[Any], Iterable[int]]]


class _Numbered:
    """A plane whose ids are a numbering's."""

    def __init__(self, layout: Layout, numbering: Numbering) -> None:
        self._layout = layout
        self._bulk = layout.bulk
        self.count = numbering.count
        self.id_of = numbering.id_of
        self.number_of = numbering.number_of


class Servers(_Numbered):
    """Servers, the newest first."""

    def __init__(self, layout: Layout) -> None:
        super().__init__(layout, layout.servers)
        self.finders: Finders = {"host": layout.on_host, "project_id": layout.in_project}

    def row(self, number: int) -> Row:
        """Make a server."""
        layout = self._layout
        project, host = layout.project_of(number), layout.host_of(number)
        status = "ACTIVE" if layout.is_running(number) else "SHUTOFF"
        vm_state, task_state, power = STORED[status]
        created = layout.created_at(number)
        place = number - layout.first_of(project)
        return {
            "id": layout.servers.id_of(number),
            "number": number + 1,
            "name": f"{layout.project_names[project]}-{place:04}",
            "project_id": layout.projects[project],
            "user_id": layout.user_id,
            "host": layout.hosts[host],
            "vm_state": vm_state,
            "task_state": task_state,
            "power_state": power,
            "flavor": layout.flavor_of(number),
            "image_id": layout.images[number % len(layout.images)][0],
            "zone": layout.zones[host],
            "pinned_zone": None,
            "created_at": created,
            "updated_at": created,
            "launched_at": created,
            "metadata": {},
            "tags": [],
            "locked_by": None,
            "locked_reason": None,
            "key_name": None,
            "description": None,
            "security_groups": ["default"],
            "fault": None,
            "script": "",
        }


class Ports(_Numbered):
    """Ports: those of the servers, two for each, then those that hold the floating addresses."""

    def __init__(self, layout: Layout) -> None:
        super().__init__(layout, layout.ports)
        self.finders: Finders = {
            "device_id": self._of_device,
            "network_id": self._in_network,
            "project_id": self._in_project,
        }

    def row(self, number: int) -> Row:
        """Make a port."""
        layout = self._layout
        if number >= layout.inner_ports:
            return self._outer(number)
        server, nic = divmod(number, len(NICS))
        project, host = layout.project_of(server), layout.host_of(server)
        own, created = layout.ports.id_of(number), layout.created_at(server)
        return {
            "id": own,
            "name": "",
            "network_id": layout.networks[project][nic],
            "project_id": layout.projects[project],
            "mac_address": mac_of(own),
            "status": "ACTIVE" if layout.is_running(server) else "DOWN",
            "device_id": layout.servers.id_of(server),
            "device_owner": f"compute:{layout.zones[host]}",
            "fixed_ips": [
                {
                    "subnet_id": layout.subnets[project][nic],
                    "ip_address": layout.address(server, nic),
                }
            ],
            "security_groups": layout.groups[project],
            "host": layout.hosts[host],
            "port_security_enabled": True,
            "tags": [],
            "by_nova": True,
            "created_at": created,
            "updated_at": created,
        }

    def _outer(self, number: int) -> Row:
        layout = self._layout
        floating = number - layout.inner_ports
        own = layout.ports.id_of(number)
        created = layout.created_at(floating * self._bulk.floating_every)
        return {
            "id": own,
            "name": "",
            "network_id": layout.outside,
            "project_id": "",
            "mac_address": mac_of(own),
            "status": "N/A",
            "device_id": layout.floating_ips.id_of(floating),
            "device_owner": "network:floatingip",
            "fixed_ips": [
                {
                    "subnet_id": layout.outside_subnet,
                    "ip_address": layout.outside_address(floating),
                }
            ],
            "security_groups": [],
            "host": "",
            "port_security_enabled": False,
            "tags": [],
            "by_nova": False,
            "created_at": created,
            "updated_at": created,
        }

    def _of_device(self, device: Any) -> Iterable[int]:  # noqa: ANN401 - whatever is looked for
        layout = self._layout
        server = layout.servers.number_of(str(device))
        if server is not None:
            return range(server * len(NICS), (server + 1) * len(NICS))
        floating = layout.floating_ips.number_of(str(device))
        return EMPTY if floating is None else (layout.inner_ports + floating,)

    def _in_network(self, network: Any) -> Iterable[int]:  # noqa: ANN401
        layout = self._layout
        if network == layout.outside:
            return range(layout.inner_ports, self.count)
        place = layout.network_places.get(network)
        if place is None:
            return EMPTY
        project, nic = place
        first, end = layout.first_of(project), layout.first_of(project + 1)
        return range(first * len(NICS) + nic, end * len(NICS), len(NICS))

    def _in_project(self, project: Any) -> Iterable[int]:  # noqa: ANN401
        layout = self._layout
        if project == "":
            return range(layout.inner_ports, self.count)
        servers = layout.in_project(project)
        return range(servers.start * len(NICS), servers.stop * len(NICS))


class FloatingIps(_Numbered):
    """Floating IPs: each on the first port of a server."""

    def __init__(self, layout: Layout) -> None:
        super().__init__(layout, layout.floating_ips)
        self.finders: Finders = {"port_id": self._on_port, "project_id": self._in_project}

    def row(self, number: int) -> Row:
        """Make a floating IP."""
        layout = self._layout
        server = number * self._bulk.floating_every
        project, created = layout.project_of(server), layout.created_at(server)
        return {
            "id": layout.floating_ips.id_of(number),
            "project_id": layout.projects[project],
            "floating_ip_address": layout.outside_address(number),
            "floating_network_id": layout.outside,
            "router_id": layout.routers[project],
            "port_id": layout.ports.id_of(server * len(NICS)),
            "fixed_ip_address": layout.address(server, 0),
            "status": "ACTIVE",
            "description": "",
            "tags": [],
            "created_at": created,
            "updated_at": created,
        }

    def _on_port(self, port: Any) -> Iterable[int]:  # noqa: ANN401
        number = self._layout.ports.number_of(str(port))
        if number is None or number >= self._layout.inner_ports:
            return EMPTY
        place, rest = divmod(number, len(NICS) * self._bulk.floating_every)
        return EMPTY if rest else (place,)

    def _in_project(self, project: Any) -> Iterable[int]:  # noqa: ANN401
        return every(self._layout.in_project(project), self._bulk.floating_every)


class Volumes(_Numbered):
    """Volumes, the newest first: each is attached to a server."""

    def __init__(self, layout: Layout) -> None:
        super().__init__(layout, layout.volumes)
        self.finders: Finders = {"host": self._in_pool, "project_id": self._in_project}

    def row(self, number: int) -> Row:
        """Make a volume."""
        layout = self._layout
        server = number * self._bulk.volume_every
        project, created = layout.project_of(server), layout.created_at(server)
        pool = number % len(layout.pools)
        return {
            "id": layout.volumes.id_of(number),
            "name": f"data-{number + 1}",
            "description": None,
            "status": "in-use",
            "size": 10 + 10 * (number % 5),
            "project_id": layout.projects[project],
            "user_id": layout.user_id,
            "host": layout.pools[pool],
            "volume_type": layout.pool_names[pool],
            "volume_type_id": layout.type_ids[pool],
            "bootable": False,
            "image": None,
            "snapshot_id": None,
            "source_volid": None,
            "metadata": {},
            "created_at": created,
            "updated_at": created,
        }

    def _in_pool(self, pool: Any) -> Iterable[int]:  # noqa: ANN401
        pools = self._layout.pools
        return range(pools.index(pool), self.count, len(pools)) if pool in pools else EMPTY

    def _in_project(self, project: Any) -> Iterable[int]:  # noqa: ANN401
        return every(self._layout.in_project(project), self._bulk.volume_every)


class Attachments(_Numbered):
    """Attachments: one for each volume, of the same number."""

    def __init__(self, layout: Layout) -> None:
        super().__init__(layout, layout.attachments)
        self.finders: Finders = {
            "server_id": self._on_server,
            "volume_id": self._of_volume,
            "project_id": self._in_project,
        }

    def row(self, number: int) -> Row:
        """Make an attachment."""
        layout = self._layout
        server = number * self._bulk.volume_every
        return {
            "id": layout.attachments.id_of(number),
            "server_id": layout.servers.id_of(server),
            "volume_id": layout.volumes.id_of(number),
            "project_id": layout.projects[layout.project_of(server)],
            "host": layout.hosts[layout.host_of(server)],
            "device": "/dev/vdb",
            "delete_on_termination": False,
            "created_at": layout.created_at(server),
        }

    def _on_server(self, server: Any) -> Iterable[int]:  # noqa: ANN401
        number = self._layout.servers.number_of(str(server))
        if number is None or number % self._bulk.volume_every:
            return EMPTY
        return (number // self._bulk.volume_every,)

    def _of_volume(self, volume: Any) -> Iterable[int]:  # noqa: ANN401
        number = self._layout.volumes.number_of(str(volume))
        return EMPTY if number is None else (number,)

    def _in_project(self, project: Any) -> Iterable[int]:  # noqa: ANN401
        return every(self._layout.in_project(project), self._bulk.volume_every)


class Allocations:
    """What servers take: one for each, of its number; the id names server and provider."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self.count = layout.servers.count
        self.finders: Finders = {
            "consumer": self._of_consumer,
            "provider": layout.on_provider,
            "project_id": layout.in_project,
        }
        self._demands = {flavor["id"]: demand(flavor) for flavor in layout.flavors}

    def id_of(self, number: int) -> str:
        """Return the id of a number."""
        layout = self._layout
        return f"{layout.servers.id_of(number)}/{layout.providers[layout.host_of(number)]}"

    def number_of(self, key: str) -> int | None:
        """Return the number that has this id; None when none has."""
        number = self._layout.servers.number_of(key.partition("/")[0])
        return number if number is not None and self.id_of(number) == key else None

    def row(self, number: int) -> Row:
        """Make an allocation."""
        layout = self._layout
        consumer = layout.servers.id_of(number)
        provider = layout.providers[layout.host_of(number)]
        return {
            "id": f"{consumer}/{provider}",
            "consumer": consumer,
            "provider": provider,
            "resources": self._demands[layout.flavor_of(number)["id"]],
            "project_id": layout.projects[layout.project_of(number)],
            "user_id": layout.user_id,
        }

    def _of_consumer(self, consumer: Any) -> Iterable[int]:  # noqa: ANN401
        number = self._layout.servers.number_of(str(consumer))
        return EMPTY if number is None else (number,)
