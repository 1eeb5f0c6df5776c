# SPDX-License-Identifier: Apache-2.0
"""The lab, once for a session: tests/lab breaks it, tests/conformance measures by it."""

from collections.abc import Iterator
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from lab.cloud import Cloud
    from lab.place import Place


@pytest.fixture(scope="session")
def place() -> "Iterator[Place]":
    from lab.place import claim

    found, lock = claim()
    with lock:
        yield found


@pytest.fixture(scope="session")
def cloud(place: "Place") -> "Iterator[Cloud]":
    from lab.cloud import Cloud

    with closing(Cloud(place)) as whole:
        whole.up()
        yield whole
