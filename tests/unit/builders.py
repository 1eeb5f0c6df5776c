# SPDX-License-Identifier: Apache-2.0
"""Rows with valid defaults of a cloud that is well: override what matters.

Everything changed a day ago, so that nothing is too young to be judged; `facts` holds the tables
that it is given and no other, all of them complete unless named in `gaps`.
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from day2.model.finding import Finding
from day2.model.survey import Gap, Reading, Survey, Tables
from day2.model.tables import compute, identity, network, others, placement, storage
from day2.operations.health.check import Check, Facts
from day2.operations.health.policy import HealthPolicy

T = TypeVar("T")
NOW = datetime(2026, 5, 4, 9, 0, tzinfo=UTC)
DAY_AGO = NOW - timedelta(days=1)
HOSTILE = "x\x1b[31m\r\n\x00'; rm -rf / #\u202e"


def ago(**units: float) -> datetime:
    return NOW - timedelta(**units)


def built(kind: type[T], defaults: dict[str, Any], fields: dict[str, Any]) -> T:
    return kind(**{**defaults, **fields})


def project(identifier: str = "p1", **fields: Any) -> identity.Project:
    given = {"id": identifier, "name": f"name-of-{identifier}"}
    return built(identity.Project, given, fields)


def compute_service(host: str = "cmp1", **fields: Any) -> compute.ComputeService:
    given = {
        "binary": "nova-compute",
        "host": host,
        "status": "enabled",
        "state": "up",
        "updated_at": NOW,
    }
    return built(compute.ComputeService, given, fields)


def hypervisor(name: str = "cmp1", **fields: Any) -> compute.Hypervisor:
    given = {
        "id": f"hv-{name}",
        "hypervisor_hostname": name,
        "state": "up",
        "status": "enabled",
        "service": compute.HypervisorService(host=name),
    }
    return built(compute.Hypervisor, given, fields)


def server(identifier: str = "s1", **fields: Any) -> compute.Server:
    given = {
        "id": identifier,
        "name": f"name-of-{identifier}",
        "status": "ACTIVE",
        "project_id": "p1",
        "created": DAY_AGO,
        "updated": DAY_AGO,
        "launched_at": DAY_AGO,
        "host": "cmp1",
        "hypervisor_hostname": "cmp1",
        "power_state": 1,
        "flavor": compute.ServerFlavor(original_name="m1", vcpus=2, ram=4096, disk=20),
    }
    return built(compute.Server, given, fields)


def migration(identifier: str = "m1", **fields: Any) -> compute.Migration:
    given = {
        "id": 1,
        "uuid": identifier,
        "instance_uuid": "s1",
        "status": "completed",
        "migration_type": "live-migration",
        "source_compute": "cmp1",
        "source_node": "cmp1",
        "dest_compute": "cmp2",
        "dest_node": "cmp2",
        "created_at": DAY_AGO,
        "updated_at": DAY_AGO,
        "project_id": "p1",
    }
    return built(compute.Migration, given, fields)


def provider(name: str = "cmp1", **fields: Any) -> placement.ResourceProvider:
    given = {"uuid": f"rp-{name}", "name": name, "root_provider_uuid": f"rp-{name}"}
    return built(placement.ResourceProvider, given, fields)


def inventories(name: str = "cmp1", **totals: placement.Inventory) -> placement.ProviderInventories:
    has = totals or {
        "VCPU": placement.Inventory(total=32, allocation_ratio=4.0),
        "MEMORY_MB": placement.Inventory(total=131072, reserved=4096),
    }
    return placement.ProviderInventories(provider=f"rp-{name}", inventories=has)


def allocations(
    name: str = "cmp1", /, **taken: dict[str, int] | None
) -> placement.ProviderAllocations:
    """Allocate on a provider; None takes what the default server's flavor says."""
    usual = {"VCPU": 2, "MEMORY_MB": 4096, "DISK_GB": 20}
    found = {consumer: usual if res is None else res for consumer, res in taken.items()}
    return placement.ProviderAllocations(provider=f"rp-{name}", allocations=found)


def agent(host: str = "cmp1", **fields: Any) -> network.NetworkAgent:
    given = {
        "id": f"agent-{host}",
        "binary": "neutron-openvswitch-agent",
        "host": host,
        "agent_type": "Open vSwitch agent",
        "alive": True,
        "heartbeat_timestamp": NOW,
    }
    return built(network.NetworkAgent, given, fields)


def net(identifier: str = "n1", **fields: Any) -> network.Network:
    given = {
        "id": identifier,
        "name": f"name-of-{identifier}",
        "project_id": "p1",
        "status": "ACTIVE",
        "created_at": DAY_AGO,
        "updated_at": DAY_AGO,
    }
    return built(network.Network, given, fields)


def subnet(identifier: str = "sub1", **fields: Any) -> network.Subnet:
    given = {
        "id": identifier,
        "network_id": "n1",
        "name": f"name-of-{identifier}",
        "project_id": "p1",
        "cidr": "10.0.0.0/24",
        "enable_dhcp": True,
    }
    return built(network.Subnet, given, fields)


def subnet_use(
    used: float, total: float, identifier: str = "sub1", **fields: Any
) -> network.SubnetUse:
    given = {
        "subnet_id": identifier,
        "subnet_name": f"name-of-{identifier}",
        "cidr": "10.0.0.0/24",
        "total_ips": total,
        "used_ips": used,
    }
    return built(network.SubnetUse, given, fields)


