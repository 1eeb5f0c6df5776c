# SPDX-License-Identifier: Apache-2.0
"""Cinder's, Glance's and Heat's content."""

import hashlib
from datetime import timedelta
from typing import Any

from day2.sandbox.build.image_data import data_of, size_of
from day2.sandbox.build.plot import Plot
from day2.sandbox.scenario import Image, Volume
from day2.sandbox.scenario_names import names_of

MIB = 1 << 20
MESSAGE_DAYS = 30


def build(plot: Plot) -> None:
    """Fill the tables of images and block storage; attachments come with the servers."""
    _services(plot)
    scenario = plot.world.scenario
    for image in scenario.images:
        _image(plot, image)
    for volume in scenario.volumes:
        _volume(plot, volume)
    for snapshot in scenario.snapshots:
        of = plot.world.require("volumes", plot.id("volume", snapshot.volume))
        created = plot.ago(snapshot.age)
        plot.world["volume_snapshots"].put(
            {
                "id": plot.id("snapshot", snapshot.name),
                "name": snapshot.name,
                "volume_id": of["id"],
                "status": snapshot.status,
                "size": of["size"],
                "project_id": of["project_id"],
                "user_id": of["user_id"],
                "created_at": created,
                "updated_at": created,
            }
        )
    for backup in scenario.backups:
        of = plot.world.require("volumes", plot.id("volume", backup.volume))
        created = plot.ago(backup.age)
        plot.world["volume_backups"].put(
            {
                "id": plot.id("backup", backup.name),
                "name": backup.name,
                "volume_id": of["id"],
                "status": backup.status,
                "size": of["size"],
                "fail_reason": backup.fail_reason,
                "project_id": of["project_id"],
                "user_id": of["user_id"],
                "created_at": created,
                "updated_at": created,
            }
        )
    for stack in scenario.stacks:
        plot.world["stacks"].put(
            {
                "id": plot.id("stack", stack.name),
                "stack_name": stack.name,
                "project": plot.project(stack.project),
                "stack_status": stack.status,
                "stack_status_reason": stack.reason,
                "created_at": plot.ago(stack.age),
                "updated_at": None,
            }
        )


def _services(plot: Plot) -> None:
    scenario = plot.world.scenario
    dead = {(d.host, d.binary): d.since for d in scenario.dead}

    def service(host: str, binary: str, where: str, down: str | None) -> None:
        plot.world["volume_services"].put(
            {
                "id": plot.id("volume_service", f"{binary}/{where}"),
                "binary": binary,
                "host": where,
                "status": "enabled",
                "disabled_reason": None,
                "dead_since": plot.past(dead.get((host, binary)) or down),
            }
        )

    for host in scenario.hosts:
        if "control" in host.roles:
            service(host.name, "cinder-scheduler", host.name, host.dead)
        if "storage" in host.roles:
            service(host.name, "cinder-backup", host.name, host.dead)
            for pool in (p for p in scenario.pools if p.host == host.name):
                where = f"{host.name}@{pool.name}"
                service(host.name, "cinder-volume", where, host.dead)
                plot.world["volume_pools"].put(
                    {
                        "id": f"{where}#{pool.name}",
                        "backend": pool.name,
                        "size_gib": pool.size_gib,
                        "used_gib": round(pool.size_gib * pool.used_ratio),
                    }
                )
    names = ["__DEFAULT__", *(pool.name for pool in scenario.pools)]
    for name in names:
        plot.world["volume_types"].put(
            {
                "id": plot.id("volume_type", name),
                "name": name,
                "description": "Default Volume Type" if name == "__DEFAULT__" else None,
                "extra_specs": {} if name == "__DEFAULT__" else {"volume_backend_name": name},
                "created_at": plot.ago("300d"),
            }
        )


def _image(plot: Plot, image: Image) -> None:
    created = plot.ago(image.age)
    extra: dict[str, Any] = dict(image.properties)
    if image.of_server:
        entries = plot.world.scenario.servers
        of = next(s for s in entries if image.of_server in names_of(s))
        extra |= {
            "base_image_ref": plot.id("image", of.image) if of.image else "",
            "owner_user_name": "admin",
            "owner_project_name": image.project,
            "boot_roles": "member,reader,manager,admin",
            "instance_uuid": plot.id("server", image.of_server),
            "user_id": plot.user("admin"),
            "image_type": "snapshot",
        }
    stored = image.status in {"active", "deactivated"}
    size = size_of(image.size_mib)
    data = data_of(image.name, size) if stored else b""
    plot.world["images"].put(
        {
            "id": plot.id("image", image.name),
            "name": image.name,
            "status": image.status,
            "visibility": image.visibility,
            "protected": image.protected,
            "os_hidden": image.hidden,
            "owner": plot.project(image.project),
            "size": size if stored else None,
            "virtual_size": image.size_mib * MIB if stored else None,
            "disk_format": "qcow2",
            "checksum": hashlib.md5(data, usedforsecurity=False).hexdigest() if stored else None,
            "os_hash_value": hashlib.sha512(data).hexdigest() if stored else None,
            "min_disk": 0,
            "min_ram": 0,
            "tags": [],
            "extra": extra,
            "created_at": created,
            "updated_at": created,
        }
    )


def _volume(plot: Plot, volume: Volume) -> None:
    scenario = plot.world.scenario
    kind = volume.type or (scenario.pools[0].name if scenario.pools else "__DEFAULT__")
    pool = next((p for p in scenario.pools if p.name == kind), None)
    created = plot.ago(volume.age)
    image = plot.world["images"].get(plot.id("image", volume.image)) if volume.image else None
    plot.world["volumes"].put(
        {
            "id": plot.id("volume", volume.name),
            "name": volume.name,
            "description": None,
            "status": volume.status or ("in-use" if volume.server else "available"),
            "size": volume.size_gib,
            "project_id": plot.project(volume.project),
            "user_id": plot.user("admin"),
            "host": f"{pool.host}@{pool.name}#{pool.name}" if pool else None,
            "volume_type": kind,
            "volume_type_id": plot.id("volume_type", kind),
            "bootable": image is not None,
            "image": image and {"image_id": image["id"], "image_name": image["name"]},
            "snapshot_id": None,
            "source_volid": None,
            "metadata": dict(volume.metadata),
            "created_at": created,
            "updated_at": plot.past(volume.updated) or created,
        }
    )
    if volume.message is not None:
        at = plot.past(volume.updated) or created
        plot.world["volume_messages"].put(
            {
                "id": plot.id("volume_message", volume.name),
                "event_id": "VOLUME_VOLUME_001_003",
                "user_message": volume.message,
                "request_id": f"req-{plot.id('request', f'volume/{volume.name}')}",
                "resource_uuid": plot.id("volume", volume.name),
                "created_at": at,
                "expires_at": at + timedelta(days=MESSAGE_DAYS),
            }
        )
