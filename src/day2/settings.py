# SPDX-License-Identifier: Apache-2.0
"""Settings: defaults < file < environment, typed, and able to say where each value came from.

This module knows no section: `wiring` hands it a schema of dotted paths and types. A path may hold
`*` for a name that people choose (`clouds.*.openstack`).
"""

import difflib
import os
import re
import stat
import typing
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar, cast

import msgspec

from day2.errors import BadSettings

T = TypeVar("T", bound=msgspec.Struct)
Schema = Mapping[str, type[msgspec.Struct]]

ENVIRONMENT_PREFIX = "DAY2_"
NOT_SETTINGS = frozenset(
    {"DAY2_CONFIG", "DAY2_STATE", "DAY2_CLOUD", "DAY2_LAB_CACHE", "DAY2_LAB_STATE"}
)


class Setting(msgspec.Struct, frozen=True, kw_only=True):
    """One setting as it stands: its dotted path, value, and where the value came from."""

    path: str
    value: Any
    origin: str
    description: str = ""


def search_path(given: str | None, environment: Mapping[str, str]) -> list[Path]:
    """List where a settings file is looked for; a file named by flag or variable must exist."""
    named = given or environment.get("DAY2_CONFIG")
    if named:
        return [Path(named).expanduser()]
    home = environment.get("XDG_CONFIG_HOME") or str(Path("~/.config").expanduser())
    return [Path(home) / "day2" / "day2.yaml", Path("/etc/day2/day2.yaml")]


def state_folder(environment: Mapping[str, str]) -> Path:
    """Return `$DAY2_STATE`, else /var/lib/day2 for root, else the user's XDG state folder."""
    given = environment.get("DAY2_STATE")
    if given:
        return Path(given).expanduser()
    if os.geteuid() == 0:
        return Path("/var/lib/day2")
    home = environment.get("XDG_STATE_HOME") or str(Path("~/.local/state").expanduser())
    return Path(home) / "day2"


