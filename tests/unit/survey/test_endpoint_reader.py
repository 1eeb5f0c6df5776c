# SPDX-License-Identifier: Apache-2.0
import pytest

from day2.survey.endpoints import Endpoint, _merged, root_of


@pytest.mark.parametrize(
    ("url", "root"),
    [
        ("http://h:5000/v3", "http://h:5000/"),
        ("http://h:5000", "http://h:5000/"),
        ("http://h/identity/v3/", "http://h/identity/"),
        ("http://h:8774/v2.1/", "http://h:8774/"),
        ("http://h:8774/v2.1/0123abc", "http://h:8774/"),
        ("http://h:8776/v3/%(tenant_id)s", "http://h:8776/"),
        ("http://h:8776/v3/$(project_id)s", "http://h:8776/"),
        ("http://h/volume/v3/%(project_id)s", "http://h/volume/"),
        ("http://h:8780", "http://h:8780/"),
        ("http://h/placement", "http://h/placement/"),
        ("http://h:8080/swift/v1/AUTH_%(project_id)s", "http://h:8080/swift/"),
        ("http://h:9292/AUTH_%(project_id)s", "http://h:9292/"),
        ("http://h:9311?x=1#y", "http://h:9311/"),
        ("http://h/vault", "http://h/vault/"),
    ],
)
def test_the_root_has_neither_version_nor_project(url: str, root: str) -> None:
    assert root_of(url) == root


def test_interfaces_and_services_that_share_a_url_are_one_address() -> None:
    known = [
        ("compute_legacy", "public", "http://h:1/v2/p"),
        ("compute", "public", "http://h:1/v2.1"),
        ("compute", "internal", "http://h:1/v2.1/%(tenant_id)s"),
        ("compute", "admin", "http://other:1/v2.1"),
    ]
    assert _merged(known) == [
        Endpoint(url="http://h:1/", service_type="compute", interfaces=["internal", "public"]),
        Endpoint(url="http://other:1/", service_type="compute", interfaces=["admin"]),
    ]
