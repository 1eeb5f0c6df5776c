# SPDX-License-Identifier: Apache-2.0
"""What a backup asks of the sandbox: data of images, backups of volumes, rules of identity."""

import base64
import hashlib
import json

import pytest

from day2.sandbox.http import Request
from day2.sandbox.services.image import SERVICE as IMAGE
from tests.unit.sandbox.cloud import ROOT, Cloud


def fetched(cloud: Cloud, image: str, account: str = "admin") -> tuple[int, bytes]:
    """Return an image's data as they go over the wire."""
    token, _project = cloud.login(account)
    request = Request(
        method="GET",
        path=f"/v2/images/{image}/file",
        base=f"{ROOT}/image",
        root=ROOT,
        headers={"x-auth-token": token},
    )
    answer = IMAGE.answer(request, cloud.world)
    return answer.status, answer.body if isinstance(answer.body, bytes) else b""


def test_the_data_of_an_image_are_what_its_hash_says() -> None:
    cloud = Cloud("small")
    images = cloud.get("image", "/v2/images?visibility=all", "images")
    stored = [one for one in images if one["os_hash_value"]]
    assert stored
    for one in stored:
        status, data = fetched(cloud, one["id"])
        assert status == 200
        assert len(data) == one["size"]
        assert hashlib.new(one["os_hash_algo"], data).hexdigest() == one["os_hash_value"]
        assert hashlib.md5(data, usedforsecurity=False).hexdigest() == one["checksum"]


def test_data_are_for_members() -> None:
    cloud = Cloud("small")
    image = cloud.get("image", "/v2/images?visibility=public", "images")[0]["id"]
    assert fetched(cloud, image, "member")[0] == 200
    assert fetched(cloud, image, "reader")[0] == 403


def test_a_volume_is_backed_up_after_a_while() -> None:
    cloud = Cloud("small")
    volumes = cloud.get("block-storage", "/v3/P/volumes/detail?all_tenants=1", "volumes")
    volume = next(one for one in volumes if one["status"] == "in-use")
    body = {"backup": {"volume_id": volume["id"], "name": "b"}}
    refused = cloud.ask("block-storage", "POST", "/v3/P/backups", body=body)
    assert refused.status == 400
    body["backup"]["force"] = True
    made = cloud.ask("block-storage", "POST", "/v3/P/backups", body=body)
    assert made.status == 202
    own = made.body["backup"]["id"]
    page = f"/v3/P/backups/{own}"
    assert cloud.get("block-storage", page, "backup")["status"] == "creating"
    assert cloud.ask("block-storage", "GET", f"{page}/export_record").status == 400
    cloud.wait(60)
    assert cloud.get("block-storage", page, "backup")["status"] == "available"
    there = f"/v3/P/volumes/{volume['id']}"
    assert cloud.get("block-storage", there, "volume")["status"] == "in-use"
    record = cloud.get("block-storage", f"{page}/export_record", "backup-record")
    told = json.loads(base64.b64decode(record["backup_url"]))
    assert (told["id"], told["volume_id"]) == (own, volume["id"])


def test_a_backup_is_deleted_after_a_while() -> None:
    cloud = Cloud("small")
    backups = cloud.get("block-storage", "/v3/P/backups/detail?all_tenants=1", "backups")
    own = next(one["id"] for one in backups if one["status"] == "available")
    assert cloud.ask("block-storage", "DELETE", f"/v3/P/backups/{own}").status == 202
    cloud.wait(60)
    assert cloud.ask("block-storage", "GET", f"/v3/P/backups/{own}").status == 404


@pytest.mark.parametrize(
    ("path", "key"),
    [
        ("/v3/limits", "limits"),
        ("/v3/registered_limits", "registered_limits"),
        ("/v3/OS-FEDERATION/identity_providers", "identity_providers"),
        ("/v3/OS-FEDERATION/mappings", "mappings"),
    ],
)
def test_what_there_is_none_of_is_an_empty_list(path: str, key: str) -> None:
    assert Cloud("small").get("identity", path, key) == []


def test_rules_of_roles_name_roles() -> None:
    cloud = Cloud("small")
    roles = {one["id"] for one in cloud.get("identity", "/v3/roles", "roles")}
    rules = cloud.get("identity", "/v3/role_inferences", "role_inferences")
    named = {rule["prior_role"]["id"] for rule in rules}
    named |= {one["id"] for rule in rules for one in rule["implies"]}
    assert named <= roles
    assert rules
