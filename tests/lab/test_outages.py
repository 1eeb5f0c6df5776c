# SPDX-License-Identifier: Apache-2.0
"""Ten outages, planted by real means: the evidence is complete and names the true cause first."""

import logging
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lab.cloud import Cloud
from lab.parts import running
from lab.parts.galera import Galera
from lab.parts.nodes import Nodes
from lab.parts.nodes_ansible import ansible
from lab.parts.tls import Tls
from tests.lab.outages import OUTAGES, REAL, Outage, Parts, settle
from tests.lab.program import Program

LOG = logging.getLogger("lab")
LEAN = [outage for outage in OUTAGES if outage.lean]
WHOLE = [outage for outage in OUTAGES if outage.form == REAL]


@pytest.fixture(scope="module")
def watched(cloud: Cloud, tmp_path_factory: pytest.TempPathFactory) -> Program:
    """The lab with its own logs, as if this machine were its one host; a round is kept."""
    folder = tmp_path_factory.mktemp("outages")
    inventory = folder / "inventory"
    inventory.write_text(
        "[baremetal]\nlab ansible_connection=local ansible_python_interpreter=/usr/bin/python3\n"
    )
    found = Program(
        cloud,
        folder,
        kolla={
            "inventory": str(inventory),
            "virtualenv": str(ansible(cloud.place).parent),
            "passwords_file": str(cloud.describe()["passwords"]),
        },
        logs={"folder": str(cloud.place.log)},
        bus={
            "management": [f"http://127.0.0.1:{cloud.place.port(16)}"],
            "password": {"kolla": "rabbitmq_monitoring_password"},
        },
        cache={"servers": [f"127.0.0.1:{cloud.place.port(15)}"]},
    )
    found.seconds_max = 300
    found.report()
    return found


def collected(program: Program, *, within: float = 240) -> dict[str, Any]:
    began = time.monotonic()
    ended = program.run("evidence", "collect", "--since", "4m", "-f", "json")
    assert ended.code in {0, 12}, ended.stderr
    assert time.monotonic() - began < within
    return ended.document


def complete(document: dict[str, Any]) -> None:
    """Every section was read, or says why not; the pack is there, and holds."""
    for one in document["sections"]:
        assert one["state"] == "read" or one["why"], one["name"]
    assert Path(document["file"]).exists()


def first(document: dict[str, Any]) -> str:
    return str(document["suspects"][0]["id"]) if document["suspects"] else ""


def until_named(program: Program, outage: Outage) -> dict[str, Any]:
    """Collect; once more where a service was just not yet told to be down."""
    settle(outage)
    document = collected(program)
    for _attempt in range(2):
        if first(document) in outage.causes:
            break
        time.sleep(5)
        document = collected(program)
    return document


@pytest.mark.parametrize("outage", LEAN, ids=lambda outage: outage.name)
def test_the_true_cause_is_named_first(outage: Outage, cloud: Cloud, watched: Program) -> None:
    parts = Parts(cloud)
    outage.plant(parts)
    try:
        document = until_named(watched, outage)
    finally:
        outage.undo(parts)
    complete(document)
    assert first(document) in outage.causes, document["suspects"][:3]
    shown = watched.run("evidence", "show", document["file"], "--brief")
    assert shown.code == 0, shown.stderr


@pytest.fixture(scope="module")
def parts(cloud: Cloud, nodes: Nodes) -> Iterator[Parts]:
    with running(Galera(cloud.place)) as galera, running(Tls(cloud.place)) as tls:
        yield Parts(cloud, galera=galera, tls=tls, nodes=nodes)


@pytest.fixture(scope="module")
def whole(parts: Parts, tmp_path_factory: pytest.TempPathFactory) -> Program:
    """The lab, three machines with containers, a Galera cluster, a proxy with TLS."""
    assert parts.galera is not None
    assert parts.tls is not None
    assert parts.nodes is not None
    cloud, folder = parts.cloud, tmp_path_factory.mktemp("whole")
    database: Any = parts.galera.describe()
    tls: Any = parts.tls.describe()
    secret = folder / "database-password"
    secret.touch(mode=0o600)
    secret.write_text(database["password"])
    found = Program(
        cloud,
        folder,
        kolla={
            "inventory": str(parts.nodes.inventory),
            "virtualenv": str(ansible(cloud.place).parent),
            "passwords_file": str(cloud.describe()["passwords"]),
        },
        database={
            "nodes": [f"{node['host']}:{node['port']}" for node in database["nodes"].values()],
            "user": database["user"],
            "password": {"file": str(secret)},
        },
        bus={
            "management": [f"http://127.0.0.1:{cloud.place.port(16)}"],
            "password": {"kolla": "rabbitmq_monitoring_password"},
        },
        cache={"servers": [f"127.0.0.1:{cloud.place.port(15)}"]},
        tls={
            "addresses": [f"{tls['host']}:{number}" for number in tls["ports"].values()],
            "ca_file": tls["ca_file"],
        },
    )
    found.seconds_max = 300
    found.report()
    return found


@pytest.mark.full
def test_of_ten_outages_nine_are_named_first(parts: Parts, whole: Program) -> None:
    """One test, for the bound is over all of them; what the lab cannot do is not counted here."""
    named: dict[str, tuple[str, bool]] = {}
    for outage in WHOLE:
        outage.plant(parts)
        try:
            document = until_named(whole, outage)
            complete(document)
            named[outage.name] = first(document), first(document) in outage.causes
            LOG.info("%s: %s", outage.name, named[outage.name])
        finally:
            outage.undo(parts)
            parts.cloud.restore()
    missed = {name: said for name, (said, right) in named.items() if not right}
    assert len(missed) <= 1, missed


@pytest.mark.full
def test_with_keystone_and_mariadb_down_too_the_evidence_is_whole(
    parts: Parts, whole: Program
) -> None:
    """What only OpenStack could tell comes from the kept round; the rest is read all the same."""
    assert parts.nodes is not None
    cloud = parts.cloud
    cloud.kill("keystone")
    cloud.stop("mariadb")
    for name in ("keystone", "mariadb", "neutron_dhcp_agent"):
        parts.nodes.stop_container("control01", name)
    try:
        document = collected(whole)
    finally:
        parts.nodes.restore()
        cloud.restore()
    complete(document)
    found = {one["name"]: one for one in document["sections"]}
    assert found["services"]["known_at"]
    # Of those that began with the machines a few minutes ago not each one's last lines are read.
    missed = found["containers"]["why"]
    assert all(": last lines: " in why for why in missed), missed
    stopped = {(r["host"], r["name"]) for r in found["containers"]["content"]["rows"]}
    assert {("control01", n) for n in ("keystone", "mariadb", "neutron_dhcp_agent")} <= stopped
    said = [str(one["title"]) for one in document["suspects"]]
    assert any("DHCP" in one or "neutron_dhcp_agent" in one for one in said), said


def test_the_table_has_ten_and_says_what_stands_for_what_is_not_real() -> None:
    assert len(OUTAGES) == 10
    assert [outage.name for outage in OUTAGES if outage.form != REAL] == ["Fernet keys differing"]
    assert len(LEAN) == 3
