# SPDX-License-Identifier: Apache-2.0
"""One sandbox for each module: its tests take fresh guests of it."""

from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.scenarios.hosts.guests import Guests


@pytest.fixture(scope="module")
def guests(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guests]:
    with closing(Guests(tmp_path_factory.mktemp("guests"))) as made:
        yield made


@pytest.fixture(autouse=True)
def no_faults(guests: Guests) -> Iterator[None]:
    yield
    guests.faults()
