# SPDX-License-Identifier: Apache-2.0
"""What a pool holds: every image with its snapshots, those in the trash as well."""

import msgspec

from day2.adapters.rbd import Rbd
from day2.adapters.rbd_names import plain


class PoolImage(msgspec.Struct, frozen=True, kw_only=True):
    """One image of a pool; a trashed one has lost its name, but not its id nor its snapshots.

    `name` comes from tenants: `rbd_names.plain` says whether it may be given to a command.
    """

    pool: str
    name: str
    id: str
    snapshots: list[str] = []
    trashed: bool = False


class _Row(msgspec.Struct):
    image: str
    id: str = ""
    snapshot: str = ""


class _Trashed(msgspec.Struct):
    id: str
    name: str


class Detail(msgspec.Struct, frozen=True, kw_only=True):
    """One snapshot as the cluster tells it; `taken_at` in its own words, empty: not told."""

    name: str
    size_bytes: int
    taken_at: str = ""
    protected: bool = False


class _Snapshot(msgspec.Struct):
    name: str
    size: int = 0
    timestamp: str = ""
    protected: str | bool = False


def in_pool(rbd: Rbd, pool: str) -> list[PoolImage]:
    """List the images of a pool: two questions, and one for each image in the trash.

    Raises:
        NotDeployed, Refused, BadSettings, Unreachable, BadAnswer: as `Rbd.images`.

    """
    named = f"--pool={plain(pool, 'pool')}"
    rows = rbd.ask(["ls", "--long", named, "--format=json"], list[_Row], f"pool {pool}")
    ids = {row.image: row.id for row in rows if not row.snapshot}
    snapshots: dict[str, list[str]] = {}
    for row in rows:
        if row.snapshot:
            snapshots.setdefault(row.image, []).append(row.snapshot)
    found = [
        PoolImage(pool=pool, name=name, id=ids[name], snapshots=snapshots.get(name, []))
        for name in ids
    ]
    trash = ["trash", "ls", "--all", named, "--format=json"]
    for lost in rbd.ask(trash, list[_Trashed], f"trash of {pool}", empty=b"[]"):
        ours = snapshots_of(rbd, pool, lost.id)
        found.append(PoolImage(pool=pool, name=lost.name, id=lost.id, snapshots=ours, trashed=True))
    return found


def snapshots_of(rbd: Rbd, pool: str, image_id: str) -> list[str]:
    """List the names of the snapshots of the image with this id, in the trash or not.

    Raises:
        NotDeployed: when there is none (any more).
        Refused, BadSettings, Unreachable, BadAnswer: as `Rbd.images`.

    """
    return [one.name for one in details(rbd, pool, image_id)]


def details(rbd: Rbd, pool: str, image_id: str) -> list[Detail]:
    """List the snapshots of the image with this id, with all that is told of them.

    Raises:
        NotDeployed, Refused, BadSettings, Unreachable, BadAnswer: as `snapshots_of`.

    """
    where = [f"--pool={plain(pool, 'pool')}", f"--image-id={plain(image_id, 'image id')}"]
    words = ["snap", "ls", *where, "--format=json"]
    return [
        Detail(
            name=row.name,
            size_bytes=row.size,
            taken_at=row.timestamp,
            protected=row.protected in {"true", True},
        )
        for row in rbd.ask(words, list[_Snapshot], f"{pool}/id {image_id}")
    ]
