# SPDX-License-Identifier: Apache-2.0
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.packages import BACKUPS, install_packages
from tests.unit.backup.cheap_key import cheapen
from tests.unit.backup.stand import PASSWORD, Stand

MEMORY = Path("/dev/shm")  # noqa: S108 - only the folder that tempfile makes in it is used


@pytest.fixture(scope="session")
def empty_repository() -> Iterator[Path]:
    """A repository of restic without anything in it: making one takes seconds."""
    install_packages(BACKUPS)
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder:
        stand = Stand(Path(folder))
        stand.repository().require()
        cheapen(stand.bulk, PASSWORD)
        yield stand.bulk


@pytest.fixture
def stand(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Stand]:
    """A vault of files, or one (`restic`) that keeps the data of sets in a repository of restic."""
    if getattr(request, "param", "") != "restic":
        yield Stand(tmp_path)
        return
    made: Path = request.getfixturevalue("empty_repository")
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder:
        yield Stand(Path(folder)).with_restic(made)
