# SPDX-License-Identifier: Apache-2.0
"""real: servers, consoles, services that do not start; each is named before what is not there."""

from collections.abc import Sequence

import pytest

from tests.lab import (
    problems_beginnings,
    problems_compute,
    problems_consoles,
    problems_starts,
)
from tests.lab.hands import Hands
from tests.lab.problem import Finder, Planting, batches, comes_first, planted

TABLE = (
    *problems_beginnings.PLANTINGS,
    *problems_compute.PLANTINGS,
    *problems_consoles.PLANTINGS,
    *problems_starts.PLANTINGS,
)


@pytest.mark.parametrize("rows", batches(TABLE))
def test_what_was_planted_is_named_first(
    rows: Sequence[Planting], hands: Hands, finder: Finder
) -> None:
    with planted(rows, hands, finder):
        comes_first(rows, finder)
