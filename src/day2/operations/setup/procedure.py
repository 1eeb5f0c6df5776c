# SPDX-License-Identifier: Apache-2.0
"""`day2 init`: find, choose, prove that the file can be read back, write it."""

import shlex
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
from ruamel.yaml import YAML

from day2.adapters.kolla.virtualenv import Virtualenv
from day2.errors import BadSettings
from day2.operations.setup import discover, draft, write
from day2.settings import Schema, Settings, search_path

INVENTORY_SECONDS = 20.0

# Of the shared sections, what operators ask for first.
USEFUL = {
    "survey": ("skip_kinds", "seconds_max"),
    "load": ("requests_per_service_max",),
}


class Written(msgspec.Struct, frozen=True, kw_only=True):
    """What `day2 init` did: the file, the old one's copy, what it found, what to type next."""

    at: datetime
    file: Path
    kept: Path | None
    clouds: list[str]
    seen: list[tuple[str, str]]
    missing: list[tuple[str, str]]
    sections: dict[str, list[str]]
    off: dict[str, list[str]]
    following: list[str]


def run(
    wanted: discover.Wanted,
    *,
    path: Path,
    config: str | None,
    force: bool,
    schema: Schema,
    of_a_cloud: Mapping[str, type[msgspec.Struct]],
    environment: Mapping[str, str],
    now: datetime,
) -> Written:
    """Write the settings file.

    Raises:
        BadSettings, BadUsage: when nothing usable was found, or the file cannot be written.

    """

    def ansible(inventory: Path, virtualenv: str) -> dict[str, Any]:
        return _ansible(inventory, Virtualenv(virtualenv, environment))

    found = discover.discover(wanted, environment=environment, ansible=ansible)
    clouds = draft.draft(found, wanted)
    for cloud in clouds:
        cloud.sections = {n: s for n, s in cloud.sections.items() if n in of_a_cloud}
    head = (
        f"day2's settings, written by `day2 init` at {now:%Y-%m-%d %H:%M} UTC. Passwords are "
        "named here, never written: {kolla: KEY} is a key of Kolla's passwords.yml, {file: PATH} "
        "the first line of a file, {env: NAME} a variable, {vault: PATH#KEY} HashiCorp Vault. "
        "Try every line of it: day2 doctor"
    )
    content = write.text(clouds, schema=schema, useful=USEFUL, head=head)
    _prove(content, schema, of_a_cloud)
    kept = write.save(path, content, force=force, now=now)
    first = found.accounts[0]
    return Written(
        at=now,
        file=path,
        kept=kept,
        clouds=[cloud.name for cloud in clouds],
        seen=found.seen,
        missing=found.missing,
        sections={c.name: [n for n, s in c.sections.items() if s.active] for c in clouds},
        off={c.name: [n for n, s in c.sections.items() if not s.active] for c in clouds},
        following=_following(first, path, config, environment),
    )


def _ansible(inventory: Path, virtualenv: Virtualenv) -> dict[str, Any]:
    words = ["-i", str(inventory), "--list"]
    printed = virtualenv.run("ansible-inventory", words, seconds=INVENTORY_SECONDS)
    try:
        return msgspec.json.decode(printed, type=dict[str, Any])
    except msgspec.MsgspecError:
        raise BadSettings("ansible-inventory --list did not print JSON") from None


def _prove(content: str, schema: Schema, of_a_cloud: Mapping[str, type[msgspec.Struct]]) -> None:
    """Read the text as day2 will: nothing that it refuses is ever written."""
    settings = Settings(schema=schema, tree=YAML(typ="safe", pure=True).load(content))
    for name in settings.names("clouds"):
        for section, kind in of_a_cloud.items():
            if settings.value(f"clouds.{name}.{section}") is not None:
                settings.section(kind, f"clouds.{name}.{section}")


def _following(
    account: discover.Account, path: Path, config: str | None, environment: Mapping[str, str]
) -> list[str]:
    """List the commands to type next."""
    found = [candidate.absolute() for candidate in search_path(config, environment)]
    by_itself = path in found and not config
    option = "" if by_itself else f" --config {shlex.quote(str(path))}"
    sourcing = []
    if not account.entry and not environment.get("OS_AUTH_URL"):
        sourcing = [f"source {shlex.quote(account.source)}"]
    return [*sourcing, f"day2{option} doctor"]
