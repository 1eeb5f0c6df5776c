# SPDX-License-Identifier: Apache-2.0
"""Placement, as far as the proof of a move needs it: who takes what from whom."""

import msgspec

from day2.adapters.clock import Clock
from day2.adapters.openstack.pages import Collection
from day2.adapters.openstack.session import Session
from day2.adapters.openstack.single import Single, part
from day2.model.tables.placement import ResourceProvider

# The roots of provider trees are named since then; 2023.1 has 1.39.
VERSION = (1, 39)


class Taken(msgspec.Struct, frozen=True, kw_only=True):
    """What is taken, by resource class."""

    resources: dict[str, int] = {}


class Placement:
    """One region's placement service."""

    def __init__(self, session: Session, clock: Clock) -> None:
        self._api = Single(session, "placement", clock=clock, version=VERSION)

    def providers_of(self, consumer: str) -> list[str]:
        """List the hosts, as providers name them, that a consumer takes something from.

        What it takes from a host's own parts (NUMA nodes, devices) counts as taken from the host.
        """
        path = f"/allocations/{part(consumer)}"
        what = f"allocations of {consumer}"
        found = self._api.read(path, what, dict[str, Taken], "allocations")
        return sorted({self._root(uuid) for uuid in found})

    def _root(self, uuid: str) -> str:
        found = self._provider(uuid)
        if found is None:
            return uuid
        root = found.root_provider_uuid
        above = self._provider(root) if root and root != uuid else None
        return (above or found).name

    def _provider(self, uuid: str) -> ResourceProvider | None:
        path = f"/resource_providers/{part(uuid)}"
        return self._api.find(path, f"resource provider {uuid}", ResourceProvider)

    def consumers_of(self, provider: str) -> list[str] | None:
        """List who takes something from the provider of this name; None when there is none.

        What is taken from its own parts (NUMA nodes, devices) is taken from it.
        """
        rows = self._providers(name=provider)
        if not rows:
            return None
        root = rows[0].uuid
        # Whoever takes a device alone is on no other provider of the host.
        tree = [row.uuid for row in self._providers(in_tree=root) if row.root_provider_uuid == root]
        found: set[str] = set()
        for uuid in dict.fromkeys((root, *tree)):
            path = f"/resource_providers/{part(uuid)}/allocations"
            what = f"allocations of provider {provider}"
            taken = self._api.read(path, what, dict[str, Taken], "allocations")
            found.update(taken)
        return sorted(found)

    def _providers(self, **query: str) -> list[ResourceProvider]:
        found: list[ResourceProvider] = self._api.list(
            Collection(
                kind="resource providers",
                service="placement",
                path="/resource_providers",
                key="resource_providers",
                row=ResourceProvider,
                query={**query},
            )
        )
        return found
