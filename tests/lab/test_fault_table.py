# SPDX-License-Identifier: Apache-2.0
"""Plant every fault of the table by real means: day2 must say exactly what the table says.

Faults that do not disturb each other are planted together. Before and after each batch a control
round must find nothing at warning or worse, and read everything.
"""

import json
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from lab.cloud import Cloud
from lab.parts import running
from lab.parts.galera import Galera
from lab.parts.tls import Tls
from tests.lab import faults_compute, faults_infrastructure, faults_network
from tests.lab.fault import Fault
from tests.lab.hands import Hands
from tests.lab.program import Program, grave

TABLE: tuple[Fault, ...] = (
    *faults_compute.FAULTS,
    *faults_network.FAULTS,
    *faults_infrastructure.FAULTS,
)
# What every run leaves to test-full: of these faults it has others of the same plane.
LONG = {"bus", "cache", "moves"}
BATCHES = [
    pytest.param(batch, marks=[pytest.mark.full] if batch in LONG else [])
    for batch in sorted({fault.batch for fault in TABLE})
]
FOUND_SECONDS = 60
CLEAN_SECONDS = 90


@pytest.fixture(scope="module")
def hands(cloud: Cloud) -> Iterator[Hands]:
    place = cloud.place
    with (
        running(Galera(place)) as galera,
        running(Tls(place)) as tls,
        closing(Hands(cloud, galera=galera, tls=tls)) as found,
    ):
        yield found


@pytest.fixture
def program(hands: Hands, tmp_path: Path) -> Program:
    """Look at every plane of this table: passwords by reference, as an operator's settings do."""
    cloud = hands.cloud
    database: Any = hands.galera.describe()
    tls: Any = hands.tls.describe()
    secret = tmp_path / "database-password"
    secret.touch(mode=0o600)
    secret.write_text(database["password"])
    port = cloud.place.port
    return Program(
        cloud,
        tmp_path,
        kolla={"passwords_file": str(cloud.describe()["passwords"])},
        database={
            "nodes": [f"{node['host']}:{node['port']}" for node in database["nodes"].values()],
            "user": database["user"],
            "password": {"file": str(secret)},
        },
        bus={
            "management": [f"http://127.0.0.1:{port(16)}"],
            "password": {"kolla": "rabbitmq_monitoring_password"},
        },
        cache={"servers": [f"127.0.0.1:{port(15)}"]},
        tls={
            "addresses": [f"{tls['host']}:{number}" for number in tls["ports"].values()],
            "ca_file": tls["ca_file"],
        },
    )


@pytest.fixture(scope="module")
def whole() -> set[str]:
    """Hold a word while the last control round found nothing: it is the next one's first."""
    return set()


@pytest.fixture
def whole_before_and_after(program: Program, whole: set[str]) -> Iterator[None]:
    if not whole:
        settle(program, set())
    whole.clear()
    yield
    settle(program, set())
    whole.add("nothing found")


def settle(program: Program, expected: set[str]) -> dict[str, dict[str, object]]:
    """Look again until the top-level keys are the expected ones; fail with the difference."""
    seconds = FOUND_SECONDS if expected else CLEAN_SECONDS
    deadline = time.monotonic() + seconds
    while True:
        report = program.report()
        found = grave(report)
        gaps = [] if expected else report["gaps"]
        if set(found) == expected and not gaps:
            return found
        if time.monotonic() > deadline:
            missing, extra = sorted(expected - set(found)), sorted(set(found) - expected)
            said = json.dumps({"missing": missing, "extra": extra, "gaps": gaps}, indent=1)
            pytest.fail(f"after {seconds} s the findings are not the table's: {said}")
        time.sleep(1)


@pytest.mark.usefixtures("whole_before_and_after")
@pytest.mark.parametrize("batch", BATCHES)
def test_day2_says_what_the_table_says(batch: str, hands: Hands, program: Program) -> None:
    planted: list[Fault] = []
    expected: dict[str, str] = {}
    try:
        for fault in (fault for fault in TABLE if fault.batch == batch):
            planted.append(fault)
            wanted = fault.plant(hands)
            assert bool(wanted) is not fault.quiet, fault.name
            expected |= wanted
        found = settle(program, set(expected))
        for key, why in expected.items():
            assert why in str(found[key]["why"]), key
    finally:
        problems = []
        for fault in reversed(planted):
            try:
                fault.undo(hands)
            except Exception as error:  # noqa: BLE001 - the others must be undone all the same
                problems.append(f"{fault.name}: {error!r}")
        if problems:
            hands.cloud.restore()
    assert problems == []


def test_the_table_covers_every_plane() -> None:
    planes = [fault.plane for fault in TABLE if not fault.quiet]
    assert all(planes.count(plane) >= 8 for plane in ("compute", "network", "infrastructure"))
