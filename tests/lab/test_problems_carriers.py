# SPDX-License-Identifier: Apache-2.0
"""Known problems of bus, database and hosts: planted on clusters of their own, each named first."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from lab.cloud import Cloud
from lab.parts import running
from lab.parts.galera import Galera
from lab.parts.nodes import Nodes
from lab.parts.nodes_ansible import ansible
from lab.parts.rabbitmq3 import RabbitMQ3
from lab.parts.tls import Tls
from tests.lab import problems_bus, problems_database, problems_hosts
from tests.lab.hands import Hands
from tests.lab.problem import Finder, Planting, batches, comes_first, operator, planted

TABLE = (*problems_hosts.HOSTS, *problems_bus.CLUSTER, *problems_database.CLUSTER)


@pytest.fixture(scope="module")
def hands(cloud: Cloud, nodes: Nodes) -> Iterator[Hands]:
    place = cloud.place
    with (
        running(Galera(place)) as galera,
        running(Tls(place)) as tls,
        running(RabbitMQ3(place)) as rabbit,
        closing(Hands(cloud, galera=galera, tls=tls)) as found,
    ):
        nodes.restore()
        found.kept |= {problems_bus.RABBIT: rabbit, problems_hosts.NODES: nodes}
        yield found


@pytest.fixture(scope="module")
def finder(hands: Hands, tmp_path_factory: pytest.TempPathFactory) -> Finder:
    folder: Path = tmp_path_factory.mktemp("problems")
    program = operator(hands, folder, **sections(hands, folder))
    program.seconds_max = 240
    return Finder(program)


def sections(hands: Hands, folder: Path) -> dict[str, Any]:
    """Return the settings of a cloud whose bus and hosts are these."""
    nodes: Nodes = hands.kept[problems_hosts.NODES]
    told: dict[str, Any] = dict(hands.kept[problems_bus.RABBIT].describe())
    secret = folder / "bus-password"
    secret.touch(mode=0o600)
    secret.write_text(told["monitoring_password"])
    return {
        "kolla": {
            "passwords_file": str(hands.cloud.describe()["passwords"]),
            "inventory": str(nodes.inventory),
            "virtualenv": str(ansible(hands.cloud.place).parent),
            "host_seconds": 90,
            "seconds_max": 120,
        },
        "logs": {"host_seconds": 90, "seconds_max": 120},
        # These machines are the lab's own, so that they are judged.
        "survey": {"seconds_max": 120},
        "health": {"container_grace_seconds": 0, "container_failing_checks": 3},
        "bus": {
            "management": [node["management_url"] for node in told["nodes"].values()],
            "user": told["monitoring_user"],
            "password": {"file": str(secret)},
        },
    }


@pytest.mark.full
@pytest.mark.timeout(1200)  # with the start of its parts
@pytest.mark.parametrize("rows", batches(TABLE))
def test_what_is_planted_is_named_first(
    rows: Sequence[Planting], hands: Hands, finder: Finder
) -> None:
    with planted(rows, hands, finder):
        comes_first(rows, finder)


@pytest.fixture
def address(hands: Hands) -> str:
    """Return an address of the nodes' network that nobody holds."""
    nodes: Nodes = hands.kept[problems_hosts.NODES]
    return f"{nodes.docker.subnet}.99"


def with_address(hands: Hands, folder: Path, address: str, **more: Any) -> Finder:
    """Return a program whose virtual address is this one."""
    config = folder / "kolla"
    config.mkdir()
    (config / "globals.yml").write_text(f"kolla_internal_vip_address: {address}\n")
    told = sections(hands, folder)
    told["kolla"]["config_dir"] = str(config)
    program = operator(hands, folder, **told, **more)
    program.seconds_max = 240
    return Finder(program)


@pytest.mark.full
def test_an_address_that_two_hosts_hold_is_named_first(
    hands: Hands, address: str, tmp_path: Path
) -> None:
    nodes: Nodes = hands.kept[problems_hosts.NODES]
    program = with_address(hands, tmp_path, address).program
    holders = "control01", "compute01"
    try:
        for host in holders:
            nodes.exec(host, ["ip", "address", "add", f"{address}/32", "dev", "lo"])
        ended = program.run("evidence", "collect", "--since", "2m", "-f", "json")
    finally:
        for host in holders:
            nodes.exec(host, ["ip", "address", "del", f"{address}/32", "dev", "lo"])
    assert ended.code in {0, 12}, ended.stderr
    assert ended.document["suspects"][0]["id"] == "vip-twice", ended.document["suspects"][:3]


@pytest.mark.full
def test_an_address_that_nobody_holds_is_named_first(
    hands: Hands, address: str, tmp_path: Path
) -> None:
    """Keystone and the pages of HAProxy are asked where nobody answers."""
    clouds = tmp_path / "clouds.yaml"
    own = Path(str(hands.cloud.describe()["clouds_yaml"])).read_text()
    clouds.touch(mode=0o600)
    clouds.write_text(own.replace(hands.cloud.facts.url("keystone"), f"http://{address}:5000"))
    pages = {
        "statistics": [f"http://{address}:1984"],
        "user": "openstack",
        "password": {"file": str(tmp_path / "proxy-password")},
    }
    account = {"cloud": "lab", "clouds_file": str(clouds)}
    finder = with_address(hands, tmp_path, address, openstack=account, proxy=pages)
    finder.begin()
    finder.until(lambda found: found[:1] == ["vip-nowhere"], "nobody holds the address", 60)
