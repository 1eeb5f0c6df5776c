# SPDX-License-Identifier: Apache-2.0
"""What a worker does, and what is done at once: in this very process, with the vault open."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from day2.adapters import private_folders
from day2.adapters.kolla.settings import KollaSettings
from day2.errors import BadUsage, Refused
from day2.model.backup import Kind, Level

if TYPE_CHECKING:
    from day2.adapters.vaults.vault import Draft
    from day2.model.backup import Found, Record
    from day2.model.comparison import FileChange
    from day2.operations.backup.takers.taker import Say
    from day2.wiring.backup import Backups
    from day2.wiring.site import Site


class BackupWork:
    """Takes, proves, copies and restores."""

    def __init__(self, site: "Site", backups: "Backups") -> None:
        self._site = site
        self._backups = backups

    def copy(self, name: str, say: "Say") -> dict[str, Any]:
        """Copy a set in this very process: what a worker does."""
        found = self._backups.vault.find(name)
        copier = self._backups.third_copy
        say("looking whether the bucket holds what it is given")
        copier.bucket.require_fit()
        say(f"copying to {copier.name}")
        return copier.copy(found, self._backups.vault.folder / found.manifest.id)

    def restore_schema(self, name: str, schema: str, aside: Path, *, say: "Say") -> dict[str, Any]:
        """Put a schema back in this very process: what a worker does."""
        from day2.operations.backup.restoring import restore_schema

        return restore_schema(
            self._backups.vault,
            self._backups.vault.find(name),
            self._backups.database,
            schema,
            aside=aside,
            scratch_parent=self._backups.scratch_folder,
            say=say,
        )

    def swap_back(self, schema: str, aside: Path) -> dict[str, Any]:
        """Take a restore back in this very process: what a worker does."""
        from day2.operations.backup.restoring import swap_back

        return swap_back(self._backups.database, schema, aside)

    def take(self, draft: "Draft", say: "Say") -> "Found":
        """Take a set in this very process: what a worker does."""
        from day2.operations.backup.work import take

        taker = self._backups.taker(draft.kind, draft.method)
        return take(self._backups.vault, taker, draft, self._site.clock, say)

    def verify(self, name: str, level: Level, *, by: str, say: "Say") -> "Record":
        """Prove a set in this very process: what a worker does."""
        from day2.operations.backup.work import verify

        manifest = self._backups.vault.find(name).manifest
        taker = self._backups.taker(manifest.kind, manifest.method)
        return verify(
            self._backups.vault,
            taker,
            name,
            level,
            by=by,
            clock=self._site.clock,
            scratch=self._backups.rbd.scratch if manifest.kind is Kind.RBD else None,
            say=say,
        )

    def restore_files(self, name: str, into: Path, *, say: "Say") -> dict[str, Any]:
        """Restore a set of files into a new or empty folder.

        Raises:
            BadUsage: when it is a set of something else.
            Refused: when the folder is not empty, or is where the configuration lives.
            NotVerified: when the set does not hold.

        """
        from day2.operations.backup.takers.tree import TREE, restore

        found = self._backups.vault.find(name)
        if not any(artefact.of == TREE for artefact in found.manifest.artefacts):
            raise BadUsage(f"{found.manifest.id} is no set of files")
        lived = Path(self._site.section("kolla", KollaSettings).config_dir).expanduser().absolute()
        if into == lived or lived in into.parents:
            raise Refused(
                f"{into} is where the configuration lives: a set is restored beside it",
                hint="another folder; compare, then copy what you want",
            )
        with private_folders.folder() as scratch:
            return restore(self._backups.vault, found, into, scratch, say)

    def put_config(self, name: str, folder: Path, *, mark: str, say: "Say") -> dict[str, Any]:
        """Put the configuration of a set in place: what a worker does."""
        from day2.operations.backup.config_restoring import put
        from day2.wiring.takers import configuration_places

        vault = self._backups.vault
        allowed = configuration_places(self._site, self._backups.policy)
        return put(vault, vault.find(name), allowed, mark=mark, folder=folder, say=say)

    @staticmethod
    def take_config_away(folder: Path, *, mark: str) -> dict[str, Any]:
        """Take that back: what a worker does."""
        from day2.operations.backup.config_restoring import take_away

        return take_away(folder, mark=mark)

    def diff(
        self, before: str, after: str, *, say: "Say"
    ) -> "tuple[Found, Found, list[FileChange]]":
        """Compare two sets of files; no value that may be a secret is in what is returned.

        Raises:
            BadUsage: when there is no such set, or it is one of something else.
            NotVerified, Refused: when one does not hold, or no key at hand opens it.

        """
        from day2.operations.backup.comparing import diff

        pair = self._backups.vault.find(before), self._backups.vault.find(after)
        with private_folders.folder() as scratch:
            return (*pair, diff(self._backups.vault, *pair, scratch, say))
