# SPDX-License-Identifier: Apache-2.0
"""What Kolla's globals say: virtual addresses, and where one's own configuration lies."""

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from ruamel.yaml.error import YAMLError

from day2.adapters.kolla.settings import KollaSettings
from day2.adapters.kolla.variables import reader
from day2.errors import BadSettings

NAMES = {
    "kolla_internal_vip_address": "internal",
    "kolla_external_vip_address": "external",
}
# Without them a load balancer outside of this cloud's hosts has the addresses.
HOLDERS = ("enable_haproxy", "enable_keepalived", "enable_loadbalancer")
OFF = frozenset({"no", "false", "off", "n", "0"})
FILE_BYTES_MAX = 4 << 20


def virtual_addresses(settings: KollaSettings, variables: Mapping[str, str]) -> dict[str, str]:
    """Return each virtual address and what it is called: `internal`, `external` or both.

    `variables` are those of the inventory. The files are read as Kolla-Ansible reads them, later
    ones over earlier ones, all of them over the inventory; a value that is a template is left out.
    Nothing where keepalived, which would hold them, is not deployed.

    Raises:
        BadSettings: when a file is there and cannot be read.

    """
    told: dict[str, Any] = {**variables, **_globals(settings)}
    if any(str(told.get(name, "yes")).strip().lower() in OFF for name in HOLDERS):
        return {}
    found: dict[str, list[str]] = {}
    for name, called in NAMES.items():
        value = str(told.get(name) or "").strip()
        if value and "{{" not in value:
            found.setdefault(value, []).append(called)
    return {address: " and ".join(called) for address, called in found.items()}


def custom_config(settings: KollaSettings) -> Path:
    """Return the folder of the operator's own configuration (`node_custom_config`).

    Kolla-Ansible's default where globals.yml names it by a template, or cannot be read.
    """
    told: dict[str, Any] = {}
    with suppress(BadSettings):
        told = _globals(settings)
    value = str(told.get("node_custom_config") or "").strip()
    named = value.startswith("/") and "{{" not in value
    return Path(value) if named else Path(settings.config_dir) / "config"


def _globals(settings: KollaSettings) -> dict[str, Any]:
    folder = Path(settings.config_dir).expanduser()
    told: dict[str, Any] = {}
    for file in (folder / "globals.yml", *sorted((folder / "globals.d").glob("*.yml"))):
        told |= _read(file)
    return told


def _read(file: Path) -> dict[str, Any]:
    try:
        with file.open("rb") as opened:
            text = opened.read(FILE_BYTES_MAX)
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise BadSettings(
            f"cannot read {file}: {error.strerror}", hint="setting clouds.NAME.kolla.config_dir"
        ) from None
    try:
        found = reader().load(text)
    except (YAMLError, ValueError) as error:
        # The error's own text quotes the file: only the place is told.
        mark = getattr(error, "problem_mark", None)
        where = f" (line {mark.line + 1})" if mark else ""
        raise BadSettings(f"{file} is not YAML{where}") from None
    return {str(k): v for k, v in found.items()} if isinstance(found, dict) else {}
