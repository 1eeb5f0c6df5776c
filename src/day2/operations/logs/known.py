# SPDX-License-Identifier: Apache-2.0
"""What is known of error lines: noise that means nothing, problems that have a name."""

import fnmatch
import re
from collections.abc import Iterable, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

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


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """Lines that a known problem leaves behind, and what to do about it.

    `mark` is a piece of such a line that lets it be read below the level of an error.
    """

    id: str
    match: str
    title: str
    advice: str
    service: str = "*"
    mark: str = ""


class Tables(msgspec.Struct, frozen=True, kw_only=True):
    """Both; the first entry that covers an error names it."""

    noise: list[Noise] = []
    problems: list[Problem] = []

    def noise_of(self, service: str, text: str) -> str:
        """Name the entry of the table of noise that covers an error; empty when none does."""
        return _first(self.noise, service, text)

    def problem_of(self, service: str, text: str) -> str:
        """Name the known problem that an error tells of; empty when none does."""
        return _first(self.problems, service, text)


def load(folder: str = "", problems: Iterable[Problem] = ()) -> Tables:
    """Read day2's own table of noise, and before it that of a folder; problems are handed in.

    Raises:
        BadSettings: when the folder or a file in it is wrong; the message names file and entry.

    """
    noise: list[Noise] = []
    if folder:
        path = Path(folder).expanduser()
        if not path.is_dir():
            raise BadSettings(f"folder {path} does not exist", hint=SETTING)
        if (path / "problems.yaml").exists():
            raise BadSettings(
                f"{path / 'problems.yaml'}: known problems are no longer read from there",
                hint="move them, in their new form, to the folder of setting problems.folder",
            )
        noise += _own(path / "noise.yaml")
    shipped = resources.files("day2.operations.logs").joinpath("data")
    noise += _entries(shipped.joinpath("noise.yaml").read_text(), "noise.yaml of day2")
    return Tables(noise=noise, problems=list(problems))


def _own(file: Path) -> list[Noise]:
    if not file.exists():
        return []
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadSettings(f"cannot read {file}: {error}", hint=SETTING) from None
    return _entries(text, str(file))


def _entries(text: str, name: str) -> list[Noise]:
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
    return [_entry(entry, f"{name}, entry {n}") for n, entry in enumerate(listed, start=1)]


def _entry(entry: object, name: str) -> Noise:
    try:
        made = msgspec.convert(entry, Noise)
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
