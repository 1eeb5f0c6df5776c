# SPDX-License-Identifier: Apache-2.0
"""A vault on a real disk with real keys, and how tests take sets into it."""

import shutil
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from day2.adapters.clock import SystemClock
from day2.adapters.vaults import keys
from day2.adapters.vaults.disk import Point, passed
from day2.adapters.vaults.plain import Plain
from day2.adapters.vaults.restic import Repository
from day2.adapters.vaults.restic_settings import ResticSettings
from day2.adapters.vaults.settings import PlainSettings
from day2.adapters.vaults.vault import Draft
from day2.model.backup import Found, Kind, Level, Method, Record, Told

NOW = datetime(2026, 11, 26, 6, 0, tzinfo=UTC)
PASSWORD = "s3cret-of-restic"
SQL = b"INSERT INTO instances VALUES (1,'a'),(2,'b');\n" * 20_000


both = pytest.mark.parametrize("stand", ["files", "restic"], indirect=True)
"""What every vault does, wherever it keeps the data."""


class HeldClock:
    """Time that only moves when it is told to, and wall and monotonic apart."""

    def __init__(self, now: datetime = NOW) -> None:
        self._now = now
        self._monotonic = 1000.0

    def now(self) -> datetime:
        return self._now

    def monotonic(self) -> float:
        return self._monotonic

    def sleep(self, seconds: float) -> None:
        time.sleep(0.005)  # Who waits for another thread gives way to it.
        self._now += timedelta(seconds=seconds)
        self._monotonic += seconds

    def jump(self, **units: float) -> None:
        """Move the wall clock alone, as a wrong time server does."""
        self._now += timedelta(**units)


class PacedClock(SystemClock):
    """The day of a held clock; but other programs are waited for in real seconds."""

    def __init__(self, held: HeldClock) -> None:
        self._held = held

    def now(self) -> datetime:
        return self._held.now()


class Stand:
    """One folder with keys, a vault and a clock."""

    def __init__(self, folder: Path) -> None:
        for made in ("vault", "into"):
            (folder / made).mkdir(mode=0o700)
        for made in ("operations.key", "escrow.key"):
            keys.generate(folder / made, NOW)
        self.take_up(folder)

    def take_up(self, folder: Path) -> None:
        """Stand on what lies in a folder already."""
        self.folder = folder
        self.root = folder / "vault"
        self.into = folder / "into"
        self.clock = HeldClock()
        self.identity = folder / "operations.key"
        self.escrow = folder / "escrow.key"
        self.bulk = folder / "repository"
        self.recipients = [
            str(keys.identities(str(file))[0].to_public()) for file in (self.identity, self.escrow)
        ]

    def settings(self, **fields: Any) -> PlainSettings:
        given: dict[str, Any] = {
            "path": str(self.root),
            "reserve_gib": 0.0,
            "recipients": self.recipients,
            "identity_file": str(self.identity),
        }
        return PlainSettings(**(given | fields))

    def with_restic(self, made: Path) -> "Stand":
        """Keep the data of every kind in a repository: a copy of an empty one."""
        shutil.copytree(made, self.bulk)
        return self

    def repository(self, password: str = PASSWORD, **fields: Any) -> Repository:
        given: dict[str, Any] = {"repository": str(self.bulk), "kinds": list(Kind)}
        given |= {"sample_parts": 1, "locked_seconds": 20.0, "silent_seconds": 30.0, **fields}
        return Repository(
            ResticSettings(**given), password, host="ctl1", clock=PacedClock(self.clock)
        )

    def vault(
        self,
        *,
        cloud: str = "prod",
        point: Point = passed,
        bulk: Mapping[str, Any] | None = None,
        **fields: Any,
    ) -> Plain:
        return Plain(
            self.settings(**fields),
            name="main",
            cloud=cloud,
            clock=self.clock,
            host="ctl1",
            point=point,
            bulk=self.repository(**(bulk or {})) if self.bulk.is_dir() else None,
        )


def draft(name: str = "database-20261126-060000-1a2b", **fields: Any) -> Draft:
    kind = Kind(name.partition("-")[0])
    given: dict[str, Any] = {
        "id": name,
        "kind": kind,
        "method": Method.LOGICAL,
        "region": "one",
        "foundation": "kolla",
        "by": "operator",
    }
    return Draft(**(given | fields))


def take(
    vault: Plain,
    name: str = "database-20261126-060000-1a2b",
    content: Mapping[str, bytes] | None = None,
    **fields: Any,
) -> Found:
    """Take one set."""
    with vault.write(draft(name, **fields)) as writer:
        for of, plain in (content or {"dump": SQL}).items():
            with writer.sink(of, f"{of}.sql") as sink:
                sink.write(plain)
        return writer.commit(source={"version": "10.11.19"}, exits={"mariadb-dump": 0})


def record(found: Found, told: Told = Told.VERIFIED, **fields: Any) -> Record:
    given: dict[str, Any] = {
        "set": found.manifest.id,
        "manifest_sha256": found.sha256,
        "told": told,
        "at": NOW,
        "by": "operator",
    }
    return Record(**(given | fields))


def prove(vault: Plain, found: Found, level: Level = Level.RESTORED, *, ok: bool = True) -> None:
    vault.record(record(found, level=level, ok=ok))


def read_back(vault: Plain, found: Found, into: Path) -> dict[str, bytes]:
    """Fetch every artefact, and return what is in it."""
    read = {}
    for artefact in found.manifest.artefacts:
        file = vault.fetch(found, artefact, into)
        read[artefact.of] = file.read_bytes()
        file.unlink()
    return read


def require_sound(vault: Plain, found: Found, content: bytes, into: Path) -> None:
    """See that a committed set is whole, and that its content comes back."""
    fresh = vault.find(found.manifest.id)
    assert (fresh.broken, fresh.sha256, fresh.manifest) == ("", found.sha256, found.manifest)
    assert vault.check(fresh) == ""
    assert read_back(vault, fresh, into)["dump"] == content
    assert list(into.iterdir()) == []


def names(folder: Path) -> list[str]:
    """List what lies in a folder."""
    return sorted(one.name for one in folder.iterdir())
