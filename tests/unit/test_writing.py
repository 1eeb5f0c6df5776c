# SPDX-License-Identifier: Apache-2.0
"""A writer is wired only for a cloud that day2 may change, with an account for that."""

from pathlib import Path
from typing import Any

import pytest

from day2.adapters.openstack import clouds
from day2.errors import BadSettings, Refused
from day2.settings import Settings
from day2.wiring import takers
from day2.wiring.actions import actions, writing
from day2.wiring.sections import SCHEMA
from day2.wiring.site import Site

READING = {"cloud": "reader", "region": "R1", "interface": "internal"}


def site(**own: Any) -> Site:
    tree = {"clouds": {"c": {"openstack": READING, **own}}}
    return Site(Settings(schema=SCHEMA, tree=tree), environment={})


@pytest.mark.parametrize("access", ["observe", "propose", None])
def test_without_act_nothing_is_wired(access: str | None) -> None:
    own = {"writing": {"cloud": "admin"}, **({"access": access} if access else {})}
    with pytest.raises(Refused, match=access or "observe") as caught:
        actions(site(**own))
    assert caught.value.exit_code == 24
    assert "clouds.c.access" in caught.value.hint


def test_the_account_for_reading_is_never_used_to_write_by_itself() -> None:
    with pytest.raises(BadSettings, match="no account for writing"):
        actions(site(access="act"))["server.live-migrate"]


def test_a_backup_needs_no_account_for_writing() -> None:
    made = actions(site(access="act"))
    assert made["backup.take"].name == "backup.take"
    assert made.get("backup.nothing") is None


def test_the_account_for_writing_is_in_the_same_region() -> None:
    found = writing(site(access="act", writing={"cloud": "admin"}))
    assert (found.cloud, found.region, found.interface) == ("admin", "R1", "internal")


def test_a_region_that_only_the_entry_for_reading_names_is_the_one_that_is_changed(
    tmp_path: Path,
) -> None:
    file = tmp_path / "clouds.yaml"
    file.write_text(
        "clouds:\n"
        "  reader: {auth: {auth_url: http://k}, region_name: North, interface: internal}\n"
        "  admin: {auth: {auth_url: http://k}, region_name: South}\n"
    )
    own: dict[str, Any] = {
        "openstack": {"cloud": "reader", "clouds_file": str(file)},
        "writing": {"cloud": "admin"},
    }
    found = clouds.find(writing(site(access="act", **own)), {})
    assert (found.name, found.region, found.interface) == ("admin", "North", "internal")
    own["writing"] |= {"region": "South", "interface": "public"}
    found = clouds.find(writing(site(access="act", **own)), {})
    assert (found.region, found.interface) == ("South", "public")


@pytest.mark.parametrize("make", ["identity_writer", "image_writer", "volume_orders"])
@pytest.mark.parametrize("own", [{}, {"writing": {"cloud": ""}}])
def test_a_restore_never_writes_with_the_account_for_reading(
    tmp_path: Path, make: str, own: dict[str, Any]
) -> None:
    file = tmp_path / "clouds.yaml"
    auth = "{auth_url: http://k, username: u, password: p}"
    file.write_text(f"clouds: {{reader: {{auth: {auth}}}}}\n")
    reading = {"openstack": {"cloud": "reader", "clouds_file": str(file)}}
    with pytest.raises(BadSettings, match="no account for writing"):
        getattr(takers, make)(site(access="act", **reading, **own))
    assert takers.seeing(site(access="act", **reading, **own)).credentials.name == "reader"
