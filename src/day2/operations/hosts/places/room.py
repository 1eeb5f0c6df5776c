# SPDX-License-Identifier: Apache-2.0
"""What is free on a host, by Placement's own figures; taken away as servers are assigned."""

from collections.abc import Mapping, Sequence

from day2.model.survey import Tables
from day2.model.tables.placement import Inventory
from day2.operations.hosts.picture import Need

SHARING = "MISC_SHARES_VIA_AGGREGATE"
MIB_PER_GIB = 1024
Taken = Mapping[str, Mapping[str, int]]


class Room:
    """The free places of one provider tree; `take` changes them, so each try has its own."""

    def __init__(self, providers: Mapping[str, Mapping[str, Inventory]], taken: Taken) -> None:
        self.inventories = providers
        self._capacities: dict[str, float] = {}
        self.free = {
            name: {
                resource: inventory.capacity - taken.get(name, {}).get(resource, 0)
                for resource, inventory in has.items()
            }
            for name, has in providers.items()
        }

    def copy(self) -> "Room":
        """Return one of its own to be changed."""
        twin = Room({}, {})
        twin.inventories = self.inventories
        twin.free = {name: dict(free) for name, free in self.free.items()}
        return twin

    def free_of(self, resource: str) -> float:
        """Sum what is free of one resource class."""
        return sum(free.get(resource, 0.0) for free in self.free.values())

    def capacity_of(self, resource: str) -> float:
        """Sum what may be allocated of one resource class."""
        if resource not in self._capacities:
            offers = (has[resource] for has in self.inventories.values() if resource in has)
            self._capacities[resource] = sum(one.capacity for one in offers)
        return self._capacities[resource]

    def fits(self, needs: Sequence[Need]) -> bool:
        """Tell whether all of it has a place at once."""
        if len(needs) == 1:
            return any(self._has(name, needs[0]) for name in self.free)
        return self.copy().take(needs)

    def take(self, needs: Sequence[Need]) -> bool:
        """Take the places; False when there are none, and then some may be taken already."""
        for need in needs:
            name = next((name for name in self.free if self._has(name, need)), None)
            if name is None:
                return False
            for resource, amount in need.items():
                self.free[name][resource] -= amount
        return True

    def offers(self, resource: str) -> bool:
        """Tell whether it has this resource class at all."""
        return any(resource in has for has in self.inventories.values())

    def _has(self, name: str, need: Need) -> bool:
        has, free = self.inventories[name], self.free[name]
        return all(
            resource in has
            and free[resource] >= amount
            and has[resource].min_unit <= amount <= has[resource].max_unit
            and amount % has[resource].step_size == 0
            for resource, amount in need.items()
        )


def shares_disk(tables: Tables) -> bool:
    """Tell whether a provider of shared disk exists, so that hosts have none of their own."""
    return any(SHARING in row.traits for row in tables.traits)


def wanted(needs: Sequence[Need], target: Room, *, shared: bool) -> list[Need]:
    """Return what is wanted of this target: no disk of it where disk is shared by all."""
    if not shared or target.offers("DISK_GB"):
        return list(needs)
    kept = [{r: n for r, n in need.items() if r != "DISK_GB"} for need in needs]
    return [need for need in kept if need]


def said(resource: str, amount: float) -> str:
    """Say an amount of a resource class in the unit that people use."""
    if resource == "MEMORY_MB":
        return f"{amount / MIB_PER_GIB:.1f} GiB memory"
    if resource == "DISK_GB":
        return f"{amount:.0f} GiB disk"
    return f"{amount:.0f} {resource}"
