# SPDX-License-Identifier: Apache-2.0
"""real: problems of the network plane; `problem find` names each before all that is not there."""

from collections.abc import Sequence

import pytest

from tests.lab import problems_network
from tests.lab.hands import Hands
from tests.lab.problem import Finder, Planting, batches, comes_first, planted


@pytest.mark.parametrize("rows", batches(problems_network.PLANTINGS))
def test_what_was_planted_is_named_first(
    rows: Sequence[Planting], hands: Hands, finder: Finder
) -> None:
    with planted(rows, hands, finder):
        comes_first(rows, finder)
