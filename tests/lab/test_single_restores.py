# SPDX-License-Identifier: Apache-2.0
"""One image put back into a real Glance, and what a real Keystone has lost made again."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openstack.connection
import pytest
from openstack.config import OpenStackConfig

from lab.cloud import Cloud
from tests.lab.rbd_images import MIB, noise
from tests.scenarios.backup.place import Place

IMAGE, PROJECT, USER, ROLE, GROUP = (f"restored-{one}" for one in ("i", "p", "u", "r", "g"))


@pytest.fixture
def api(cloud: Cloud) -> Iterator[Any]:
    files = OpenStackConfig(config_files=[str(cloud.describe()["clouds_yaml"])])
    made = openstack.connection.Connection(config=files.get_one(cloud="lab"))
    yield made
    for row in made.image.images(visibility="all", is_hidden=True):
        if row.name.startswith(IMAGE):
            made.image.delete_image(row)
    for row in made.image.images(name=IMAGE):
        made.image.delete_image(row)
    wipe_identity(made)
    made.session.session.close()
    made.close()


def wipe_identity(api: Any) -> None:
    identity = api.identity
    for find, delete, name in (
        (identity.find_user, identity.delete_user, USER),
        (identity.find_group, identity.delete_group, GROUP),
        (identity.find_project, identity.delete_project, PROJECT),
        (identity.find_role, identity.delete_role, ROLE),
    ):
        found = find(name)
        if found is not None:
            delete(found)


@pytest.fixture
def there(cloud: Cloud, tmp_path: Path) -> Place:
    told = str(cloud.describe()["clouds_yaml"])
    account = {"cloud": "lab", "clouds_file": told}
    return Place(tmp_path, openstack=account, writing=account)


def run(place: Place, *words: str) -> dict[str, Any]:
    ended = place.apply(*words)
    assert ended.code == 0, (ended.stdout[-2000:], ended.stderr[-2000:])
    return ended.document


def test_an_image_that_was_deleted_comes_back_hidden_and_whole(there: Place, api: Any) -> None:
    data = noise(IMAGE, 2 * MIB)
    made = api.image.create_image(
        IMAGE,
        data=data,
        disk_format="raw",
        container_format="bare",
        visibility="shared",
        os_distro="debian",
        allow_duplicates=True,
    )
    run(there, "run", "images")
    (name,) = there.sets()
    api.image.delete_image(made.id)
    document = run(there, "restore", name, "--image", made.id, "--as", f"{IMAGE}-back")
    (step,) = document["steps"]
    back = api.image.get_image(step["subject"]["id"])
    assert back.id != made.id
    assert (back.name, back.status, back.visibility) == (f"{IMAGE}-back", "active", "private")
    assert back.is_hidden
    assert back.owner_id == made.owner_id
    assert back.os_distro == "debian"
    assert back.hash_value == hashlib.sha512(data).hexdigest()
    got = api.image.download_image(back).content
    assert got == data
    refused = there.run("backup", "restore", name, "--image", "none", "--plan-only", "-f", "json")
    assert (refused.code, "has no data of image none" in refused.stderr) == (2, True)
    undo = there.run("run", "undo", document["id"], "--plan-only", "-f", "json").document["id"]
    assert there.run("plan", "approve", undo).code == 0
    assert there.run("plan", "apply", undo, "-f", "json").code == 0
    assert api.image.find_image(back.id) is None


def test_what_keystone_lost_is_told_and_made_again_by_name(there: Place, api: Any) -> None:
    identity = api.identity
    project = identity.create_project(name=PROJECT, domain_id="default", description="kept")
    role = identity.create_role(name=ROLE)
    user = identity.create_user(name=USER, domain_id="default", password="s3cret-of-a-user")
    group = identity.create_group(name=GROUP, domain_id="default")
    identity.add_user_to_group(user, group)
    identity.assign_project_role_to_user(project, user, role)
    identity.assign_project_role_to_group(project, group, role)
    run(there, "run", "identity")
    (name,) = there.sets()
    assert missing(there, name) == []
    wipe_identity(api)
    lost = missing(there, name)
    assert lost == [
        f"project Default/{PROJECT}",
        f"role {ROLE}",
        f"group Default/{GROUP}",
        f"user Default/{USER}",
        f"user Default/{USER} in group Default/{GROUP}",
        f"role {ROLE} of group Default/{GROUP} on project Default/{PROJECT}",
        f"role {ROLE} of user Default/{USER} on project Default/{PROJECT}",
    ]
    document = run(there, "restore", name, "--missing")
    assert {step["outcome"] for step in document["steps"]} == {"done"}
    assert missing(there, name) == []
    again = identity.find_user(USER)
    assert again.id != user.id
    assert not again.is_enabled
    back = identity.find_project(PROJECT)
    assert (back.description, back.is_enabled) == ("kept", True)
    assert identity.validate_user_has_project_role(back, again, identity.find_role(ROLE))
    undo = there.run("run", "undo", document["id"], "--plan-only", "-f", "json").document["id"]
    assert there.run("plan", "approve", undo).code == 0
    assert there.run("plan", "apply", undo, "-f", "json").code == 0
    assert missing(there, name) == lost


def missing(place: Place, name: str) -> list[str]:
    ended = place.run("backup", "restore", name, "--diff", "-f", "json")
    assert ended.code == 0, ended.stderr
    return [one["label"] for one in ended.document["missing"]]
