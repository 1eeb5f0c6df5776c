# SPDX-License-Identifier: Apache-2.0
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated, Any

import msgspec
import pytest
from msgspec import Meta

from day2.errors import BadSettings
from day2.operations.setup.files import mapping_of
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


@pytest.mark.parametrize(
    ("tree", "said"),
    [
        ({"clouds": {"a": {"health": "strict"}}}, "clouds.a.health"),
        ({"clouds": {"a": ["health"]}}, "clouds.a "),
        ({"clouds": [{"name": "a"}]}, "clouds "),
        ({"health": [{"strict": True}]}, "health "),
    ],
)
def test_a_section_that_is_none_is_refused_and_never_passed_over(
    tree: dict[str, Any], said: str
) -> None:
    with pytest.raises(BadSettings, match=f"{said}.*not a section"):
        make(tree)


def test_a_section_without_values_is_not_set() -> None:
    tree = {"health": None, "clouds": {"a": {"health": None}, "b": None}}
    settings = make(tree)
    assert settings.section(Limits, "health", "clouds.a.health") == Limits()


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


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('auth:\n  password: "planted\n', "line 3"),
        ("auth:\n  password: @planted\n", "line 2, column 13.*found character '@'"),
        ("auth:\n  password: planted: planted\n", "line 2.*mapping values are not allowed"),
        ("auth: {password: planted\nuser: x\n", "line 2"),
        ("password: !planted planted\n", "line 1"),
        ("planted: 1\nplanted: 2\n", "line 2.*duplicate key"),
        ("a: *planted\n", "line 1.*undefined alias"),
    ],
)
@pytest.mark.parametrize("read", [read_yaml, mapping_of])
def test_what_is_no_yaml_is_not_quoted(
    tmp_path: Path, content: str, said: str, read: Callable[[Path], object]
) -> None:
    file = tmp_path / "secure.yaml"
    file.write_text(content)
    tolerant = read is mapping_of and ("!planted" in content or content.startswith("planted"))
    with nullcontext() if tolerant else pytest.raises(BadSettings, match=said) as raised:
        read(file)
    assert raised is None or "planted" not in str(raised.value)


def test_a_named_file_must_exist(tmp_path: Path) -> None:
    with pytest.raises(BadSettings, match="does not exist"):
        Settings.load(schema=SCHEMA, given=str(tmp_path / "no.yaml"), environment={})


def test_state_folder_obeys_the_variable(tmp_path: Path) -> None:
    assert state_folder({"DAY2_STATE": str(tmp_path)}) == tmp_path
