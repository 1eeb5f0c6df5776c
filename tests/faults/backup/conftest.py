# SPDX-License-Identifier: Apache-2.0
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.backup.conftest import empty_repository
from tests.unit.backup.stand import Stand

MEMORY = Path("/dev/shm")  # noqa: S108 - only the folder that tempfile makes in it is used
__all__ = ["empty_repository", "stand"]


@pytest.fixture
def stand(request: pytest.FixtureRequest) -> Iterator[Stand]:
    """A stand in memory where there is some: hundreds of flushes wait for no disk."""
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder:
        made = Stand(Path(folder))
        if getattr(request, "param", "") == "restic":
            made.with_restic(request.getfixturevalue("empty_repository"))
        yield made
