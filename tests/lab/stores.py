# SPDX-License-Identifier: Apache-2.0
"""Further stores beside the lab's own: a second cinder-volume, a second glance-api, small disks.

Each is the real service with a configuration of its own, so that what is wrong with it harms
nothing else of the lab.
"""

import shutil
import subprocess
from collections.abc import Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx

from lab.config.ini import render
from lab.config.storage import storage_files
from lab.databases import sql
from lab.parts.nodes_ansible import ansible
from lab.parts.tools import remove, run
from lab.processes import listening, wait_for
from tests.lab.hands import Hands

VOLUME_HOST = "storage02"
SECOND_VOLUME = "cinder-volume-second"
BINDINGS = Path("/usr/lib/python3/dist-packages")
MIB = 1 << 20
HOST_SECONDS, ALL_SECONDS = 90, 120
TAKEN = """
    logical_volumes {
        taken {
            id = "abcdef-abcd-abcd-abcd-abcd-abcd-abcdef"
            status = ["READ", "WRITE", "VISIBLE"]
            flags = []
            segment_count = 1
            segment1 {
                start_extent = 0
                extent_count = 270
                type = "striped"
                stripe_count = 1
                stripes = ["pv0", 0]
            }
        }
    }
"""

Ini = dict[str, dict[str, object]]


def ini(hands: Hands, name: str) -> Ini:
    """Return one of the lab's configurations of storage services, to be changed."""
    return parsed(storage_files(hands.cloud.facts)[hands.cloud.place.etc / name])


def parsed(text: str) -> Ini:
    """Read a configuration that the lab wrote."""
    found: Ini = {}
    section: dict[str, object] = {}
    for line in text.splitlines():
        if line.startswith("["):
            section = found.setdefault(line.strip("[]"), {})
        elif line:
            key, _equals, value = line.partition(" = ")
            section[key] = value
    return found


def environment(hands: Hands) -> dict[str, str]:
    """Return what the services run with, and the distribution's bindings for Ceph."""
    folder = hands.cloud.place.run / "ceph-bindings"
    folder.mkdir(exist_ok=True)
    for file in (*BINDINGS.glob("rados.*.so"), *BINDINGS.glob("rbd.*.so")):
        link = folder / file.name
        if not link.exists():
            link.symlink_to(file)
    return {**hands.cloud.facts.environment(), "PYTHONPATH": str(folder)}


def second_volume_service(
    hands: Hands,
    undo: ExitStack,
    backends: Mapping[str, Mapping[str, object]],
    *,
    wait: Collection[str] = (),
) -> None:
    """Run cinder-volume with these back ends on a host of its own; it logs under its own name.

    Returns once the scheduler knows the pools of those to `wait` for.
    """
    place, facts = hands.cloud.place, hands.cloud.facts
    whole = ini(hands, "cinder.conf")
    whole.pop("nfs1")
    whole["DEFAULT"] |= {
        "host": VOLUME_HOST,
        "enabled_backends": ",".join(backends),
        "log_file": f"{SECOND_VOLUME}.log",
        "backend_stats_polling_interval": 3,
    }
    for name, options in backends.items():
        whole[name] = {"volume_backend_name": name, **options}
    config = place.etc / "cinder-second.conf"
    config.write_text(render(whole))
    argv: list[str | Path] = [facts.venv / "bin" / "cinder-volume", "--config-file", config]
    processes = hands.cloud.processes
    undo.callback(_forget_volume_service, hands)
    undo.callback(processes.stop, [SECOND_VOLUME], grace_seconds=3)
    processes.start(SECOND_VOLUME, argv, env=environment(hands))
    if wait:
        wanted = {f"{VOLUME_HOST}@{name}" for name in wait}

        def known() -> bool:
            pools = hands.api.block_storage.backend_pools()
            return wanted <= {str(pool.name).partition("#")[0] for pool in pools}

        wait_for(known, "the pools of the second cinder-volume", seconds=120, every=1)


def _forget_volume_service(hands: Hands) -> None:
    mine = f"{VOLUME_HOST}%"
    with sql(hands.cloud.facts) as cursor:
        cursor.execute(
            "UPDATE cinder.snapshots SET deleted = 1 WHERE volume_id IN "
            "(SELECT id FROM cinder.volumes WHERE host LIKE %s)",
            (mine,),
        )
        for table, column in (("services", "host"), ("volumes", "host"), ("volume_types", "name")):
            statement = f"UPDATE cinder.{table} SET deleted = 1 WHERE {column} LIKE %s"  # noqa: S608
            cursor.execute(statement, (mine,))
    # The scheduler remembers pools until it is started again.
    hands.cloud.kill("cinder-scheduler")
    hands.cloud.start("cinder-scheduler")


