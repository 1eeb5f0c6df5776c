# SPDX-License-Identifier: Apache-2.0
"""The words of Kolla-Ansible that the how-to recommends, held against what is installed."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from lab.parts.boxes_kolla import Kolla
from lab.place import Place

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "restore-the-database.md"


@pytest.fixture(scope="module")
def kolla(place: Place) -> Kolla:
    found = Kolla(place)
    found.install()
    return found


def calls(tree: Any) -> Iterator[list[str]]:
    """Give every list of words that calls kolla-ansible."""
    if isinstance(tree, list) and tree and str(tree[0]).endswith("/kolla-ansible"):
        yield [str(word) for word in tree[1:]]
    elif isinstance(tree, dict | list):
        for value in tree.values() if isinstance(tree, dict) else tree:
            yield from calls(value)


@pytest.fixture(scope="module")
def recommended() -> dict[str, list[str]]:
    blocks = re.findall(r"^```yaml\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    trees = [YAML(typ="safe", pure=True).load(block) for block in blocks]
    return {words[0]: words[1:] for words in calls(trees)}


def test_every_action_takes_the_options_that_are_recommended(
    kolla: Kolla, recommended: dict[str, list[str]]
) -> None:
    assert set(recommended) == {"stop", "deploy-containers", "mariadb-recovery"}
    for action, words in recommended.items():
        told = kolla.run("kolla-ansible", action, "--help")
        for option in (word for word in words if word.startswith("-")):
            assert re.search(rf"^  (?:.*, )?{re.escape(option)}\b", told, re.MULTILINE), option


def test_stop_refuses_without_its_confirmation(kolla: Kolla) -> None:
    with pytest.raises(RuntimeError, match="--yes-i-really-really-mean-it"):
        kolla.run("kolla-ansible", "stop", "-t", "keystone")


def test_the_tags_and_the_variable_are_those_of_its_playbooks(
    kolla: Kolla, recommended: dict[str, list[str]]
) -> None:
    stop = recommended["stop"]
    tags = stop[stop.index("-t") + 1].split(",")
    site = (kolla.ansible / "site.yml").read_text()
    for tag in tags:
        assert re.search(rf"tags: {tag}$|- {tag}$", site, re.MULTILINE), tag
    assert "mariadb" not in tags
    (given,) = [w for w in recommended["mariadb-recovery"] if "=" in w]
    recovery = (kolla.ansible / "roles/mariadb/tasks/recover_cluster.yml").read_text()
    assert f"{given.partition('=')[0]} is not defined" in recovery
