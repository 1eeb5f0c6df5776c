# SPDX-License-Identifier: Apache-2.0
"""The repository that takes the data of large sets, where one is set."""

import socket
from typing import TYPE_CHECKING

import msgspec

from day2.errors import BadUsage
from day2.model.backup import Kind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from day2.adapters.vaults.restic import Repository
    from day2.adapters.vaults.restic_settings import ResticSettings
    from day2.model.backup import Found
    from day2.model.plan import Asked, Plan
    from day2.wiring.site import Site

SECTION = "backup_bulk"


def settings(site: "Site") -> "ResticSettings":
    """Return what is set about it."""
    from day2.adapters.vaults.restic_settings import ResticSettings

    return site.section(SECTION, ResticSettings)


def repository(site: "Site") -> "Repository | None":
    """Return the repository; None: the data of all sets are files of the vault.

    Raises:
        BadSettings: when its password cannot be read.

    """
    from day2.adapters.vaults.restic import Repository

    found = settings(site)
    if not found.repository:
        return None
    password = site.secrets.resolve(found.password) if found.password else ""
    return Repository(
        found,
        password,
        host=socket.gethostname(),
        clock=site.clock,
        environment=site.environment,
    )


def kinds(site: "Site") -> frozenset[Kind]:
    """Return the kinds whose data are no files of the vault: nothing copies them to a bucket."""
    found = settings(site)
    return frozenset(found.kinds) if found.repository else frozenset()


def plan_copy(found: "Sequence[Found]", asked: "Asked", where: str) -> "Plan":
    """Plan to copy those sets that are whole in the vault; the others are named.

    Raises:
        BadUsage: when the data of all of them are in the repository.

    """
    from day2.adapters.vaults import layout
    from day2.model.finding import Subject
    from day2.model.plan import Refusal
    from day2.operations.backup import plan

    kept = [one.manifest.id for one in found if layout.kept(one.manifest)]
    files = [one for one in found if one.manifest.id not in kept]
    if kept and not files:
        raise BadUsage(
            f"the data of {kept[0]} are in the repository of restic, not in files",
            hint="let the repository be on another site, or copy it: restic copy",
        )
    refused = [
        Refusal(
            subject=Subject(type="backup-set", id=name, name=name),
            why="its data are in the repository of restic, which is to be on another site",
        )
        for name in kept
    ]
    made = plan.plan_copy(files, asked, where=where)
    return msgspec.structs.replace(made, refused=refused)
