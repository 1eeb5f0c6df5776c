# SPDX-License-Identifier: Apache-2.0
"""What `day2 backup restore --diff` tells: what of a set of identity Keystone has not any more."""

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from day2.cli.document import Produced, envelope

if TYPE_CHECKING:
    from day2.model.backup import Found
    from day2.operations.backup.identity_missing import Lost
    from day2.operations.backup.takers.taker import Say
    from day2.wiring.site import Site


def listed(site: "Site", name: str, *, say: "Say") -> "tuple[Found, list[Lost], Produced]":
    """Compare, and tell; nothing is made."""
    from day2.wiring import backup_restores

    found, lost = backup_restores.missing(site, name, say)
    counted = Counter(one.thing.value for one in lost)
    produced = Produced(
        document=envelope(
            "backup-missing",
            cloud=site.cloud,
            at=site.clock.now(),
            set=found.manifest.id,
            missing=[{"thing": one.thing.value, "label": one.label} for one in lost],
            totals=dict(counted),
        ),
        text=text(lost),
        columns=("thing", "label"),
        rows=[(one.thing.value, one.label) for one in lost],
    )
    return found, lost, produced


def text(lost: "Sequence[Lost]") -> str:
    """Tell it to people: what things are called is anybody's, and steers no terminal."""
    from day2.report.terminal import plain

    if not lost:
        return "Nothing is missing.\n"
    lines = "".join(f"- {plain(one.label)}\n" for one in lost)
    counted = Counter(one.thing.value for one in lost)
    told = ", ".join(f"{n} of {thing}" for thing, n in counted.items())
    return f"{lines}\n{len(lost)} things are missing: {told}\n"
