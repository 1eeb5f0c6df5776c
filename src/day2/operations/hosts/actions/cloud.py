# SPDX-License-Identifier: Apache-2.0
"""What the actions work with: the services of one cloud, and how they name their calls."""

from dataclasses import dataclass
from typing import TypeVar

import msgspec

from day2.adapters.clock import Clock
from day2.adapters.openstack.balancing import Balancing
from day2.adapters.openstack.compute import Compute
from day2.adapters.openstack.network import Network
from day2.adapters.openstack.placement import Placement
from day2.adapters.openstack.storage import Storage
from day2.errors import BadUsage
from day2.model.plan import Step

T = TypeVar("T", bound=msgspec.Struct)
OUTAGE_SECONDS = 120.0
"""How much longer than it is watched for a sign a service may not answer."""


@dataclass(frozen=True, kw_only=True)
class Cloud:
    """The services of one region; the clock is read inside of durable calls only.

    `per_target_max` is how many servers may be on their way to one host at the same time.
    """

    compute: Compute
    network: Network
    storage: Storage
    placement: Placement
    balancing: Balancing
    clock: Clock
    per_target_max: int = 2

    def at(self) -> float:
        """Return the present as seconds since 1970: comparable between processes."""
        return self.clock.now().timestamp()


def arguments(step: Step, kind: type[T]) -> T:
    """Read the arguments of a step.

    Raises:
        BadUsage: when the plan says something that this action does not understand.

    """
    try:
        return msgspec.convert(step.arguments, kind)
    except msgspec.ValidationError as error:
        raise BadUsage(
            f"step {step.n} ({step.action}): {error}", hint="make the plan anew with this day2"
        ) from None


def named(name: str, number: int) -> str:
    """Name the call of the first, second, ... attempt: `start`, `start-2`, ..."""
    return name if number == 1 else f"{name}-{number}"
