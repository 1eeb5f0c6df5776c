# SPDX-License-Identifier: Apache-2.0
"""One host under its several names: in the inventory, by itself, and in OpenStack's lists."""

import functools
from collections.abc import Iterable

from day2.model.tables.infrastructure import Host
from day2.operations.health.check import Facts, short_host


def same_host(one: str, other: str) -> bool:
    """Tell whether two names are of one host: equal, or one is the other with a domain."""
    one, other = one.lower(), other.lower()
    return bool(one) and (
        one == other or one.startswith(f"{other}.") or other.startswith(f"{one}.")
    )


class Names:
    """Many names of hosts, found by any form of one: thousands are held against thousands."""

    def __init__(self, names: Iterable[str]) -> None:
        self._by_label: dict[str, list[str]] = {}
        for name in sorted(set(names)):
            self._by_label.setdefault(_label(name), []).append(name)

    def same(self, name: str) -> list[str]:
        """Return those that are of the same host."""
        return [known for known in self._by_label.get(_label(name), ()) if same_host(name, known)]

    def __contains__(self, name: str) -> bool:
        return bool(self.same(name))


def _label(name: str) -> str:
    return name.split(".", 1)[0].lower()


def service_hosts(facts: Facts) -> frozenset[str]:
    """Return every host that OpenStack's services and agents name."""
    tables = facts.tables
    names = [service.host for service in tables.compute_services]
    names += [agent.host for agent in tables.agents]
    names += [service.host for service in tables.volume_services]
    return frozenset(short_host(name) for name in names if name)


class Places:
    """Which host of the inventory is which host of OpenStack."""

    def __init__(self, facts: Facts) -> None:
        self._known = service_hosts(facts)
        self._names = Names(self._known)
        # A host that cannot be reached now may have told its own name earlier.
        told: dict[str, Host] = {}
        for survey in (facts.survey, *facts.history):
            for host in survey.tables.hosts:
                if host.hostname:
                    told.setdefault(host.name, host)
        self._hostnames = {name: host.hostname for name, host in told.items()}

    def names(self, inventory_name: str) -> tuple[str, ...]:
        """Return the names of an inventory host: the inventory's, and its own where it told it."""
        own = self._hostnames.get(inventory_name, "")
        return (inventory_name, own) if own else (inventory_name,)

    @functools.cache  # noqa: B019 - lives as long as one round
    def of(self, inventory_name: str) -> str:
        """Return what OpenStack calls an inventory host; its inventory name when it does not."""
        names = self.names(inventory_name)
        exact = [name for name in names if name in self._known]
        if exact:
            return exact[0]
        near = {known for name in names for known in self._names.same(name)}
        return near.pop() if len(near) == 1 else inventory_name

    def known_as(self, hosts: Iterable[Host]) -> dict[str, str]:
        """Return every name of these hosts, with the name that the inventory gives the host."""
        return {name: host.name for host in hosts for name in self.names(host.name)}
