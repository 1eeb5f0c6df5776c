# SPDX-License-Identifier: Apache-2.0
"""Who is affected by a plan, and what they will feel of it."""

import enum

import msgspec


class Felt(enum.StrEnum):
    """What the users of a server feel, the least first."""

    NOTHING = "nothing"
    PAUSE = "pause"
    SWITCH = "switch"
    PACKETS = "packets"
    RESTART = "restart"
    STOP = "stop"
    UNDECIDED = "undecided"


class AffectedServer(msgspec.Struct, frozen=True, kw_only=True):
    """One server, or load balancer, of a project, and what its users will feel.

    `user` is the name of who made it, its id where the name is not known.
    """

    id: str
    name: str
    user: str
    felt: Felt
    why: str = ""


class AffectedProject(msgspec.Struct, frozen=True, kw_only=True):
    """One project with what it has there; the most disturbed first."""

    id: str
    name: str
    servers: list[AffectedServer]

    @property
    def worst(self) -> Felt:
        """What the most disturbed of them will feel."""
        order = list(Felt)
        return max((server.felt for server in self.servers), key=order.index)
