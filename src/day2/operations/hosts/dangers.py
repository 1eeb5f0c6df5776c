# SPDX-License-Identifier: Apache-2.0
"""The words of `--allow`: one for each danger that a person may accept, and what it permits."""

from collections.abc import Sequence

from day2.errors import BadUsage

ALLOW: dict[str, str] = {
    "agents-cut": "networks or routers that only this host serves are cut off while it is away",
    "confirm-resize": "resizes that wait for their owners are confirmed; the old size is given up",
    "disabled-by-others": "somebody else disabled the host; it is drained and stays disabled",
    "host-is-off": "you have seen that the dead host is powered off; another person approves",
    "last-of-aggregate": "an aggregate or zone is left without a host that takes servers",
    "lose-local-disks": "servers are rebuilt from images: what their local disks held is lost",
    "masakari-on": "you told Masakari about the maintenance yourself, or it may act",
    "other-work": "other hosts of the zone or an aggregate are away already",
    "owner-asked": "you asked the owners whose servers say so, and they agree",
    "packet-loss": "servers lose the network of passed-through ports during the move",
    "restart": "servers that cannot move live are stopped, moved, and started again",
    "stop-guests": "servers that cannot move stay, and stop with the host",
    "unhealthy-cloud": "database or message bus are not whole, or critical alerts fire",
    "use-reserve": "the reserve for the failure of a further host is used up",
    "vgpu-pause": "servers with virtual GPUs move live, with a pause that is longer than usual",
    "volumes-on-host": "volumes that this host serves are out of reach while it is away",
}


def allowed(words: Sequence[str]) -> frozenset[str]:
    """Check the words of `--allow`.

    Raises:
        BadUsage: when there is no such word.

    """
    unknown = sorted(set(words) - ALLOW.keys())
    if unknown:
        raise BadUsage(
            f"--allow knows no {', '.join(unknown)}",
            hint=f"Known are: {', '.join(ALLOW)}.",
        )
    return frozenset(words)
