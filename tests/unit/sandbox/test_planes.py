# SPDX-License-Identifier: Apache-2.0
"""Octavia, OpenSearch, RabbitMQ, the authority, logs and inventory of the sandbox alone."""

import base64
from datetime import timedelta
from typing import Any

import pytest
from cryptography import x509

from day2.adapters import authority
from day2.sandbox.build.logs import records
from day2.sandbox.hosts import kolla, logs
from day2.sandbox.http import Answer, Refused, Request
from day2.sandbox.services import opensearch_query, rabbitmq
from tests.unit.sandbox.cloud import BEGIN, Cloud, shipped

DOCUMENT = {
    "@timestamp": "2026-01-15T08:00:00.000000000+00:00",
    "Hostname": "control01",
    "log_level": "ERROR",
    "Payload": "Unable to delete volume x: it is busy",
}


def test_load_balancers_are_listed_by_project_and_amphorae_for_administrators_only() -> None:
    cloud = Cloud("outage")
    path = "/v2.0/lbaas/loadbalancers"
    (shown,) = cloud.get("load-balancer", path, "loadbalancers")
    assert (shown["name"], shown["provisioning_status"]) == ("shop-lb", "ERROR")
    assert cloud.get("load-balancer", path, "loadbalancers", account="member") == [shown]
    port = cloud.world["ports"].get(shown["vip_port_id"])
    assert port is not None
    assert port["fixed_ips"][0]["ip_address"] == shown["vip_address"]
    found = cloud.get("load-balancer", "/v2.0/octavia/amphorae", "amphorae")
    assert sorted((a["role"], a["status"]) for a in found) == [
        ("BACKUP", "ERROR"),
        ("MASTER", "ALLOCATED"),
    ]
    for amphora in found:
        assert cloud.world["servers"].get(amphora["compute_id"]) is not None
    refused = cloud.ask("load-balancer", "GET", "/v2.0/octavia/amphorae", account="member")
    assert (refused.status, refused.body["faultcode"]) == (403, "Client")
    assert cloud.ask("load-balancer", "GET", path, account=None).status == 401


def test_load_balancers_are_paged() -> None:
    cloud = Cloud("healthy")
    first = cloud.ask("load-balancer", "GET", "/v2.0/octavia/amphorae?limit=1")
    assert len(first.body["amphorae"]) == 1
    assert "marker=" in first.body["amphorae_links"][0]["href"]
    for name in ("healthy", "small"):
        shown = Cloud(name).get("load-balancer", "/v2.0/lbaas/loadbalancers", "loadbalancers")
        assert [one["provisioning_status"] for one in shown] == ["ACTIVE"]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"match_all": {}}, True),
        ({"match": {"log_level": {"query": "error fatal", "operator": "or"}}}, True),
        ({"match": {"Payload": {"query": "busy volume", "operator": "and"}}}, True),
        ({"match": {"Payload": {"query": "busy router", "operator": "and"}}}, False),
        ({"match_phrase": {"Payload": "delete volume"}}, True),
        ({"match_phrase": {"Payload": "volume delete"}}, False),
        ({"terms": {"log_level": ["ERROR"]}}, False),
        ({"terms": {"log_level": ["error"]}}, True),
        ({"terms": {"log_level.keyword": ["ERROR"]}}, True),
        ({"exists": {"field": "severity"}}, False),
        ({"range": {"@timestamp": {"gte": "2026-01-15T09:00:00+01:00"}}}, True),
        ({"range": {"@timestamp": {"lt": "2026-01-15T08:00:00+00:00"}}}, False),
        ({"bool": {"must_not": [{"exists": {"field": "Payload"}}]}}, False),
        ({"bool": {"should": [{"exists": {"field": "no"}}], "filter": []}}, False),
        ({"bool": {"should": [{"exists": {"field": "no"}}], "filter": [{"match_all": {}}]}}, True),
    ],
)
def test_a_document_is_found_as_opensearch_finds_it(query: dict[str, Any], found: bool) -> None:
    assert opensearch_query.predicate(query)(DOCUMENT) is found


