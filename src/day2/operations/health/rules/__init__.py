# SPDX-License-Identifier: Apache-2.0
"""The checks themselves, one file per plane; each file ends with its `CHECKS`."""

from day2.operations.health.check import Check
from day2.operations.health.rules import heartbeats, services


def all_checks() -> tuple[Check, ...]:
    """Return every check of this room, in the order of the reference."""
    return (*heartbeats.CHECKS, *services.CHECKS)
