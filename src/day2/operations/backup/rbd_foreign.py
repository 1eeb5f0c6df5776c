# SPDX-License-Identifier: Apache-2.0
"""Pure: whose a snapshot of an RBD image is, by the name that its maker gives."""

import re
from collections.abc import Mapping

import msgspec

from day2.operations.backup.rbd_round import SET_PREFIX

UUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
MAKERS: Mapping[str, re.Pattern[str]] = {
    "cinder": re.compile(rf"snapshot-{UUID}|volume-{UUID}\.clone_snap"),
    "cinder backup": re.compile(rf"backup\.{UUID}\.snap\.[0-9.]+"),
    "glance": re.compile(r"snap"),
    "nova": re.compile(rf"{UUID}|nova-resize"),
    "mirroring": re.compile(r"\.mirror\..+"),
    "another day2": re.compile(re.escape(SET_PREFIX) + r".+"),
}
OTHERS = "others"


class Foreign(msgspec.Struct, frozen=True, kw_only=True):
    """One snapshot; `of` is who makes such names, `taken_at` as the cluster tells it."""

    pool: str
    image: str
    snapshot: str
    of: str
    size_bytes: int = 0
    taken_at: str = ""
    protected: bool = False
    trashed: bool = False


def maker(name: str) -> str:
    """Return who gives snapshots such names; `others` when nobody that is known."""
    return next((of for of, known in MAKERS.items() if known.fullmatch(name)), OTHERS)
