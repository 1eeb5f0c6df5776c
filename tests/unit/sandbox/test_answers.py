# SPDX-License-Identifier: Apache-2.0
"""Versions, pages and shapes: our own tables read every list, and keys are those of 2025.1."""

from typing import Any

import msgspec
import pytest

from day2.adapters.openstack.listing import KNOWN_MAX
from day2.adapters.openstack.pages import highest_microversion
from day2.survey.lists import COLLECTIONS
from tests.unit.sandbox.cloud import Cloud

PREFIX = {
    "identity": "/v3",
    "compute": "/v2.1",
    "block-storage": "/v3/P",
    "orchestration": "/v1/P",
}
OFFERED = [c for c in COLLECTIONS if c.service in {*PREFIX, "placement", "network", "image"}]
# Keys of one row, as OpenStack 2025.1 answered an administrator with the newest microversion.
SEEN = {
    "agents": "id agent_type binary topic host admin_state_up created_at started_at "
    "heartbeat_timestamp description resources_synced availability_zone alive configurations",
    "floating_ips": "id tenant_id floating_ip_address floating_network_id router_id port_id "
    "fixed_ip_address status description qos_policy_id port_details port_forwardings tags "
    "created_at updated_at revision_number project_id",
    "volume_snapshots": "id created_at updated_at name description volume_id status size metadata "
    "group_snapshot_id user_id consumes_quota os-extended-snapshot-attributes:project_id "
    "os-extended-snapshot-attributes:progress",
    "compute_services": "binary host id zone status state updated_at disabled_reason forced_down",
    "volume_attachments": "id status instance volume_id",
    "stacks": "id links project stack_name description stack_status stack_status_reason "
    "creation_time updated_time deletion_time stack_owner parent stack_user_project_id tags",
    "server_groups": "id name policy rules members project_id user_id",
    "projects": "id name domain_id description enabled parent_id is_domain tags options links",
    "providers": "uuid name generation links parent_provider_uuid root_provider_uuid",
}


def rows_of(cloud: Cloud, collection: Any) -> list[dict[str, Any]]:
    query = "&".join(f"{key}={value}" for key, value in collection.query.items())
    path = f"{PREFIX.get(collection.service, '')}{collection.path}?{query}"
    return list(cloud.get(collection.service, path, collection.key))


@pytest.mark.parametrize("collection", OFFERED, ids=lambda c: f"{c.kind}-{c.path}-{len(c.query)}")
def test_every_list_that_we_read_decodes_strictly(collection: Any) -> None:
    rows = rows_of(Cloud("small"), collection)
    msgspec.convert(rows, list[collection.row], strict=True)
    assert rows or collection.query.get("os_hidden")


@pytest.mark.parametrize(("kind", "keys"), SEEN.items())
def test_a_row_has_the_fields_of_the_real_one(kind: str, keys: str) -> None:
    collection = next(c for c in COLLECTIONS if c.kind == kind)
    row = rows_of(Cloud("small"), collection)[0]
    assert sorted(row) == sorted(keys.split())


@pytest.mark.parametrize("service", ["compute", "placement", "block-storage"])
def test_version_documents_offer_what_we_were_written_for(service: str) -> None:
    answer = Cloud().ask(service, "GET", "/", account=None)
    found = highest_microversion(msgspec.json.encode(answer.body), service)
    assert found is not None
    assert found >= KNOWN_MAX[service]


@pytest.mark.parametrize(
    ("service", "path", "version", "status"),
    [
        ("compute", "/v2.1/servers", "compute 2.101", 406),
        ("compute", "/v2.1/servers", "compute 2", 400),
        ("compute", "/v2.1/servers", "compute latest", 200),
        ("placement", "/resource_providers", "placement 1.40", 406),
        ("block-storage", "/v3/P/volumes", "volume 3.72", 406),
    ],
)
def test_versions_are_negotiated(service: str, path: str, version: str, status: int) -> None:
    assert Cloud().ask(service, "GET", path, version=version).status == status


def test_a_version_of_another_service_is_none_of_ours() -> None:
    answer = Cloud().ask("compute", "GET", "/v2.1/servers", version="volume 3.71")
    assert answer.headers["OpenStack-API-Version"] == "compute 2.1"


