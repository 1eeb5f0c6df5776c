# SPDX-License-Identifier: Apache-2.0
"""Backups of one cloud: its vault, who takes what, the worker, and the plans."""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from day2.errors import BadSettings, BadUsage
from day2.model.backup import Kind, Method
from day2.operations.backup.policy import BackupPolicy

if TYPE_CHECKING:
    from day2.adapters.adopting.recognise import Candidate
    from day2.adapters.database.beside import Beside
    from day2.adapters.database.server import Server
    from day2.adapters.database.settings import DatabaseBackupSettings
    from day2.adapters.vaults.plain import Plain
    from day2.adapters.vaults.s3 import ThirdCopy
    from day2.model.backup import Found, Standing
    from day2.operations.backup.actions.outage import Reconciled
    from day2.operations.backup.takers.taker import Say, Taker
    from day2.operations.backup.takers.tree import Root
    from day2.wiring.backup_plans import BackupPlans
    from day2.wiring.backup_rbd import BackupRbd
    from day2.wiring.backup_whole import WholeRestore
    from day2.wiring.backup_work import BackupWork
    from day2.wiring.site import Site

RANDOM_BYTES = 2
TAKEN = {
    Kind.DATABASE: Method.LOGICAL,
    Kind.CONFIG: Method.FULL,
    Kind.IDENTITY: Method.FULL,
    Kind.VOLUMES: Method.FULL,
    Kind.RBD: Method.FULL,
    Kind.IMAGES: Method.FULL,
    Kind.DAY2: Method.FULL,
}
"""The kinds that can be taken, and how when nothing else is said."""


