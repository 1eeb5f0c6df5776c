# SPDX-License-Identifier: Apache-2.0
"""Known problems of the compute plane, planted on the real Nova, Placement and their neighbours."""

import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

from openstack.exceptions import SDKException

from lab.databases import SERVERS, sql
from lab.processes import listening, wait_for
from tests.lab import faults_compute, test_explain_placing
from tests.lab.hands import Hands
from tests.lab.problem import Planting
from tests.lab.problems_identity import kill

CASES = {case.name: case for case in test_explain_placing.CASES}


def placing(*names: str) -> Callable[[Hands, ExitStack], None]:
    """Ask for servers that find no place, as the table of reasons has them."""

    def plant(hands: Hands, undo: ExitStack) -> None:
        project = hands.api.session.get_project_id()
        hands.api.compute.update_quota_set(project, cores=-1, ram=-1, instances=-1)
        undo.callback(hands.api.compute.revert_quota_set, project)
        for name in names:
            if name == "resource nobody has":
                hands.placement("PUT", "/resource_classes/CUSTOM_LICENCE")
            test_explain_placing.fail(CASES[name], hands, undo)

    return plant


def fault(plant: Any, back: Any) -> Callable[[Hands, ExitStack], None]:
    """Take a row of the table of faults."""

    def both(hands: Hands, undo: ExitStack) -> None:
        undo.callback(back, hands)
        plant(hands)

    return both


def boot(hands: Hands, undo: ExitStack, name: str, **more: Any) -> Any:
    """Ask for a server without a network; it is deleted in the end."""
    compute = hands.api.compute
    asked = {
        "networks": "none",
        "image_id": hands.api.image.find_image("cirros").id,
        "availability_zone": "az1",
        **more,
    }
    asked.setdefault("flavor_id", compute.find_flavor("m1.tiny").id)
    server = compute.create_server(name=name, **asked)
    undo.callback(hands.delete_server, name)
    return server


def shelved(hands: Hands, undo: ExitStack, name: str, **more: Any) -> Any:
    server = boot(hands, undo, name, **more)
    hands.wait_status(server.id, "ACTIVE")
    hands.api.compute.shelve_server(server)
    wait_for(
        lambda: (
            hands.api.compute.get_server(server.id).vm_state == "shelved_offloaded"
            or hands.api.compute.get_server(server.id).status == "SHELVED_OFFLOADED"
        ),
        f"{name} to be shelved",
        seconds=60,
        every=0.5,
    )
    return server


def image_lost(hands: Hands, undo: ExitStack) -> None:
    server = shelved(hands, undo, "planted-image")
    image = hands.api.image.find_image("planted-image-shelved")
    hands.api.image.delete_image(image)
    hands.api.compute.unshelve_server(server)
    hands.wait_status(server.id, "ERROR")


@contextmanager
def held(hands: Hands, undo: ExitStack) -> Iterator[None]:
    """Let servers that are asked for meanwhile wait for the scheduler; 20 s at most."""
    processes = hands.cloud.processes
    undo.callback(processes.signal, "nova-scheduler", signal.SIGCONT)
    processes.signal("nova-scheduler", signal.SIGSTOP)
    yield
    processes.signal("nova-scheduler", signal.SIGCONT)


def volume_lost(hands: Hands, undo: ExitStack) -> None:
    """Take the row of a volume away from Cinder while the server that boots from it is built."""
    block = hands.api.block_storage
    volume = block.create_volume(name="planted-volume", size=1, image_id=None)
    undo.callback(block.delete_volume, volume, force=True)
    block.wait_for_status(volume, "available", interval=0.5, wait=60)
    block.set_volume_bootable_status(volume, True)
    disk = {"uuid": volume.id, "source_type": "volume", "destination_type": "volume"}

    def write(deleted: int) -> None:
        with sql(hands.cloud.facts) as cursor:
            cursor.execute(
                "UPDATE cinder.volumes SET deleted = %s WHERE id = %s", (deleted, volume.id)
            )

    with held(hands, undo):
        disks = [{**disk, "boot_index": 0}]
        server = boot(hands, undo, "planted-volume", image_id="", block_device_mapping=disks)
        undo.callback(write, 0)
        write(1)
    hands.wait_status(server.id, "ERROR")


def neighbour_away(hands: Hands, undo: ExitStack) -> None:
    """Let Cinder's API be away for the moment in which a server wants a volume."""
    cloud = hands.cloud
    port = cloud.facts.port("cinder-api")

    def back() -> None:
        cloud.start("cinder-api")
        wait_for(lambda: listening(port), "cinder-api", seconds=90)

    with held(hands, undo):
        disks = [new_disk(hands)]
        server = boot(hands, undo, "planted-neighbour", image_id="", block_device_mapping=disks)
        cloud.kill("cinder-api")
    try:
        hands.wait_status(server.id, "ERROR")
    finally:
        back()


