# SPDX-License-Identifier: Apache-2.0
"""real: problems of the identity plane; `problem find` names each before all that is not there."""

from collections.abc import Sequence

import pytest

from tests.lab import problems_identity
from tests.lab.hands import Hands
from tests.lab.problem import (
    Finder,
    Planting,
    batches,
    clean,
    comes_first,
    planted,
)


def test_a_cloud_that_is_well_is_suspected_of_nothing(finder: Finder) -> None:
    finder.begin()
    clean(finder)


@pytest.mark.parametrize("rows", batches(problems_identity.PLANTINGS))
def test_what_was_planted_is_named_first(
    rows: Sequence[Planting], hands: Hands, finder: Finder
) -> None:
    with planted(rows, hands, finder):
        comes_first(rows, finder)
