# SPDX-License-Identifier: Apache-2.0
"""A vault of ordinary files: zstd within age, readable by hand with stock tools."""

import contextlib
import os
import socket
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pyrage

from day2 import __version__
from day2.adapters.clock import Clock
from day2.adapters.vaults import (
    keys,
    layout,
    reading,
    records,
    restic_writing,
    sweeping,
    writing,
)
from day2.adapters.vaults.disk import (
    Disk,
    NotOurs,
    Point,
    free_bytes,
    is_folder,
    open_file,
    passed,
    told,
)
from day2.adapters.vaults.locks import Locks
from day2.adapters.vaults.restic import Repository
from day2.adapters.vaults.restic_writing import ResticWriter
from day2.adapters.vaults.settings import PlainSettings
from day2.adapters.vaults.unsealing import unseal
from day2.adapters.vaults.vault import Draft
from day2.adapters.vaults.writing import Begun, Ground, PlainWriter
from day2.errors import BadSettings, BadUsage, Day2Error, NotVerified, Refused, VaultFull
from day2.model.backup import Artefact, Found, Kind, Record

GIB = 1 << 30
WRITABLE_BY_OTHERS = 0o022


class Plain:
    """The sets of one cloud in a folder of a disk or a share."""

    def __init__(
        self,
        settings: PlainSettings,
        *,
        name: str,
        cloud: str,
        clock: Clock,
        host: str = "",
        point: Point = passed,
        bulk: Repository | None = None,
    ) -> None:
        self.name = name
        self._bulk = bulk
        self._settings = settings
        self._cloud = layout.require_cloud(cloud)
        self._clock = clock
        self._host = host or socket.gethostname()
        self._disk = Disk(point)
        if not settings.path:
            raise BadSettings(f"vault {name} has no path", hint="setting path of the vault")
        self._root = Path(settings.path).expanduser()
        self.folder = self._root / self._cloud
        """Where the sets of the cloud lie, each in a folder of its id."""
        self._locks = Locks(self.folder, self._disk, clock, self._host)

    def sets(self) -> list[Found]:
        if not self._exists():
            return []
        with told(f"cannot list vault {self.name}", self.folder):
            names = {entry.name for entry in self.folder.iterdir()}
        seen = {name.removesuffix(".records") for name in names}
        found = [self._read(name) for name in seen if layout.SET.fullmatch(name)]
        # Records of a set that was condemned and removed are about to go as well.
        listed = [one for one in found if one.manifest.id in names or one.condemned_at is None]
        return sorted(listed, key=lambda one: (one.manifest.sequence, one.manifest.id))

    def find(self, name: str) -> Found:
        known = self.sets()
        found = [one for one in known if one.manifest.id == name] or [
            one for one in known if name and one.manifest.id.startswith(name)
        ]
        if len(found) != 1:
            said = "no set" if not found else f"{len(found)} sets"
            raise BadUsage(
                f"vault {self.name} has {said} of cloud {self._cloud} that begins with {name!r}",
                hint="day2 backup list",
            )
        return found[0]

    @contextlib.contextmanager
    def write(self, draft: Draft) -> Iterator[PlainWriter]:
        """Begin a set, as the port says; of the same id what was left is swept.

        Raises:
            Locked: when another one of this kind is being written.
            VaultFull: when the vault has less room than it keeps in reserve.
            Refused: when it is committed already, or its parent is no base.
            BadSettings: when the vault is not there, or has fewer than two recipients.

        """
        layout.require_set(draft.id, draft.kind)
        recipients = keys.require_recipients(self._settings)
        bulk = self._bulk if self._bulk and self._bulk.takes(draft.kind) else None
        self._make()
        before = self.sets()
        if bulk is not None:
            bulk.require(new=not any(layout.kept(one.manifest) for one in before))
        tokens = [one.manifest.token for one in before if one.manifest.kind is draft.kind]
        with self._locks.writing(draft.kind, draft.id, max(tokens, default=0)) as ticket:
            with told(f"cannot sweep what is left of {draft.kind} sets", self.folder):
                sweeping.partials(self.folder, draft.kind, self._disk, self._clear)
                sweeping.half_removed(self.folder, draft.id, self._disk, self._clear)
            known = self.sets()
            if any(one.manifest.id == draft.id for one in known):
                raise Refused(
                    f"set {draft.id} is committed already", hint=f"day2 backup show {draft.id}"
                )
            writing.require_parent(draft, known)
            reserve = int(self._settings.reserve_gib * GIB)
            writing.require_room(self.folder, free_bytes(self.folder), reserve)
            begun = Begun(
                cloud=self._cloud,
                host=self._host,
                day2=__version__,
                recipients=[] if bulk else recipients,
                started_at=self._clock.now(),
                started=self._clock.monotonic(),
                ticket=ticket,
                level=self._settings.level,
            )
            if bulk is None:
                writer = PlainWriter(self._ground(), draft, begun)
            else:
                restic_writing.mend(bulk, self.folder, known, draft.kind)
                writer = ResticWriter(self._ground(), draft, begun, bulk)
            try:
                yield writer
            finally:
                writer.close()

    def check(self, found: Found) -> str:
        name = found.manifest.id
        fresh = self._read(name)
        if fresh.broken:
            return fresh.broken
        if fresh.sha256 != found.sha256:
            return "its manifest is another one than when it was listed"
        wrong = reading.check(self.folder / name, fresh.manifest)
        kept = layout.kept(fresh.manifest)
        return wrong or (self._repository().check(kept) if kept else "")

    def read(self, found: Found, artefact: Artefact) -> None:
        """Decrypt, decompress and hash one artefact, and leave no file (level 2).

        Raises:
            NotVerified: when it is damaged, truncated, or not what the manifest says.
            Refused: when no key at hand opens it.

        """
        self._unseal(found, artefact, lambda _part: None)

    def fetch(self, found: Found, artefact: Artefact, into: Path) -> Path:
        name = artefact.name.removesuffix(layout.ENDING)
        if not is_folder(into) or not layout.FILE.fullmatch(name):
            raise BadUsage(f"cannot fetch {artefact.name} into {into}: that is no folder")
        free = free_bytes(into)
        if free < artefact.bytes:
            raise VaultFull(
                f"{into} has {free} bytes free, and {name} is {artefact.bytes} bytes",
                hint="name a folder with more room",
            )
        beside = into / f".{name}.partial"
        with told(f"cannot write {name}", into, bytes_wanted=artefact.bytes):
            beside.unlink(missing_ok=True)
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            handle = os.open(beside, flags, 0o600)
        try:
            with told(f"cannot fetch {name}", into, bytes_wanted=artefact.bytes):
                with os.fdopen(handle, "wb", buffering=0) as opened:
                    self._unseal(found, artefact, _whole(opened.write))
                    self._disk.flush(handle, beside.name)
                beside.rename(into / name)
                self._disk.flush_folder(into)
        finally:
            beside.unlink(missing_ok=True)
        return into / name

    def record(self, record: Record) -> None:
        """Append a record beside its set.

        Raises:
            Refused: when it speaks of another manifest than the one that lies there.

        """
        fresh = self._read(record.set)
        if not fresh.sha256 or fresh.sha256 != record.manifest_sha256:
            raise Refused(
                f"set {record.set} is not the one that this record is about",
                hint="day2 backup list",
            )
        folder = self.folder / f"{record.set}.records"
        with told(f"cannot record what was found of {record.set}", self.folder, bytes_wanted=4096):
            if not is_folder(folder):
                with contextlib.suppress(FileExistsError):
                    self._disk.make_folder(folder)
                self._disk.flush_folder(self.folder)
            while True:
                number = records.next_number([one.name for one in folder.iterdir()])
                name = records.name_of(number, record)
                try:
                    self._disk.add(folder, name, records.seal(number, record))
                except FileExistsError:
                    continue
                return

    def remove(self, found: Found) -> None:
        """Remove a condemned set, as the port says; one that is gone already is no failure."""
        name = found.manifest.id
        if not layout.SET.fullmatch(name) or not self._exists():
            raise BadUsage(f"vault {self.name} has no set {name[:80]!r}", hint="day2 backup list")
        with told(f"cannot remove set {name}", self.folder):
            with self._locks.moment():
                if os.path.lexists(self.folder / name):
                    self._require_condemned(found)
                    self._disk.rename(self.folder / name, self.folder / f".{name}.removing")
                    self._disk.flush_folder(self.folder)
            sweeping.removed(self.folder, name, self._disk, self._clear)

    def left(self, *, hours: float) -> list[str]:
        if not self._exists():
            return []
        before = self._clock.now().timestamp() - hours * 3600
        with told(f"cannot look through vault {self.name}", self.folder):
            return sweeping.left(self.folder, before, self._locks, self._read)

    def sweep(self, names: Sequence[str], *, hours: float) -> list[str]:
        mine = set(self.left(hours=hours)).intersection(names)
        with told(f"cannot sweep vault {self.name}", self.folder):
            return sweeping.sweep(self.folder, sorted(mine), self._disk, self._locks, self._clear)

    def _read(self, name: str) -> Found:
        return reading.found(self.folder, name, cloud=self._cloud, vault=self.name)

    def _require_condemned(self, found: Found) -> None:
        known = self.sets()
        fresh = self._read(found.manifest.id)
        needed_by = [one.manifest.id for one in known if one.manifest.parent == found.manifest.id]
        why = (
            fresh.broken
            or ("its manifest is another one now" if fresh.sha256 != found.sha256 else "")
            or ("it is pinned" if fresh.pinned else "")
            or (f"{needed_by[0]} needs it" if needed_by else "")
            or ("it is not condemned" if fresh.condemned_at is None else "")
        )
        if why:
            raise Refused(
                f"set {found.manifest.id} is not removed: {why}", hint="day2 backup show ID"
            )

    def _unseal(self, found: Found, artefact: Artefact, take: Callable[[bytes], None]) -> None:
        identities = [] if artefact.encryption == layout.RESTIC else self._identities()
        fresh = self._read(found.manifest.id)
        if fresh.broken or fresh.sha256 != found.sha256:
            raise NotVerified(
                f"set {found.manifest.id} is not used: "
                f"{fresh.broken or 'its manifest is another one than when it was listed'}",
                hint="take another set: day2 backup list",
            )
        if artefact not in fresh.manifest.artefacts:
            raise BadUsage(f"set {found.manifest.id} has no {artefact.name}")
        if artefact.encryption == layout.RESTIC:
            self._repository().read(artefact, take)
            return
        try:
            handle = open_file(self.folder / found.manifest.id, artefact.name)
        except (FileNotFoundError, NotOurs) as error:
            raise NotVerified(
                f"{artefact.name} of set {found.manifest.id} is missing or no ordinary file",
                hint="take another set: day2 backup list",
            ) from error
        with os.fdopen(handle, "rb", buffering=0) as opened:
            unseal(opened.read, artefact, identities, take)

    def _repository(self) -> Repository:
        """Return where the data of large sets are.

        Raises:
            BadSettings: when the settings do not say.

        """
        if self._bulk is None:
            raise BadSettings(
                "the data of this set lie in a repository of restic, and none is set",
                hint="setting clouds.NAME.backup_bulk.repository, as it was when it was taken",
            )
        return self._bulk

    def _clear(self, folder: Path) -> None:
        """Forget what the repository has of a set, before the folder goes that names it."""
        name = folder.name.removeprefix(".").rpartition(".")[0]
        manifest = restic_writing.manifest_of(folder)
        kind = next((kind for kind in Kind if name.startswith(f"{kind}-")), None)
        has = bool(manifest and layout.kept(manifest))
        if has or (self._bulk and kind and self._bulk.takes(kind)):
            prune = folder.name.endswith(sweeping.REMOVING)
            restic_writing.clear(self._repository(), folder, name, self._host, prune=prune)
        elif self._bulk and restic_writing.began(folder):
            # Its kind went there before. No new set of it waits for a repository that is dead now.
            with contextlib.suppress(Day2Error):
                restic_writing.clear(self._bulk, folder, name, self._host, prune=False)

    def _identities(self) -> list[pyrage.x25519.Identity]:
        return keys.identities(self._settings.identity_file)

    def _ground(self) -> Ground:
        return Ground(
            folder=self.folder,
            disk=self._disk,
            locks=self._locks,
            now=lambda: (self._clock.now(), self._clock.monotonic()),
            look=self.sets,
            name=self.name,
        )

    def _exists(self) -> bool:
        """Tell whether the cloud has a folder in the vault.

        Raises:
            BadSettings: when there is no vault, or the folder is a link to somewhere else.

        """
        if not self._root.is_dir():
            raise BadSettings(
                f"vault {self.name}: there is no folder {self._root}",
                hint="make it, or mount the share; day2 does not, lest it fill the wrong disk",
            )
        if not os.path.lexists(self.folder):
            return False
        if not is_folder(self.folder):
            raise BadSettings(f"vault {self.name}: {self.folder} is not a folder of its own")
        return True

    def _make(self) -> None:
        with told(f"cannot make {self.folder}", self._root):
            if not self._exists():
                with contextlib.suppress(FileExistsError):
                    self._disk.make_folder(self.folder)
                self._disk.flush_folder(self._root)
            if self.folder.stat().st_mode & WRITABLE_BY_OTHERS:
                raise BadSettings(
                    f"vault {self.name}: others may write into {self.folder}",
                    hint=f"chmod 700 {self.folder}, and look at what lies there",
                )


def _whole(write: Callable[[memoryview], int | None]) -> Callable[[bytes], None]:
    """Make a writer that writes all it is given."""

    def take(part: bytes) -> None:
        left = memoryview(part)
        while left:
            left = left[write(left) or 0 :]

    return take