def new_disk(hands: Hands) -> dict[str, Any]:
    return {
        "uuid": hands.api.image.find_image("cirros").id,
        "source_type": "image",
        "destination_type": "volume",
        "volume_size": 1,
        "boot_index": 0,
        "delete_on_termination": True,
    }


def volume_quota(hands: Hands, undo: ExitStack) -> None:
    """Let a server want a volume that the quota, which Nova does not look at, has no room for."""
    project = hands.api.session.get_project_id()
    hands.api.block_storage.update_quota_set(project, volumes=0)
    undo.callback(hands.api.block_storage.revert_quota_set, project)
    server = boot(hands, undo, "planted-quota", image_id="", block_device_mapping=[new_disk(hands)])
    hands.wait_status(server.id, "ERROR")


def scheduler_silent(hands: Hands, undo: ExitStack) -> None:
    """Let the scheduler not answer while a server is being made."""
    with held(hands, undo):
        server = boot(hands, undo, "planted-timeout")
        hands.wait_status(server.id, "ERROR")


def unbindable_server(hands: Hands, undo: ExitStack) -> None:
    """Boot where the agent that wires ports is dead, though a chance of another host is left."""
    for host in test_explain_placing.MAIN:
        undo.callback(hands.cloud.unsilence, host, "neutron-openvswitch-agent")
        hands.cloud.silence(host, "neutron-openvswitch-agent")
    dead = hands.api.network.agents

    def all_dead() -> bool:
        rows = dead(binary="neutron-openvswitch-agent")
        return not any(a.is_alive for a in rows if a.host in test_explain_placing.MAIN)

    wait_for(all_dead, "agents to be dead", seconds=60, every=0.5)
    network = hands.api.network.find_network("acme-net").id
    server = boot(hands, undo, "planted-binding", networks=[{"uuid": network}])
    hands.wait_status(server.id, "ERROR")


def build_left(hands: Hands, undo: ExitStack) -> None:
    """Let the host die while it builds a server."""
    undo.callback(hands.cloud.start, "nova-compute-compute03")
    undo.callback(hands.cloud.script, "spawns", {})
    hands.cloud.script("spawns", {"planted-build": {"hang": True}})
    server = boot(hands, undo, "planted-build", availability_zone="az1:compute03")
    hands.wait_status(server.id, "BUILD", task="spawning")
    hands.cloud.kill("nova-compute-compute03")
    for moment in ("created", "updated"):
        hands.age("server", server.id, moment, hours=2)


def task_left(hands: Hands, undo: ExitStack) -> None:
    """Let the host die while it reboots a server."""
    undo.callback(hands.cloud.start, "nova-compute-compute02")
    processes = hands.cloud.processes
    server = hands.server("web02")
    processes.signal("nova-compute-compute02", signal.SIGSTOP)
    hands.api.compute.reboot_server(server, "HARD")
    hands.cloud.kill("nova-compute-compute02")
    hands.age("server", server.id, "updated", hours=5)


def task_lost(hands: Hands, undo: ExitStack) -> None:
    """Let a server wait for a host that never got the message."""
    server = hands.server("app02")

    def write(task: str | None) -> None:
        with sql(hands.cloud.facts) as cursor:
            cursor.execute(
                "UPDATE nova.instances SET task_state = %s WHERE uuid = %s", (task, server.id)
            )

    undo.callback(write, None)
    write("rebooting_hard")
    hands.age("server", server.id, "updated", hours=5)


def detaching(hands: Hands, undo: ExitStack) -> None:
    block = hands.api.block_storage
    volume = next(v for v in block.volumes(all_projects=True) if v.name == "db01-wal")

    def act(name: str) -> None:
        answer = block.post(f"/volumes/{volume.id}/action", json={name: None})
        assert answer.status_code == 202, answer.text

    undo.callback(act, "os-roll_detaching")
    act("os-begin_detaching")
    hands.age("volume", volume.id, "updated_at", hours=5)


def move(hands: Hands, undo: ExitStack, server: Any, host: str | None = None) -> None:
    """Ask for a live migration that is to fail: at once or later, as the API has it."""

    def forget() -> None:
        # It would be told for a day.
        for cell in SERVERS:
            with sql(hands.cloud.facts, cell) as cursor:
                cursor.execute(
                    "DELETE FROM nova.migrations WHERE instance_uuid = %s "
                    "AND status IN ('error', 'failed')",
                    (server.id,),
                )

    undo.callback(forget)
    with suppress(SDKException):
        hands.api.compute.live_migrate_server(server, host=host, block_migration="auto")


def nowhere_to_go(hands: Hands, undo: ExitStack) -> None:
    move(hands, undo, hands.server("edge01"))


