# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import pytest

from day2.errors import BadSettings
from day2.operations.setup.discover import Wanted, discover


@pytest.mark.parametrize("url", ["http://10.0.0.1:PORT", "http://[fd00::1", "10.0.0.1"])
def test_an_address_that_is_no_url_is_no_account(tmp_path: Path, url: str) -> None:
    file = tmp_path / "clouds.yaml"
    file.write_text(
        f"clouds: {{draft: {{auth: {{auth_url: '{url}'}}}}, good: {{auth: {{auth_url: http://k}}}}}}"
    )
    environment = {"HOME": str(tmp_path), "PATH": ""}
    found = discover(Wanted(clouds_file=str(file)), environment=environment)
    assert [account.entry for account in found.accounts] == ["good"]
    with pytest.raises(BadSettings, match="'draft' has no auth_url that is a URL"):
        discover(
            Wanted(clouds_file=str(file), os_clouds=("draft",)),
            environment=environment,
        )


def test_regions_are_a_list(tmp_path: Path) -> None:
    file = tmp_path / "clouds.yaml"
    file.write_text("clouds: {c: {auth: {auth_url: http://k}, regions: North, region_name: R}}")
    found = discover(Wanted(clouds_file=str(file)), environment={"HOME": str(tmp_path), "PATH": ""})
    assert [account.region for account in found.accounts] == ["R"]
