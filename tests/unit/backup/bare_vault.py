# SPDX-License-Identifier: Apache-2.0
"""A vault of real files without encryption, for what is put into vaults and read out of them."""

import contextlib
import hashlib
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from day2.adapters.clock import Clock, SystemClock
from day2.adapters.vaults.vault import Draft
from day2.errors import BadUsage, NotVerified, Refused
from day2.model import backup
from day2.model.backup import Artefact, Found, Manifest, Record, State

MANIFEST = "manifest.json"


class BareSink:
    """One file, hashed while it is written."""

    def __init__(self, file: Path) -> None:
        self._opened = file.open("xb")
        self._digest = hashlib.sha256()
        self.bytes = 0

    def write(self, part: bytes) -> None:
        self._opened.write(part)
        self._digest.update(part)
        self.bytes += len(part)

    def close(self) -> str:
        self._opened.close()
        return self._digest.hexdigest()


class BareWriter:
    """A folder under another name until it is committed."""

    recipients: Sequence[str] = ()

    def __init__(self, vault: "BareVault", draft: Draft, folder: Path) -> None:
        self._vault, self._draft, self._folder = vault, draft, folder
        self._began = vault.clock.now()
        self._artefacts: list[Artefact] = []

    @contextlib.contextmanager
    def sink(self, of: str, name: str) -> Iterator[BareSink]:
        file = self._folder / name
        sink = BareSink(file)
        try:
            yield sink
        except BaseException:
            sink.close()
            file.unlink()
            raise
        digest = sink.close()
        self._artefacts.append(
            Artefact(
                of=of,
                name=name,
                bytes=sink.bytes,
                sha256=digest,
                stored_bytes=sink.bytes,
                stored_sha256=digest,
                compression="",
                encryption="",
            )
        )

    def commit(self, *, source: Mapping[str, Any], exits: Mapping[str, int]) -> Found:
        draft, now = self._draft, self._vault.clock.now()
        manifest = Manifest(
            id=draft.id,
            sequence=len(self._vault.sets()) + 1,
            kind=draft.kind,
            method=draft.method,
            cloud="c",
            region=draft.region,
            foundation=draft.foundation,
            started_at=self._began,
            ended_at=now,
            seconds=0,
            host="h",
            by=draft.by,
            day2="0",
            parent=draft.parent,
            parent_sha256=draft.parent_sha256,
            artefacts=self._artefacts,
            source=dict(source),
            exits=dict(exits),
        )
        (self._folder / MANIFEST).write_bytes(backup.encode(manifest))
        self._folder.rename(self._vault.folder / draft.id)
        return self._vault.find(draft.id)


class BareVault:
    """One folder."""

    name = "bare"

    def __init__(self, folder: Path, clock: Clock | None = None) -> None:
        self.folder = folder
        self.clock = clock or SystemClock()
        folder.mkdir(exist_ok=True)

    def sets(self) -> list[Found]:
        found = [self._found(file.parent) for file in self.folder.glob(f"*/{MANIFEST}")]
        return sorted(found, key=lambda one: one.manifest.sequence)

    def _found(self, folder: Path) -> Found:
        document = (folder / MANIFEST).read_bytes()
        files = sorted(folder.with_suffix(".records").glob("*.json"))
        return Found(
            vault=self.name,
            manifest=msgspec.json.decode(document, type=Manifest),
            sha256=backup.digest(document),
            records=[msgspec.json.decode(file.read_bytes(), type=Record) for file in files],
        )

    def find(self, name: str) -> Found:
        found = [one for one in self.sets() if one.manifest.id.startswith(name)]
        if len(found) != 1:
            raise BadUsage(f"{len(found)} sets begin with {name}")
        return found[0]

    @contextlib.contextmanager
    def write(self, draft: Draft) -> Iterator[BareWriter]:
        folder = self.folder / f".{draft.id}.partial"
        folder.mkdir()
        try:
            yield BareWriter(self, draft, folder)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def check(self, found: Found) -> str:
        for artefact in found.manifest.artefacts:
            if self._digest(found, artefact) != artefact.stored_sha256:
                return f"{artefact.name} differs"
        return ""

    def fetch(self, found: Found, artefact: Artefact, into: Path) -> Path:
        if self._digest(found, artefact) != artefact.sha256:
            raise NotVerified(f"{artefact.name} of {found.manifest.id} is damaged")
        target = into / artefact.name
        shutil.copyfile(self.file(found, artefact), target)
        return target

    def file(self, found: Found, artefact: Artefact) -> Path:
        return self.folder / found.manifest.id / artefact.name

    def _digest(self, found: Found, artefact: Artefact) -> str:
        return hashlib.sha256(self.file(found, artefact).read_bytes()).hexdigest()

    def record(self, record: Record) -> None:
        folder = (self.folder / record.set).with_suffix(".records")
        folder.mkdir(exist_ok=True)
        number = len(list(folder.iterdir())) + 1
        (folder / f"{number:04d}-{record.told.value}.json").write_bytes(msgspec.json.encode(record))

    def remove(self, found: Found) -> None:
        if found.state is not State.CONDEMNED:
            raise Refused(f"{found.manifest.id} is not condemned")
        (self.folder / found.manifest.id / MANIFEST).unlink()
        shutil.rmtree(self.folder / found.manifest.id)

    def left(self, *, hours: float) -> Sequence[str]:
        del hours
        return []

    def sweep(self, names: Sequence[str], *, hours: float) -> Sequence[str]:
        del names, hours
        return []


def draft(kind: backup.Kind, name: str, **fields: Any) -> Draft:
    """Name a set; a full one unless something else is said."""
    defaults = {"method": backup.Method.FULL, "region": "", "foundation": "", "by": "tests"}
    return Draft(id=name, kind=kind, **{**defaults, **fields})
