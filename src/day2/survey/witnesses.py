# SPDX-License-Identifier: Apache-2.0
"""Lists that are cut without a word, and the request that tells: a witness.

Some services do not refuse an account without the whole view: they answer 200 with its own part.
A witness is a request that only an account with the whole view is granted. Seen on OpenStack 2025.1
with an account that has only the role reader: agents come back empty, volumes and ports of its own
project only.
"""

import msgspec

ADMIN = "admin"


class Witness(msgspec.Struct, frozen=True):
    """A request that is refused to whoever sees only a part, and the lists that it speaks for."""

    path: str
    kinds: tuple[str, ...]


WITNESSES: dict[str, Witness] = {
    "network": Witness(
        "/v2.0/quotas",
        (
            "agents",
            "networks",
            "subnets",
            "ports",
            "routers",
            "floating_ips",
            "security_groups",
            "security_group_rules",
            "availabilities",
        ),
    ),
    "block-storage": Witness(
        "/os-services", ("volumes", "volume_snapshots", "volume_backups", "volume_attachments")
    ),
    "image": Witness("/v2/tasks?limit=1", ("images",)),
    "compute": Witness("/servers/detail?all_tenants=1&limit=1", ("server_groups", "flavors")),
    "load-balancer": Witness("/v2.0/lbaas/quotas?limit=1", ("load_balancers",)),
    "shared-file-system": Witness("/services", ("shares",)),
    "baremetal": Witness("/v1/nodes?owner=day2-doctor&limit=1", ("baremetal_nodes",)),
    "container-infrastructure-management": Witness("/mservices", ("clusters",)),
}
