# SPDX-License-Identifier: Apache-2.0
"""Everything that speaks against a host, as Placement's arithmetic and Nova's filters say it.

Intent is what the request itself wants (zone, traits, aggregates, image, groups); state is what the
hosts lack at the moment. A host that fails by intent is none of those that were asked for.
"""

from collections.abc import Iterator, Sequence

from day2.model.explanation import Reason
from day2.model.tables.placement import Inventory
from day2.operations.explain import matching
from day2.operations.explain.hosts import Host
from day2.operations.explain.request import MIB_PER_GIB, Request

DISABLED_TRAIT = "COMPUTE_STATUS_DISABLED"
ZONE, DOWN, DISABLED, UNKNOWN_HOST = "zone", "down", "disabled", "unknown-host"
AFFINITY, ANTI_AFFINITY = "affinity", "anti-affinity"
_OF_AGGREGATE = "aggregate_instance_extra_specs"
_TENANT = "filter_tenant_id"
# img_hv_type as ImagePropertiesFilter compares it, by what the API calls the hypervisor.
_HYPERVISORS = {
    "QEMU": {"qemu", "kvm"},
    "KVM": {"kvm", "qemu"},
    "fake": {"fake"},
    "VMware vCenter Server": {"vmware"},
    "ironic": {"ironic", "baremetal"},
}
_ARCHITECTURE = "COMPUTE_ARCH_"


def by_intent(host: Host, request: Request, filters: Sequence[str]) -> list[Reason]:
    """Tell why a host is none of those that the request asks for."""
    return [
        *_zone(host, request),
        *_traits(host, request),
        *_aggregates(host, request, filters),
        *_tenants(host, request, filters),
        *_image(host, request, filters),
    ]


def by_state(host: Host, request: Request, *, shared_disk: bool) -> list[Reason]:
    """Tell what a host lacks at the moment that the request wants."""
    return [
        *_service(host),
        *(
            reason
            for resource, amount in request.needs.items()
            for reason in _resource(host, resource, amount, shared_disk=shared_disk)
        ),
        *_groups(host, request),
    ]


def _zone(host: Host, request: Request) -> Iterator[Reason]:
    if request.zone and host.zone != request.zone:
        yield Reason(code=ZONE, text=f"is in zone {host.zone}, {request.zone} is wanted")


def _traits(host: Host, request: Request) -> Iterator[Reason]:
    for trait in sorted(request.required - host.traits):
        yield Reason(code=f"trait {trait}", text=f"lacks the trait {trait}")
    for trait in sorted(request.forbidden & host.traits):
        yield Reason(code=f"trait {trait}", text=f"has the forbidden trait {trait}")


def _aggregates(host: Host, request: Request, filters: Sequence[str]) -> Iterator[Reason]:
    if "AggregateInstanceExtraSpecsFilter" not in filters:
        return
    for name, wanted in request.specs.items():
        scope, _, rest = name.partition(":")
        key = rest if scope == _OF_AGGREGATE else name
        if ":" in key:
            continue
        values = host.values(key)
        if not any(matching.matches(value, wanted) for value in values):
            has = f"has {key}={','.join(sorted(values))}" if values else f"says nothing of {key}"
            yield Reason(
                code=f"aggregate {key}", text=f"no aggregate of it has {key}={wanted}: it {has}"
            )


def _tenants(host: Host, request: Request, filters: Sequence[str]) -> Iterator[Reason]:
    if "AggregateMultiTenancyIsolation" not in filters:
        return
    tenants = {
        part.strip()
        for aggregate in host.aggregates
        for name, value in aggregate.metadata.items()
        if name.startswith(_TENANT)
        for part in value.split(",")
    }
    if tenants and request.project not in tenants:
        yield Reason(code="tenants", text="is kept for other projects by its aggregate")


