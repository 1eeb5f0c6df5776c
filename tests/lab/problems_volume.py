# SPDX-License-Identifier: Apache-2.0
"""Known problems of block storage, planted on the real Cinder."""

import signal
import uuid
from contextlib import ExitStack, suppress

from keystoneauth1.exceptions import ClientException
from openstack.exceptions import HttpException

from lab.databases import sql
from lab.processes import wait_for
from lab.share import share_point
from tests.lab.hands import Hands
from tests.lab.problem import Planting
from tests.lab.stores import MIB, full_volume_group, second_volume_service, small_disk

LVM = "cinder.volume.drivers.lvm.LVMVolumeDriver"
NFS = "cinder.volume.drivers.nfs.NfsDriver"
BAD, FULL = "bad back ends", "full back ends"
PROMISED_SHARE, PROMISED_MIB = "127.0.0.1:/promised", 1024
FAKE_TARGET = {"volume_driver": LVM, "target_helper": "fake"}


def service_down(hands: Hands, undo: ExitStack) -> None:
    def works() -> bool:
        rows = hands.api.block_storage.get("/os-services").json()["services"]
        return all(row["state"] == "up" for row in rows if row["host"].startswith("storage01"))

    # Until it reports again the scheduler gives it no volumes, which others want to make.
    undo.callback(wait_for, works, "cinder-volume", seconds=90, every=0.5)
    undo.callback(hands.cloud.start, "cinder-volume")
    hands.cloud.kill("cinder-volume")


def attachment_without_server(hands: Hands, undo: ExitStack) -> None:
    """Leave a record of an attachment to a server that no longer exists, as a lost delete does."""
    storage = hands.api.block_storage
    volume = storage.create_volume(size=1, name="left-attached")
    undo.callback(storage.delete_volume, volume.id, force=True)
    storage.wait_for_status(volume, "available", interval=0.5, wait=60)
    made = storage.post(
        "/attachments",
        json={"attachment": {"volume_uuid": volume.id, "instance_uuid": str(uuid.uuid4())}},
        microversion="3.27",
    ).json()["attachment"]
    undo.callback(storage.delete, f"/attachments/{made['id']}", microversion="3.27")
    hands.age("volume", volume.id, "updated_at", hours=5)
    hands.age("volume", volume.id, "created_at", hours=5)


def server_without_attachment(hands: Hands, undo: ExitStack) -> None:
    """Take away Cinder's record of an attachment that Nova has."""
    volume = next(
        v for v in hands.api.block_storage.volumes(all_projects=True) if v.name == "db01-wal"
    )
    facts = hands.cloud.facts
    with sql(facts) as cursor:
        cursor.execute(
            "UPDATE cinder.volume_attachment SET deleted = 1 WHERE volume_id = %s AND deleted = 0",
            (volume.id,),
        )
        cursor.execute(
            "UPDATE cinder.volumes SET status = 'available', attach_status = 'detached' "
            "WHERE id = %s",
            (volume.id,),
        )

    def put_back() -> None:
        with sql(facts) as cursor:
            cursor.execute(
                "UPDATE cinder.volume_attachment SET deleted = 0 WHERE volume_id = %s",
                (volume.id,),
            )
            cursor.execute(
                "UPDATE cinder.volumes SET status = 'in-use', attach_status = 'attached' "
                "WHERE id = %s",
                (volume.id,),
            )

    undo.callback(put_back)


