# SPDX-License-Identifier: Apache-2.0
"""The knobs of a vault of ordinary files."""

from typing import Annotated

import msgspec
from msgspec import Meta


class PlainSettings(msgspec.Struct, frozen=True, kw_only=True):
    """A vault in a folder: a disk, or a share of another host."""

    path: Annotated[
        str,
        Meta(
            description="Folder of the vault. It must exist: a share that is not mounted is not "
            "filled in its place. The sets of each cloud lie in a folder of their own in it."
        ),
    ] = ""
    reserve_gib: Annotated[
        float,
        Meta(ge=0, description="No set is begun when less than this is free in the vault (GiB)."),
    ] = 5.0
    level: Annotated[
        int,
        Meta(
            ge=1,
            le=12,
            description="Level of zstd. On dumps of databases, 3 costs three times the processor "
            "time of 1 and saves a sixth; increments and images gain less.",
        ),
    ] = 1
    recipients: Annotated[
        list[str],
        Meta(
            description="Public keys (age1...) that sets are encrypted to, two at least: that of "
            "operations, and one whose identity lies in a safe."
        ),
    ] = []
    recipients_file: Annotated[
        str, Meta(description="File with further public keys, one on a line; # begins a comment.")
    ] = ""
    identity_file: Annotated[
        str,
        Meta(
            description="File with the identity that opens sets (age-keygen writes one), of mode "
            "0600. Only where sets are verified and restored: a controller that takes them needs "
            "none, and then cannot read the old ones."
        ),
    ] = ""