@pytest.mark.parametrize(
    "query",
    [
        {"fuzzy": {"Payload": "x"}},
        {"match": {"a": "b", "c": "d"}},
        {"bool": {"boost": 2}},
        {"range": {"Pid": {"gte": 1}}},
        {"range": {"@timestamp": {"gte": "yesterday"}}},
        {"range": {"@timestamp": {"gte": "2026-01-15T08:00:00"}}},
        [],
    ],
)
def test_a_clause_that_is_not_understood_is_refused(query: object) -> None:
    with pytest.raises(Refused):
        opensearch_query.predicate(query)


def ask_rabbit(path: str, **query: str) -> Answer:
    cloud = Cloud("small")
    cloud.world.secrets = {"rabbitmq_monitoring_password": "p"}
    login = base64.b64encode(b"monitoring:p").decode()
    headers = {"authorization": f"Basic {login}"}
    request = Request(method="GET", path=path, base="", query=list(query.items()), headers=headers)
    return rabbitmq.SERVICE.answer(request, cloud.world)


def test_queues_come_page_by_page_and_column_by_column() -> None:
    first = ask_rabbit("/control01/api/queues", page="1", page_size="10", columns="name,type")
    assert len(first.body["items"]) == first.body["item_count"] == 10
    assert {key for row in first.body["items"] for key in row} == {"name", "type"}
    last = ask_rabbit("/control01/api/queues", page=str(first.body["page_count"]), page_size="10")
    assert 0 < last.body["item_count"] <= 10
    beyond = ask_rabbit("/control01/api/queues", page="99", page_size="10")
    assert (beyond.status, beyond.body["error"]) == (400, "page_out_of_range")
    many = ask_rabbit("/control01/api/queues", page="1", page_size="501")
    assert (many.status, many.body["error"]) == (400, "invalid_pagination_parameters")
    assert ask_rabbit("/control09/api/nodes").body["error"] == "Object Not Found"


def test_an_authority_signs_for_a_name_and_an_address_and_shows_no_key() -> None:
    issued = authority.issue(
        "x.example.org", "127.0.0.1", now=BEGIN, not_after=BEGIN + timedelta(days=9)
    )
    ca, own = (x509.load_pem_x509_certificate(pem) for pem in (issued.ca, issued.certificate))
    own.verify_directly_issued_by(ca)
    assert own.not_valid_after_utc == BEGIN + timedelta(days=9)
    names = own.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["x.example.org"]
    assert "PRIVATE" not in repr(issued)


def test_the_same_scenario_logs_the_same_and_nothing_after_its_host_died() -> None:
    outage = shipped("outage")
    found = list(records(outage, BEGIN))
    assert found == list(records(outage, BEGIN))
    assert max(r.at for r in found) <= BEGIN
    dead = [r.at for r in found if r.host == "compute02"]
    assert max(dead) <= BEGIN - timedelta(minutes=40)
    (planted, *_more) = [r for r in records(shipped("small"), BEGIN) if r.trace]
    lines = logs.text(planted).splitlines()
    assert "[None req-" in lines[0]
    head = lines[0].partition("[")[0]
    assert all(line.startswith(head) for line in lines)
    assert lines[1].endswith("Traceback (most recent call last):")


def test_every_container_of_kolla_is_explained_by_a_group() -> None:
    roles = {"ctl": ["control", "network", "storage"], "cmp": ["compute"], "net": ["network"]}
    listing: dict[str, Any] = kolla.inventory(roles)
    for host, own in roles.items():
        for name in kolla.containers(own):
            group = listing[name.replace("_", "-")]["children"]
            assert set(group) & set(own), (host, name)
    addresses = kolla.addresses(f"h{number}" for number in range(10_000))
    assert len(set(addresses.values())) == 10_000
    assert {ip.partition(".")[0] for ip in addresses.values()} == {"127"}
