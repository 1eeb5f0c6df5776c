# SPDX-License-Identifier: Apache-2.0
"""What is known of error lines: noise that means nothing, problems that have a name; both data."""

import fnmatch
import re
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from day2.errors import BadSettings

SETTING = "setting log_review.known_folder"


class Noise(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Lines that mean nothing; `match` is a regular expression, `service` a shell pattern."""

    id: str
    match: str
    note: str
    reference: str
    service: str = "*"


class Problem(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Lines that a known problem leaves behind, and what to do about it."""

    id: str
    match: str
    title: str
    advice: str
    service: str = "*"
    reference: str = ""


T = TypeVar("T", Noise, Problem)


class Tables(msgspec.Struct, frozen=True, kw_only=True):
    """Both tables; the first entry that covers an error names it."""

    noise: list[Noise] = []
    problems: list[Problem] = []

    def noise_of(self, service: str, text: str) -> str:
        """Name the entry of the table of noise that covers an error; empty when none does."""
        return _first(self.noise, service, text)

    def problem_of(self, service: str, text: str) -> str:
        """Name the known problem that an error tells of; empty when none does."""
        return _first(self.problems, service, text)


def load(folder: str = "") -> Tables:
    """Read day2's own tables, and before them those of a folder.

    Raises:
        BadSettings: when the folder or a file in it is wrong; the message names file and entry.

    """
    noise: list[Noise] = []
    problems: list[Problem] = []
    if folder:
        path = Path(folder).expanduser()
        if not path.is_dir():
            raise BadSettings(f"folder {path} does not exist", hint=SETTING)
        noise += _own(path / "noise.yaml", Noise)
        problems += _own(path / "problems.yaml", Problem)
    shipped = resources.files("day2.operations.logs").joinpath("data")
    noise += _entries(shipped.joinpath("noise.yaml").read_text(), "noise.yaml of day2", Noise)
    text = shipped.joinpath("problems.yaml").read_text()
    problems += _entries(text, "problems.yaml of day2", Problem)
    return Tables(noise=noise, problems=problems)


def _own(file: Path, kind: type[T]) -> list[T]:
    if not file.exists():
        return []
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadSettings(f"cannot read {file}: {error}", hint=SETTING) from None
    return _entries(text, str(file), kind)


def _entries(text: str, name: str, kind: type[T]) -> list[T]:
    from ruamel.yaml import YAML  # noqa: PLC0415 - start-up time
    from ruamel.yaml.error import YAMLError  # noqa: PLC0415

    try:
        listed: Any = YAML(typ="safe", pure=True).load(text)
    except YAMLError as error:
        raise BadSettings(
            f"{name} is not YAML: {' '.join(str(error).split())}", hint=SETTING
        ) from None
    if listed is None:
        return []
    if not isinstance(listed, list):
        raise BadSettings(f"{name} holds no list of entries", hint=SETTING)
    return [_entry(entry, f"{name}, entry {n}", kind) for n, entry in enumerate(listed, start=1)]


def _entry(entry: object, name: str, kind: type[T]) -> T:
    try:
        made = msgspec.convert(entry, kind)
        re.compile(made.match)
    except msgspec.ValidationError as error:
        raise BadSettings(f"{name}: {error}", hint=SETTING) from None
    except re.error as error:
        raise BadSettings(
            f"{name}: match is no regular expression: {error}", hint=SETTING
        ) from None
    return made


def _first(entries: Sequence[Noise] | Sequence[Problem], service: str, text: str) -> str:
    for entry in entries:
        if fnmatch.fnmatchcase(service, entry.service) and re.search(entry.match, text):
            return entry.id
    return ""
