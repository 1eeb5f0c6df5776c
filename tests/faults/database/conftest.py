# SPDX-License-Identifier: Apache-2.0
"""One empty data folder for the session, and servers that begin with copies of it."""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from day2.adapters.clock import SystemClock
from lab.database_server import Real, running, template
from lab.packages import install_packages

NEEDED = {"/usr/sbin/mariadbd": "mariadb-server", "/usr/bin/mariadb-backup": "mariadb-backup"}

Start = Callable[..., Real]


@pytest.fixture(scope="session")
def made() -> Iterator[Path]:
    install_packages(NEEDED)
    # A socket's name is short: the folders of pytest are not.
    folder = Path(tempfile.mkdtemp(prefix="d2db"))
    yield template(folder)
    shutil.rmtree(folder)


@pytest.fixture
def place() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="d2db"))
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def start(place: Path, made: Path) -> Iterator[Start]:
    with ExitStack() as stack:
        yield lambda name="db1", *more: stack.enter_context(running(place / name, made, *more))


@pytest.fixture
def real(start: Start) -> Real:
    return start("db1", "--general-log", "--general-log-file=general.log")


@pytest.fixture
def clock() -> SystemClock:
    return SystemClock()
