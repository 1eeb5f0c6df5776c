# SPDX-License-Identifier: Apache-2.0
"""Put what a survey says of each host into one line; what was not read stays unknown."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from day2.model.hosts import HostLine
from day2.model.survey import Survey
from day2.model.tables.compute import ComputeService, Server
from day2.model.tables.infrastructure import Container, Host
from day2.model.tables.network import NetworkAgent
from day2.operations.inventory.names import Names, bare, count

KINDS = (
    *("compute_services", "hypervisors", "servers", "aggregates", "agents", "volume_services"),
    *("providers", "inventories", "allocations", "hosts", "containers"),
)
"""The tables that the list is made from."""
PLACEMENT = ("providers", "inventories", "allocations", "hypervisors")
UNKNOWN = "UNKNOWN"
PROCESSORS, MEMORY = ("VCPU", "PCPU"), ("MEMORY_MB",)
BAD_STATES = frozenset({"restarting", "dead", "paused", "exited"})
T = TypeVar("T")


def lines(survey: Survey) -> list[HostLine]:
    """Return a line for each host that any service or the inventory names, by name; pure."""
    return _Lines(survey).made()


class _Lines:
    """The rows of a survey, grouped by host once."""

    def __init__(self, survey: Survey) -> None:
        tables = survey.tables
        self._survey = survey
        self._names = Names(tables)
        computes = [row for row in tables.compute_services if row.binary == "nova-compute"]
        self._computes = self._by(computes, lambda row: row.host)
        self._servers = self._by(tables.servers, lambda row: row.host or "")
        self._agents = self._by(tables.agents, lambda row: row.host)
        self._volumes = self._by(tables.volume_services, lambda row: bare(row.host))
        self._hosts = self._by(tables.hosts, lambda row: row.name)
        self._containers = self._by(tables.containers, lambda row: row.host)
        # A cell that cannot be asked leaves its servers out of the list without a word.
        self._cells_up = all(row.status != UNKNOWN for row in computes)
        self._taken, self._stock = self._placement()
        self._aggregates: dict[str, list[str]] = defaultdict(list)
        for aggregate in tables.aggregates:
            for host in aggregate.hosts:
                self._aggregates[self._names.of(host)].append(aggregate.name)

    def made(self) -> list[HostLine]:
        """Make them."""
        return [self._line(name) for name in self._names.all]

    def _by(self, rows: Iterable[T], host: Callable[[T], str]) -> dict[str, list[T]]:
        found: dict[str, list[T]] = defaultdict(list)
        for row in rows:
            found[self._names.of(host(row))].append(row)
        return found

    def _line(self, name: str) -> HostLine:
        service = next(iter(self._computes.get(name, ())), None)
        told = next(iter(self._hosts.get(name, ())), None)
        return HostLine(
            name=name,
            zone=service.zone if service else "",
            aggregates=sorted(self._aggregates.get(name, ())),
            state=self._state(service),
            reason=(service.disabled_reason or "") if service else "",
            unread=self._unread(service, told),
            **self._of_servers(name, service),
            **self._of_agents(name),
            **self._of_host(name, told),
        )

    def _state(self, service: ComputeService | None) -> str | None:
        """Say the state; None when it is not known, empty when there is no nova-compute."""
        if service is None:
            return "" if self._survey.is_complete("compute_services") else None
        if service.status == UNKNOWN:
            return None
        if service.forced_down:
            return "forced down"
        if service.status == "disabled":
            return "disabled" if service.state == "up" else "disabled, down"
        return service.state

    def _of_servers(self, name: str, service: ComputeService | None) -> dict[str, Any]:
        whole = self._survey.is_complete("servers") and self._cells_up
        there: list[Server] = self._servers.get(name, [])
        none = service is None and not there
        placed = all(self._survey.is_complete(kind) for kind in PLACEMENT) and not none
        taken, stock = self._taken.get(name, {}), self._stock.get(name, {})
        known = placed and bool(stock)
        return {
            "servers": len(there) if whole and not none else None,
            "servers_by_status": count(server.status for server in there) if whole else {},
            "vcpus_used": _sum(taken, PROCESSORS) if known else None,
            "vcpus_usable": _sum(stock, PROCESSORS) if known else None,
            "memory_mib_used": _sum(taken, MEMORY) if known else None,
            "memory_mib_usable": _sum(stock, MEMORY) if known else None,
        }

    def _of_agents(self, name: str) -> dict[str, Any]:
        agents: list[NetworkAgent] = self._agents.get(name, [])
        volumes = self._volumes.get(name, [])
        down = [agent.binary for agent in agents if not agent.alive]
        down += [f"{row.binary} {row.host}" for row in volumes if row.state != "up"]
        read, read_volumes = (
            self._survey.is_complete(kind) for kind in ("agents", "volume_services")
        )
        up = sum(row.state == "up" for row in volumes)
        return {
            "agents": len(agents) if read else None,
            "agents_up": sum(agent.alive for agent in agents) if read else None,
            "agents_down": sorted(down),
            "volume_services": len(volumes) if read_volumes else None,
            "volume_services_up": up if read_volumes else None,
        }

    def _of_host(self, name: str, told: Host | None) -> dict[str, Any]:
        if told is None:
            return {}
        there: list[Container] = self._containers.get(name, [])
        read = told.containers_read
        return {
            "groups": list(told.groups),
            "reachable": told.reachable,
            "containers": len(there) if read else None,
            "containers_bad": sorted(c.name for c in there if _is_bad(c)),
            "running": sorted(c.name for c in there if c.state == "running"),
            "os": told.os,
            "kernel": told.kernel,
            "booted_at": told.booted_at,
            "reboot_required": told.reboot_required,
            "packages_changed_at": told.packages_changed_at,
        }

    def _unread(self, service: ComputeService | None, told: Host | None) -> list[str]:
        """Say what of this host is missing."""
        said = []
        if service is not None and service.status == UNKNOWN:
            said.append("its Nova cell cannot be asked")
        if told is None:
            read = self._survey.was_read("hosts")
            said += ["it is not in the inventory"] if read else []
        elif told.error:
            said.append(told.error)
        elif not told.containers_read:
            gaps = (gap for gap in self._survey.gaps if gap.kind == "containers")
            own = [gap.message for gap in gaps if gap.what.endswith(f" {told.name}")]
            said += own or ["its containers were not read"]
        return said

    def _placement(self) -> tuple[dict[str, dict[str, float]], dict[str, dict[str, float]]]:
        """Sum what is taken and what is usable by host; a host's parts count as the host's."""
        tables = self._survey.tables
        hosts = {row.hypervisor_hostname: row.service.host for row in tables.hypervisors}
        names = {row.uuid: row.name for row in tables.providers}
        of = {
            row.uuid: self._names.of(hosts.get(names.get(row.root_provider_uuid or "", ""), ""))
            or self._names.of(hosts.get(row.name, ""))
            for row in tables.providers
        }
        taken: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
        stock: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
        for row in tables.allocations:
            for resource, amount in row.usages.items():
                taken[of.get(row.provider, "")][resource] += amount
        for has in tables.inventories:
            for resource, inventory in has.inventories.items():
                stock[of.get(has.provider, "")][resource] += inventory.capacity
        return taken, stock


def _sum(amounts: dict[str, float], resources: Iterable[str]) -> int:
    return round(sum(amounts.get(resource, 0) for resource in resources))


def _is_bad(container: Container) -> bool:
    """Tell whether a container does not do its work: those without a restart policy have ended."""
    if container.health == "unhealthy":
        return True
    if container.state == "exited" and not container.restart_policy:
        return False
    return container.state in BAD_STATES