def foreign_key(hands: Hands, account: str) -> Path:
    """Return a configuration whose key for an account is not the one that Ceph knows."""
    etc = hands.cloud.place.etc
    keyring, config = etc / "ceph-foreign.keyring", etc / "ceph-foreign.conf"
    remove(keyring)
    run(["ceph-authtool", "--create-keyring", keyring, "--gen-key", "-n", f"client.{account}"])
    kept = [
        line
        for line in (etc / "ceph.conf").read_text().splitlines()
        if not line.startswith("keyring =")
    ]
    kept.insert(kept.index("[global]") + 1, f"keyring = {keyring}")
    config.write_text("\n".join(kept) + "\n")
    return config


def full_volume_group(hands: Hands, undo: ExitStack, name: str) -> None:
    """Make a group of logical volumes of a file, nearly all of it taken by one volume.

    There is no device-mapper to make that volume with, so it is written into the group's records.
    """
    file, record = (hands.cloud.place.run / f"{name}.{kind}" for kind in ("img", "lvm"))
    with file.open("wb") as handle:
        handle.truncate(1100 * MIB)
    undo.callback(remove, file)
    device = run(["losetup", "--find", "--show", file]).strip()
    undo.callback(run, ["losetup", "--detach", device])
    run(["vgcreate", name, device])
    undo.callback(run, ["vgremove", "--force", "--yes", name])
    run(["vgcfgbackup", "--file", record, name])
    text = record.read_text()
    end = text.rindex("}")
    record.write_text(text[:end] + TAKEN + text[end:])
    undo.callback(remove, record)
    run(["vgcfgrestore", "--file", record, name])


def patient(hands: Hands, folder: Path) -> dict[str, dict[str, object]]:
    """Return the sections that read logs over Ansible, with time enough for a machine under load.

    The inventory is the one that `operator` writes into this folder.
    """
    cloud = hands.cloud
    return {
        "kolla": {
            "passwords_file": str(cloud.describe()["passwords"]),
            "inventory": str(folder / "inventory"),
            "virtualenv": str(ansible(cloud.place).parent),
            "host_seconds": HOST_SECONDS,
            "seconds_max": ALL_SECONDS,
        },
        "logs": {
            "folder": str(cloud.place.log),
            "host_seconds": HOST_SECONDS,
            "seconds_max": ALL_SECONDS,
        },
    }


@contextmanager
def small_disk(folder: Path, mib: int) -> Iterator[Path]:
    """Mount a file system of this size."""
    folder.mkdir(parents=True, exist_ok=True)
    run(["mount", "-t", "tmpfs", "-o", f"size={mib}m", "tmpfs", folder])
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)
        shutil.rmtree(folder, ignore_errors=True)


class SecondGlance:
    """A glance-api of its own over the lab's database."""

    name, offset = "glance-api-second", 30

    def __init__(
        self, hands: Hands, undo: ExitStack, options: Mapping[str, Mapping[str, object]]
    ) -> None:
        """Start it with these options over the lab's own; returns once it answers."""
        place, facts = hands.cloud.place, hands.cloud.facts
        self.port = place.port(self.offset)
        whole = ini(hands, "glance.conf")
        for section, values in options.items():
            whole.setdefault(section, {}).update(values)
        whole["DEFAULT"] |= {
            "bind_port": self.port,
            "log_file": place.log / f"{self.name}.log",
        }
        config = place.etc / f"{self.name}.conf"
        config.write_text(render(whole))
        argv: list[str | Path] = [facts.venv / "bin" / "glance-api", "--config-file", config]
        processes = hands.cloud.processes
        undo.callback(processes.stop, [self.name], grace_seconds=3)
        processes.start(self.name, argv, env=environment(hands))
        wait_for(lambda: listening(self.port), self.name, seconds=90)
        self.hands = hands
        self.undo = undo

    def upload(self, name: str, data: bytes, *, disk_format: str = "raw") -> httpx.Response:
        """Make an image and send its data; the image is deleted in the end."""
        return upload(
            self.hands,
            self.undo,
            f"http://127.0.0.1:{self.port}",
            name,
            data,
            disk_format=disk_format,
        )


def upload(
    hands: Hands, undo: ExitStack, url: str, name: str, data: Any, *, disk_format: str = "raw"
) -> httpx.Response:
    """Make an image at this address and send its data; the image is deleted in the end."""
    with httpx.Client(
        base_url=url, headers={"X-Auth-Token": hands.api.session.get_token()}, timeout=60
    ) as client:
        body = {"name": name, "disk_format": disk_format, "container_format": "bare"}
        made = client.post("/v2/images", json=body)
        made.raise_for_status()
        undo.callback(hands.api.image.delete_image, made.json()["id"], ignore_missing=True)
        hands.kept[name] = made.json()["id"]
        stream = {"Content-Type": "application/octet-stream"}
        return client.put(f"/v2/images/{made.json()['id']}/file", content=data, headers=stream)
