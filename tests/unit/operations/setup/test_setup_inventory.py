# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import pytest

from day2.errors import BadSettings
from day2.operations.setup import inventory

INI = """\
# comment
control01 ansible_host=10.0.0.11   ; alone
[control]
control[01:03]
[network:children]
control
[compute]
compute01 ansible_host=10.0.0.21 ansible_user='two words'
[mariadb:children]
control
[compute:vars]
ansible_host=1.2.3.4
[deployment]
localhost ansible_connection=local
"""

YAML = """\
all:
  children:
    control:
      hosts:
        control[01:02]: {}
        control09: {ansible_host: 10.0.0.19}
    mariadb:
      children:
        control:
"""


def write(folder: Path, name: str, text: str) -> Path:
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return file


def test_ini_has_ranges_children_and_addresses(tmp_path: Path) -> None:
    found = inventory.read(write(tmp_path, "multinode", INI))
    assert found.members("mariadb") == ["control01", "control02", "control03"]
    assert found.address("control01") == "10.0.0.11"
    assert found.address("control02") == "control02"
    assert found.address("compute01") == "10.0.0.21"
    assert found.local == {"localhost"}


def test_yaml_has_the_same(tmp_path: Path) -> None:
    found = inventory.read(write(tmp_path, "hosts.yml", YAML))
    assert found.members("mariadb") == ["control01", "control02", "control09"]
    assert found.address("control09") == "10.0.0.19"


def test_folder_is_read_as_a_whole(tmp_path: Path) -> None:
    write(tmp_path, "hosts", "[control]\ncontrol01\n")
    write(tmp_path, "groups", "[mariadb:children]\ncontrol\n")
    write(tmp_path, "old.orig", "[control]\ngone01\n")
    write(tmp_path, "host_vars/control01.yml", "ansible_host: 10.0.0.11\nsecret: !vault |\n  x\n")
    write(tmp_path, "group_vars/all.yml", "[control]\nno01\n")
    found = inventory.read(tmp_path)
    assert found.members("mariadb") == ["control01"]
    assert found.address("control01") == "10.0.0.11"


def test_script_is_never_executed(tmp_path: Path) -> None:
    marker = tmp_path / "ran"
    script = write(tmp_path, "dynamic", f"#!/bin/sh\ntouch {marker}\n")
    script.chmod(0o755)
    assert inventory.read(script).everyone() == []
    assert not marker.exists()


def test_groups_that_contain_each_other_end(tmp_path: Path) -> None:
    text = "[a:children]\nb\n[b:children]\na\n[b]\nhost01\n"
    assert inventory.read(write(tmp_path, "hosts", text)).members("a") == ["host01"]


def test_range_without_end_is_bounded(tmp_path: Path) -> None:
    found = inventory.read(write(tmp_path, "hosts", "[a]\nhost[1:99999999999]\n"))
    assert len(found.members("a")) <= inventory.HOSTS_MAX


@pytest.mark.parametrize("content", [b"\xff\xfe\x00binary", b"[a]\nhost\x00\n"])
def test_binary_is_refused_with_a_sentence(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "hosts"
    file.write_bytes(content)
    with pytest.raises(BadSettings, match="is not text"):
        inventory.read(file)


def test_ansibles_own_answer_is_taken() -> None:
    found = inventory.from_ansible(
        {
            "_meta": {"hostvars": {"c1": {"ansible_host": "10.0.0.1", "password": "never kept"}}},
            "mariadb": {"children": ["control"]},
            "control": {"hosts": ["c1"]},
        }
    )
    assert found.members("mariadb") == ["c1"]
    assert found.address("c1") == "10.0.0.1"
    assert "never kept" not in repr(found)


def test_a_port_is_no_part_of_a_name(tmp_path: Path) -> None:
    text = "[control]\ncontrol[1:2]:2222\n[compute]\nfd00::1 a=b\n"
    found = inventory.read(write(tmp_path, "multinode", text))
    assert found.members("control") == ["control1", "control2"]
    assert found.members("compute") == ["fd00::1"]
