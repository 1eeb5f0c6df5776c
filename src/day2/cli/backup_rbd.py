# SPDX-License-Identifier: Apache-2.0
"""What `day2 backup adopt --rbd` tells: the snapshots of RBD images that day2 has not made."""

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from day2.cli.document import Produced, envelope

if TYPE_CHECKING:
    from day2.operations.backup.rbd_foreign import Foreign
    from day2.wiring.site import Site

COLUMNS = ("pool", "image", "snapshot", "of", "size_bytes", "taken_at", "protected")


def listed(site: "Site", pools: Sequence[str]) -> Produced:
    """Read and tell; nothing is kept and nothing is touched."""
    found = site.backups.rbd.foreign(pools)
    return Produced(
        document=envelope("backup-foreign", cloud=site.cloud, at=site.clock.now(), snapshots=found),
        text=_text(found, pools),
        columns=COLUMNS,
        rows=[tuple(getattr(one, name) for name in COLUMNS) for one in found],
    )


def _text(found: "Sequence[Foreign]", pools: Sequence[str]) -> str:
    if not found:
        return f"No snapshot in {', '.join(pools)} but those of day2.\n"
    lines = [
        f"{one.taken_at or '?':<20} {one.of:<10} {one.pool}/{one.image}@{one.snapshot}"
        f"{'  protected' if one.protected else ''}{'  in the trash' if one.trashed else ''}"
        for one in found
    ]
    counted = Counter(one.of for one in found)
    told = ", ".join(f"{n} of {of}" for of, n in counted.most_common())
    note = (
        "\nA snapshot lies in the cluster that it is of: what loses the one loses the other. day2 "
        "neither\ncounts nor removes these; name the images in backup.rbd_images to have sets.\n"
    )
    return "\n".join(lines) + f"\n\n{len(found)} snapshots: {told}\n{note}"
