# SPDX-License-Identifier: Apache-2.0
"""One lab for the whole session; tests break it by real means and put it back."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.cloud import Cloud
from lab.place import claim
from tests.lab.program import Program


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.lab)
            item.add_marker(pytest.mark.timeout(600))


@pytest.fixture(scope="session")
def cloud() -> Iterator[Cloud]:
    place, lock = claim()
    with lock:
        whole = Cloud(place)
        whole.up()
        yield whole


@pytest.fixture
def program(cloud: Cloud, tmp_path: Path) -> Program:
    return Program(cloud, tmp_path)
