# SPDX-License-Identifier: Apache-2.0
"""Which host an address, or a name that the database, proxy or bus uses for it, belongs to."""

from day2.operations.health.check import Facts
from day2.operations.health.rules.places import Names, Places, service_hosts


def machine(address: str) -> str:
    """Return what stands before the port of `host:port`, `[v6]:port`, or without one."""
    head, colon, _port = address.rpartition(":")
    if not colon or address.endswith("]") or (":" in head and not head.startswith("[")):
        return address.strip("[]")
    return head.strip("[]") or address


class Where:
    """Looks hosts up by what others call them; make one per rule, it reads several tables."""

    def __init__(self, facts: Facts) -> None:
        self._places = Places(facts)
        self._inventory = self._places.known_as(facts.tables.hosts)
        self._inventory_names = Names(self._inventory)
        self._services = Names(service_hosts(facts))
        self._by_address = {
            name: host.name
            for host in facts.tables.hosts
            for name in (host.name, host.hostname, host.address)
            if name
        }

    def of_address(self, address: str) -> str:
        """Return the host of `host:port`; empty when nothing knows it."""
        place = machine(address)
        if place in self._by_address:
            return self._places.of(self._by_address[place])
        return self.of_name(place)

    def of_name(self, name: str) -> str:
        """Return what OpenStack or the inventory calls this host; empty when neither knows it."""
        hosts = {self._inventory[known] for known in self._inventory_names.same(name)}
        if len(hosts) == 1:
            return self._places.of(hosts.pop())
        near = self._services.same(name)
        return near[0] if len(near) == 1 else ""
