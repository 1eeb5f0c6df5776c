# SPDX-License-Identifier: Apache-2.0
"""How much of everything a large scenario has, and the entries of which it has few enough to keep.

A scenario with `bulk` names hosts, projects and aggregates that nobody has to write down: they are
spread out before the file is checked, so that its other entries may refer to them.
"""

from typing import Annotated, Any

import msgspec
from msgspec import Meta

Count = Annotated[int, Meta(ge=1)]
HOSTS_PER_AGGREGATE = 50
ZONES = 3
# Of the 1,024 addresses of a network some are Neutron's; 10.0.0.0/8 has 16,384 such networks.
SERVERS_PER_PROJECT_MAX, PROJECTS_MAX = 1000, 8192


class Bulk(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """So many hosts, projects and servers; the others are in proportion.

    Every server has a port in both networks of its project; every `volume_every`th has a volume,
    every `floating_every`th a floating IP. `keep_mib` is how much of its answers the server keeps
    as they went out, until something changes; 0 makes each anew.
    """

    hosts: Count
    projects: Count
    servers: Count
    volume_every: Count = 2
    floating_every: Count = 10
    keep_mib: Annotated[int, Meta(ge=0)] = 0
    vcpus: int = 64
    memory_mib: int = 786432
    disk_gib: int = 8000

    def __post_init__(self) -> None:
        """Refuse what the networks have no addresses for."""
        if -(-self.servers // self.projects) > SERVERS_PER_PROJECT_MAX:
            raise ValueError(f"bulk: more than {SERVERS_PER_PROJECT_MAX:,} servers in a project")
        if self.projects > PROJECTS_MAX:
            raise ValueError(f"bulk: more than {PROJECTS_MAX:,} projects")


def host_name(number: int) -> str:
    """Return the name of a host."""
    return f"compute{number + 1:05}"


def project_name(number: int) -> str:
    """Return the name of a project."""
    return f"project{number + 1:04}"


def spread(tree: Any) -> Any:  # noqa: ANN401 - what YAML holds
    """Add to a scenario's tree the hosts, aggregates and projects that its `bulk` counts.

    Raises:
        msgspec.ValidationError: when `bulk` is not what it must be.

    """
    if not isinstance(tree, dict) or tree.get("bulk") is None:
        return tree
    bulk = msgspec.convert(tree["bulk"], Bulk, strict=True)
    names = [host_name(number) for number in range(bulk.hosts)]
    size = {"vcpus": bulk.vcpus, "memory_mib": bulk.memory_mib, "disk_gib": bulk.disk_gib}
    hosts = [{"name": name, "roles": ["compute"], **size} for name in names]
    aggregates = [
        {
            "name": f"rack{first // HOSTS_PER_AGGREGATE:03}",
            "hosts": names[first : first + HOSTS_PER_AGGREGATE],
            "zone": f"az{first // HOSTS_PER_AGGREGATE % ZONES + 1}",
        }
        for first in range(0, bulk.hosts, HOSTS_PER_AGGREGATE)
    ]
    projects = [
        {"name": project_name(number), "quotas": _quotas(bulk)} for number in range(bulk.projects)
    ]
    more: dict[str, list[Any]] = {"hosts": hosts, "aggregates": aggregates, "projects": projects}
    for key, made in more.items():
        written = tree.get(key) or []
        if isinstance(written, list):
            tree = tree | {key: [*written, *made]}
    return tree


def _quotas(bulk: Bulk) -> dict[str, dict[str, int]]:
    """Give a project twice of what its servers need."""
    each = 2 * -(-bulk.servers // bulk.projects) + 10
    return {
        "compute": {"instances": each, "cores": 8 * each, "ram": 16384 * each},
        "network": {"port": 4 * each, "floatingip": each},
        "block-storage": {"volumes": each, "gigabytes": 100 * each},
    }


def scaled(tree: dict[str, Any], factor: float) -> dict[str, Any]:
    """Return a scenario's tree with so much of its `bulk`: the same shape, smaller or larger."""
    counted = ("hosts", "projects", "servers")
    bulk = {**tree["bulk"]}
    return tree | {"bulk": bulk | {key: max(round(bulk[key] * factor), 1) for key in counted}}
