# SPDX-License-Identifier: Apache-2.0
"""The catalogue itself: services without an endpoint, endpoints with another address than all."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from urllib.parse import urlsplit

from day2.model.finding import Finding, Subject
from day2.model.severity import Severity
from day2.model.tables.identity import CatalogService, Endpoint
from day2.operations.health.check import Check, Facts, finding
from day2.operations.health.rules import sight

WANTED = ("internal", "public")
# With fewer of them nobody can tell which address is the usual one.
USUAL_MIN = 3


def missing(facts: Facts) -> Iterator[Finding]:
    """Find services that people or other services cannot find by one interface."""
    if not sight.complete(facts, "catalog_services", "endpoints"):
        return
    known: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for row in facts.tables.endpoints:
        if row.enabled:
            known[row.service_id][row.region_id or ""].add(row.interface)
    for service in facts.tables.catalog_services:
        if not service.enabled:
            continue
        regions = known.get(service.id, {})
        for region, interfaces in sorted(regions.items()):
            lost = [name for name in WANTED if name not in interfaces]
            if lost:
                yield _missing(service, lost, region)
        if not regions:
            yield _missing(service, list(WANTED), facts.survey.region)


def _missing(service: CatalogService, lost: list[str], region: str) -> Finding:
    where = f" in region {region}" if region else ""
    return finding(
        "identity.endpoint.missing",
        Severity.WARNING,
        Subject(type="service", id=service.type or service.id, name=service.name),
        f"the {service.type} service has no {' and no '.join(lost)} endpoint{where}",
        why="who asks for this interface is told that the endpoint is not found",
        evidence={"interfaces": lost, "region": region or None, "service": service.id},
        advice=sight.command("openstack endpoint list --service", service.type or service.id),
        aspect=region,
    )


def addresses(facts: Facts) -> Iterator[Finding]:
    """Find endpoints whose address is not that of nearly all others of their interface."""
    rows = [(row, host) for row in facts.tables.endpoints if row.enabled and (host := _host(row))]
    hosts: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for row, host in rows:
        hosts[row.region_id or "", row.interface][host] += 1
    usual = {place: host for place, found in hosts.items() if (host := _usual(found))}
    types = {service.id: service.type for service in facts.tables.catalog_services}
    for row, host in rows:
        region = row.region_id or ""
        ours = usual.get((region, row.interface))
        if ours is None or host == ours:
            continue
        others = [
            name
            for name in (*WANTED, "admin")
            if name != row.interface and usual.get((region, name)) == host
        ]
        yield _elsewhere(row, types.get(row.service_id) or row.service_id, host, ours, others)


def _elsewhere(row: Endpoint, service: str, host: str, usual: str, others: list[str]) -> Finding:
    said = f"the {row.interface} endpoint of {service} is at {host}"
    if others:
        said += f", as the {others[0]} ones are; the other {row.interface} ones are at {usual}"
    else:
        said += f", nearly all other {row.interface} ones are at {usual}"
    return finding(
        "identity.endpoint.address",
        Severity.WARNING if others else Severity.INFO,
        Subject(type="endpoint", id=row.id, name=service),
        said,
        why="its address is that of another interface"
        if others
        else "a service outside of this cloud, or an address of before",
        evidence={"url": row.url, "usual": usual, "interface": row.interface, "service": service},
        advice=sight.command("openstack endpoint show", row.id),
    )


def _host(row: Endpoint) -> str:
    try:
        return urlsplit(row.url).hostname or ""
    except ValueError:
        return ""


def _usual(found: Counter[str]) -> str:
    """Return the address of two thirds of them or more; empty when there is none."""
    host, count = found.most_common(1)[0]
    total = found.total()
    return host if total >= USUAL_MIN and count * 3 >= total * 2 else ""


CHECKS = (
    Check(
        name="identity.endpoint.missing",
        title="A service without an endpoint for people or for other services",
        needs=("catalog_services", "endpoints"),
        judge=missing,
    ),
    Check(
        name="identity.endpoint.address",
        title="An endpoint at another address than nearly all others",
        needs=("catalog_services", "endpoints"),
        judge=addresses,
    ),
)
