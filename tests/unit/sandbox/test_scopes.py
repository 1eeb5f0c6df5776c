# SPDX-License-Identifier: Apache-2.0
"""Who may see what, as the real services differ (seen on OpenStack 2025.1), and tokens."""

import pytest

from tests.unit.sandbox.cloud import Cloud

ADMIN_ONLY = (
    ("identity", "/v3/users", 403, "identity:list_users"),
    ("identity", "/v3/role_assignments", 403, "identity:list_role_assignments"),
    ("compute", "/v2.1/servers/detail?all_tenants=1", 403, "servers:detail:get_all_tenants"),
    ("compute", "/v2.1/os-services", 403, "os-services:list"),
    ("compute", "/v2.1/os-migrations", 403, "os-migrations:index"),
    ("compute", "/v2.1/os-quota-sets/another/detail", 403, "os-quota-sets:detail"),
    ("placement", "/resource_providers", 403, "placement:resource_providers:list"),
    ("network", "/v2.0/quotas", 403, "rule:get_quota is disallowed by policy"),
    ("network", "/v2.0/quotas/another/details", 403, "Only admin is authorized"),
    ("block-storage", "/v3/P/os-services", 403, "volume_extension:services:index"),
    ("block-storage", "/v3/P/scheduler-stats/get_pools", 403, "scheduler_stats:get_pools"),
    ("image", "/v2/tasks?limit=1", 403, "tasks_api_access"),
    ("orchestration", "/v1/P/stacks?global_tenant=True", 403, "stacks:global_index"),
)
CUT = (
    ("network", "/v2.0/agents", "agents"),
    ("network", "/v2.0/routers", "routers"),
    ("network", "/v2.0/network-ip-availabilities", "network_ip_availabilities"),
    ("block-storage", "/v3/P/volumes/detail?all_tenants=1", "volumes"),
    ("block-storage", "/v3/P/attachments?all_tenants=1", "attachments"),
    ("compute", "/v2.1/os-server-groups?all_projects=True", "server_groups"),
    ("compute", "/v2.1/servers/detail", "servers"),
    ("orchestration", "/v1/P/stacks", "stacks"),
)


@pytest.mark.parametrize(("service", "path", "status", "said"), ADMIN_ONLY)
def test_some_lists_are_denied_to_a_reader(service: str, path: str, status: int, said: str) -> None:
    answer = Cloud().ask(service, "GET", path, account="reader")
    assert answer.status == status
    assert said in str(answer.body)


@pytest.mark.parametrize(("service", "path", "key"), CUT)
def test_some_lists_are_cut_for_a_reader_without_a_word(service: str, path: str, key: str) -> None:
    cloud = Cloud()
    assert cloud.get(service, path, key, account="reader") == []
    if path not in {"/v2.1/servers/detail", "/v1/P/stacks"}:
        assert cloud.get(service, path, key) != []


def test_a_reader_sees_the_external_network_but_not_how_it_is_made() -> None:
    found = Cloud().get("network", "/v2.0/networks", "networks", account="reader")
    assert [row["name"] for row in found] == ["public"]
    assert not [key for key in found[0] if key.startswith("provider:")]


def test_a_member_sees_its_own_and_less_of_it() -> None:
    cloud = Cloud()
    mine = cloud.get("compute", "/v2.1/servers/detail", "servers", account="member")
    assert {row["name"] for row in mine} >= {"db01", "shop01"}
    assert "OS-EXT-SRV-ATTR:host" not in mine[0]
    assert "host_status" not in mine[0]
    other = cloud.server("report01")["id"]
    assert cloud.ask("compute", "GET", f"/v2.1/servers/{other}", account="member").status == 404


def test_a_reader_changes_nothing() -> None:
    cloud = Cloud()
    answer = cloud.ask("compute", "POST", "/v2.1/servers", account="reader", body={"server": {}})
    assert answer.status == 403


def test_a_wrong_password_is_refused_as_an_unknown_user_is() -> None:
    cloud = Cloud()
    wrong = cloud.credentials("admin", password="guess")
    unknown = cloud.credentials("nobody", password="guess")
    answers = [
        cloud.ask("identity", "POST", "/v3/auth/tokens", account=None, body=body)
        for body in (wrong, unknown)
    ]
    assert [answer.status for answer in answers] == [401, 401]
    assert answers[0].body == answers[1].body


def test_users_without_a_password_of_ours_cannot_log_in() -> None:
    cloud = Cloud()
    body = cloud.credentials("admin")
    body["auth"]["identity"]["password"]["user"] |= {"name": "nova", "password": ""}
    assert cloud.ask("identity", "POST", "/v3/auth/tokens", account=None, body=body).status == 401


def test_a_token_expires() -> None:
    cloud = Cloud()
    token, _project = cloud.login("admin")
    validated = cloud.ask("identity", "GET", "/v3/auth/tokens", headers={"x-subject-token": token})
    assert validated.body["token"]["expires_at"] == "2026-01-16T09:00:00.000000Z"
    cloud.wait(24 * 3600 - 1)
    assert cloud.ask("compute", "GET", "/v2.1/servers").status == 200
    cloud.wait(1)
    for service, path in (
        ("identity", "/v3/projects"),
        ("compute", "/v2.1/servers"),
        ("placement", "/resource_providers"),
        ("network", "/v2.0/ports"),
        ("block-storage", "/v3/P/volumes"),
        ("image", "/v2/images"),
        ("orchestration", "/v1/P/stacks"),
    ):
        answer = cloud.ask(service, "GET", path)
        assert answer.status == 401
        assert answer.headers["WWW-Authenticate"].startswith("Keystone uri=")


def test_a_revoked_token_is_worth_nothing() -> None:
    cloud = Cloud()
    token, _project = cloud.login("reader")
    cloud.ask("identity", "DELETE", "/v3/auth/tokens", headers={"x-subject-token": token})
    assert cloud.ask("compute", "GET", "/v2.1/servers", account="reader").status == 401
