# SPDX-License-Identifier: Apache-2.0
# Runs in the services' virtualenv and speaks to nova's methods, which carry no types.
# mypy: ignore-errors
# ruff: noqa: ANN001, ANN002, ANN003, ANN201, ANN202, ANN204, ANN205, ARG002, ARG005, D102, FBT002
"""The lab's hypervisor: nova's own fake driver, made believable and scriptable.

nova loads drivers only from its package `nova.virt`, so the lab copies this file there. Two JSON
files in the folder `$LAB_RUN` script single servers by id, name or `*`:
`migrations.json` and `spawns.json`, each `{"KEY": {"seconds": 3, "hang": true, "fail": "why"}}`.
They are read again all the time: taking a `hang` away lets the server go on.
`guests/HOST` there is what the hypervisor says of its guests to who asks it past nova; a third
file, `guests.json`, makes it have others: `{"HOST": {"ID": "running", "stopped" or "gone"}}`.
"""

import io
import json
import os
import threading
import time
from pathlib import Path

from nova import context as nova_context
from nova import exception, objects
from nova.compute import power_state, task_states, vm_states
from nova.image import glance
from nova.virt import fake

NOT_ON_HOST = (vm_states.DELETED, vm_states.SHELVED_OFFLOADED, vm_states.BUILDING)
MEMORY_BYTES = 512 * 2**20


def script(kind, instance):
    """Return what is scripted for this server; an empty dictionary when nothing is."""
    try:
        rows = json.loads((Path(os.environ["LAB_RUN"]) / f"{kind}.json").read_text())
    except (FileNotFoundError, ValueError):
        return {}
    for key in (instance.uuid, instance.display_name, "*"):
        if key in rows:
            return rows[key]
    return {}


def scripted_guests(host):
    """Return the guests that a host is scripted to have, or not to have."""
    try:
        return json.loads((Path(os.environ["LAB_RUN"]) / "guests.json").read_text()).get(host, {})
    except (FileNotFoundError, ValueError):
        return {}


def play(kind, instance, stop=lambda: False, tick=lambda ratio: None):
    """Wait as scripted; return the scripted failure or None. `stop` ends the wait early."""
    started = time.monotonic()
    while not stop():
        rows = script(kind, instance)
        passed, wanted = time.monotonic() - started, float(rows.get("seconds", 0))
        if not rows.get("hang") and passed >= wanted:
            return rows.get("fail")
        tick(0.99 if rows.get("hang") or not wanted else passed / wanted)
        time.sleep(0.2)
    return None


