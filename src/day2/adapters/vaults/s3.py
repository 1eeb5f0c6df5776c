# SPDX-License-Identifier: Apache-2.0
"""The third copy: whole sets in a bucket that nobody with our credential can empty.

What lies there is what lies in the vault, file for file; the manifest comes last, so that a set
whose manifest is there is whole. Nothing is opened or decrypted on the way.
"""

import hashlib
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec

from day2.adapters.clock import Clock
from day2.adapters.vaults.s3_bucket import Bucket, Lock, Version
from day2.adapters.vaults.s3_settings import S3Settings
from day2.errors import BadSettings, BadUsage, NotVerified, Refused, VaultFull
from day2.model import backup
from day2.model.backup import Found, Kind, Manifest, Method, Record

MANIFEST = "manifest.json"
BESIDE = ("HOWTO.txt", "SHA256SUMS")
RECORDS = ".records"
CHUNK = 1 << 20
MANIFEST_BYTES_MAX = 16 << 20
Read = Callable[[str], bytes]
ReadRecords = Callable[[Sequence[str], Read, Manifest, str], list[Record]]


class _Wanted(msgspec.Struct, frozen=True, kw_only=True):
    key: str
    file: Path
    bytes: int
    sha256: str


class ThirdCopy:
    """The sets of one cloud in one bucket.

    `read_records` reads the records of a set as the vault that wrote them does; without it sets are
    listed with none.
    """

    def __init__(
        self,
        settings: S3Settings,
        secret_key: str,
        *,
        cloud: str,
        clock: Clock,
        read_records: ReadRecords | None = None,
    ) -> None:
        """Name the bucket; nothing is asked yet.

        Raises:
            BadSettings: when the settings name no endpoint or no bucket.

        """
        if not settings.endpoint or not settings.bucket:
            raise BadSettings(
                "the third copy has no endpoint or no bucket",
                hint="settings clouds.NAME.backup_copy.endpoint and .bucket",
            )
        self.name = f"s3:{settings.bucket}"
        self.bucket = Bucket(settings, secret_key)
        self._settings = settings
        self._cloud = cloud
        self._clock = clock
        self._read_records = read_records
        self._prefix = f"{settings.prefix}{cloud}/"

    def copy(self, found: Found, folder: Path) -> dict[str, Any]:
        """Copy a committed set from its folder; what is there with the right content stays.

        Every object is read back whole before the manifest is sent. Begun again after it was
        killed, it goes on where it was, within a large file as well. Returns what was done.

        Raises:
            NotVerified: when a local file is not what the manifest says, or what was read back is
                not what was sent: the manifest is not sent then.
            Refused: when the local manifest is not that of `found`, or another set of this id is
                there.
            VaultFull, Unreachable, BadAnswer, Denied, NotDeployed: as the bucket's calls.

        """
        started = self._clock.monotonic()
        until = self._clock.now() + timedelta(days=self._settings.lock_days)
        lock = Lock(mode=self._settings.lock.upper(), until=until)
        there = self.bucket.versions(f"{self._prefix}{found.manifest.id}")
        facts: dict[str, Any] = {"objects": 0, "kept": 0, "sent_bytes": 0, "read_bytes": 0}
        whole = self._require_same(found, there)
        for wanted in _wanted(found, folder, self._prefix):
            last = wanted.key.endswith(f"/{MANIFEST}")
            known = there.get(wanted.key, [])
            facts["objects"] += 1
            if (last and whole) or self._is_there(wanted, known, facts, trust=whole):
                facts["kept"] += 1
            else:
                self._send(wanted, lock, facts, new=last)
        return {
            **facts,
            "bucket": self.bucket.address,
            "already": whole,
            "lock": lock.mode.lower(),
            "retain_until": until.isoformat(timespec="seconds"),
            "seconds": round(self._clock.monotonic() - started, 3),
        }

    def sets(self) -> list[Found]:
        """List every set whose manifest is there, by its sequence; those that are broken as well.

        Raises:
            Unreachable, BadAnswer, Denied, NotDeployed: when the bucket cannot be read.

        """
        there = self.bucket.versions(self._prefix)
        manifests = [
            versions[0]
            for key, versions in there.items()
            if key.endswith(f"/{MANIFEST}") and key.count("/") == self._prefix.count("/") + 1
        ]
        found = [self._found(version, there) for version in manifests]
        return sorted(found, key=lambda one: one.manifest.sequence)

    def held(self) -> set[str]:
        """Return the ids of the sets whose manifest is there: they are whole.

        Raises:
            Unreachable, BadAnswer, Denied, NotDeployed: when the bucket cannot be read.

        """
        keys = (key.removeprefix(self._prefix) for key in self.bucket.versions(self._prefix))
        return {key.removesuffix(f"/{MANIFEST}") for key in keys if key.endswith(f"/{MANIFEST}")}

    def check(self, found: Found) -> str:
        """Read every object of a set back and hash it; return what is wrong, empty: nothing."""
        there = self.bucket.versions(self._folder(found))
        for artefact in found.manifest.artefacts:
            versions = there.get(f"{self._folder(found)}{artefact.name}", [])
            fit = [version for version in versions if version.bytes == artefact.stored_bytes]
            if not any(self.bucket.sha256(one) == artefact.stored_sha256 for one in fit):
                return f"{artefact.name} is {'damaged' if fit else 'missing'}"
        return ""

    def fetch(self, found: Found, into: Path) -> Path:
        """Bring a set back as a folder of a vault, every file proven, the manifest last.

        Returns the folder; its records lie beside it. Files are private. Nothing is left of a set
        that does not hold.

        Raises:
            BadUsage: when there is such a folder already.
            NotVerified: when an object is missing or damaged.
            VaultFull: when there is no room here.
            Unreachable, BadAnswer, Denied, NotDeployed: as the bucket's calls.

        """
        name = found.manifest.id
        target, partial = into / name, into / f".{name}.partial"
        if target.exists():
            raise BadUsage(f"there is a folder {target} already", hint="name another folder")
        there = self.bucket.versions(f"{self._prefix}{name}")
        shutil.rmtree(partial, ignore_errors=True)
        try:
            partial.mkdir(mode=0o700, parents=True)
            self._fetch_all(found, there, partial)
            _flush(partial)
            partial.rename(target)
            _flush(into)
        except OSError as error:
            raise VaultFull(f"cannot bring {name} to {into}: {error.strerror}") from None
        finally:
            shutil.rmtree(partial, ignore_errors=True)
        return target

    def _fetch_all(
        self, found: Found, there: Mapping[str, Sequence[Version]], partial: Path
    ) -> None:
        folder, name = self._folder(found), found.manifest.id
        wanted = {a.name: a.stored_sha256 for a in found.manifest.artefacts}
        wanted |= dict.fromkeys(BESIDE, "") | {MANIFEST: found.sha256}
        for file, sha256 in wanted.items():
            versions = there.get(f"{folder}{file}", [])
            if versions or sha256:
                self._fetch(versions, partial / file, sha256)
        beside = f"{self._prefix}{name}{RECORDS}/"
        records = partial.with_name(f"{name}{RECORDS}")
        for key, versions in there.items():
            file = key.removeprefix(beside)
            if key.startswith(beside) and _is_plain(file):
                records.mkdir(mode=0o700, exist_ok=True)
                self._fetch(versions, records / file, "")

    def _fetch(self, versions: Sequence[Version], file: Path, sha256: str) -> None:
        """Bring the oldest version that is what it must be; without a hash the oldest."""
        for version in versions:
            digest = hashlib.sha256()
            descriptor = os.open(file, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600)
            with os.fdopen(descriptor, "wb") as opened:
                for part in self.bucket.read(version):
                    digest.update(part)
                    opened.write(part)
                opened.flush()
                os.fsync(opened.fileno())
            if sha256 in {"", digest.hexdigest()}:
                return
        raise NotVerified(f"{file.name} in {self.bucket.address} is missing or damaged")

    def _require_same(self, found: Found, there: Mapping[str, Sequence[Version]]) -> bool:
        """Tell whether the whole set is there already, and see that it is this one."""
        versions = there.get(f"{self._folder(found)}{MANIFEST}", [])
        if not versions:
            return False
        if self.bucket.sha256(versions[0]) != found.sha256:
            raise Refused(
                f"{self.bucket.address} has another set of the id {found.manifest.id}",
                hint="somebody else copies into this bucket: give it a prefix of its own",
            )
        return True

    def _is_there(
        self, wanted: _Wanted, known: Sequence[Version], facts: dict[str, Any], *, trust: bool
    ) -> bool:
        for version in known:
            if version.bytes == wanted.bytes and self.bucket.told_sha256(version) == wanted.sha256:
                if trust:
                    return True
                facts["read_bytes"] += version.bytes
                if self.bucket.sha256(version) == wanted.sha256:
                    return True
        return False

    def _send(self, wanted: _Wanted, lock: Lock, facts: dict[str, Any], *, new: bool) -> None:
        if _sha256(wanted.file) != wanted.sha256:
            raise NotVerified(f"{wanted.file} is damaged: it is not copied")
        try:
            version = self.bucket.put(wanted.key, wanted.file, wanted.sha256, lock, new=new)
        except Refused:
            # The answer to our own request may have been lost, and it was sent again.
            known = self.bucket.versions(wanted.key).get(wanted.key, [])
            if not self._is_there(wanted, known, facts, trust=False):
                raise
            return
        facts["sent_bytes"] += wanted.bytes
        facts["read_bytes"] += wanted.bytes
        if self.bucket.sha256(version) != wanted.sha256:
            raise NotVerified(f"{wanted.key} is another one when it is read back")

    def _found(self, version: Version, there: Mapping[str, Sequence[Version]]) -> Found:
        name = version.key.removeprefix(self._prefix).partition("/")[0]
        if version.bytes > MANIFEST_BYTES_MAX:
            return self._broken(name, "", "its manifest is too large to be one")
        document = b"".join(self.bucket.read(version))
        sha256 = backup.digest(document)
        try:
            manifest = msgspec.json.decode(document, type=Manifest)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return self._broken(name, sha256, "its manifest cannot be read")
        broken = self._doubt(manifest, name, there)
        records = [] if broken else self._records(manifest, sha256, there)
        return Found(
            vault=self.name, manifest=manifest, sha256=sha256, records=records, broken=broken
        )

    def _doubt(self, manifest: Manifest, name: str, there: Mapping[str, Sequence[Version]]) -> str:
        if (manifest.id, manifest.cloud, manifest.format) != (name, self._cloud, backup.FORMAT):
            return f"its manifest is of {manifest.id} of cloud {manifest.cloud}"
        for artefact in manifest.artefacts:
            if not _is_plain(artefact.name):
                return "an artefact has a name that is no file's"
            versions = there.get(f"{self._prefix}{name}/{artefact.name}", [])
            if artefact.stored_bytes not in {version.bytes for version in versions}:
                return f"{artefact.name} is missing or has another size"
        return ""

    def _records(
        self, manifest: Manifest, sha256: str, there: Mapping[str, Sequence[Version]]
    ) -> list[Record]:
        if self._read_records is None:
            return []
        beside = f"{self._prefix}{manifest.id}{RECORDS}/"
        first = {
            key.removeprefix(beside): versions[0]
            for key, versions in there.items()
            if key.startswith(beside)
        }
        return self._read_records(
            sorted(first), lambda name: b"".join(self.bucket.read(first[name])), manifest, sha256
        )

    def _broken(self, name: str, sha256: str, why: str) -> Found:
        moment = self._clock.now()
        manifest = Manifest(
            id=name,
            sequence=0,
            kind=Kind.CONFIG,
            method=Method.ADOPTED,
            cloud=self._cloud,
            region="",
            foundation="",
            started_at=moment,
            ended_at=moment,
            seconds=0.0,
            host="",
            by="",
            day2="",
        )
        return Found(vault=self.name, manifest=manifest, sha256=sha256, broken=why)

    def _folder(self, found: Found) -> str:
        return f"{self._prefix}{found.manifest.id}/"


