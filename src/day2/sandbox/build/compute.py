# SPDX-License-Identifier: Apache-2.0
"""Nova's and Placement's content: services by role, hosts, servers with all that hangs on them."""

from collections import Counter
from typing import Any

from day2.sandbox.build import network
from day2.sandbox.build.plot import Plot
from day2.sandbox.scenario import Host, Server
from day2.sandbox.scenario_names import names_of
from day2.sandbox.services.compute import moves, states
from day2.sandbox.services.network_ports import new_port
from day2.sandbox.services.placement import allocate


def build(plot: Plot) -> None:
    """Fill the tables of compute and placement; networks, images and volumes are there."""
    for flavor in plot.world.scenario.flavors:
        plot.world["flavors"].put(
            {
                "id": plot.id("flavor", flavor.name),
                "name": flavor.name,
                "vcpus": flavor.vcpus,
                "ram": flavor.ram_mib,
                "disk": flavor.disk_gib,
                "is_public": flavor.public,
                "extra_specs": dict(flavor.extra_specs),
            }
        )
    _services(plot)
    for number, aggregate in enumerate(plot.world.scenario.aggregates, start=1):
        zone = {"availability_zone": aggregate.zone} if aggregate.zone else {}
        plot.world["aggregates"].put(
            {
                "id": str(number),
                "uuid": plot.id("aggregate", aggregate.name),
                "name": aggregate.name,
                "zone": aggregate.zone,
                "hosts": list(aggregate.hosts),
                "metadata": {**aggregate.metadata, **zone},
                "created_at": plot.ago(aggregate.age),
            }
        )
    numbers: Counter[str] = Counter()
    for server in plot.world.scenario.servers:
        for place, name in enumerate(names_of(server)):
            host = server.host[place % len(server.host)] if server.host else None
            numbers["servers"] += 1
            _server(plot, server, name, host, numbers["servers"])
    _attachments(plot)
    _migrations(plot)


def _services(plot: Plot) -> None:
    dead = {(d.host, d.binary): d.since for d in plot.world.scenario.dead}
    numbers: Counter[str] = Counter()
    for host in plot.world.scenario.hosts:
        kinds = ["nova-scheduler", "nova-conductor"] if "control" in host.roles else []
        kinds += ["nova-compute"] if "compute" in host.roles else []
        for binary in kinds:
            numbers["services"] += 1
            off = host.disabled is not None and binary == "nova-compute"
            plot.world["compute_services"].put(
                {
                    "id": plot.id("compute_service", f"{host.name}/{binary}"),
                    "number": numbers["services"],
                    "binary": binary,
                    "host": host.name,
                    "status": "disabled" if off else "enabled",
                    "disabled_reason": (host.disabled or None) if off else None,
                    "forced_down": False,
                    "dead_since": plot.past(dead.get((host.name, binary)) or host.dead),
                }
            )
        if "compute" in host.roles:
            numbers["hypervisors"] += 1
            _hypervisor(plot, host, numbers["hypervisors"])


def _hypervisor(plot: Plot, host: Host, number: int) -> None:
    own = plot.id("hypervisor", host.name)
    plot.world["hypervisors"].put(
        {
            "id": own,
            "number": number,
            "name": host.name,
            "host": host.name,
            "host_ip": f"192.0.2.{10 + number}",
            "service_id": plot.id("compute_service", f"{host.name}/nova-compute"),
            "vcpus": host.vcpus,
            "memory_mib": host.memory_mib,
            "disk_gib": host.disk_gib,
            "booted_at": plot.ago("30d"),
        }
    )
    plot.world["providers"].put(
        {
            "id": own,
            "name": host.name,
            "generation": 2,
            "created_at": plot.ago("300d"),
            "inventories": {
                "VCPU": {"total": host.vcpus, "reserved": 0, "ratio": 4.0},
                "MEMORY_MB": {"total": host.memory_mib, "reserved": 512, "ratio": 1.0},
                "DISK_GB": {"total": host.disk_gib, "reserved": 0, "ratio": 1.0},
            },
        }
    )