def availability(*uses: network.SubnetUse, **fields: Any) -> network.NetworkAvailability:
    given = {
        "network_id": "n1",
        "network_name": "name-of-n1",
        "project_id": "p1",
        "total_ips": sum(use.total_ips for use in uses),
        "used_ips": sum(use.used_ips for use in uses),
        "subnets": list(uses),
    }
    return built(network.NetworkAvailability, given, fields)


def port(identifier: str = "port1", **fields: Any) -> network.Port:
    given = {
        "id": identifier,
        "network_id": "n1",
        "project_id": "p1",
        "status": "ACTIVE",
        "device_id": "s1",
        "device_owner": "compute:nova",
        "fixed_ips": [network.FixedIp(subnet_id="sub1", ip_address="10.0.0.5")],
        "host": "cmp1",
        "vif_type": "ovs",
        "vnic_type": "normal",
        "created_at": DAY_AGO,
        "updated_at": DAY_AGO,
    }
    return built(network.Port, given, fields)


def floating_ip(identifier: str = "fip1", **fields: Any) -> network.FloatingIp:
    given = {
        "id": identifier,
        "floating_ip_address": "203.0.113.7",
        "fixed_ip_address": "10.0.0.5",
        "project_id": "p1",
        "port_id": "port1",
        "router_id": "r1",
        "status": "ACTIVE",
        "created_at": DAY_AGO,
        "updated_at": DAY_AGO,
    }
    return built(network.FloatingIp, given, fields)


def volume(identifier: str = "v1", **fields: Any) -> storage.Volume:
    given = {
        "id": identifier,
        "name": f"name-of-{identifier}",
        "status": "available",
        "size": 10,
        "project_id": "p1",
        "host": "sto1@lvm#pool",
        "created_at": DAY_AGO,
        "updated_at": DAY_AGO,
    }
    return built(storage.Volume, given, fields)


def snapshot(identifier: str = "snap1", **fields: Any) -> storage.VolumeSnapshot:
    given = {
        "id": identifier,
        "name": f"name-of-{identifier}",
        "status": "available",
        "size": 10,
        "volume_id": "v1",
        "project_id": "p1",
        "created_at": DAY_AGO,
        "updated_at": DAY_AGO,
    }
    return built(storage.VolumeSnapshot, given, fields)


def backup(identifier: str = "b1", **fields: Any) -> storage.VolumeBackup:
    given = {
        "id": identifier,
        "name": f"name-of-{identifier}",
        "status": "available",
        "size": 10,
        "volume_id": "v1",
        "project_id": "p1",
        "created_at": DAY_AGO,
        "updated_at": DAY_AGO,
    }
    return built(storage.VolumeBackup, given, fields)


def pool(name: str = "sto1@lvm#pool", **capabilities: Any) -> storage.VolumePool:
    given = {"total_capacity_gb": 1000.0, "free_capacity_gb": 500.0, "backend_state": "up"}
    has = storage.PoolCapabilities(**{**given, **capabilities})
    return storage.VolumePool(name=name, capabilities=has)


def attachment(identifier: str = "a1", **fields: Any) -> storage.VolumeAttachment:
    given = {
        "id": identifier,
        "volume_id": "v1",
        "instance": "s1",
        "status": "attached",
        "attached_at": DAY_AGO,
    }
    return built(storage.VolumeAttachment, given, fields)


def image(identifier: str = "i1", **fields: Any) -> storage.Image:
    given = {
        "id": identifier,
        "name": f"name-of-{identifier}",
        "status": "active",
        "owner": "p1",
        "created_at": DAY_AGO,
        "updated_at": DAY_AGO,
    }
    return built(storage.Image, given, fields)


def quota(used: int, limit: int | None, **fields: Any) -> others.QuotaUse:
    given = {
        "service": "compute",
        "project_id": "p1",
        "resource": "cores",
        "limit": limit,
        "in_use": used,
    }
    return built(others.QuotaUse, given, fields)


def survey(*, gaps: Iterable[str] = (), at: datetime = NOW, **tables: Any) -> Survey:
    """Make a survey of these tables; a table in `gaps` was asked for and not read whole."""
    lost = list(gaps)
    return Survey(
        cloud="c1",
        region="r1",
        started_at=at,
        ended_at=at,
        tables=Tables(**tables),
        readings={
            kind: Reading(rows=len(tables.get(kind, ())), requests=1, seconds=0)
            for kind in (*tables, *lost)
        },
        gaps=[Gap(kind=kind, what=kind, error="Unreachable", message="no") for kind in lost],
    )


def facts(
    *,
    gaps: Iterable[str] = (),
    policy: HealthPolicy | None = None,
    now: datetime = NOW,
    **tables: Any,
) -> Facts:
    """Make the facts of a survey of these tables."""
    given = survey(gaps=gaps, **tables)
    return Facts(survey=given, policy=policy or HealthPolicy(), now=now)


def judged(checks: Iterable[Check], given: Facts, name: str = "") -> list[Finding]:
    """Run the checks (of that name), and return what they find."""
    return [f for check in checks if not name or check.name == name for f in check.run(given)]


def keys(checks: Iterable[Check], given: Facts) -> set[str]:
    """Run the checks, and return the keys of what they find."""
    return {f.key for f in judged(checks, given)}
