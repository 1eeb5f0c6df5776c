# SPDX-License-Identifier: Apache-2.0
"""How long moves take, from what has to be copied and what the link carries."""

from collections.abc import Sequence

from day2.operations.hosts.picture import Guest
from day2.operations.hosts.policy import DrainPolicy

MIB_PER_GIB = 1024


def seconds(guest: Guest, policy: DrainPolicy, *, live: bool) -> float:
    """Estimate one move.

    Live: `V / R / (1 - D)`, with V the memory, R the link and D the rate of dirtying as a share of
    R: the limit of the pre-copy series V/R x (1 + D + D^2 ...) of Akoush et al., "Predicting the
    Performance of Virtual Machine Migration" (MASCOTS 2010). Local disks are copied once, with the
    memory when live and alone when cold.
    """
    disk = guest.local_disk_gib * MIB_PER_GIB if policy.disks == "local" else 0
    memory = guest.server.flavor.ram / (1 - policy.dirty_ratio) if live else 0
    return policy.start_seconds + (memory + disk) / policy.link_mib_per_second


def patience(expected: float, policy: DrainPolicy) -> float:
    """Return after how many seconds such a move is stuck."""
    return max(policy.move_seconds_min, expected * policy.patience)


def together(expected: Sequence[float], at_once: int) -> float:
    """Estimate several moves, so many at once: no less than the longest one."""
    if not expected:
        return 0.0
    return max(*expected, sum(expected) / max(at_once, 1), 0.0)
