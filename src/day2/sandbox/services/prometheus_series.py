# SPDX-License-Identifier: Apache-2.0
"""What the sandbox's Prometheus has: 400 days of every series, each a function of time.

Now, a series says what the world says; the past is grown backwards from there, with a rhythm of
weeks and days. Names and labels are those of node exporter, openstack-exporter and Ceph.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime

from day2.sandbox.scenario import Host
from day2.sandbox.services.prometheus_evaluate import NAME, Labels, Series, chosen
from day2.sandbox.services.prometheus_parse import Matcher
from day2.sandbox.services.prometheus_past import (
    DAY,
    DAYS,
    Past,
    Value,
    accumulated,
    constant,
    share,
    targets,
)

GIB = 1 << 30
FILE_SYSTEMS = {"/": 100, "/boot": 1, "/var/lib/docker": 200}
CPU_MODES = {"user": 0.22, "system": 0.06, "iowait": 0.01, "softirq": 0.005}
OSD_BYTES = 4 << 40
Family = Callable[[Past], Iterator[Series]]


def find(past: Past, matchers: Sequence[Matcher]) -> list[Series]:
    """Return the series that meet every condition."""
    names = [m for m in matchers if m.name == NAME]
    found: list[Series] = []
    for name, family in FAMILIES.items():
        if all(_fits(matcher, name) for matcher in names):
            found += chosen(family(past), matchers)
    return found


def _fits(matcher: Matcher, name: str) -> bool:
    return bool(chosen([_bare(name)], [matcher]))


def _bare(name: str) -> Series:
    return Series(labels={NAME: name}, value=lambda _moment: 0.0, since=0, until=0)


def _up(past: Past) -> Iterator[Series]:
    for target in targets(past.world):
        until = past.until(target.host.name)
        yield past.series(
            "up",
            lambda moment, until=until: float(moment < until),  # type: ignore[misc]
            job=target.job,
            instance=target.host.name,
        )


def _node(name: str, of: Callable[[Past, Host], Value]) -> Family:
    def family(past: Past) -> Iterator[Series]:
        for host in past.world.scenario.hosts:
            value = of(past, host)
            yield past.series(name, value, host.name, job="node", instance=host.name)

    return family


def _memory_available(past: Past, host: Host) -> Value:
    total = host.memory_mib << 20
    used = past.grown(total * (0.45 + 0.15 * share(host.name, "memory")), host.name, "memory")
    return lambda moment: float(max(0, total - int(used(moment))))


def _node_cpu(past: Past) -> Iterator[Series]:
    for host in past.world.scenario.hosts:
        for cpu in range(host.vcpus):
            words = (host.name, str(cpu))
            busy = {
                mode: accumulated(past, base * (0.7 + 0.6 * share(*words)), *words)
                for mode, base in CPU_MODES.items()
            }

            def idle(moment: float, busy: dict[str, Value] = busy) -> float:
                return moment - past.since - sum(value(moment) for value in busy.values())

            for mode, value in {**busy, "idle": idle}.items():
                yield past.series(
                    "node_cpu_seconds_total",
                    value,
                    host.name,
                    job="node",
                    instance=host.name,
                    cpu=str(cpu),
                    mode=mode,
                )


def _file_systems(name: str, *, free: bool) -> Family:
    def family(past: Past) -> Iterator[Series]:
        planted: dict[tuple[str, str], float] = {
            (d.host, d.path): d.used_ratio for d in past.world.scenario.disks
        }
        for host in past.world.scenario.hosts:
            for path, gib in FILE_SYSTEMS.items():
                size = float(gib * GIB)
                usual = 0.25 + 0.2 * share(host.name, path)
                used = past.grown(size * planted.get((host.name, path), usual), host.name, path)
                device = f"/dev/mapper/vg0-{path.strip('/').replace('/', '_') or 'root'}"

                def left(moment: float, size: float = size, used: Value = used) -> float:
                    return float(int(max(0.0, size - used(moment))))

                yield past.series(
                    name,
                    left if free else constant(size),
                    host.name,
                    job="node",
                    instance=host.name,
                    device=device,
                    fstype="ext4",
                    mountpoint=path,
                )

    return family


def _traffic(name: str) -> Family:
    def family(past: Past) -> Iterator[Series]:
        for host in past.world.scenario.hosts:
            value = accumulated(past, 4e7 * (0.5 + share(host.name, name)), host.name, name)
            yield past.series(
                name, value, host.name, job="node", instance=host.name, device="bond0"
            )

    return family


def _exporter(past: Past) -> Labels:
    """Return the labels that every series of the OpenStack exporter has."""
    found = [t for t in targets(past.world) if t.job == "openstack_exporter"]
    return {"job": "openstack_exporter", "instance": found[0].host.name} if found else {}


def _alive(name: str) -> Family:
    def family(past: Past) -> Iterator[Series]:
        yield past.series(name, constant(1), **_exporter(past))

    return family


def _count(name: str, table: str) -> Family:
    def family(past: Past) -> Iterator[Series]:
        value = past.grown(len(past.world[table]), name, whole=True)
        yield past.series(name, value, **_exporter(past))

    return family


def _hypervisors(name: str, resource: str, unit: int, *, used: bool) -> Family:
    """Make a series for each hypervisor, with the aggregates and the zone that it is in."""

    def family(past: Past) -> Iterator[Series]:
        world = past.world
        for provider in world["providers"]:
            host = str(provider["name"])
            inventory = provider["inventories"].get(resource)
            if inventory is None:
                continue
            of = [a for a in world["aggregates"] if host in a["hosts"]]
            labels = {
                **_exporter(past),
                "hostname": host,
                "aggregates": ",".join(sorted(str(a["name"]) for a in of)),
                "availability_zone": next((str(a["zone"]) for a in of if a["zone"]), "nova"),
            }
            taken = sum(
                row["resources"].get(resource, 0)
                for row in world["allocations"].find(provider=provider["id"])
            )
            value = (
                past.grown(taken * unit, host, resource, whole=True)
                if used
                else constant(inventory["total"] * unit)
            )
            yield past.series(name, value, **labels)

    return family


def _running(past: Past) -> Iterator[Series]:
    for row in past.world["hypervisors"]:
        host = str(row["host"])
        number = sum(1 for _server in past.world["servers"].find(host=host))
        value = past.grown(number, host, "VCPU", whole=True)
        yield past.series("openstack_nova_running_vms", value, **_exporter(past), hostname=host)


def _agents(name: str, table: str) -> Family:
    def family(past: Past) -> Iterator[Series]:
        for row in past.world[table]:
            dead: datetime | None = row["dead_since"]
            until = dead.timestamp() if dead else math.inf
            enabled = row.get("status", "enabled") if row.get("admin_state_up", True) else "down"
            yield past.series(
                name,
                lambda moment, until=until: float(moment < until),  # type: ignore[misc]
                **_exporter(past),
                hostname=str(row["host"]),
                service=str(row["binary"]),
                adminState=str(enabled),
            )

    return family


def _pools(name: str, *, free: bool) -> Family:
    def family(past: Past) -> Iterator[Series]:
        for pool in past.world.scenario.pools:
            used = past.grown(pool.size_gib * pool.used_ratio, pool.name)
            size = float(pool.size_gib)

            def left(moment: float, size: float = size, used: Value = used) -> float:
                return round(size - used(moment), 2)

            labels = {
                "name": f"{pool.host}@{pool.name}#{pool.name}",
                "volume_backend_name": pool.name,
            }
            value = left if free else constant(size)
            yield past.series(name, value, **_exporter(past), **labels)

    return family


def _ceph(name: str, of: Callable[[float, Value], Value]) -> Family:
    """Make a series of the whole Ceph cluster, of its size and its use in bytes."""

    def family(past: Past) -> Iterator[Series]:
        pools = past.world.scenario.pools
        mgr = [t for t in targets(past.world) if t.job == "ceph_mgr_exporter"]
        for target in mgr:
            size = float(sum(pool.size_gib for pool in pools) * GIB * 3)
            used = past.grown(3 * GIB * sum(p.size_gib * p.used_ratio for p in pools), "ceph")
            yield past.series(
                name, of(size, used), job="ceph_mgr_exporter", instance=target.host.name
            )

    return family


def _osds(name: str, of: Callable[[float, Value], Value]) -> Family:
    def family(past: Past) -> Iterator[Series]:
        pools = past.world.scenario.pools
        size = sum(pool.size_gib for pool in pools) * GIB * 3
        ratio = sum(p.size_gib * p.used_ratio for p in pools) * GIB * 3 / size if size else 0.0
        for target in targets(past.world):
            if target.job == "ceph_mgr_exporter":
                for number in range(max(3, round(size / OSD_BYTES))):
                    tilt = 0.96 + 0.08 * share("osd", str(number))
                    used = past.grown(OSD_BYTES * ratio * tilt, "osd", str(number))
                    yield past.series(
                        name,
                        of(float(OSD_BYTES), used),
                        job=target.job,
                        instance=target.host.name,
                        ceph_daemon=f"osd.{number}",
                    )

    return family


def _whole(used: Value) -> Value:
    return lambda moment: float(int(used(moment)))


FAMILIES: dict[str, Family] = {
    "up": _up,
    "node_cpu_seconds_total": _node_cpu,
    "node_memory_MemTotal_bytes": _node(
        "node_memory_MemTotal_bytes", lambda _past, host: constant(host.memory_mib << 20)
    ),
    "node_memory_MemAvailable_bytes": _node("node_memory_MemAvailable_bytes", _memory_available),
    "node_load1": _node(
        "node_load1", lambda past, host: past.grown(host.vcpus * 0.3, host.name, "load")
    ),
    "node_boot_time_seconds": _node(
        "node_boot_time_seconds",
        lambda past, _host: constant(past.since + (DAYS - 60) * DAY),
    ),
    "node_filesystem_size_bytes": _file_systems("node_filesystem_size_bytes", free=False),
    "node_filesystem_avail_bytes": _file_systems("node_filesystem_avail_bytes", free=True),
    "node_network_receive_bytes_total": _traffic("node_network_receive_bytes_total"),
    "node_network_transmit_bytes_total": _traffic("node_network_transmit_bytes_total"),
    **{
        f"openstack_{name}_up": _alive(f"openstack_{name}_up")
        for name in ("nova", "neutron", "cinder", "glance", "identity", "placement")
    },
    "openstack_nova_total_vms": _count("openstack_nova_total_vms", "servers"),
    "openstack_nova_flavors": _count("openstack_nova_flavors", "flavors"),
    "openstack_neutron_networks": _count("openstack_neutron_networks", "networks"),
    "openstack_neutron_ports": _count("openstack_neutron_ports", "ports"),
    "openstack_neutron_floating_ips": _count("openstack_neutron_floating_ips", "floating_ips"),
    "openstack_neutron_routers": _count("openstack_neutron_routers", "routers"),
    "openstack_cinder_volumes": _count("openstack_cinder_volumes", "volumes"),
    "openstack_cinder_snapshots": _count("openstack_cinder_snapshots", "volume_snapshots"),
    "openstack_glance_images": _count("openstack_glance_images", "images"),
    "openstack_identity_projects": _count("openstack_identity_projects", "projects"),
    "openstack_identity_users": _count("openstack_identity_users", "users"),
    **{
        f"openstack_nova_{name}_{kind}": _hypervisors(
            f"openstack_nova_{name}_{kind}", resource, unit, used=kind.startswith("used")
        )
        for name, resource, unit, kinds in (
            ("vcpus", "VCPU", 1, ("available", "used")),
            ("memory", "MEMORY_MB", 1 << 20, ("available_bytes", "used_bytes")),
            ("local_storage", "DISK_GB", GIB, ("available_bytes", "used_bytes")),
        )
        for kind in kinds
    },
    "openstack_nova_running_vms": _running,
    "openstack_nova_agent_state": _agents("openstack_nova_agent_state", "compute_services"),
    "openstack_neutron_agent_state": _agents("openstack_neutron_agent_state", "agents"),
    "openstack_cinder_agent_state": _agents("openstack_cinder_agent_state", "volume_services"),
    "openstack_cinder_pool_capacity_total_gb": _pools(
        "openstack_cinder_pool_capacity_total_gb", free=False
    ),
    "openstack_cinder_pool_capacity_free_gb": _pools(
        "openstack_cinder_pool_capacity_free_gb", free=True
    ),
    "ceph_health_status": _ceph("ceph_health_status", lambda _size, _used: constant(0)),
    "ceph_cluster_total_bytes": _ceph(
        "ceph_cluster_total_bytes", lambda size, _used: constant(size)
    ),
    "ceph_cluster_total_used_bytes": _ceph(
        "ceph_cluster_total_used_bytes", lambda _size, used: _whole(used)
    ),
    "ceph_osd_up": _osds("ceph_osd_up", lambda _size, _used: constant(1)),
    "ceph_osd_in": _osds("ceph_osd_in", lambda _size, _used: constant(1)),
    "ceph_osd_stat_bytes": _osds("ceph_osd_stat_bytes", lambda size, _used: constant(size)),
    "ceph_osd_stat_bytes_used": _osds("ceph_osd_stat_bytes_used", lambda _size, used: _whole(used)),
}
