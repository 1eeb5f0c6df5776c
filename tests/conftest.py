# SPDX-License-Identifier: Apache-2.0
"""The lab, once for a session: tests/lab breaks it, tests/conformance measures by it."""

import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from lab.cloud import Cloud
    from lab.place import Place


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the long forms to `make test-full`."""
    if os.environ.get("TEST_FULL"):
        return
    long = [item for item in items if item.get_closest_marker("full")]
    items[:] = [item for item in items if item not in long]
    config.hook.pytest_deselected(items=long)


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
        if _mark(place).exists():
            whole.restore(data=True)
            _mark(place).unlink()
        whole.up()
        yield whole


def fresh(cloud: "Cloud", place: "Place") -> None:
    """Put the golden data back if a test changed them; from now on they count as changed.

    What changes much needs not tidy up: whoever needs the golden data next puts them back.
    """
    cloud.restore(data=_mark(place).exists())
    _mark(place).touch()


@contextmanager
def unfinished(place: "Place", session: pytest.Session) -> "Iterator[None]":
    """Make things in the lab; what this process does not live to remove, the next session does.

    It puts the golden data back, for what a killed server leaves in Placement nobody can tell from
    what belongs there.
    """
    mark = _mark(place)
    mark.touch()
    yield
    # What could not be removed raised on its way here; a test that failed may have left something.
    if not session.testsfailed:
        mark.unlink()


def _mark(place: "Place") -> "Path":
    return place.state / "unfinished"
