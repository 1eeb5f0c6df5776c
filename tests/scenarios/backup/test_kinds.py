# SPDX-License-Identifier: Apache-2.0
"""Configuration with its hosts, identity and images of a sandbox, by whole commands."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.scenarios.backup.place import Place
from tests.scenarios.sandboxes import Home

# Every question to a host is a process here, and machines are busy.
pytestmark = pytest.mark.timeout(400)


class Sandboxed:
    """A sandbox, and a place whose settings name it."""

    def __init__(self, folder: Path, *, policy: dict[str, Any] | None = None, **more: Any) -> None:
        self.home = Home(folder / "home")
        self.home.folder.mkdir()
        assert self.home.run("sandbox", "up").code == 0
        told = json.loads((self.home.place() / "day2.yaml").read_text())
        sections = told["clouds"]["sandbox"]
        kept = {name: sections[name] for name in ("openstack", "writing", "kolla")}
        backup = {"volumes_selector": ["type:rbd-1"], **(policy or {})}
        self.place = Place(folder, **kept, backup=backup, **more)
        self.kolla = Path(sections["kolla"]["config_dir"])

    def show(self, prefix: str) -> dict[str, Any]:
        ended = self.place.run("backup", "show", prefix, "-f", "json")
        assert ended.code == 0, ended.stderr
        return ended.document

    def apply(self, *words: str) -> list[dict[str, Any]]:
        """Run a plan that must end well; return its steps."""
        ended = self.place.apply(*words)
        assert ended.code == 0, ended.document
        steps: list[dict[str, Any]] = ended.document["steps"]
        return steps


@pytest.fixture
def there(tmp_path: Path) -> Iterator[Sandboxed]:
    found = Sandboxed(tmp_path)
    yield found
    found.home.run("sandbox", "down")


def test_the_configuration_has_the_keys_of_the_hosts(there: Sandboxed, tmp_path: Path) -> None:
    there.apply("run", "config", "--level", "3")
    shown = there.show("config")
    assert shown["level"] == 3
    source = shown["manifest"]["source"]
    assert source["fernet_keys"]["equal"] is True
    assert source["fernet_keys"]["keys"] == 3
    assert source["credential_keys"] == "null key"
    assert source["versions"]["kolla-ansible"] == "kolla-ansible 20.1.0"
    into = tmp_path / "back"
    restored = there.place.run("backup", "restore", "config", "--into", str(into), "-f", "json")
    assert restored.code == 0, restored.stderr
    (first, *others) = sorted((into / "hosts").glob("*/keystone_fernet_tokens"))
    assert len(others) + 1 == source["fernet_keys"]["hosts"]
    key = (first / "0").read_text()
    images = json.loads((into / "hosts" / "images.json").read_text())
    (keystone,) = [one for one in images[first.parent.name] if one["name"] == "keystone"]
    assert "@sha256:" in keystone["digests"][0]
    # Neither the vault nor anything that day2 remembers, logged or left has a key in it.
    for folder in (there.place.vault, there.place.state):
        for file in folder.rglob("*"):
            assert not file.is_file() or key.encode() not in file.read_bytes(), file


def test_a_configuration_that_did_not_change_is_named_and_not_taken(there: Sandboxed) -> None:
    there.apply("run", "config")
    (first,) = there.place.sets()
    steps = there.apply("run", "config")
    assert [step["outcome"] for step in steps] == ["already", "skipped"]
    assert first in steps[0]["detail"]
    assert list(there.place.sets()) == [first]
    there.apply("run", "config", "--always")
    assert len(there.place.sets()) == 2
    (there.kolla / "globals.yml").write_text("enable_octavia: no\nkolla_token: abcdef\n")
    there.apply("run", "config")
    third = list(there.place.sets())[-1]
    ended = there.place.run("backup", "diff", first, third, "-f", "json")
    assert ended.code == 0, ended.stderr
    (change,) = ended.document["changes"]
    assert (change["verb"], change["what"]) == ("changed", ["content"])
    keys = {one["key"]: (one["verb"], one["after"], one["hidden"]) for one in change["keys"]}
    assert keys["enable_octavia"] == ("changed", "no", False)
    assert keys["kolla_token"] == ("added", None, True)


def test_identity_is_taken_and_every_reference_leads_somewhere(there: Sandboxed) -> None:
    (_take, proof) = there.apply("run", "identity", "--level", "3")
    assert proof["facts"]["verified"] is True
    assert proof["facts"]["assignments"] > 5
    source = there.show("identity")["manifest"]["source"]
    assert source["tables"]["role_inferences"] == 3
    assert source["dangling"] == []
    assert "password hashes" in source["without"]


def test_images_are_taken_once_and_proven_along_their_chain(there: Sandboxed) -> None:
    (_take, proof) = there.apply("run", "images", "--level", "3")
    count = proof["facts"]["images"]
    assert count > 0
    (_take, proof) = there.apply("run", "images", "--level", "3")
    assert proof["facts"]["images"] == count
    first, second = there.place.sets().values()
    assert (first["method"], second["method"]) == ("full", "increment")
    assert second["parent"] == first["id"]
    there.apply("run", "images", "--method", "full")
    assert [one["method"] for one in there.place.sets().values()][-1] == "full"


def test_volumes_are_backed_up_by_cinder_and_their_records_kept(there: Sandboxed) -> None:
    name = there.place.plan("run", "volumes", "--level", "3")
    plan = there.place.run("plan", "show", name, "-f", "json").document
    # What Cinder would refuse is told before, and not tried.
    assert {one["why"] for one in plan["refused"]} >= {"its status is error"}
    ended = there.place.run("plan", "apply", name, "--yes", "-f", "json")
    assert ended.code == 0, ended.stderr
    *made, _take, proof = ended.document["steps"]
    assert len(made) > 1
    assert {(step["action"], step["outcome"]) for step in made} == {("backup.volume", "done")}
    assert proof["facts"]["gone"] == 0
    assert proof["facts"]["records"] >= len(made)
