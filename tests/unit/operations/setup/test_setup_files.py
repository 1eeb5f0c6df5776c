# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

from day2.operations.setup.files import scalars_of


def test_of_two_entries_with_one_name_ansible_takes_the_last(tmp_path: Path) -> None:
    file = tmp_path / "globals.yml"
    file.write_text(
        "kolla_internal_vip_address: 10.0.0.1\nsecret: !vault |\n  3132\n"
        "kolla_internal_vip_address: 10.0.0.9\n"
    )
    assert scalars_of(file) == {"kolla_internal_vip_address": "10.0.0.9", "secret": ""}