def full_backends(hands: Hands, undo: ExitStack) -> None:
    """Run one cinder-volume with a full volume group, and a share that has promised too much."""
    if FULL in hands.kept:
        return
    place = hands.cloud.place
    group = f"lab{place.lab_id}-full"
    full_volume_group(hands, undo, group)
    base = place.run / "promised-mnt"
    point = share_point(base, PROMISED_SHARE)
    undo.enter_context(small_disk(point, PROMISED_MIB))
    # Twenty times its size is what Cinder lets a thin share promise.
    with (point / "volume-promised").open("wb") as file:
        file.truncate(19 * PROMISED_MIB * MIB)
    shares = place.etc / "nfs_promised"
    shares.write_text(f"{PROMISED_SHARE}\n")
    second_volume_service(
        hands,
        undo,
        {
            "lvm-full": {**FAKE_TARGET, "volume_group": group, "lvm_type": "default"},
            "nfs-thin": {
                "volume_driver": NFS,
                "nfs_shares_config": shares,
                "nfs_mount_point_base": base,
                "nas_secure_file_operations": False,
                "nas_secure_file_permissions": False,
            },
        },
        wait=["lvm-full", "nfs-thin"],
    )
    hands.kept[FULL] = True
    undo.callback(hands.kept.pop, FULL)


def bad_backends(hands: Hands, undo: ExitStack) -> None:
    """Run one cinder-volume with a back end for each thing that can be wrong without Ceph."""
    if BAD in hands.kept:
        return
    second_volume_service(
        hands,
        undo,
        {
            "lvm-gone": {**FAKE_TARGET, "volume_group": "cinder-nowhere"},
            "nfs-none": {"volume_driver": NFS, "nfs_shares_config": "/nowhere/nfs_shares"},
        },
    )
    hands.kept[BAD] = True
    undo.callback(hands.kept.pop, BAD)


def no_backend(hands: Hands, undo: ExitStack) -> None:
    """Ask for a volume of a type that no back end offers."""
    storage = hands.api.block_storage
    kind = storage.create_type(name="nowhere", extra_specs={"volume_backend_name": "nowhere"})
    undo.callback(storage.delete_type, kind.id)
    volume = storage.create_volume(size=1, name="no-backend", volume_type="nowhere")
    undo.callback(storage.wait_for_delete, volume, interval=0.5, wait=60)
    undo.callback(storage.delete_volume, volume.id, force=True)
    wait_for(
        lambda: storage.get_volume(volume.id).status == "error",
        "the volume to fail",
        seconds=60,
        every=0.5,
    )


def stuck(hands: Hands, undo: ExitStack) -> None:
    storage = hands.api.block_storage
    volume = storage.create_volume(size=1, name="hangs")
    undo.callback(storage.delete_volume, volume.id, force=True)
    storage.wait_for_status(volume, "available", interval=0.5, wait=60)
    storage.reset_volume_status(volume, "creating", None, None)
    undo.callback(storage.reset_volume_status, volume, "available", None, None)
    hands.age("volume", volume.id, "updated_at", hours=5)


def message_lost(hands: Hands, undo: ExitStack) -> None:
    """Ask cinder-volume something while it hangs, until the asker gives up."""
    processes = hands.cloud.processes
    undo.callback(processes.signal, "cinder-volume", signal.SIGCONT)
    processes.signal("cinder-volume", signal.SIGSTOP)
    with suppress(HttpException, ClientException):
        hands.api.block_storage.get("/capabilities/storage01@nfs1", timeout=120)
    processes.signal("cinder-volume", signal.SIGCONT)


PLANTINGS = (
    Planting(problem="volume-service-down", plant=service_down, batch="killed"),
    Planting(
        problem="volume-attachment-without-server",
        plant=attachment_without_server,
        batch="records",
    ),
    Planting(
        problem="volume-server-without-attachment",
        plant=server_without_attachment,
        batch="records",
    ),
    Planting(problem="volume-no-backend", plant=no_backend, batch="records"),
    Planting(problem="volume-stuck", plant=stuck, batch="records"),
    Planting(problem="lvm-group-full", plant=full_backends, batch="lvm-full"),
    Planting(problem="volume-pool-promised", plant=full_backends, batch="lvm-full"),
    Planting(problem="lvm-group-missing", plant=bad_backends, batch="backends"),
    Planting(problem="volume-backend-not-initialized", plant=bad_backends, batch="backends"),
    Planting(problem="volume-message-lost", plant=message_lost, batch="messages"),
)
