# SPDX-License-Identifier: Apache-2.0
"""Made rows: ids lead back, look-ups find what a search finds, and changes lie over them."""

import functools
import json
import tempfile
from collections import Counter
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from day2.sandbox import scenario as scenarios
from day2.sandbox.bulk.numbering import Numbering
from day2.sandbox.bulk.sizes import scaled
from day2.sandbox.bulk.table import BulkRows
from day2.sandbox.scenario import Scenario
from day2.settings import read_yaml
from tests.unit.sandbox.cloud import Cloud

MADE = ("servers", "ports", "floating_ips", "volumes", "volume_attachments", "allocations")
ASKED = {
    "servers": ("host", "project_id"),
    "ports": ("device_id", "network_id", "project_id"),
    "floating_ips": ("port_id", "project_id"),
    "volumes": ("host", "project_id"),
    "volume_attachments": ("server_id", "volume_id", "project_id"),
    "allocations": ("provider", "consumer", "project_id"),
}


@functools.cache
def part(name: str = "large", factor: float = 0.01) -> Scenario:
    """Read a part of a shipped scenario: 10 hosts with 500 servers of `large`."""
    with resources.as_file(resources.files("day2.sandbox") / "scenarios" / f"{name}.yaml") as file:
        tree = scaled(read_yaml(file), factor)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / f"{name}.yaml"
        file.write_text(json.dumps(tree))
        return scenarios.read(file)


@pytest.fixture(scope="module")
def still() -> Cloud:
    """A cloud that no test changes."""
    return Cloud(part())


@pytest.fixture
def cloud() -> Cloud:
    return Cloud(part())


def pages(cloud: Cloud, service: str, path: str, key: str) -> Iterator[dict[str, Any]]:
    """Follow a list to its end."""
    mark = "&" if "?" in path else "?"
    following = ""
    while True:
        answer = cloud.ask(service, "GET", f"{path}{following}")
        assert answer.status == 200, answer.body
        rows = answer.body[key]
        yield from rows
        if not any(link["rel"] == "next" for link in answer.body.get(f"{key}_links", [])):
            return
        following = f"{mark}marker={rows[-1]['id']}"