def _server(plot: Plot, entry: Server, name: str, host: str | None, number: int) -> None:
    world = plot.world
    flavor = world.require("flavors", plot.id("flavor", entry.flavor))
    vm_state, task_state, power = states.STORED[entry.status]
    created = plot.ago(entry.age)
    updated = plot.past(entry.updated) or created
    project_id = plot.project(entry.project)
    zone = moves.zone_of(world, host)
    own = plot.id("server", name)
    row: dict[str, Any] = {
        "id": own,
        "number": number,
        "name": name,
        "project_id": project_id,
        "user_id": plot.user("admin"),
        "host": host,
        "vm_state": vm_state,
        "task_state": entry.task_state or task_state,
        "power_state": power,
        "flavor": {key: flavor[key] for key in moves.FLAVOR_KEYS},
        "image_id": plot.id("image", entry.image) if entry.image else None,
        "zone": zone,
        "pinned_zone": None,
        "created_at": created,
        "updated_at": updated,
        "launched_at": created if vm_state not in {"building", "error"} or host else None,
        "metadata": dict(entry.metadata),
        "tags": list(entry.tags),
        "locked_by": "admin" if entry.locked is not None else None,
        "locked_reason": entry.locked or None,
        "key_name": None,
        "description": None,
        "security_groups": [entry.security_group],
        "fault": entry.fault and {"code": 500, "message": entry.fault, "created": updated},
        "script": entry.script,
    }
    world["servers"].put(row)
    states.record(world, row, "create", created, updated if entry.fault else created, entry.fault)
    if host and entry.status != "SHELVED_OFFLOADED":
        allocate(world, own, host, flavor, project_id=project_id, user_id=row["user_id"])
    alive = entry.status in {"ACTIVE", "PAUSED", "MIGRATING", "VERIFY_RESIZE"}
    if host or entry.status == "SHELVED_OFFLOADED":
        port = new_port(
            world,
            plot.id("port", f"server/{name}"),
            network_id=plot.id("network", entry.network),
            project_id=project_id,
            created=created,
            device_id=own,
            device_owner=f"compute:{zone}",
            host=host or "",
            status="ACTIVE" if alive else "DOWN",
            security_groups=[plot.id("security_group", f"{entry.project}/{entry.security_group}")],
            by_nova=True,
        )
        if entry.floating_ip:
            network.floating_ip(plot, f"server/{name}", project_id, created, port=port)
    if entry.server_group:
        _join(plot, entry.server_group, own, project_id)


def _join(plot: Plot, group: str, server_id: str, project_id: str) -> None:
    own = plot.id("server_group", group)
    known = plot.world["server_groups"].get(own)
    plot.world["server_groups"].put(
        {
            "id": own,
            "name": group,
            "policy": "anti-affinity",
            "members": [*(known["members"] if known else []), server_id],
            "project_id": project_id,
            "user_id": plot.user("admin"),
        }
    )


def _attachments(plot: Plot) -> None:
    roots = {n: s.boot_volume for s in plot.world.scenario.servers for n in names_of(s)}
    devices: Counter[str] = Counter()
    for volume in plot.world.scenario.volumes:
        if volume.server is None:
            continue
        root = roots.get(volume.server) == volume.name
        devices[volume.server] += 0 if root else 1
        letter = "a" if root else chr(ord("a") + devices[volume.server])
        states.attach(
            plot.world,
            plot.id("attachment", volume.name),
            server_id=plot.id("server", volume.server),
            volume_id=plot.id("volume", volume.name),
            device=f"/dev/vd{letter}",
            moment=plot.ago(volume.updated or volume.age),
        )


def _migrations(plot: Plot) -> None:
    for number, entry in enumerate(plot.world.scenario.migrations, start=1):
        created = plot.ago(entry.age)
        server = plot.world.require("servers", plot.id("server", entry.server))
        plot.world["migrations"].put(
            {
                "id": str(number),
                "number": number,
                "uuid": plot.id("migration", str(number)),
                "server_id": server["id"],
                "status": entry.status,
                "type": entry.type,
                "source": entry.source,
                "target": entry.target,
                "project_id": server["project_id"],
                "user_id": server["user_id"],
                "flavor_id": server["flavor"]["id"],
                "created_at": created,
                "updated_at": plot.past(entry.updated) or created,
            }
        )
