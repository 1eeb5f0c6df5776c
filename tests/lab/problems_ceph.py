# SPDX-License-Identifier: Apache-2.0
"""Known problems of block storage and images on Ceph: the real drivers against a real cluster."""

from contextlib import ExitStack
from typing import Any

from lab.parts.ceph import Ceph
from lab.processes import wait_for
from tests.lab.hands import Hands
from tests.lab.problem import Planting
from tests.lab.stores import (
    SECOND_VOLUME,
    VOLUME_HOST,
    SecondGlance,
    environment,
    foreign_key,
    second_volume_service,
)

CEPH, BACKENDS = "ceph", "back ends on Ceph"
WATCHER = """
import rados, rbd, sys, time
cluster = rados.Rados(conffile=sys.argv[1], rados_id="admin")
cluster.connect()
image = rbd.Image(cluster.open_ioctx("volumes"), sys.argv[2])
image.write(b"guest", 0)
print("open", flush=True)
time.sleep(600)
"""


def cluster(hands: Hands) -> Ceph:
    found: Ceph = hands.kept[CEPH]
    return found


def backend(hands: Hands, **more: object) -> dict[str, object]:
    return {
        "volume_driver": "cinder.volume.drivers.rbd.RBDDriver",
        "rbd_pool": "volumes",
        "rbd_user": "day2-backup",
        "rbd_ceph_conf": str(hands.cloud.place.etc / "ceph.conf"),
        "rados_connect_timeout": 3,
        "rados_connection_retries": 1,
        "rados_connection_interval": 1,
        **more,
    }


def backends(hands: Hands, undo: ExitStack) -> None:
    """Run one cinder-volume on Ceph: one back end works, one has an old key, one no pool."""
    if BACKENDS in hands.kept:
        return
    foreign = str(foreign_key(hands, "day2-backup"))
    second_volume_service(
        hands,
        undo,
        {
            "rbd1": backend(hands),
            "rbd-key": backend(hands, rbd_ceph_conf=foreign),
            "rbd-pool": backend(hands, rbd_pool="volumez"),
        },
        wait=["rbd1"],
    )
    hands.kept[BACKENDS] = True
    undo.callback(hands.kept.pop, BACKENDS)


def times_out(hands: Hands, undo: ExitStack) -> None:
    part = cluster(hands)
    undo.callback(part.restore)
    part.freeze("ceph-mon")
    log = hands.cloud.place.log / f"{SECOND_VOLUME}.log"
    before = log.stat().st_size if log.exists() else 0
    second_volume_service(hands, undo, {"rbd-late": backend(hands)})

    def said() -> bool:
        return log.exists() and b"timed out" in log.read_bytes()[before:]

    wait_for(said, "cinder-volume to give up", seconds=120, every=1)


def unhealthy(hands: Hands, undo: ExitStack) -> None:
    part = cluster(hands)
    undo.callback(part.restore)
    part.kill("ceph-osd1")
    wait_for(lambda: "OSD_DOWN" in part.health(), "the OSD to be missed", seconds=30)


def volume(hands: Hands, undo: ExitStack, name: str) -> str:
    """Make a volume on Ceph, of a type of its own."""
    storage = hands.api.block_storage
    backends(hands, undo)
    # It goes with the service, by its name: Cinder keeps a type that volumes have.
    kind = storage.create_type(
        name=f"{VOLUME_HOST}-{name}", extra_specs={"volume_backend_name": "rbd1"}
    )
    made = storage.create_volume(size=1, name=name, volume_type=kind.name)
    storage.wait_for_status(made, "available", interval=0.5, wait=60)
    return str(made.id)


def watched(hands: Hands, undo: ExitStack) -> None:
    """Delete a volume whose image somebody has open."""
    own = volume(hands, undo, "watched")
    processes = hands.cloud.processes
    undo.callback(processes.stop, ["rbd-watcher"], grace_seconds=1)
    config = hands.cloud.place.etc / "ceph.conf"
    out = hands.cloud.place.log / "rbd-watcher.out"
    out.unlink(missing_ok=True)
    processes.start(
        "rbd-watcher",
        ["/usr/bin/python3", "-c", WATCHER, config, f"volume-{own}"],
        env=environment(hands),
    )
    wait_for(lambda: out.exists() and "open" in out.read_text(), "the watcher", seconds=20)
    hands.api.block_storage.delete_volume(own)


def has_dependents(hands: Hands, undo: ExitStack) -> None:
    """Delete a snapshot of which somebody made a clone past Cinder."""
    own = volume(hands, undo, "cloned")
    storage = hands.api.block_storage
    snapshot = storage.create_snapshot(volume_id=own, name="cloned")
    storage.wait_for_status(snapshot, "available", interval=0.5, wait=60)
    undo.callback(drop_snapshot, storage, snapshot)
    ceph = cluster(hands)
    parent = f"volumes/volume-{own}@snapshot-{snapshot.id}"
    ceph.cluster("rbd", "clone", parent, "images/past-cinder")
    undo.callback(ceph.cluster, "rbd", "rm", "images/past-cinder", "--no-progress")
    storage.delete_snapshot(snapshot.id)


def drop_snapshot(storage: Any, snapshot: Any) -> None:
    """Delete it now that nothing depends on it: its volume can go then."""
    storage.delete_snapshot(snapshot.id)
    storage.wait_for_delete(snapshot, interval=0.5, wait=60)


def glance_without_rights(hands: Hands, undo: ExitStack) -> None:
    """Let glance write to Ceph with an account that may only read."""
    glance(hands, undo, user="day2", pool="images")


def glance_pool_missing(hands: Hands, undo: ExitStack) -> None:
    glance(hands, undo, user="day2-backup", pool="imagez")


def glance(hands: Hands, undo: ExitStack, *, user: str, pool: str) -> None:
    found = SecondGlance(
        hands,
        undo,
        {
            "DEFAULT": {"enabled_backends": "ceph:rbd"},
            "glance_store": {"default_backend": "ceph"},
            "ceph": {
                "rbd_store_pool": pool,
                "rbd_store_user": user,
                "rbd_store_ceph_conf": str(hands.cloud.place.etc / "ceph.conf"),
                "rados_connect_timeout": 3,
            },
        },
    )
    assert found.upload("on-ceph", b"x" * 1024).is_error


PLANTINGS = (
    Planting(problem="ceph-key-refused", plant=backends, batch="ceph"),
    Planting(problem="ceph-pool-missing", plant=backends, batch="ceph"),
    Planting(problem="rbd-watcher", plant=watched, batch="ceph"),
    Planting(problem="volume-has-dependents", plant=has_dependents, batch="ceph"),
    Planting(problem="image-ceph-rights", plant=glance_without_rights, batch="ceph"),
    Planting(problem="ceph-unhealthy", plant=unhealthy, batch="ceph"),
    Planting(problem="rbd-unreachable", plant=glance_pool_missing, batch="ceph-glance"),
    Planting(problem="ceph-timeout", plant=times_out, batch="ceph-timeout"),
)
