# SPDX-License-Identifier: Apache-2.0
"""What a row of the fault table is: the means, and what day2 must then say, no more and no less."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from tests.lab.hands import Hands

Expected = Mapping[str, str]
"""Key of a top-level finding at warning or worse: what its `why` must hold."""


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One fault: `plant` breaks and returns what must be found, `undo` puts it back.

    `quiet` says what a planted thing must *not* do: be found at warning or worse.
    """

    name: str
    plane: str
    batch: str
    means: str
    plant: Callable[[Hands], Expected]
    undo: Callable[[Hands], None]
    quiet: bool = False


@dataclass
class Batch:
    """Independent faults that are planted together."""

    name: str
    faults: list[Fault] = field(default_factory=list)
