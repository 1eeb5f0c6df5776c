# SPDX-License-Identifier: Apache-2.0
"""Subnets that run out of addresses."""

from collections.abc import Iterator

import msgspec

from day2.model.finding import Finding, Subject
from day2.model.severity import Severity
from day2.model.tables.network import Network, NetworkAvailability, SubnetUse
from day2.operations.health.check import Check, Facts, finding, setting
from day2.operations.health.rules import crowd, sight

IPV4 = 4


@crowd.bounded("subnets are nearly full", by=crowd.PROJECT)
def full(facts: Facts) -> Iterator[Finding]:
    """Find IPv4 subnets that are nearly full.

    On external and shared networks, which the operators made for all, it is their business: as bad
    as the whole network is short, since Neutron takes an address from any subnet that has one. On a
    project's own network it is that project's, and worth a word only.
    """
    least = facts.policy.subnet_used_warning_ratio
    networks = {network.id: network for network in facts.tables.networks}
    names = sight.project_names(facts.tables)
    for row in facts.tables.availabilities:
        uses = [use for subnet in row.subnets if (use := _use(subnet))]
        if all(use.ratio <= least for use in uses):
            continue
        severity, why = _severity(facts, uses, networks.get(row.network_id))
        for use in uses:
            if use.ratio > least:
                yield _full(row, use, severity, why, networks.get(row.network_id), names)


class _Use(msgspec.Struct, frozen=True, kw_only=True):
    subnet: SubnetUse
    used: float
    total: float

    @property
    def ratio(self) -> float:
        return self.used / self.total


def _use(subnet: SubnetUse) -> _Use | None:
    """Return how full an IPv4 subnet is; None for one without addresses to give."""
    used, total = sight.number(subnet.used_ips), sight.number(subnet.total_ips)
    if subnet.ip_version != IPV4 or used is None or not total or total < 1:
        return None
    return _Use(subnet=subnet, used=used, total=total)


def _full(
    row: NetworkAvailability,
    use: _Use,
    severity: Severity,
    why: str,
    network: Network | None,
    names: dict[str, str],
) -> Finding:
    subnet = use.subnet
    kind = ""
    advice = sight.command("openstack ip availability show", row.network_id)
    if network is not None and network.external:
        kind = "external "
        advice += "; openstack floating ip list --status DOWN (reserved, attached to nothing)"
    elif network is not None and network.shared:
        kind = "shared "
    return finding(
        "network.subnet.full",
        severity,
        Subject(
            type="subnet",
            id=subnet.subnet_id,
            name=subnet.subnet_name or "",
            project=row.project_id,
        ),
        f"subnet {subnet.subnet_name or subnet.subnet_id} ({subnet.cidr}) of {kind}network "
        f"{row.network_name or row.network_id} ({sight.owner(names, row.project_id)}) is "
        f"{use.ratio:.0%} full: {max(use.total - use.used, 0):,.0f} of {use.total:,.0f} addresses "
        "left",
        why=why,
        evidence={
            "used": use.used,
            "total": use.total,
            "used_ratio": round(use.ratio, 4),
            "network": row.network_id,
            "cidr": subnet.cidr,
        },
        advice=advice,
    )


def _severity(facts: Facts, uses: list[_Use], network: Network | None) -> tuple[Severity, str]:
    policy = facts.policy
    warning = setting(policy, "subnet_used_warning_ratio")
    if network is None:
        return Severity.INFO, f"{warning}; info: whether its network is shared was not read"
    if not (network.external or network.shared):
        return Severity.INFO, f"{warning}; info: the network is the project's own"
    whole = sum(use.used for use in uses) / sum(use.total for use in uses)
    if whole > policy.subnet_used_critical_ratio:
        return Severity.CRITICAL, setting(policy, "subnet_used_critical_ratio")
    if whole > policy.subnet_used_warning_ratio:
        return Severity.WARNING, warning
    return Severity.INFO, f"{warning}; info: other subnets of the network have addresses"


CHECKS = (
    Check(
        name="network.subnet.full",
        title="A subnet that runs out of addresses",
        needs=("availabilities", "networks"),
        judge=full,
        settings=("subnet_used_warning_ratio", "subnet_used_critical_ratio"),
    ),
)
