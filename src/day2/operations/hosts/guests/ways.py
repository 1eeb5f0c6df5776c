# SPDX-License-Identifier: Apache-2.0
"""The ways in which a server may leave its host, or not, and what its users feel of it."""

import enum
from datetime import datetime

import msgspec

from day2.model.impact import Felt
from day2.operations.hosts.policy import DrainPolicy


class Purpose(enum.StrEnum):
    """What the host is drained for: it comes back (`reboot`), or it does not."""

    REBOOT = "reboot"
    DECOMMISSION = "decommission"


class Way(enum.StrEnum):
    """How a server leaves. `ask` is no way: a person has to decide first."""

    LIVE = "live"
    BLOCK_LIVE = "block-live"
    COLD = "cold"
    FAILOVER = "failover"
    LEAVE = "leave"
    ASK = "ask"


MOVING = frozenset({Way.LIVE, Way.BLOCK_LIVE, Way.COLD})


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """What becomes of one server, and why.

    For `ask`, `kind` is the kind of the blocker, `allow` the word that would decide it (empty when
    only a cure helps). `confirm` is the resize to be confirmed before it moves. `risks` are the
    dangers that were accepted by a word or by its owner. `forcible` tells whether a stuck live
    migration of it may be completed by force.
    """

    way: Way
    why: str
    felt: Felt = Felt.NOTHING
    kind: str = ""
    allow: str = ""
    confirm: int | None = None
    status: str = ""
    risks: list[str] = []
    forcible: bool = True


class Intent(msgspec.Struct, frozen=True, kw_only=True):
    """What a drain is for, what it may do, and when it was asked for."""

    purpose: Purpose
    policy: DrainPolicy
    allow: frozenset[str] = frozenset()
    now: datetime


def ask(kind: str, why: str, allow: str = "") -> Choice:
    """Make a blocker of a server."""
    return Choice(way=Way.ASK, why=why, kind=kind, allow=allow)