@pytest.mark.parametrize(
    ("version", "there", "absent"),
    [
        ("2.1", {"OS-EXT-SRV-ATTR:host"}, {"locked", "tags", "host_status", "locked_reason"}),
        ("2.72", {"locked", "tags", "host_status"}, {"locked_reason", "pinned_availability_zone"}),
        ("2.96", {"locked_reason", "pinned_availability_zone"}, {"scheduler_hints"}),
        ("2.100", {"scheduler_hints"}, {"server_groups"}),
    ],
)
def test_fields_come_with_their_microversion(
    version: str, there: set[str], absent: set[str]
) -> None:
    path = "/v2.1/servers/detail?all_tenants=1"
    row = Cloud().get("compute", path, "servers", version=f"compute {version}")[0]
    assert there <= set(row)
    assert not absent & set(row)


@pytest.mark.parametrize(("version", "sizes"), [("2.87", True), ("2.88", False)])
def test_sizes_of_hypervisors_go_away(version: str, sizes: bool) -> None:
    path = "/v2.1/os-hypervisors/detail"
    row = Cloud().get("compute", path, "hypervisors", version=f"compute {version}")[0]
    assert ("vcpus" in row, "uptime" in row) == (sizes, not sizes)


PAGED = (
    ("compute", "/v2.1/servers/detail?all_tenants=1", "servers"),
    ("compute", "/v2.1/os-migrations?", "migrations"),
    ("network", "/v2.0/ports?", "ports"),
    ("block-storage", "/v3/P/volumes/detail?all_tenants=1", "volumes"),
    ("image", "/v2/images?visibility=all", "images"),
    ("orchestration", "/v1/P/stacks?global_tenant=True", "stacks"),
)


@pytest.mark.parametrize(("service", "path", "key"), PAGED)
def test_pages_give_every_row_once(service: str, path: str, key: str) -> None:
    cloud = Cloud("small")
    whole = [row["id"] for row in cloud.get(service, path, key)]
    seen: list[str] = []
    following = f"{path}&limit=2"
    for _page in range(len(whole)):
        body = cloud.ask(service, "GET", following).body
        seen += [row["id"] for row in body[key]]
        links = body.get(f"{key}_links") or body.get("links") or []
        more = next((link["href"] for link in links if link["rel"] == "next"), body.get("next"))
        if not more:
            break
        following = f"{path.partition('?')[0]}?{more.partition('?')[2]}"
    assert seen == whole
    assert len(whole) >= 2


@pytest.mark.parametrize(
    ("service", "path", "status"),
    [
        ("compute", "/v2.1/servers?limit=1&marker=nope", 400),
        ("network", "/v2.0/ports?limit=1&marker=nope", 404),
        ("block-storage", "/v3/P/volumes?limit=1&marker=nope", 404),
        ("image", "/v2/images?limit=1&marker=nope", 400),
        ("compute", "/v2.1/servers?limit=-1", 400),
    ],
)
def test_a_wrong_page_is_refused_as_the_service_does(service: str, path: str, status: int) -> None:
    assert Cloud().ask(service, "GET", path).status == status


def test_an_unpaged_list_of_servers_is_cut_at_a_thousand() -> None:
    cloud = Cloud()
    row = dict(next(iter(cloud.world["servers"])))
    for number in range(1000):
        cloud.world["servers"].put(row | {"id": f"{number:08d}", "name": f"x{number}"})
    body = cloud.ask("compute", "GET", "/v2.1/servers?all_tenants=1").body
    assert len(body["servers"]) == 1000
    assert body["servers_links"][0]["rel"] == "next"


def test_neutron_gives_only_the_fields_asked_for() -> None:
    rows = Cloud().get("network", "/v2.0/ports?fields=id&fields=status&limit=5", "ports")
    assert {tuple(sorted(row)) for row in rows} == {("id", "status")}


@pytest.mark.parametrize(
    ("service", "method", "path", "status"),
    [
        ("compute", "GET", "/v2.1/nope", 404),
        ("compute", "PATCH", "/v2.1/servers", 405),
        ("network", "GET", "/v2.0/nope", 404),
        ("identity", "GET", "/v3/users/nope", 404),
        ("placement", "GET", "/resource_providers/nope/inventories", 404),
    ],
)
def test_what_is_not_offered_is_said_to_be_so(
    service: str, method: str, path: str, status: int
) -> None:
    answer = Cloud().ask(service, method, path)
    assert answer.status == status
    assert answer.body
