# SPDX-License-Identifier: Apache-2.0
"""Tests break the lab of the session by real means and put it back."""

import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from lab.cloud import Cloud
from lab.facts import COMPUTES
from lab.fittings import fit
from lab.parts import running
from lab.parts.ceph import Ceph
from lab.parts.galera import Galera
from lab.parts.nodes import Nodes
from lab.parts.tls import Tls
from lab.place import Place
from tests.lab.hands import Hands
from tests.lab.problem import Finder, operator
from tests.lab.program import Program

# openstacksdk warns of its own future and keeps its connections open until the process ends.
SDK = (
    "ignore::DeprecationWarning",
    "ignore::PendingDeprecationWarning",
    "ignore::ResourceWarning",
    "ignore::pytest.PytestUnraisableExceptionWarning",
)


# The first five change the golden data, which the others need: each of these begins with them, none
# tidies up. The last two share machines, which need not run beside all others.
TOLD_SECONDS_MAX = 60
# It holds what hypervisors say against Nova: a compute service that another test has killed and
# started again says less than it had.
FIRST = "test_reconcile"
LAST = (
    "test_recovery_drill",
    "test_evacuate",
    "test_host_actions",
    "test_meanwhile",
    "test_drain",
    "test_host_list",
    "test_hosts_plane",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    items.sort(key=lambda item: _rank(item.path.stem))
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.lab)
            for warning in SDK:
                item.add_marker(pytest.mark.filterwarnings(warning))
            item.add_marker(pytest.mark.timeout(600))


@pytest.fixture(scope="session")
def nodes(place: Place) -> Iterator[Nodes]:
    with running(Nodes(place)) as part:
        yield part


@pytest.fixture(scope="module")
def hands(cloud: Cloud) -> Iterator[Hands]:
    """Return hands on the lab with HAProxy in front of it; files that need more have their own."""
    with (
        running(Tls(cloud.place)) as tls,
        closing(Hands(cloud, galera=Galera(cloud.place), tls=tls)) as found,
    ):
        yield found


@pytest.fixture(scope="module")
def finder(hands: Hands, tmp_path_factory: pytest.TempPathFactory) -> Finder:
    """Return what looks for known problems; files that need other settings have their own."""
    return Finder(operator(hands, tmp_path_factory.mktemp("operator")))


@pytest.fixture
def program(cloud: Cloud, tmp_path: Path) -> Program:
    return Program(cloud, tmp_path)


@pytest.fixture(scope="session")
def ceph_part(place: Place) -> Iterator[Ceph]:
    """Start Ceph once for all files that need it, new: what an earlier run left is not met."""
    part = Ceph(place)
    part.reset()
    try:
        yield part
    finally:
        part.down()


@pytest.fixture
def hypervisors(cloud: Cloud) -> Path:
    """Wait until every hypervisor says what it has."""
    folder = Path(str(cloud.describe()["guests"]))
    if not all((folder / host).exists() for host in COMPUTES):
        # Another checkout of the lab may have put its driver under these processes.
        fit(cloud.facts.venv)
        for host in COMPUTES:
            cloud.kill(f"nova-compute-{host}")
            cloud.start(f"nova-compute-{host}")
    end = time.monotonic() + TOLD_SECONDS_MAX
    while not all((folder / host).exists() for host in COMPUTES) or cloud.missing():
        assert time.monotonic() < end, cloud.missing()
        time.sleep(0.5)
    return folder


def _rank(module: str) -> int:
    """Order the modules of `LAST` behind all others, and `FIRST` before them."""
    if module == FIRST:
        return -1
    return LAST.index(module) + 1 if module in LAST else 0
