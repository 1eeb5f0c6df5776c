# SPDX-License-Identifier: Apache-2.0
"""Is everything there that a recovery needs?"""

import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from day2.errors import Day2Error
from day2.model.backup import Kind
from day2.model.examination import Examination

if TYPE_CHECKING:
    from day2.model.backup import Found, Standing
    from day2.wiring.site import Site

VERSION = re.compile(r"(\d+\.\d+\.\d+)-MariaDB")


def preflight(site: "Site", *, identity: str) -> Examination:
    """Look at vault, keys, programs and room; `identity` is a file beside the one of the settings.

    Raises:
        BadSettings: when no vault is configured.

    """
    from day2.operations.recovery import preflight as room
    from day2.wiring import backup_keys

    began = site.clock.monotonic()
    backups = site.backups
    trouble: dict[str, str] = {}
    found: list[Found] = []
    standings: list[Standing] = []
    vault = backups.vault
    try:
        found = vault.sets()
        standings = backups.standings(found)
    except Day2Error as error:
        trouble["vault"] = str(error)
    keys = backup_keys.prove(site, identity)
    folder = there(backups.scratch_folder)
    given = room.Given(
        cloud=site.cloud,
        keys=keys.public,
        opened=keys.opened,
        given=keys.given,
        identity=identity,
        why_not_opened=keys.why,
        standings=standings,
        newest=_newest(found),
        programs={name: _which(site, name) for name in (*room.SCRATCH, *room.BY_HAND)},
        scratch_version=version(site),
        scratch_folder=str(folder),
        free_bytes=shutil.disk_usage(folder).free,
        trouble=trouble,
    )
    return Examination(
        items=room.examine(given),
        at=site.clock.now(),
        seconds=round(site.clock.monotonic() - began, 3),
    )


def _newest(found: "list[Found]") -> "dict[Kind, Found]":
    from day2.operations.backup.standing import usable

    return {one.manifest.kind: one for one in usable(found)}


def _which(site: "Site", name: str) -> str:
    """Return where a program is; those of a scratch server are looked for where it would run."""
    from day2.adapters.database import programs
    from day2.operations.recovery.preflight import SCRATCH

    if name not in SCRATCH:
        return shutil.which(name, path=site.environment.get("PATH")) or ""
    try:
        return programs.find(site.backups.scratch_beside, name)
    except Day2Error:
        return ""


def version(site: "Site") -> str:
    """Return the version of the programs that a scratch server is started with; empty: unknown."""
    from day2.adapters.database import programs

    try:
        said = programs.run(
            site.backups.scratch_beside, ["mariadbd", "--version"], what="asking for the version"
        )
    except Day2Error:
        return ""
    match = VERSION.search(said.decode(errors="replace"))
    return match[1] if match else ""


def there(folder: Path) -> Path:
    """Return the folder, or the nearest one above it that exists."""
    while not folder.exists():
        folder = folder.parent
    return folder
