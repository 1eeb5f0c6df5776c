# SPDX-License-Identifier: Apache-2.0
from pathlib import Path
from typing import Annotated, Any

import msgspec
import pytest
from msgspec import Meta

from day2.errors import BadSettings
from day2.settings import Settings, read_yaml, state_folder


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    task_minutes: Annotated[int, Meta(ge=1, description="How long.")] = 30
    strict: bool = False
    names: list[str] = []


class Root(msgspec.Struct, frozen=True, kw_only=True):
    default_cloud: str = ""


SCHEMA: dict[str, type[msgspec.Struct]] = {"": Root, "health": Limits, "clouds.*.health": Limits}


def make(tree: dict[str, Any] | None = None, **environment: str) -> Settings:
    return Settings(schema=SCHEMA, tree=tree, environment=environment)


def test_defaults_hold_without_any_file() -> None:
    assert make().section(Limits, "health") == Limits()


def test_cloud_overrides_shared_key_by_key() -> None:
    tree = {
        "health": {"task_minutes": 5, "strict": True},
        "clouds": {"a": {"health": {"task_minutes": 9}}},
    }
    found = make(tree).section(Limits, "health", "clouds.a.health")
    assert found == Limits(task_minutes=9, strict=True)


def test_environment_overrides_the_file() -> None:
    found = make({"health": {"task_minutes": 5}}, DAY2_HEALTH__TASK_MINUTES="7")
    assert found.section(Limits, "health").task_minutes == 7


def test_listing_says_where_each_value_came_from() -> None:
    found = make({"default_cloud": "a"}, DAY2_HEALTH__STRICT="true").listing()
    origins = {row.path: row.origin for row in found}
    assert origins["default_cloud"] == "given"
    assert origins["health.strict"] == "environment DAY2_HEALTH__STRICT"
    assert origins["health.task_minutes"] == "default"


@pytest.mark.parametrize(
    ("tree", "said"),
    [
        ({"healt": {}}, "did you mean 'health'"),
        ({"health": {"task_minute": 1}}, "did you mean 'task_minutes'"),
        ({"clouds": {"a": {"helth": {}}}}, "did you mean 'health'"),
    ],
)
def test_unknown_keys_are_refused_with_the_nearest_name(tree: dict[str, Any], said: str) -> None:
    with pytest.raises(BadSettings, match=said):
        make(tree)


def test_wrong_values_name_the_setting_and_its_origin() -> None:
    with pytest.raises(
        BadSettings, match=r"setting health.task_minutes \(environment .*\): expected"
    ):
        make(DAY2_HEALTH__TASK_MINUTES="0").section(Limits, "health")


@pytest.mark.parametrize(
    "content", [b"- a\n- b\n", b"a: [1", b"\xff\xfe\x00", b"a: !!python/object:os.system x"]
)
def test_a_file_that_is_no_mapping_is_a_named_error(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "day2.yaml"
    file.write_bytes(content)
    with pytest.raises(BadSettings):
        read_yaml(file)


def test_a_named_file_must_exist(tmp_path: Path) -> None:
    with pytest.raises(BadSettings, match="does not exist"):
        Settings.load(schema=SCHEMA, given=str(tmp_path / "no.yaml"), environment={})


def test_state_folder_obeys_the_variable(tmp_path: Path) -> None:
    assert state_folder({"DAY2_STATE": str(tmp_path)}) == tmp_path