class Backups:
    """Everything about the sets of one cloud; the vault is opened when it is used."""

    def __init__(self, site: "Site") -> None:
        self._site = site

    @cached_property
    def plans(self) -> "BackupPlans":
        """What makes plans about sets."""
        from day2.wiring.backup_plans import BackupPlans

        return BackupPlans(self._site, self)

    @cached_property
    def work(self) -> "BackupWork":
        """What is done in this very process."""
        from day2.wiring.backup_work import BackupWork

        return BackupWork(self._site, self)

    @cached_property
    def whole(self) -> "WholeRestore":
        """What puts the whole database back."""
        from day2.wiring.backup_whole import WholeRestore

        made = WholeRestore(self._site, self)
        made.reconcile = self._reconciled
        return made

    def _reconciled(self) -> "Reconciled":
        """Compare the stores, as a restore asks for it."""
        from day2.wiring.reconcile import for_restore

        return for_restore(self._site)

    @cached_property
    def rbd(self) -> "BackupRbd":
        """RBD images."""
        from day2.wiring.backup_rbd import BackupRbd

        return BackupRbd(self._site, self)

    @property
    def taken(self) -> Mapping[Kind, Method]:
        """The kinds that can be taken, and how when nothing else is said."""
        return TAKEN

    @cached_property
    def policy(self) -> BackupPolicy:
        """How old sets may be and how long they are kept."""
        return self._site.section("backup", BackupPolicy)

    @cached_property
    def vault(self) -> "Plain":
        """The vault that sets are written to.

        Raises:
            BadSettings: when none is configured.

        """
        from day2.adapters.vaults.plain import Plain
        from day2.adapters.vaults.settings import PlainSettings
        from day2.wiring import backup_bulk

        path = f"clouds.{self._site.cloud}.backup_vault"
        if self._site.settings.value(path) is None:
            raise BadSettings(
                f"cloud {self._site.cloud!r} has no vault for backups",
                hint=f"set {path}.path and {path}.recipients",
            )
        settings = self._site.section("backup_vault", PlainSettings)
        return Plain(
            settings,
            name="backup_vault",
            cloud=self._site.cloud,
            clock=self._site.clock,
            bulk=backup_bulk.repository(self._site),
        )

    def standings(self, found: "Sequence[Found]") -> "list[Standing]":
        """Judge how each kind stands."""
        from day2.operations.backup.standing import standings

        return standings(found, self.policy.kinds, self.policy, self._site.clock.now())

    def taker(self, kind: Kind, method: Method | None = None) -> "Taker":
        """Return who reads and proves this kind, taken this way.

        Raises:
            BadUsage: when day2 cannot take it.

        """
        from day2.operations.backup.takers.adopted import AdoptedTaker
        from day2.operations.backup.takers.database import DatabaseTaker
        from day2.operations.backup.takers.tree import TreeTaker
        from day2.wiring import takers

        if method is Method.ADOPTED:
            return AdoptedTaker(self._load_adopted)
        if kind is Kind.DATABASE:
            return DatabaseTaker(
                self.database, self.database_settings, self._site.clock, self._scratch
            )
        if kind is Kind.CONFIG:
            return TreeTaker(kind, self._configuration, takers.beside(self._site, self.policy))
        if kind is Kind.IDENTITY:
            return takers.identity(self._site)
        if kind is Kind.IMAGES:
            return takers.images(self._site)
        if kind is Kind.VOLUMES:
            return takers.volumes(self._site)
        if kind is Kind.RBD:
            return self.rbd.taker()
        if kind is Kind.DAY2:
            return TreeTaker(kind, self._own)
        raise BadUsage(
            f"day2 takes no sets of kind {kind.value} yet",
            hint=f"it takes {', '.join(one.value for one in TAKEN)}",
        )

    def _load_adopted(self, chain: "list[Candidate]", _folder: Path, say: "Say") -> dict[str, Any]:
        """Restore a backup of others into a scratch server."""
        from day2.adapters.adopting.loading import load
        from day2.adapters.database.beside import Beside

        settings = self.database_settings
        say(f"restoring {chain[-1].path} into a scratch server")
        return load(
            chain,
            Beside(prefix=settings.scratch_command),
            self._scratch,
            self._site.clock,
            memory_mib=settings.scratch_memory_mib,
        )

    @property
    def database_settings(self) -> "DatabaseBackupSettings":
        """How the database is reached, and where its sets are proven."""
        from day2.adapters.database.settings import DatabaseBackupSettings

        return self._site.section("backup_database", DatabaseBackupSettings)

    @property
    def _scratch(self) -> Path:
        import tempfile

        given = self.database_settings.scratch_folder
        return Path(given).expanduser().absolute() if given else Path(tempfile.gettempdir())

    @property
    def database(self) -> "Server":
        """The server whose databases are backed up.

        Raises:
            BadSettings: when it is not configured, or its password cannot be read.

        """
        from day2.adapters.database.beside import Beside, Login
        from day2.adapters.database.server import Server

        path = f"clouds.{self._site.cloud}.backup_database"
        if self._site.settings.value(path) is None:
            raise BadSettings(
                f"cloud {self._site.cloud!r} does not say how its database is reached",
                hint=f"set {path}.command, and socket or host; or take other kinds only",
            )
        settings = self.database_settings
        password = self._site.secrets.resolve(settings.password) if settings.password else ""
        login = Login(
            user=settings.user,
            password=password,
            socket=settings.socket,
            host=settings.host,
            port=settings.port,
            ca_file=settings.ca_file,
        )
        return Server(Beside(prefix=settings.command), login)

    @contextlib.contextmanager
    def _configuration(self) -> "Iterator[Sequence[Root]]":
        from day2.wiring.takers import configuration_roots

        yield configuration_roots(self._site, self.policy)

    @contextlib.contextmanager
    def _own(self) -> "Iterator[Sequence[Root]]":
        """Copy day2's own databases at one instant each, and name them with the settings."""
        from day2.memory.copies import copied
        from day2.operations.backup.takers.tree import Root

        given = self._site.settings.file
        with copied(self._site.state) as files:
            roots = [Root(path=file, name=file.name) for file in files]
            if given:
                roots.append(Root(path=given.absolute(), name="day2.yaml"))
            yield roots

    @property
    def has_third_copy(self) -> bool:
        """Tell whether sets are copied to a bucket."""
        return self._site.settings.value(f"clouds.{self._site.cloud}.backup_copy") is not None

    @property
    def third_copy(self) -> "ThirdCopy":
        """The bucket that sets are copied to.

        Raises:
            BadSettings: when none is configured, or its key cannot be read.

        """
        from day2.adapters.vaults.records import read_all
        from day2.adapters.vaults.s3 import ThirdCopy
        from day2.adapters.vaults.s3_settings import S3Settings

        settings = self._site.section("backup_copy", S3Settings)
        secret = self._site.secrets.resolve(settings.secret_key) if settings.secret_key else ""
        return ThirdCopy(
            settings,
            secret,
            cloud=self._site.cloud,
            clock=self._site.clock,
            read_records=read_all,
        )

    @property
    def scratch_folder(self) -> Path:
        """Where sets are restored for a proof."""
        return self._scratch

    @property
    def scratch_beside(self) -> "Beside":
        """Where the programs of a scratch server are."""
        from day2.adapters.database.beside import Beside

        return Beside(prefix=self.database_settings.scratch_command)

    def pin(self, name: str, *, reason: str, remove: bool) -> "Found":
        """Append that a set is kept whatever its age, or not any more; return it as it is then.

        Raises:
            BadUsage: when there is no such set.

        """
        from day2.adapters.people import who
        from day2.model.backup import Record, Told

        found = self.vault.find(name)
        self.vault.record(
            Record(
                set=found.manifest.id,
                manifest_sha256=found.sha256,
                told=Told.UNPINNED if remove else Told.PINNED,
                at=self._site.clock.now(),
                by=who(self._site.environment),
                detail=reason,
            )
        )
        return self.vault.find(found.manifest.id)


def document(found: "Found") -> dict[str, Any]:
    """Return one set as documents tell it."""
    manifest = found.manifest
    return {
        "id": manifest.id,
        "kind": manifest.kind.value,
        "method": manifest.method.value,
        "taken_at": manifest.taken_at,
        "started_at": manifest.started_at,
        "ended_at": manifest.ended_at,
        "bytes": manifest.bytes,
        "stored_bytes": manifest.stored_bytes,
        "level": found.level.value,
        "state": found.state.value,
        "parent": manifest.parent or None,
        "pinned": found.pinned,
        "sha256": found.sha256,
        "proven_at": found.proven_at,
    }