@pytest.mark.parametrize("count", [1, 2, 3, 1000, 1_064_009, 1 << 32])
def test_an_id_leads_back_to_its_number(count: int) -> None:
    numbers = Numbering("seed", "port", count)
    for number in {0, count // 3, count // 2, count - 1}:
        assert numbers.number_of(numbers.id_of(number)) == number


def test_ids_grow_with_their_numbers_and_are_told_apart_by_kind() -> None:
    ports, volumes = (Numbering("seed", kind, 5000) for kind in ("port", "volume"))
    ids = [ports.id_of(number) for number in range(5000)]
    assert ids == sorted(set(ids))
    assert not {volumes.id_of(number) for number in range(5000)} & set(ids)


@pytest.mark.parametrize(
    "change",
    [
        lambda own: own[:-1],
        lambda own: f"{own}0",
        lambda own: own.upper(),
        lambda own: f"+{own[1:]}",
        lambda own: f"0_{own[2:]}",
        lambda own: f"{int(own[:8], 16) + 1:08x}{own[8:]}",
        lambda _own: "",
        lambda _own: "ffffffff-0000-5000-8000-000000000000",
    ],
)
def test_what_is_nearly_an_id_is_none(change: Any) -> None:
    numbers = Numbering("seed", "port", 1000)
    assert numbers.number_of(change(numbers.id_of(7))) is None


@pytest.mark.parametrize("table", MADE)
def test_every_made_row_is_found_by_its_id_and_ids_are_unique(still: Cloud, table: str) -> None:
    rows = still.world[table]
    assert isinstance(rows, BulkRows)
    listed = list(rows)
    assert len(rows) == len(listed) == len({row["id"] for row in listed})
    assert all(rows.get(row["id"]) == row for row in listed)


@pytest.mark.parametrize(
    ("table", "field"), [(t, f) for t, fields in ASKED.items() for f in fields]
)
def test_a_look_up_finds_what_a_search_finds(still: Cloud, table: str, field: str) -> None:
    rows = still.world[table]
    assert isinstance(rows, BulkRows)
    assert field in rows.finders
    counted = Counter(row[field] for row in rows)
    found = {value: sum(1 for _row in rows.find(**{field: value})) for value in counted}
    assert found == counted
    assert not list(rows.find(**{field: "nobody"}))
    assert not list(rows.find(**{field: None})) or None in counted


def test_a_list_goes_on_behind_any_row(still: Cloud) -> None:
    ids = [row["id"] for row in still.world["ports"]]
    for place in (0, 1, 5, 100, len(ids) - 2, len(ids) - 1):
        assert [row["id"] for row in still.world["ports"].after(ids[place])] == ids[place + 1 :]
    with pytest.raises(KeyError):
        still.world["ports"].after("nobody")


def test_everything_that_hangs_on_a_server_is_there_and_says_the_same(still: Cloud) -> None:
    world = still.world
    for server in world["servers"].find(host="compute00002"):
        ports = list(world["ports"].find(device_id=server["id"]))
        taken = list(world["allocations"].find(consumer=server["id"]))
        assert {port["host"] for port in ports} == {"compute00002"}
        assert [world.require("providers", row["provider"])["name"] for row in taken] == [
            "compute00002"
        ]
        for port in ports:
            network = world.require("networks", port["network_id"])
            assert network["project_id"] == server["project_id"] == port["project_id"]
    for ip in world["floating_ips"]:
        if ip["port_id"]:
            port = world.require("ports", ip["port_id"])
            assert ip["fixed_ip_address"] == port["fixed_ips"][0]["ip_address"]
    for attachment in world["volume_attachments"]:
        volume = world.require("volumes", attachment["volume_id"])
        server = world.require("servers", attachment["server_id"])
        assert volume["project_id"] == server["project_id"] == attachment["project_id"]


def test_no_two_ports_of_a_network_have_the_same_address(still: Cloud) -> None:
    taken = Counter(
        (port["network_id"], fixed["ip_address"])
        for port in still.world["ports"]
        for fixed in port["fixed_ips"]
    )
    assert max(taken.values()) == 1
    macs = Counter(port["mac_address"] for port in still.world["ports"])
    assert max(macs.values()) == 1


@pytest.mark.parametrize(
    ("service", "path", "key", "table"),
    [
        ("compute", "/v2.1/servers/detail?all_tenants=1&limit=97", "servers", "servers"),
        ("network", "/v2.0/ports?limit=97", "ports", "ports"),
        ("network", "/v2.0/floatingips?limit=7", "floatingips", "floating_ips"),
        ("block-storage", "/v3/P/volumes/detail?all_tenants=1&limit=50", "volumes", "volumes"),
        ("block-storage", "/v3/P/attachments?all_tenants=1&limit=50", "attachments",
         "volume_attachments"),
    ],
)  # fmt: skip
def test_pages_are_complete_and_repeat_nothing(
    still: Cloud, service: str, path: str, key: str, table: str
) -> None:
    listed = [row["id"] for row in pages(still, service, path, key)]
    assert listed == [row["id"] for row in still.world[table]]


def test_a_deleted_server_is_gone_with_what_hung_on_it_and_nothing_else(cloud: Cloud) -> None:
    sizes = {name: len(cloud.world[name]) for name in MADE}
    victim = first(cloud)
    held = {
        "ports": [row["id"] for row in cloud.world["ports"].find(device_id=victim)],
        "allocations": [row["id"] for row in cloud.world["allocations"].find(consumer=victim)],
        "volume_attachments": [
            row["id"] for row in cloud.world["volume_attachments"].find(server_id=victim)
        ],
    }
    volume = next(cloud.world["volume_attachments"].find(server_id=victim))["volume_id"]
    assert cloud.ask("compute", "DELETE", f"/v2.1/servers/{victim}").status == 204
    cloud.wait(5)
    assert cloud.ask("compute", "GET", f"/v2.1/servers/{victim}").status == 404
    for name, ids in held.items():
        assert ids
        assert [cloud.world[name].get(own) for own in ids] == [None] * len(ids)
    left = {name: len(cloud.world[name]) for name in MADE}
    assert left == sizes | {
        "servers": sizes["servers"] - 1,
        **{name: sizes[name] - len(ids) for name, ids in held.items()},
    }
    assert cloud.world.require("volumes", volume)["status"] == "available"
    path = "/v2.1/servers/detail?all_tenants=1&limit=97"
    listed = [row["id"] for row in pages(cloud, "compute", path, "servers")]
    assert victim not in listed
    assert len(listed) == len(set(listed)) == sizes["servers"] - 1
    refused = cloud.ask("compute", "GET", f"/v2.1/servers/detail?all_tenants=1&marker={victim}")
    assert refused.status == 400


def first(cloud: Cloud) -> str:
    """Return the id of the first made server: it has a volume and a floating IP."""
    ip = next(ip for ip in cloud.world["floating_ips"] if ip["port_id"])
    return str(cloud.world.require("ports", ip["port_id"])["device_id"])


def test_a_moved_server_is_found_on_its_new_host_only(cloud: Cloud) -> None:
    own = first(cloud)
    source = cloud.world.require("servers", own)["host"]
    answer = cloud.act(own, "os-migrateLive", {"host": "compute00009", "block_migration": "auto"})
    assert answer.status == 202, answer.body
    cloud.wait(10)
    shown = cloud.get("compute", f"/v2.1/servers/{own}", "server")
    assert shown["OS-EXT-SRV-ATTR:host"] == "compute00009"
    for table, there in (("servers", "host"), ("ports", "host")):
        key = "id" if table == "servers" else "device_id"
        assert {row[there] for row in cloud.world[table].find(**{key: own})} == {"compute00009"}
    assert own not in {row["id"] for row in cloud.world["servers"].find(host=source)}
    assert own in {row["id"] for row in cloud.world["servers"].find(host="compute00009")}
    taken = list(cloud.world["allocations"].find(consumer=own))
    providers = [cloud.world.require("providers", row["provider"])["name"] for row in taken]
    assert providers == ["compute00009"]


def test_a_kept_answer_is_made_anew_when_something_changes(cloud: Cloud) -> None:
    path = "/v2.1/servers/detail?all_tenants=1&limit=5"
    before = cloud.get("compute", path, "servers")
    assert cloud.get("compute", path, "servers") == before
    answer = cloud.act(before[-1]["id"], "lock", {"locked_reason": "mine"})
    assert answer.status == 202
    after = cloud.get("compute", path, "servers")
    assert [row["locked"] for row in after] == [*(row["locked"] for row in before[:-1]), True]


def test_a_kept_answer_is_not_shown_to_somebody_else(cloud: Cloud) -> None:
    seen = cloud.get("network", "/v2.0/ports?limit=1000", "ports")
    own = cloud.get("network", "/v2.0/ports?limit=1000", "ports", account="member")
    assert len(seen) > 100
    assert {row["project_id"] for row in own} < {row["project_id"] for row in seen}
    assert not any("binding:host_id" in row for row in own)


def test_a_new_server_counts_on_behind_the_made_ones(cloud: Cloud) -> None:
    numbers = [row["number"] for row in cloud.world["servers"]]
    assert len(numbers) == len(set(numbers))
    assert cloud.world.next_number("servers") == max(numbers) + 1


@pytest.mark.parametrize("name", ["large", "huge"])
def test_rows_are_the_same_whenever_they_are_made(name: str) -> None:
    one, other = (Cloud(part(name, 0.01)) for _time in range(2))
    for table in MADE:
        assert list(one.world[table]) == list(other.world[table])


def test_huge_is_as_large_as_it_says() -> None:
    world = Cloud("huge").world
    assert len(world["hypervisors"]) == 10_000
    assert len(world["servers"]) >= 500_000
    assert len(world["ports"]) >= 1_000_000
    for table in MADE:
        rows = world[table]
        ids = [row["id"] for row, _n in zip(rows.after(), range(50), strict=False)]
        assert len(set(ids)) == len(ids)
