# SPDX-License-Identifier: Apache-2.0
"""Traits of a resource provider in Placement: one taken away or given back, the others kept."""

import msgspec

from day2.adapters.clock import Clock
from day2.adapters.openstack.pages import Collection
from day2.adapters.openstack.placement import VERSION
from day2.adapters.openstack.session import Session
from day2.adapters.openstack.single import Single, part
from day2.errors import NotVerified
from day2.model.tables.placement import ResourceProvider

CONFLICT = 409
TRIES = 4
"""Every change of anything of a provider counts its generation up; then it is read again."""


class _Traits(msgspec.Struct, frozen=True, kw_only=True):
    """The traits of a provider, and the generation that a change must name."""

    traits: list[str]
    resource_provider_generation: int


class Traits:
    """One region's placement service, as far as single traits of hosts go."""

    def __init__(self, session: Session, clock: Clock) -> None:
        self._api = Single(session, "placement", clock=clock, version=VERSION)

    def has(self, name: str, trait: str) -> bool:
        """Tell whether the provider of this name has a trait.

        Raises:
            NotVerified: when there is no such provider.

        """
        return trait in self._read(self._provider(name)).traits

    def put(self, name: str, trait: str) -> bool:
        """Give a trait; False when it was there."""
        return self._change(name, trait, there=True)

    def take(self, name: str, trait: str) -> bool:
        """Take a trait away; False when it was not there."""
        return self._change(name, trait, there=False)

    def _change(self, name: str, trait: str, *, there: bool) -> bool:
        uuid = self._provider(name)
        for _attempt in range(TRIES):
            now = self._read(uuid)
            if (trait in now.traits) is there:
                return False
            kept = [known for known in now.traits if known != trait]
            body = {
                "resource_provider_generation": now.resource_provider_generation,
                "traits": [*kept, trait] if there else kept,
            }
            what = f"traits of {name}"
            said = self._api.change("PUT", f"/resource_providers/{part(uuid)}/traits", what, body)
            if said.ok:
                return True
            if said.status != CONFLICT:
                raise NotVerified(f"{what}: Placement refuses it: {said}")
        raise NotVerified(f"the traits of {name} were changed by others {TRIES} times in a row")

    def _read(self, uuid: str) -> _Traits:
        path = f"/resource_providers/{part(uuid)}/traits"
        return self._api.read(path, f"traits of provider {uuid}", _Traits)

    def _provider(self, name: str) -> str:
        rows: list[ResourceProvider] = self._api.list(
            Collection(
                kind="resource providers",
                service="placement",
                path="/resource_providers",
                key="resource_providers",
                row=ResourceProvider,
                query={"name": name},
            )
        )
        if not rows:
            raise NotVerified(f"Placement has no resource provider {name}")
        return rows[0].uuid
