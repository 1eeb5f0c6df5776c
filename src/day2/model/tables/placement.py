# SPDX-License-Identifier: Apache-2.0
"""Placement: providers with what they have and what is taken from them."""

from day2.model.tables import Row


class Inventory(Row, frozen=True, kw_only=True):
    """How much of one resource class a provider has."""

    total: int
    reserved: int = 0
    allocation_ratio: float = 1.0
    min_unit: int = 1
    max_unit: int = 2147483647
    step_size: int = 1

    @property
    def capacity(self) -> float:
        """Return what may be allocated: (total - reserved) x ratio, as Placement does."""
        return (self.total - self.reserved) * self.allocation_ratio


class ResourceProvider(Row, frozen=True, kw_only=True):
    """A resource provider; a compute node's provider carries the hypervisor's name."""

    uuid: str
    name: str = ""
    generation: int = 0
    parent_provider_uuid: str | None = None
    root_provider_uuid: str | None = None


class ProviderInventories(Row, frozen=True, kw_only=True):
    """The inventories of one provider, by resource class."""

    provider: str
    inventories: dict[str, Inventory] = {}


class ProviderTraits(Row, frozen=True, kw_only=True):
    """The traits of one provider."""

    provider: str
    traits: list[str] = []


class ProviderAllocations(Row, frozen=True, kw_only=True):
    """Who takes what from one provider: consumer id to resource class to amount."""

    provider: str
    allocations: dict[str, dict[str, int]] = {}

    @property
    def usages(self) -> dict[str, int]:
        """Sum the allocations by resource class: what Placement itself reports as usage."""
        sums: dict[str, int] = {}
        for resources in self.allocations.values():
            for resource_class, amount in resources.items():
                sums[resource_class] = sums.get(resource_class, 0) + amount
        return sums
