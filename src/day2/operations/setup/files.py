# SPDX-License-Identifier: Apache-2.0
"""Read other people's files: bounded in size, tolerant of Ansible's YAML, errors in a sentence."""

import re
from pathlib import Path
from typing import Any, cast

from ruamel.yaml.error import YAMLError

from day2.adapters.kolla.variables import reader
from day2.errors import BadSettings
from day2.settings import yaml_fault

BYTES_MAX = 8 << 20
_TOP_LEVEL = re.compile(r"^([A-Za-z_]\w*)\s*:[ \t]*(.*?)[ \t]*$")
VAULT_HEADER = "$ANSIBLE_VAULT"


def there(path: Path) -> bool:
    """Tell whether something is there for us; what we may not look for is not."""
    try:
        return path.exists()
    except OSError:
        return False


def denied(error: OSError) -> BadSettings:
    """Name a file or folder that this user may not look into, with the cure."""
    return BadSettings(
        f"cannot read {error.filename}: {error.strerror}",
        hint="give this user the right to read it: "
        f"sudo setfacl -R -m u:$USER:rX {Path(str(error.filename)).parent}",
    )


def text_of(file: Path) -> str:
    """Return a file's text.

    Raises:
        BadSettings: when it cannot be read, is larger than 8 MiB, or is not text.

    """
    try:
        if not file.is_file():
            raise BadSettings(f"{file} is not a file")
        with file.open("rb") as opened:
            content = opened.read(BYTES_MAX + 1)
    except OSError as error:
        raise BadSettings(
            f"cannot read {file}: {error.strerror}",
            hint=f"give this user the right to read it: sudo setfacl -m u:$USER:r {file}",
        ) from None
    if len(content) > BYTES_MAX:
        raise BadSettings(f"{file} is larger than {BYTES_MAX >> 20} MiB: not a file for people")
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        raise BadSettings(f"{file} is not text")
    return text


def mapping_of(file: Path) -> dict[str, Any]:
    """Return a YAML mapping; `!vault` becomes empty text.

    Raises:
        BadSettings: when it cannot be read, is not YAML, or is not a mapping.

    """
    text = text_of(file)
    try:
        found = reader().load(text)
    except RecursionError:
        raise BadSettings(f"{file} is nested too deeply for settings") from None
    except (YAMLError, ValueError, TypeError) as error:
        raise BadSettings(f"{file} is not YAML{yaml_fault(error)}") from None
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise BadSettings(f"{file} holds a {type(found).__name__}, not a mapping")
    return cast("dict[str, Any]", found)


def scalars_of(file: Path) -> dict[str, Any]:
    """Return the plain top-level values of a file of Ansible variables.

    Values with Jinja are left out: only Ansible knows what they become. Where the file as a whole
    is not YAML (an unquoted `{{ … }}` is enough), its simple lines are taken.

    Raises:
        BadSettings: when it cannot be read.

    """
    try:
        found = mapping_of(file)
    except BadSettings:
        found = _lines(text_of(file))
    return {
        str(key): value
        for key, value in found.items()
        if isinstance(value, str | int | float | bool) and "{{" not in str(value)
    }


def keys_of(file: Path) -> set[str] | None:
    """Return the keys of a passwords file that have a value, never the values.

    None when the whole file is encrypted with ansible-vault.

    Raises:
        BadSettings: when it cannot be read.

    """
    text = text_of(file)
    if text.lstrip().startswith(VAULT_HEADER):
        return None
    return {
        key for key, value in _lines(text).items() if value not in {"", "null", "~", "''", '""'}
    }


def _lines(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for line in text.splitlines():
        match = _TOP_LEVEL.match(line)
        if match:
            found[match[1]] = match[2].split(" #")[0].strip().strip("\"'")
    return found
