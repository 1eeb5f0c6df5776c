# SPDX-License-Identifier: Apache-2.0
"""What of this machine a set of kind config has."""

from pathlib import Path
from typing import Any

import pytest

from day2.operations.backup.policy import BackupPolicy
from day2.settings import Settings
from day2.wiring.sections import SCHEMA
from day2.wiring.site import Site
from day2.wiring.takers import configuration_places, configuration_roots


def site(folder: Path, **kolla: Any) -> Site:
    given = {"config_dir": str(folder / "kolla"), **kolla}
    return Site(Settings(schema=SCHEMA, tree={"clouds": {"c": {"kolla": given}}}), environment={})


def roots(folder: Path, **kolla: Any) -> list[str]:
    found = configuration_roots(site(folder, **kolla), BackupPolicy())
    return [str(root.path.relative_to(folder)) for root in found]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("kolla", "site/group_vars", "site/host_vars", "site/other"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "site" / "multinode").write_text("[control]\nc1\n")
    return tmp_path


def test_the_variables_beside_an_inventory_are_part_of_it(folder: Path) -> None:
    found = roots(folder, inventory=str(folder / "site" / "multinode"))
    assert found == ["kolla", "site/multinode", "site/group_vars", "site/host_vars"]
    assert roots(folder, inventory=str(folder / "site")) == ["kolla", "site"]


def test_variables_that_were_lost_may_be_put_back(folder: Path) -> None:
    inventory = folder / "site" / "multinode"
    (folder / "site" / "host_vars").rmdir()
    assert "site/host_vars" not in roots(folder, inventory=str(inventory))
    found = configuration_places(site(folder, inventory=str(inventory)), BackupPolicy())
    assert folder / "site" / "host_vars" in found