def failed_move(hands: Hands, undo: ExitStack) -> None:
    server = hands.server("app02")
    undo.callback(hands.cloud.script, "migrations", {})
    hands.cloud.script("migrations", {server.id: {"fail": "planted"}})
    move(hands, undo, server)
    hands.wait_migration(server.id, "failed")


def half_done(hands: Hands, undo: ExitStack) -> None:
    """Let Nova have a completed move of a server that never left."""
    server = hands.server("web01")
    elsewhere = "compute04" if server.compute_host != "compute04" else "compute03"
    with sql(hands.cloud.facts) as cursor:
        cursor.execute(
            "INSERT INTO nova.migrations (uuid, instance_uuid, source_compute, dest_compute, "
            "source_node, dest_node, status, migration_type, hidden, deleted, created_at, "
            "updated_at) VALUES (UUID(), %s, %s, %s, %s, %s, 'completed', 'live-migration', 0, 0, "
            "UTC_TIMESTAMP() - INTERVAL 2 HOUR, UTC_TIMESTAMP() - INTERVAL 2 HOUR)",
            (server.id, *(server.compute_host, elsewhere) * 2),
        )
        own = cursor.lastrowid

    def drop() -> None:
        with sql(hands.cloud.facts) as cursor:
            cursor.execute("DELETE FROM nova.migrations WHERE id = %s", (own,))

    undo.callback(drop)


PLANTINGS = (
    Planting(problem="no-host-memory", batch="flavors", plant=placing("memory")),
    Planting(problem="no-host-disk", batch="flavors", plant=placing("disk")),
    Planting(problem="no-host-aggregate", batch="flavors", plant=placing("aggregate")),
    Planting(problem="no-host-trait", batch="wishes", plant=placing("trait nobody has")),
    Planting(problem="no-host-resource", batch="wishes", plant=placing("resource nobody has")),
    Planting(problem="no-host-cpu", batch="processors", plant=placing("vcpu of one host")),
    Planting(problem="no-host-disabled", batch="disabled", plant=placing("disabled")),
    Planting(
        problem="no-host-down",
        batch="down",
        plant=placing("down"),
        beside=("host-forced-down",),
    ),
    Planting(problem="no-host-anti-affinity", batch="apart", plant=placing("anti-affinity")),
    Planting(
        problem="no-host-affinity",
        batch="together",
        plant=placing("affinity to a disabled host"),
        beside=("no-host-disabled",),
    ),
    Planting(
        problem="placement-out-of-step",
        batch="moves",
        plant=fault(faults_compute.orphan_allocation, faults_compute.drop_orphan),
    ),
    Planting(problem="placement-unreachable", batch="placement-down", plant=kill("placement")),
    Planting(problem="scheduler-down", batch="scheduler", plant=kill("nova-scheduler")),
    Planting(problem="conductor-timeout", batch="conductor", plant=kill("nova-conductor")),
    Planting(
        problem="cell-down",
        batch="cell",
        plant=fault(faults_compute.stop_cell, faults_compute.start_cell),
    ),
    Planting(
        problem="host-forced-down",
        batch="cell",
        plant=fault(faults_compute.force_down, faults_compute.unforce),
    ),
    Planting(problem="image-missing", batch="wishes", plant=image_lost),
    Planting(problem="volume-missing", batch="wishes", plant=volume_lost),
    Planting(problem="quota-race", batch="wishes", plant=volume_quota),
    Planting(problem="error-by-neighbour", batch="wishes", plant=neighbour_away),
    Planting(problem="build-timeout-bus", batch="timeout", plant=scheduler_silent),
    Planting(
        problem="max-retries",
        batch="retries",
        plant=unbindable_server,
        beside=("agent-down", "port-binding-failed"),
    ),
    # Its image is the one that others boot from.
    Planting(problem="no-host-image", batch="retries", plant=placing("image")),
    Planting(problem="task-build-died", batch="died", plant=build_left),
    Planting(problem="task-compute-died", batch="died", plant=task_left),
    Planting(problem="task-lost", batch="processors", plant=task_lost),
    Planting(problem="detach-hangs", batch="processors", plant=detaching),
    Planting(
        problem="server-stuck",
        batch="processors",
        plant=fault(faults_compute.server_held_in_build, faults_compute.release_build),
    ),
    Planting(
        problem="migration-dirty-rate",
        # The scripts of moves are one file: those of other rows would end this one.
        batch="hangs",
        plant=fault(faults_compute.hang_migration, faults_compute.abort_migration),
    ),
    Planting(problem="migration-half-done", batch="moves", plant=half_done),
    Planting(problem="migration-no-destination", batch="moves", plant=nowhere_to_go),
    Planting(problem="migration-failed", batch="moves", plant=failed_move),
)