class LabDriver(fake.FakeDriverWithoutFakeNodes):
    """A host of 16 CPUs, 64 GiB and 1 TB whose servers survive a restart of nova-compute."""

    vcpus = 16
    memory_mb = 65536
    local_gb = 1000

    def __init__(self, virtapi, read_only=False):
        super().__init__(virtapi, read_only)
        self._image_api = glance.API()
        self._orders = {}

    def init_host(self, host):
        """Load the host's servers from the database: the fake driver has them only in memory."""
        super().init_host(host)
        self._load()
        threading.Thread(target=self._watch, daemon=True).start()

    def _watch(self):
        """Load again whenever the lab has put other data under the running cloud."""
        file = Path(os.environ["LAB_RUN"]) / "generation"
        seen = file.stat().st_mtime_ns if file.exists() else 0
        while True:
            self._tell()
            time.sleep(0.5)
            now = file.stat().st_mtime_ns if file.exists() else 0
            if now != seen:
                self._load()
                seen = now

    def _tell(self):
        """Write down which guests this hypervisor has; libvirt would say it without nova, too."""
        known = {
            own: "running" if guest.state == power_state.RUNNING else "stopped"
            for own, guest in list(self.instances.items())
        }
        known |= scripted_guests(self._host)
        rows = sorted(f"{own} {state}" for own, state in known.items() if state != "gone")
        text = "".join(f"{self._host} {row}\n" for row in rows or ["-"])
        file = Path(os.environ["LAB_RUN"]) / "guests" / self._host
        if not file.exists() or file.read_text() != text:
            file.parent.mkdir(exist_ok=True)
            new = file.parent.parent / f"guests-{self._host}.new"
            new.write_text(text)
            new.rename(file)

    def _load(self):
        context = nova_context.get_admin_context()
        servers = objects.InstanceList.get_by_host(context, self._host, expected_attrs=["flavor"])
        servers = [*servers, *self._evacuated(context)]
        self.instances.clear()
        self.resources = fake.Resources(
            vcpus=self.vcpus, memory_mb=self.memory_mb, local_gb=self.local_gb
        )
        for server in servers:
            if server.vm_state in NOT_ON_HOST:
                continue
            state = power_state.RUNNING if server.power_state is None else server.power_state
            self.instances[server.uuid] = fake.FakeInstance(server.name, state, server.uuid)
            flavor = server.flavor
            self.resources.claim(vcpus=flavor.vcpus, mem=flavor.memory_mb, disk=flavor.root_gb)

    def _evacuated(self, context):
        """Return the servers that were evacuated from here while this host was dead.

        A real hypervisor still has them on its disks: nova-compute deletes them at its start.
        """
        filters = {
            "source_compute": self._host,
            "status": ["accepted", "pre-migrating", "done"],
            "migration_type": "evacuation",
        }
        moved = objects.MigrationList.get_by_filters(context, filters)
        found = []
        for own in {migration.instance_uuid for migration in moved}:
            try:
                found.append(objects.Instance.get_by_uuid(context, own, ["flavor"]))
            except exception.InstanceNotFound:
                continue
        return found

    def get_host_uptime(self):
        """Answer; the fake driver raises, and `hypervisor show` fails."""
        return " 10:00:00 up 12 days,  3:04,  0 users,  load average: 0.10, 0.12, 0.09"

    def spawn(self, context, instance, *args, **kwargs):
        """Build the server, held or failed as scripted."""
        reason = play("spawns", instance)
        if reason:
            raise exception.BuildAbortException(instance_uuid=instance.uuid, reason=reason)
        super().spawn(context, instance, *args, **kwargs)

    def snapshot(self, context, instance, image_id, update_task_state):
        """Upload a few bytes, or the image would stay queued forever."""
        update_task_state(task_state=task_states.IMAGE_PENDING_UPLOAD)
        image = self._image_api.get(context, image_id)
        update_task_state(
            task_state=task_states.IMAGE_UPLOADING,
            expected_state=task_states.IMAGE_PENDING_UPLOAD,
        )
        metadata = {
            "name": image["name"],
            "status": "active",
            "disk_format": "raw",
            "container_format": "bare",
            "properties": {},
        }
        data = io.BytesIO(b"lab snapshot of " + instance.uuid.encode())
        self._image_api.update(context, image_id, metadata, data, purge_props=False)

    def pause(self, instance):
        self.instances[instance.uuid].state = power_state.PAUSED

    def unpause(self, instance):
        self.instances[instance.uuid].state = power_state.RUNNING

    def suspend(self, context, instance):
        self.instances[instance.uuid].state = power_state.SUSPENDED

    def resume(self, context, instance, *args, **kwargs):
        self.instances[instance.uuid].state = power_state.RUNNING

    def live_migration(
        self,
        context,
        instance,
        dest,
        post_method,
        recover_method,
        block_migration=False,
        migrate_data=None,
    ):
        """Take as long as scripted, report progress, obey abort and force-complete."""
        self._orders.pop(instance.uuid, None)
        reason = play(
            "migrations",
            instance,
            stop=lambda: instance.uuid in self._orders,
            tick=lambda ratio: self._progress(migrate_data, ratio),
        )
        order = self._orders.pop(instance.uuid, None)
        if order == "abort":
            recover_method(context, instance, dest, migrate_data, migration_status="cancelled")
        elif reason:
            fake.LOG.error("Live migration failed as scripted: %s", reason, instance=instance)
            recover_method(context, instance, dest, migrate_data)
        else:
            post_method(context, instance, dest, block_migration, migrate_data)

    @staticmethod
    def _progress(migrate_data, ratio):
        migration = migrate_data.migration
        done = int(MEMORY_BYTES * ratio)
        migration.memory_total = MEMORY_BYTES
        migration.memory_processed = done
        migration.memory_remaining = MEMORY_BYTES - done
        migration.save()

    def live_migration_abort(self, instance):
        self._orders[instance.uuid] = "abort"

    def live_migration_force_complete(self, instance):
        self._orders[instance.uuid] = "complete"

    def post_live_migration_at_destination(
        self, context, instance, network_info, block_migration=False, block_device_info=None
    ):
        """Take the server in without the script of a fresh build."""
        super().spawn(context, instance, None, None, None, None, network_info=network_info)

    def migrate_disk_and_power_off(self, context, instance, *args, **kwargs):
        """Hold or fail a cold migration (or resize) as scripted."""
        reason = play("migrations", instance)
        if reason:
            raise exception.MigrationError(reason=reason)
        return super().migrate_disk_and_power_off(context, instance, *args, **kwargs)
