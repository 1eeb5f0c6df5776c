# SPDX-License-Identifier: Apache-2.0
"""What backups ask for is answered the same by the lab and the sandbox."""

import base64
import hashlib
import json
from typing import Any

import httpx
import pytest

from tests.conformance.compare import agree
from tests.conformance.leftovers import wait
from tests.conformance.places import UNKNOWN, Place, Reply
from tests.conformance.shapes import skeleton

ACCOUNTS = ("admin", "reader", "member")
LISTS = (
    "/role_inferences",
    "/registered_limits",
    "/limits",
    "/groups?domain_id=default",
    "/users?domain_id=default",
    "/roles?domain_id=default",
    "/OS-FEDERATION/identity_providers",
    "/OS-FEDERATION/mappings",
    f"/groups/{UNKNOWN}/users",
)


def same(told: list[tuple[str, str]]) -> None:
    """See that two lists of sentences are the same."""
    agree([f"{there}   {here}" for there, here in told if there != here])


@pytest.mark.parametrize("path", LISTS)
def test_a_list_of_identity_is_wrapped_the_same(lab: Place, sandbox: Place, path: str) -> None:
    told = []
    for account in ACCOUNTS:
        pair = []
        for place in (lab, sandbox):
            reply = place.ask("identity", "GET", path, account=account)
            keys = sorted(reply.body) if isinstance(reply.body, dict) else reply.body
            pair.append(f"{account}: {reply.status} {keys}")
        told.append((pair[0], pair[1]))
    same(told)


def test_a_rule_of_roles_reads_the_same(lab: Place, sandbox: Place) -> None:
    there, here = (
        skeleton(place.ask("identity", "GET", "/role_inferences").body) for place in (lab, sandbox)
    )
    assert there == here


def data(place: Place, image: str, account: str) -> Any:
    """Ask for an image's data, as bytes."""
    who = place.account(account)
    url = f"{who.service('image').url}/v2/images/{image}/file"
    return httpx.get(url, headers={"X-Auth-Token": who.token}, timeout=30, trust_env=False)


def test_the_data_of_an_image_are_given_to_the_same_accounts(lab: Place, sandbox: Place) -> None:
    told = []
    for account in ACCOUNTS:
        pair = []
        for place in (lab, sandbox):
            images = place.ask("image", "GET", "/v2/images?visibility=public").body["images"]
            image = next(row for row in images if row["status"] == "active")
            answer = data(place, image["id"], account)
            # A refusal is HTML or JSON, as the release of Glance reads the headers of the request.
            given = answer.status_code < 300
            kind = answer.headers.get("content-type", "").partition(";")[0] if given else ""
            pair.append(f"{account}: {answer.status_code} {kind}")
            if answer.status_code == 200:
                digest = hashlib.new(image["os_hash_algo"], answer.content).hexdigest()
                assert digest == image["os_hash_value"]
                assert answer.headers["content-md5"] == image["checksum"]
        told.append((pair[0], pair[1]))
    same(told)


def test_a_volume_is_backed_up_the_same(lab: Place, sandbox: Place) -> None:
    pair = [backed_up(place) for place in (lab, sandbox)]
    same(list(zip(*pair, strict=True)))


def backed_up(place: Place) -> list[str]:
    """Make a volume, back it up, export the record, and delete both."""
    told: list[str] = []

    def does(said: str, method: str, path: str, body: Any = None, account: str = "admin") -> Reply:
        reply = place.ask("block-storage", method, path, body=body, account=account)
        keys = sorted(reply.body) if isinstance(reply.body, dict) else ""
        told.append(f"{said}: {reply.status} {keys}")
        return reply

    made = does("a volume", "POST", "/volumes", {"volume": {"size": 1, "name": "kinds"}})
    volume = made.body["volume"]["id"]
    here = f"/volumes/{volume}"

    def status(path: str, key: str) -> str:
        body = place.ask("block-storage", "GET", path).body
        return str(body.get(key, {}).get("status", "gone"))

    wait(lambda: status(here, "volume") == "available", "the volume")
    wanted = {"backup": {"volume_id": volume, "name": "kinds", "force": True}}
    backup = does("back it up", "POST", "/backups", wanted).body["backup"]
    told.append(f"it has {sorted(backup)}")
    there = f"/backups/{backup['id']}"
    wait(lambda: status(there, "backup") == "available", "the backup")
    record = does("export", "GET", f"{there}/export_record").body["backup-record"]
    told.append(f"it has {sorted(record)}")
    inner = json.loads(base64.b64decode(record["backup_url"]))
    assert (inner["id"], inner["volume_id"]) == (backup["id"], volume)
    for account in ("reader", "member"):
        does(f"export as {account}", "GET", f"{there}/export_record", account=account)
    does("of nothing", "POST", "/backups", {"backup": {"volume_id": UNKNOWN, "name": "kinds"}})
    does("delete", "DELETE", there)
    wait(lambda: status(there, "backup") == "gone", "no backup")
    does("export", "GET", f"{there}/export_record")
    does("delete the volume", "DELETE", here)
    wait(lambda: status(here, "volume") == "gone", "no volume")
    return told
