# SPDX-License-Identifier: Apache-2.0
"""The known problems, day2's own and the operator's: data, read and held against their form."""

import re
from collections.abc import Iterator, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

import msgspec

from day2.errors import BadSettings
from day2.model.problem import KnownProblem, Sign

SETTING = "setting problems.folder"
FILE_BYTES_MAX = 4 << 20


def shipped() -> list[KnownProblem]:
    """Return day2's own, in the order of their files.

    Raises:
        BadSettings: when a file is wrong; the message names file and entry.

    """
    folder = resources.files("day2.operations.problems").joinpath("data")
    files = sorted(file.name for file in folder.iterdir() if file.name.endswith(".yaml"))
    return _checked(
        problem
        for name in files
        for problem in _entries(folder.joinpath(name).read_text("utf-8"), f"{name} of day2")
    )


def load(folder: str = "") -> list[KnownProblem]:
    """Return the operator's own before day2's; one with the id of ours takes its place.

    Raises:
        BadSettings: when the folder or a file in it is wrong; the message names file and entry.

    """
    own = _checked(_own(Path(folder).expanduser())) if folder else []
    taken = {problem.id for problem in own}
    return [*own, *(problem for problem in shipped() if problem.id not in taken)]


def _own(folder: Path) -> Iterator[KnownProblem]:
    if not folder.is_dir():
        raise BadSettings(f"folder {folder} does not exist", hint=SETTING)
    for file in sorted(folder.glob("*.yaml")):
        try:
            if file.stat().st_size > FILE_BYTES_MAX:
                raise BadSettings(f"{file} is larger than 4 MiB", hint=SETTING)
            text = file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise BadSettings(f"cannot read {file}: {error}", hint=SETTING) from None
        yield from _entries(text, str(file))


def _checked(problems: Iterator[KnownProblem]) -> list[KnownProblem]:
    found: dict[str, KnownProblem] = {}
    for problem in problems:
        if problem.id in found:
            raise BadSettings(f"two known problems are called {problem.id}", hint=SETTING)
        found[problem.id] = problem
    return list(found.values())


def _entries(text: str, name: str) -> Iterator[KnownProblem]:
    from ruamel.yaml import YAML  # noqa: PLC0415 - start-up time
    from ruamel.yaml.error import YAMLError  # noqa: PLC0415

    try:
        listed: Any = YAML(typ="safe", pure=True).load(text)
    except YAMLError as error:
        said = " ".join(str(error).split())
        raise BadSettings(f"{name} is not YAML: {said}", hint=SETTING) from None
    if listed is None:
        return
    if not isinstance(listed, list):
        raise BadSettings(f"{name} holds no list of entries", hint=SETTING)
    for number, entry in enumerate(listed, start=1):
        yield _entry(entry, f"{name}, entry {number}")


def _entry(entry: object, name: str) -> KnownProblem:
    try:
        made = msgspec.convert(entry, KnownProblem)
    except msgspec.ValidationError as error:
        raise BadSettings(f"{name}: {error}", hint=SETTING) from None
    if not made.signs and not made.needs:
        raise BadSettings(f"{name} ({made.id}) has neither signs nor needs", hint=SETTING)
    _signs([*made.signs, *made.needs, *made.against], f"{name} ({made.id})")
    return made


def _signs(signs: Sequence[Sign], name: str) -> None:
    for sign in signs:
        if not sign.kind:
            raise BadSettings(
                f"{name}: a sign is exactly one of finding, log, text, cause, gap", hint=SETTING
            )
        for pattern in (sign.log, sign.text, sign.words):
            try:
                re.compile(pattern)
            except re.error as error:
                raise BadSettings(
                    f"{name}: {pattern!r} is no regular expression: {error}", hint=SETTING
                ) from None