class Settings:
    """One settings tree, checked against a schema when it is made."""

    def __init__(
        self,
        *,
        schema: Schema,
        tree: Mapping[str, Any] | None = None,
        file: Path | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.file = file
        self._schema = schema
        self._tree: dict[str, Any] = _copy(tree or {})
        self._origins: dict[str, str] = {}
        for path, _value in _leaves(self._tree):
            self._origins[path] = f"file {file}" if file else "given"
        self._overlay(environment or {})
        for pattern in schema:
            self._require_sections(self._tree, pattern.split(".") if pattern else [])
        self._refuse_unknown()

    @classmethod
    def load(
        cls, *, schema: Schema, given: str | None = None, environment: Mapping[str, str]
    ) -> "Settings":
        """Read the first settings file found; without any, only defaults and environment hold.

        Raises:
            BadSettings: when the file cannot be read or is not YAML, or holds an unknown key.

        """
        candidates = search_path(given, environment)
        for candidate in candidates:
            if is_file(candidate):
                return cls(
                    schema=schema,
                    tree=read_yaml(candidate),
                    file=candidate,
                    environment=environment,
                )
        if given or environment.get("DAY2_CONFIG"):
            raise BadSettings(
                f"settings file {candidates[0]} does not exist", hint="write one with: day2 init"
            )
        return cls(schema=schema, environment=environment)

    def section(self, kind: type[T], *paths: str) -> T:
        """Return one section as its type; later paths override earlier ones, key by key.

        Raises:
            BadSettings: when a value has the wrong type or is out of range; the message names the
                setting and where its value came from.

        """
        merged: dict[str, Any] = {}
        where: dict[str, str] = {}
        for path in paths:
            found = self._at(path)
            if isinstance(found, dict):
                merged.update(found)
                where.update(dict.fromkeys(found, path))
        try:
            return msgspec.convert(merged, kind, strict=False)
        except msgspec.ValidationError as error:
            raise BadSettings(self._explain(str(error), where, paths[-1])) from None

    def value(self, path: str) -> Any:  # noqa: ANN401 - a leaf of YAML
        """Return the raw value at a dotted path; None when it is not set."""
        return self._at(path)

    def names(self, path: str) -> list[str]:
        """List the keys below a dotted path, in the file's order: `names("clouds")`."""
        found = self._at(path)
        return [str(key) for key in found] if isinstance(found, dict) else []

    def listing(self) -> list[Setting]:
        """List every setting with its value and origin, defaults included."""
        rows: list[Setting] = []
        for pattern, kind in self._schema.items():
            for path in self._expand(pattern):
                rows += self._rows(path, kind)
        return rows

    def _rows(self, prefix: str, kind: type[msgspec.Struct]) -> Iterator[Setting]:
        hints = typing.get_type_hints(kind, include_extras=True)
        for info in msgspec.structs.fields(kind):
            path = f"{prefix}.{info.encode_name}".lstrip(".")
            found = self._at(path)
            default = (
                info.default_factory()
                if info.default_factory is not msgspec.NODEFAULT
                else None
                if info.default is msgspec.NODEFAULT
                else info.default
            )
            yield Setting(
                path=path,
                value=default if found is None else found,
                origin=self._origin(path),
                description=describe(hints[info.name]),
            )

    def _origin(self, path: str) -> str:
        if path in self._origins:
            return self._origins[path]
        below = [o for p, o in self._origins.items() if p.startswith(f"{path}.")]
        return below[0] if below else "default"

    def _expand(self, pattern: str) -> list[str]:
        if "*" not in pattern:
            return [pattern]
        head, _star, tail = pattern.partition(".*")
        return [f"{head}.{name}{tail}" for name in self.names(head)]

    def _at(self, path: str) -> Any:  # noqa: ANN401 - a leaf of YAML
        node: Any = self._tree
        for part in path.split(".") if path else []:
            if not isinstance(node, dict) or part not in node:
                return None
            node = node[part]
        return node

    def _overlay(self, environment: Mapping[str, str]) -> None:
        for variable, text in environment.items():
            if not variable.startswith(ENVIRONMENT_PREFIX) or variable in NOT_SETTINGS:
                continue
            parts = variable.removeprefix(ENVIRONMENT_PREFIX).lower().split("__")
            node = self._tree
            for part in parts[:-1]:
                child = node.setdefault(part, {})
                if not isinstance(child, dict):
                    raise BadSettings(f"{variable}: {part} is a value, not a section")
                node = child
            node[parts[-1]] = text
            self._origins[".".join(parts)] = f"environment {variable}"

    def _require_sections(self, node: Any, words: list[str], path: str = "") -> None:  # noqa: ANN401
        """Refuse a value where a section belongs: passed over, it would leave all its defaults."""
        if node is None:
            return
        if not isinstance(node, dict):
            raise BadSettings(
                f"setting {path} ({self._origin(path)}) is a {type(node).__name__}, not a section",
                hint=f"write its settings below it, as NAME: VALUE, each further in than {path}",
            )
        for name in node if words[:1] == ["*"] else words[:1]:
            self._require_sections(node.get(name), words[1:], f"{path}.{name}".lstrip("."))

    def _refuse_unknown(self) -> None:
        for path in _sections_and_leaves(self._tree):
            known = self._known_below(path.rpartition(".")[0])
            name = path.rpartition(".")[2]
            if known is None or name in known:
                continue
            near = difflib.get_close_matches(name, known, n=1)
            guess = (
                f"; did you mean {near[0]!r}?" if near else f"; known: {', '.join(sorted(known))}"
            )
            raise BadSettings(
                f"unknown setting {path!r} ({self._origin(path)}){guess}",
                hint="see every setting with: day2 config show",
            )

    def _known_below(self, prefix: str) -> set[str] | None:
        """Return the keys allowed below a path; None where people choose the names."""
        parts = prefix.split(".") if prefix else []
        known: set[str] = set()
        inside = False
        for pattern, kind in self._schema.items():
            words = pattern.split(".") if pattern else []
            if not all(_matches(w, p) for w, p in zip(words, parts, strict=False)):
                continue
            if len(words) > len(parts):
                if words[len(parts)] == "*":
                    return None
                known.add(words[len(parts)])
            else:
                fields = _fields_at(kind, parts[len(words) :])
                if fields is None:
                    inside = True
                else:
                    known |= fields
        return None if inside and not known else known

    def _explain(self, message: str, where: Mapping[str, str], path: str) -> str:
        text, _at, location = message.partition(" - at `$")
        key = location.strip("`").lstrip(".")
        prefix = where.get(key.split(".")[0].split("[")[0], path)
        full = f"{prefix}.{key}".strip(".")
        return f"setting {full} ({self._origin(full)}): {text[0].lower()}{text[1:]}"


def describe(annotation: Any) -> str:  # noqa: ANN401 - a type
    """Return the description that a setting's annotation carries; empty when it has none."""
    for meta in getattr(annotation, "__metadata__", ()):
        if isinstance(meta, msgspec.Meta) and meta.description:
            return meta.description
    return ""


def read_yaml(file: Path) -> dict[str, Any]:
    """Read a YAML mapping.

    Raises:
        BadSettings: when it cannot be read, is not YAML, or is not a mapping.

    """
    from ruamel.yaml import YAML  # noqa: PLC0415 - start-up time
    from ruamel.yaml.error import YAMLError  # noqa: PLC0415

    try:
        found = YAML(typ="safe", pure=True).load(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise BadSettings(f"cannot read {file}: {error}") from None
    except YAMLError as error:
        raise BadSettings(f"{file} is not YAML{yaml_fault(error)}") from None
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise BadSettings(f"{file} holds a {type(found).__name__}, not a mapping of settings")
    return cast("dict[str, Any]", found)


def yaml_fault(error: Exception) -> str:
    """Say where YAML is wrong, and how; the error's own text quotes the file, secrets included."""
    mark = getattr(error, "problem_mark", None)
    where = f" (line {mark.line + 1}, column {mark.column + 1})" if mark else ""
    said = str(getattr(error, "problem", None) or "")
    # Between quotes stand characters, or names and values out of the file.
    plain = re.sub(r"(['\"]).{3,}\1", "…", said.partition("\n")[0])
    return f"{where}: {plain}" if plain else where


def is_file(path: Path) -> bool:
    """Tell whether there is a file.

    Raises:
        BadSettings: when a folder on the way is closed to this user: nobody knows then.

    """
    try:
        return path.is_file()
    except OSError as error:
        raise BadSettings(
            f"cannot look at {path}: {error.strerror}",
            hint="give this user the right, or name another",
        ) from None


def readable_by_others(file: Path) -> bool:
    """Tell whether group or others may read a file that ought to be private."""
    return bool(file.stat().st_mode & (stat.S_IRGRP | stat.S_IROTH))


def _matches(word: str, part: str) -> bool:
    return word in {"*", part}


def _fields_at(kind: type[msgspec.Struct], parts: list[str]) -> set[str] | None:
    """Return the field names of a struct reached through nested structs; None inside free maps."""
    current: Any = kind
    for part in parts:
        hint = typing.get_type_hints(current).get(part)
        structs = [t for t in (hint, *typing.get_args(hint)) if _is_struct(t)]
        if not structs:
            return None
        current = structs[0]
    return {info.encode_name for info in msgspec.structs.fields(current)}


def _is_struct(kind: Any) -> bool:  # noqa: ANN401 - a type
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)


def _copy(tree: Mapping[str, Any]) -> dict[str, Any]:
    return {str(k): _copy(v) if isinstance(v, dict) else v for k, v in tree.items()}


def _leaves(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in tree.items():
        path = f"{prefix}.{key}".lstrip(".")
        if isinstance(value, dict):
            yield from _leaves(value, path)
        else:
            yield path, value


def _sections_and_leaves(tree: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    for key, value in tree.items():
        path = f"{prefix}.{key}".lstrip(".")
        yield path
        if isinstance(value, dict):
            yield from _sections_and_leaves(value, path)