def _image(host: Host, request: Request, filters: Sequence[str]) -> Iterator[Reason]:
    if "ImagePropertiesFilter" not in filters or host.hypervisor is None:
        return
    wanted = request.image.get("img_hv_type") or request.image.get("hypervisor_type") or ""
    known = _HYPERVISORS.get(host.hypervisor.hypervisor_type)
    if wanted and known is not None and wanted.lower() not in known:
        runs = host.hypervisor.hypervisor_type
        yield Reason(code="image img_hv_type", text=f"runs {runs}, the image wants {wanted}")
    architecture = request.image.get("hw_architecture") or request.image.get("architecture") or ""
    told = {t.removeprefix(_ARCHITECTURE) for t in host.traits if t.startswith(_ARCHITECTURE)}
    if architecture and told and architecture.upper() not in told:
        yield Reason(
            code="image hw_architecture",
            text=f"is {', '.join(sorted(told))}, the image wants {architecture}",
        )


def _service(host: Host) -> Iterator[Reason]:
    service = host.service
    if service.forced_down:
        yield Reason(code=DOWN, text="was forced down")
    elif service.state != "up":
        yield Reason(code=DOWN, text="its nova-compute is down")
    elif host.hypervisor is None or not host.provider:
        who = "Nova has no hypervisor" if host.hypervisor is None else "Placement has no provider"
        yield Reason(code=UNKNOWN_HOST, text=f"{who} of it")
    if service.status != "enabled" or DISABLED_TRAIT in host.traits:
        why = f": {service.disabled_reason}" if service.disabled_reason else ""
        yield Reason(code=DISABLED, text=f"is disabled{why}")


def _resource(host: Host, resource: str, amount: int, *, shared_disk: bool) -> Iterator[Reason]:
    stock = host.stock.get(resource, [])
    if not stock:
        if not (resource == "DISK_GB" and shared_disk) and host.provider:
            yield Reason(code=resource, text=f"has no {_called(resource)} at all", missing_ratio=1)
        return
    most = max(stock, key=lambda one: one.free)
    if any(_may(one.inventory, amount) and one.free >= amount for one in stock):
        return
    largest = max(one.inventory.max_unit for one in stock)
    if amount > largest:
        yield Reason(
            code=resource,
            text=f"gives at most {_said(resource, largest)} {_called(resource)} to one server, "
            f"{_said(resource, amount)} wanted",
            missing_ratio=(amount - largest) / amount,
        )
    elif most.free < amount:
        yield Reason(
            code=resource,
            text=f"has {_said(resource, max(most.free, 0))} of "
            f"{_said(resource, most.inventory.capacity)} {_called(resource)} free, "
            f"{_said(resource, amount)} wanted",
            missing_ratio=min(1.0, (amount - most.free) / amount),
        )
    else:
        yield Reason(
            code=f"{resource} unit",
            text=f"gives {_called(resource)} from {_said(resource, most.inventory.min_unit)} on in "
            f"steps of {most.inventory.step_size}; {_said(resource, amount)} wanted",
        )


def _groups(host: Host, request: Request) -> Iterator[Reason]:
    for group in request.groups:
        mates = frozenset(group.members) - {request.server}
        called = group.name or group.id
        if group.policy == "anti-affinity" and len(host.mates & mates) >= group.per_host_max:
            yield Reason(
                code=ANTI_AFFINITY, text=f"holds another of its anti-affinity group {called}"
            )


def apart(hosts: Sequence[Host], request: Request) -> dict[str, Reason]:
    """Tell which hosts are not where an affinity group already is; nobody when it is nowhere."""
    found = {}
    for group in request.groups:
        mates = frozenset(group.members) - {request.server}
        at = sorted(host.name for host in hosts if host.mates & mates)
        if group.policy != "affinity" or not at:
            continue
        for host in hosts:
            if host.name not in at:
                text = f"its affinity group {group.name or group.id} is on {', '.join(at)}"
                found[host.name] = Reason(code=AFFINITY, text=text)
    return found


def _may(inventory: Inventory, amount: int) -> bool:
    return inventory.min_unit <= amount <= inventory.max_unit and amount % inventory.step_size == 0


def _said(resource: str, amount: float) -> str:
    if resource == "MEMORY_MB":
        return f"{amount / MIB_PER_GIB:.1f} GiB"
    if resource == "DISK_GB":
        return f"{amount:.0f} GiB"
    return f"{amount:.0f}"


def _called(resource: str) -> str:
    return {"MEMORY_MB": "memory", "DISK_GB": "disk"}.get(resource, resource)
