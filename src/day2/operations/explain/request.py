# SPDX-License-Identifier: Apache-2.0
"""What a server asks the scheduler for, put together again from what the APIs still tell."""

from collections.abc import Mapping

import msgspec

from day2.model.tables.compute import Server, ServerGroup

MIB_PER_GIB = 1024
MIXED = "mixed"
# A decision of these is made by figures of the host that no API tells.
_HIDDEN_SPECS = (
    "capabilities:",
    "hw:numa_",
    "hw:mem_page_size",
    "hw:pci_",
    "pci_passthrough:",
    "hw:cpu_thread",
)
_HIDDEN_IMAGE = ("hw_numa_", "hw_mem_page_size", "hw_pci_", "hw_cpu_thread")


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """What one server wants.

    `image` are the properties of its image; `hidden` names what it asks for that only the hosts
    themselves could answer.
    """

    server: str
    project: str
    needs: dict[str, int]
    required: frozenset[str]
    forbidden: frozenset[str]
    zone: str
    specs: dict[str, str]
    image: dict[str, str]
    groups: list[ServerGroup]
    hidden: list[str]


def request_of(server: Server, *, image: Mapping[str, str], groups: list[ServerGroup]) -> Request:
    """Put together what the server asked for when it was scheduled."""
    specs = server.flavor.extra_specs
    policy = specs.get("hw:cpu_policy") or image.get("hw_cpu_policy") or ""
    traits = _traits(specs) | _traits(image)
    return Request(
        server=server.id,
        project=server.project_id,
        needs=_needs(server, policy),
        required=frozenset(name for name, value in traits if value == "required"),
        forbidden=frozenset(name for name, value in traits if value == "forbidden"),
        zone=server.pinned_availability_zone or "",
        specs=specs,
        image=dict(image),
        groups=groups,
        hidden=[
            *(f"flavor: {n}={v}" for n, v in specs.items() if n.startswith(_HIDDEN_SPECS)),
            *(["flavor: hw:cpu_policy=mixed"] if policy == MIXED else []),
            *(f"image: {n}={v}" for n, v in image.items() if n.startswith(_HIDDEN_IMAGE)),
        ],
    )


def _needs(server: Server, policy: str) -> dict[str, int]:
    """Return the amounts as Nova asks Placement for them; an amount of 0 is not asked for.

    How many of mixed processors are dedicated is in a mask of the flavor: they are left out.
    """
    flavor = server.flavor
    processors = "PCPU" if policy == "dedicated" else "VCPU"
    disk = flavor.ephemeral + (flavor.disk if server.image_id else 0)
    needs = {
        processors: 0 if policy == MIXED else flavor.vcpus,
        "MEMORY_MB": flavor.ram,
        # Swap is in MiB, and whole GiB are asked for.
        "DISK_GB": disk - (-flavor.swap // MIB_PER_GIB),
    }
    for name, value in flavor.extra_specs.items():
        scope, _, resource = name.partition(":")
        if resource and scope.startswith("resources") and value.isdecimal():
            needs[resource] = int(value)
    return {name: amount for name, amount in needs.items() if amount}


def _traits(told: Mapping[str, str]) -> set[tuple[str, str]]:
    return {
        (trait, value)
        for name, value in told.items()
        for scope, _, trait in [name.partition(":")]
        if trait and scope.startswith("trait")
    }
