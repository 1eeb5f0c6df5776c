# SPDX-License-Identifier: Apache-2.0
"""What a smoke run works with, and how it tells what happened."""

from dataclasses import dataclass
from typing import Literal

import msgspec

from day2.adapters.clock import Clock
from day2.adapters.openstack.compute import Compute
from day2.adapters.openstack.own import Own, Thing
from day2.adapters.openstack.traits import Traits
from day2.errors import BadUsage
from day2.model.plan import Step
from day2.operations.smoke.plan import SmokeArguments

Outcome = Literal["done", "failed", "unproven"]


@dataclass(frozen=True, kw_only=True)
class Cloud:
    """The services of one region; the clock is read inside of durable calls only."""

    own: Own
    compute: Compute
    traits: Traits
    clock: Clock

    def at(self) -> float:
        """Return the present as seconds since 1970: comparable between processes."""
        return self.clock.now().timestamp()


class Phase(msgspec.Struct, frozen=True, kw_only=True):
    """One phase as it went; `unproven` could not be seen here, which is neither good nor bad."""

    name: str
    outcome: Outcome
    seconds: float
    said: str = ""


class At(msgspec.Struct, frozen=True, kw_only=True):
    """What a durable call brought, and when."""

    at: float
    thing: Thing | None = None
    said: str = ""
    there: bool = False


class Opening(msgspec.Struct, frozen=True, kw_only=True):
    """A host before a boot: where to send it, and whether its provider was opened for that."""

    zone: str = ""
    node: str = ""
    disabled: bool = False


class Word(msgspec.Struct, frozen=True, kw_only=True):
    """What the guest said on its console: None, nothing of it; a lease proves DHCP."""

    dhcp: bool | None = None
    metadata: bool | None = None


class Removed(msgspec.Struct, frozen=True, kw_only=True):
    """The ids of what was found and asked to go, and what was refused."""

    ids: list[str] = []
    refused: list[str] = []


def arguments(step: Step) -> SmokeArguments:
    """Read the arguments of a step.

    Raises:
        BadUsage: when the plan says something that this action does not understand.

    """
    try:
        return msgspec.convert(step.arguments, SmokeArguments)
    except msgspec.ValidationError as error:
        raise BadUsage(
            f"step {step.n} ({step.action}): {error}", hint="make the plan anew with this day2"
        ) from None
