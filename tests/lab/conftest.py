# SPDX-License-Identifier: Apache-2.0
"""Tests break the lab of the session by real means and put it back."""

import os
from pathlib import Path

import pytest

from lab.cloud import Cloud
from tests.lab.program import Program

# openstacksdk warns of its own future and keeps its connections open until the process ends.
SDK = (
    "ignore::DeprecationWarning",
    "ignore::PendingDeprecationWarning",
    "ignore::ResourceWarning",
    "ignore::pytest.PytestUnraisableExceptionWarning",
)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    if not os.environ.get("DAY2_TEST_FULL"):
        long = [item for item in items if item.get_closest_marker("full")]
        items[:] = [item for item in items if item not in long]
        config.hook.pytest_deselected(items=long)
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.lab)
            for warning in SDK:
                item.add_marker(pytest.mark.filterwarnings(warning))
            item.add_marker(pytest.mark.timeout(600))


@pytest.fixture
def program(cloud: Cloud, tmp_path: Path) -> Program:
    return Program(cloud, tmp_path)
