# SPDX-License-Identifier: Apache-2.0
"""List a cloud through openstacksdk's resource objects: the collections that a survey lists.

Only the lists: what day2 asks one by one beside them (quotas, inventories, traits, allocations) is
left out, to openstacksdk's advantage. Prints how many objects there were.
"""

import sys
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import openstack


def collections(cloud: Any) -> Iterator[Callable[[], Iterable[Any]]]:  # noqa: ANN401 - the library's
    """Return what lists each collection."""
    everybody = {"all_projects": True}
    yield cloud.identity.services
    yield cloud.identity.endpoints
    yield cloud.identity.domains
    yield cloud.identity.projects
    yield cloud.identity.users
    yield cloud.identity.roles
    yield cloud.identity.role_assignments
    yield lambda: cloud.compute.servers(details=True, **everybody)
    yield cloud.compute.services
    yield lambda: cloud.compute.hypervisors(details=True)
    yield cloud.compute.migrations
    yield cloud.compute.aggregates
    yield lambda: cloud.compute.server_groups(**everybody)
    yield cloud.compute.flavors
    yield cloud.placement.resource_providers
    yield lambda: cloud.network.ports(limit=1000)
    yield cloud.network.agents
    yield lambda: cloud.network.networks(limit=1000)
    yield lambda: cloud.network.subnets(limit=1000)
    yield cloud.network.network_ip_availabilities
    yield lambda: cloud.network.routers(limit=1000)
    yield lambda: cloud.network.ips(limit=1000)
    yield lambda: cloud.network.security_groups(limit=1000)
    yield lambda: cloud.network.security_group_rules(limit=1000)
    yield lambda: cloud.block_storage.volumes(details=True, **everybody)
    yield cloud.block_storage.services
    yield lambda: cloud.block_storage.snapshots(details=True, **everybody)
    yield lambda: cloud.block_storage.backups(details=True)
    yield cloud.block_storage.backend_pools
    yield lambda: cloud.block_storage.attachments(**everybody)
    yield cloud.block_storage.types
    yield lambda: cloud.image.images(limit=1000)


def main(name: str) -> int:
    """List everything, and hold it as a survey does."""
    cloud = openstack.connect(cloud=name)
    held = [list(each()) for each in collections(cloud)]
    print(sum(len(rows) for rows in held))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
