# SPDX-License-Identifier: Apache-2.0
import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from day2.adapters.kolla.inventory import Inventory
from day2.adapters.kolla.settings import KollaSettings
from day2.adapters.kolla.virtualenv import Virtualenv
from day2.errors import BadAnswer, BadSettings

MULTINODE = {
    "_meta": {"hostvars": {"ctl1": {"ansible_host": "192.0.2.1", "ansible_password": "hidden"}}},
    "all": {"children": ["ungrouped", "baremetal", "deployment", "nova"]},
    "control": {"hosts": ["ctl1"]},
    "compute": {"hosts": ["cmp1"]},
    "deployment": {"hosts": ["localhost"]},
    "baremetal": {"children": ["control", "compute"]},
    "nova": {"children": ["control"]},
    "nova-api": {"children": ["nova"]},
}
ALL_IN_ONE = {
    "control": {"hosts": ["localhost"]},
    "deployment": {"hosts": ["localhost"]},
    "baremetal": {"children": ["control"]},
}
OWN_GROUPS = {
    "deployment": {"hosts": ["localhost"]},
    "ungrouped": {"hosts": ["laptop"]},
    "racks": {"hosts": ["a1"], "children": ["row"]},
    "row": {"hosts": ["b1"], "children": ["racks"]},
}


def inventory(folder: Path, printed: str) -> Inventory:
    executable = folder / "bin" / "ansible-inventory"
    executable.parent.mkdir()
    executable.write_text(f"#!/bin/sh\necho called >> {folder}/calls\ncat {folder}/printed\n")
    executable.chmod(0o755)
    (folder / "printed").write_text(printed)
    (folder / "inventory").write_text("")
    settings = KollaSettings(inventory=str(folder / "inventory"))
    return Inventory(settings, Virtualenv(str(folder), {"PATH": os.environ["PATH"]}))


@pytest.mark.parametrize(
    ("listing", "hosts"),
    [
        (MULTINODE, {"cmp1", "ctl1"}),
        (ALL_IN_ONE, {"localhost"}),
        (OWN_GROUPS, {"a1", "b1"}),
    ],
)
def test_hosts_are_those_that_are_deployed_to(
    tmp_path: Path, listing: dict[str, Any], hosts: set[str]
) -> None:
    assert {host.name for host in inventory(tmp_path, json.dumps(listing)).hosts} == hosts


def test_a_host_has_every_group_above_it_and_no_secret(tmp_path: Path) -> None:
    host = inventory(tmp_path, json.dumps(MULTINODE)).hosts[1]
    assert (host.name, host.address) == ("ctl1", "192.0.2.1")
    assert set(host.groups) == {"baremetal", "control", "nova", "nova-api"}
    assert "hidden" not in repr(host)


def test_it_is_read_once(tmp_path: Path) -> None:
    found = inventory(tmp_path, json.dumps(MULTINODE))
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(lambda _n: found.hosts, range(2))
    assert first == second == found.hosts
    assert (tmp_path / "calls").read_text() == "called\n"


@pytest.mark.parametrize(("printed", "error"), [("{}", BadSettings), ("no JSON", BadAnswer)])
def test_what_is_no_inventory_has_a_name(
    tmp_path: Path, printed: str, error: type[Exception]
) -> None:
    with pytest.raises(error):
        _ = inventory(tmp_path, printed).hosts


def test_an_inventory_that_is_not_there_is_named() -> None:
    missing = Inventory(KollaSettings(inventory="/nowhere/multinode"), Virtualenv("", {}))
    with pytest.raises(BadSettings, match="/nowhere/multinode"):
        _ = missing.hosts
