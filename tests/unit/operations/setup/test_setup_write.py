# SPDX-License-Identifier: Apache-2.0
import stat
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import msgspec
import pytest
from msgspec import Meta
from ruamel.yaml import YAML

from day2.adapters.secrets import SecretRef
from day2.errors import BadSettings
from day2.operations.setup.draft import Cloud, Section
from day2.operations.setup.write import save, scalar, text

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)


class Root(msgspec.Struct):
    default_cloud: Annotated[str, Meta(description="The cloud meant without --cloud.")] = ""


class Access(msgspec.Struct):
    access: Annotated[str, Meta(description="observe, propose or act.")] = "observe"


class Database(msgspec.Struct, kw_only=True):
    nodes: Annotated[list[str], Meta(description="Every node as host:port.")]
    password: Annotated[SecretRef, Meta(description="Where the password lives.")]
    seconds_max: Annotated[float, Meta(description="Seconds for one node.")] = 3.0


class Load(msgspec.Struct, kw_only=True):
    requests_max: Annotated[int, Meta(description="Requests at once.")] = 4


SCHEMA: dict[str, Any] = {
    "": Root,
    "load": Load,
    "clouds.*": Access,
    "clouds.*.database": Database,
    "clouds.*.vault": Database,
    "clouds.*.load": Load,
}

WHOLE = """\
# Head.

# The cloud meant without --cloud.
default_cloud: one

clouds:
  one:
    # A note.
    # observe, propose or act.
    access: observe

    # From group mariadb.
    database:
      # Every node as host:port.
      nodes:
        - 10.0.0.1:3306
        - "[fd00::1]:3306"
      # Where the password lives. Of Kolla.
      password: {kolla: database_password}
      # Seconds for one node.
      # seconds_max: 3.0

    # vault:
    #   # Every node as host:port.
    #   nodes: []
    #   # Where the password lives.
    #   password: {file: /path/to/a/file}
    #   # Seconds for one node.
    #   seconds_max: 3.0

  two:
    # observe, propose or act.
    access: observe

    # Complete it first.
    # database:
    #   # Every node as host:port.
    #   nodes:
    #     - "a b"
    #   # Where the password lives.
    #   password: {file: /path/to/a/file}
    #   # Seconds for one node.
    #   seconds_max: 3.0

    # vault:
    #   # Every node as host:port.
    #   nodes: []
    #   # Where the password lives.
    #   password: {file: /path/to/a/file}
    #   # Seconds for one node.
    #   seconds_max: 3.0

# Everything else has a default that fits most clouds; see them all with their
# values: day2 config show. Shared sections hold for every cloud here, and for
# one cloud below clouds.NAME.
# load:
#   # Requests at once.
#   requests_max: 4
"""


def test_whole_text_has_every_setting_with_its_description() -> None:
    database = Section(
        values={
            "nodes": ["10.0.0.1:3306", "[fd00::1]:3306"],
            "password": {"kolla": "database_password"},
        },
        notes={"password": "Of Kolla."},
        note="From group mariadb.",
    )
    off = Section(values={"nodes": ["a b"]}, note="Complete it first.", active=False)
    clouds = [
        Cloud(name="one", note="A note.", sections={"database": database}),
        Cloud(name="two", sections={"database": off}),
    ]
    made = text(clouds, schema=SCHEMA, useful={"load": ("requests_max",)}, head="Head.")
    assert made == WHOLE


@pytest.mark.parametrize(
    "value",
    [
        "plain", "yes", "NO", "null", "~", "1", "1:30", "0x1", "1e3", "a: b", "a #b", "- a", "{x}",
        "[x]", "&a", "*a", "!a", "%a", "@a", "`a", "'", '"', "a\nb", "", " a ", "10.0.0.1:3306",
        "http://10.0.0.1:1984", "http://[::1]:1984", "\u202e", "/etc/kolla", "é", "a:", "=", "<<",
        True, False, 3, 2.5,
    ],
)  # fmt: skip
def test_every_value_reads_back_as_it_was(value: Any) -> None:
    reader = YAML(typ="safe", pure=True)
    assert reader.load(f"key: {scalar(value)}\nlist: [{scalar(value)}]\n") == {
        "key": value,
        "list": [value],
    }


def test_new_file_is_private_and_leaves_no_other(tmp_path: Path) -> None:
    file = tmp_path / "new" / "day2.yaml"
    assert save(file, "clouds: {}\n", force=False, now=NOW) is None
    assert file.read_text() == "clouds: {}\n"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [p.name for p in file.parent.iterdir()] == ["day2.yaml"]


def test_existing_file_is_not_replaced_without_force(tmp_path: Path) -> None:
    file = tmp_path / "day2.yaml"
    file.write_text("mine")
    with pytest.raises(BadSettings, match="exists and was not touched"):
        save(file, "new", force=False, now=NOW)
    assert [(p.name, p.read_text()) for p in tmp_path.iterdir()] == [("day2.yaml", "mine")]


def test_force_keeps_a_copy(tmp_path: Path) -> None:
    file = tmp_path / "day2.yaml"
    file.write_text("mine")
    kept = save(file, "new", force=True, now=NOW)
    assert kept == tmp_path / "day2.yaml.20261122T090000Z"
    assert (file.read_text(), kept.read_text()) == ("new", "mine")


def test_symbolic_link_is_refused(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.write_text("mine")
    link = tmp_path / "day2.yaml"
    link.symlink_to(target)
    with pytest.raises(BadSettings, match="symbolic link"):
        save(link, "new", force=True, now=NOW)
    assert target.read_text() == "mine"


def test_folder_in_the_way_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadSettings, match="not a plain file"):
        save(tmp_path, "new", force=True, now=NOW)
