# SPDX-License-Identifier: Apache-2.0
"""The settings: every section, field, type, default and range, as the schema has them."""

import inspect
import types
import typing
from collections.abc import Iterator
from typing import Any

import msgspec

from day2.adapters.secrets import SecretRef
from day2.settings import describe
from day2.wiring import sections
from docs.generator import markdown as md

INTRODUCTION = """
The settings file is YAML: that of `--config`, else `$DAY2_CONFIG`, else `~/.config/day2/day2.yaml`, else `/etc/day2/day2.yaml`.
`day2 init` writes it; [`day2 config show`](commands.md#day2-config-show) tells every value and where it came from.

A value is taken from the environment first, then from the file, then from the defaults below.
The variable is `DAY2_` and the path in capitals with two underscores for each dot: `health.server_task_minutes` is `DAY2_HEALTH__SERVER_TASK_MINUTES`.
An unknown name is an error that names the nearest known one.

Variables that are no settings: `DAY2_CONFIG` (the file), `DAY2_STATE` (the folder of the memory), `DAY2_CLOUD` (as `--cloud`).

The sections {shared} hold for every cloud; below `clouds.NAME` they hold for that one and come first.
"""  # noqa: E501 - one sentence, one line
SECRETS = """
A secret is never a value of the settings: a setting of the type *secret* names where it lives, in exactly one of these ways.
"""  # noqa: E501 - one sentence, one line


def page() -> str:
    """Make the page."""
    shared = ", ".join(md.code(name) for name in sections.SHARED)
    parts = [INTRODUCTION.format(shared=shared)]
    for pattern, kind in sections.SCHEMA.items():
        prefix = pattern.replace("*", "NAME")
        if prefix.removeprefix("clouds.NAME.") in sections.SHARED and prefix not in sections.SHARED:
            continue
        parts.append(f"## {prefix or 'Top of the file'}")
        if prefix in sections.SHARED:
            parts.append(f"For one cloud: `clouds.NAME.{prefix}`.")
        parts.append(md.table(("setting", "type", "default", "meaning"), _rows(prefix, kind)))
    parts += ["## Secrets", SECRETS]
    ways = ((f"{{{i.name}: …}}", describe(h)) for i, h in _fields(SecretRef))
    parts.append(md.table(("reference", "the secret is"), ((md.code(a), b) for a, b in ways)))
    return md.page("Settings", *parts)


def anchors() -> dict[str, str]:
    """Return where each section stands, for links: `health` to `settings.md#health`."""
    return {name: f"settings.md#{md.anchor(name)}" for name in sections.SHARED}


def default_of(kind: type[msgspec.Struct], name: str) -> str:
    """Return the default of one field as it is written in the file."""
    info = next(info for info in msgspec.structs.fields(kind) if info.name == name)
    return _default(info)


def _rows(prefix: str, kind: type[msgspec.Struct]) -> Iterator[tuple[str, str, str, str]]:
    for info, hint in _fields(kind):
        path = f"{prefix}.{info.encode_name}".lstrip(".")
        inner, many = _structs(hint)
        said = md.sentences(describe(hint))
        if inner and (not said or not many):
            said = said or md.sentences((inspect.getdoc(inner) or "").partition("\n")[0])
        yield md.code(path), _type(hint), md.code(_default(info)), said
        if inner and inner is not SecretRef:
            yield from _rows(f"{path}{many}", inner)


def _fields(kind: type[msgspec.Struct]) -> Iterator[tuple[Any, Any]]:
    hints = typing.get_type_hints(kind, include_extras=True)
    return ((info, hints[info.name]) for info in msgspec.structs.fields(kind))


def _structs(hint: Any) -> tuple[type[msgspec.Struct] | None, str]:  # noqa: ANN401 - a type
    """Find the struct inside a hint, and how its fields are reached: directly or in a list."""
    if typing.get_origin(hint) is typing.Annotated:
        return _structs(typing.get_args(hint)[0])
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        return hint, ""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    for argument in arguments:
        found, _many = _structs(argument)
        if found:
            return found, "[]" if origin in {list, tuple} else ".NAME" if origin is dict else ""
    return None, ""


def _type(hint: Any) -> str:  # noqa: ANN401 - a type
    metas = []
    while typing.get_origin(hint) is typing.Annotated:
        metas += [m for m in hint.__metadata__ if isinstance(m, msgspec.Meta)]
        hint = typing.get_args(hint)[0]
    return f"{_name(hint)}{_bounds(metas)}"


def _name(hint: Any) -> str:  # noqa: ANN401 - a type
    while typing.get_origin(hint) is typing.Annotated:
        hint = typing.get_args(hint)[0]
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in {list, tuple, set, frozenset}:
        return f"list of {_name(arguments[0])}"
    if origin is dict:
        return f"map of {_name(arguments[1])}"
    if origin in {typing.Union, types.UnionType}:
        return " or ".join(_name(a) for a in arguments if a is not type(None))
    if hint is SecretRef:
        return "[secret](#secrets)"
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        return "section"
    words: dict[Any, str] = {str: "text", int: "integer", float: "number", bool: "yes or no"}
    return words.get(hint, str(hint))


def _bounds(metas: list[msgspec.Meta]) -> str:
    said = []
    for meta in metas:
        if meta.pattern:
            words = meta.pattern.strip("^$").strip("()").split("|")
            said.append(
                "one of " + ", ".join(words if all(words) else [*filter(None, words), "empty"])
            )
        low = meta.ge if meta.ge is not None else meta.gt
        high = meta.le if meta.le is not None else meta.lt
        if low is not None and high is not None:
            said.append(f"{low} to {high}")
        elif low is not None:
            said.append(f"at least {low}" if meta.ge is not None else f"more than {low}")
        elif high is not None:
            said.append(f"at most {high}" if meta.le is not None else f"less than {high}")
    return f", {'; '.join(said)}" if said else ""


def _default(info: Any) -> str:  # noqa: ANN401 - msgspec's FieldInfo
    made = info.default_factory is not msgspec.NODEFAULT
    value = info.default_factory() if made else info.default
    if value is msgspec.NODEFAULT:
        return "none: needed"
    if isinstance(value, msgspec.Struct):
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "null" if value is None else msgspec.json.encode(value).decode()
