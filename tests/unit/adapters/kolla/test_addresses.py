# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import pytest

from day2.adapters.kolla.addresses import custom_config, virtual_addresses
from day2.adapters.kolla.settings import KollaSettings

VIP = "kolla_internal_vip_address: 10.0.0.9\n"


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ("", {"10.0.0.9": "internal"}),
        ('enable_haproxy: "yes"\n', {"10.0.0.9": "internal"}),
        ('enable_haproxy: "no"\n', {}),
        ("enable_keepalived: false\n", {}),
        ('enable_loadbalancer: "no"\n', {}),
    ],
)
def test_no_host_holds_an_address_of_a_load_balancer_outside(
    tmp_path: Path, more: str, expected: dict[str, str]
) -> None:
    (tmp_path / "globals.yml").write_text(VIP + more)
    assert virtual_addresses(KollaSettings(config_dir=str(tmp_path)), {}) == expected


@pytest.mark.parametrize(
    "more",
    [
        "kolla_internal_vip_address: 10.0.0.1\n",
        "ldap_password: !vault |\n  $ANSIBLE_VAULT;1.1;AES256\n  3132\n",
        "unsafe: !unsafe 'a{{b'\n",
    ],
)
def test_what_ansible_takes_is_no_fault(tmp_path: Path, more: str) -> None:
    (tmp_path / "globals.yml").write_text(more + VIP)
    found = virtual_addresses(KollaSettings(config_dir=str(tmp_path)), {})
    assert found == {"10.0.0.9": "internal"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("node_custom_config: /opt/site/config\n", "/opt/site/config"),
        ('node_custom_config: "{{ node_config }}/config"\n', "config"),
        ("a: [\n", "config"),
        ("", "config"),
    ],
)
def test_ones_own_configuration_lies_where_globals_say(
    tmp_path: Path, text: str, expected: str
) -> None:
    (tmp_path / "globals.yml").write_text(text)
    assert custom_config(KollaSettings(config_dir=str(tmp_path))) == tmp_path / expected