def _wanted(found: Found, folder: Path, prefix: str) -> Iterator[_Wanted]:
    """Give what a set consists of, in the order in which it is sent: the manifest last."""
    name = found.manifest.id
    manifest = folder / MANIFEST
    if found.broken or backup.digest(_content(manifest)) != found.sha256:
        raise Refused(f"the manifest in {folder} is not that of the set: it is not copied")
    for artefact in found.manifest.artefacts:
        if not _is_plain(artefact.name):
            raise Refused(f"set {name}: an artefact has a name that is no file's")
        yield _Wanted(
            key=f"{prefix}{name}/{artefact.name}",
            file=folder / artefact.name,
            bytes=artefact.stored_bytes,
            sha256=artefact.stored_sha256,
        )
    records = folder.with_name(f"{folder.name}{RECORDS}")
    beside = [(f"{name}/{file}", folder / file) for file in BESIDE]
    beside += [(f"{name}{RECORDS}/{file.name}", file) for file in sorted(records.glob("*.json"))]
    beside += [(f"{name}/{MANIFEST}", manifest)]
    for key, file in beside:
        if file.exists():
            size = file.stat().st_size
            yield _Wanted(key=f"{prefix}{key}", file=file, bytes=size, sha256=_sha256(file))


def _content(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise NotVerified(f"cannot read {file}: {error.strerror}") from None


def _sha256(file: Path) -> str:
    digest = hashlib.sha256()
    try:
        with file.open("rb") as opened:
            while part := opened.read(CHUNK):
                digest.update(part)
    except OSError as error:
        raise NotVerified(f"cannot read {file}: {error.strerror}") from None
    return digest.hexdigest()


def _is_plain(name: str) -> bool:
    return bool(name) and "/" not in name and name not in {".", ".."} and name.isprintable()


def _flush(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
