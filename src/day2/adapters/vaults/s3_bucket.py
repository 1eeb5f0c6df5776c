# SPDX-License-Identifier: Apache-2.0
"""One bucket with object lock: put, read, list versions, lock; each failure has our name.

A name may have many versions, for whoever may put may put again; what was put first cannot be
changed or hidden by that, so the oldest version is looked at first, and delete markers never.
"""

import base64
import contextlib
import hashlib
import os
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO

import botocore.session
import msgspec
from boto3.session import Session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError

from day2.adapters.addresses import address_of
from day2.adapters.reasons import one_line, plain_reason
from day2.adapters.vaults.s3_settings import MIB, S3Settings
from day2.errors import (
    BadAnswer,
    Day2Error,
    Denied,
    NotDeployed,
    Refused,
    Unreachable,
    VaultFull,
)

CHUNK = 1 << 20
CONNECT_SECONDS = 10.0
SERVER_ERROR, NOT_IMPLEMENTED = 500, 501
HASH = "sha256"
PROBE = "day2-may-not-delete"
_DENIED = {
    "AccessDenied",
    "InvalidAccessKeyId",
    "SignatureDoesNotMatch",
    "RequestTimeTooSkewed",
    "401",
    "403",
}
_FULL = {"QuotaExceeded", "InsufficientStorage", "507"}


class Version(msgspec.Struct, frozen=True, kw_only=True):
    """One version of an object, as the listing has it."""

    key: str
    id: str
    bytes: int


class Lock(msgspec.Struct, frozen=True, kw_only=True):
    """Until when an object stays, and whether its bucket's owner may remove it before."""

    mode: str
    until: datetime


class Bucket:
    """The bucket that the settings name, with the writer's credential; for one thread."""

    def __init__(self, settings: S3Settings, secret_key: str) -> None:
        self.name = settings.bucket
        self.part_bytes = settings.part_mib * MIB
        self.address = f"{address_of(settings.endpoint)}/{settings.bucket}"
        self._client = _client(settings, secret_key)

    def __repr__(self) -> str:
        return f"Bucket({self.address}, secret_key=***)"

    def versions(self, prefix: str) -> dict[str, list[Version]]:
        """List what lies under a prefix: for each name its versions, the oldest first.

        Raises:
            Unreachable, BadAnswer, Denied, NotDeployed: when the bucket cannot be read.

        """
        found: dict[str, list[Version]] = {}
        with self._named("list"):
            pages = self._client.get_paginator("list_object_versions")
            for page in pages.paginate(Bucket=self.name, Prefix=prefix):
                for row in page.get("Versions", []):
                    version = Version(key=row["Key"], id=row["VersionId"], bytes=row["Size"])
                    # The newest comes first; a name may go on over several pages.
                    found.setdefault(row["Key"], []).insert(0, version)
        return found

    def told_sha256(self, version: Version) -> str:
        """Return the SHA-256 that who put it said it has; nothing is proven by that.

        Raises:
            Unreachable, BadAnswer, Denied, NotDeployed: as `versions`.

        """
        with self._named("head"):
            head = self._client.head_object(Bucket=self.name, Key=version.key, VersionId=version.id)
        return str(head.get("Metadata", {}).get(HASH, ""))

    def read(self, version: Version) -> Iterator[bytes]:
        """Give the content of a version, part by part.

        Raises:
            Unreachable, BadAnswer, Denied, NotDeployed: as `versions`.

        """
        with self._named("get"):
            answer = self._client.get_object(
                Bucket=self.name, Key=version.key, VersionId=version.id
            )
            with contextlib.closing(answer["Body"]) as body:
                while part := body.read(CHUNK):
                    yield part

    def sha256(self, version: Version) -> str:
        """Read a version whole, and return what its SHA-256 really is.

        Raises:
            Unreachable, BadAnswer, Denied, NotDeployed: as `versions`.

        """
        digest = hashlib.sha256()
        for part in self.read(version):
            digest.update(part)
        return digest.hexdigest()

    def put(self, key: str, file: Path, sha256: str, lock: Lock, *, new: bool = False) -> Version:
        """Put a file, in parts when it is large, and lock it; parts that are there are not sent.

        Each request is signed with the SHA-256 of its body and carries its MD5: a store keeps
        nothing that was changed on its way. `new`: not if there is one already, where the store can
        see to that (radosgw cannot where there are versions: the oldest counts).

        Raises:
            Refused: when there is one already and `new` was asked for.
            VaultFull: when the store has no room.
            Unreachable, BadAnswer, Denied, NotDeployed: as `versions`.

        """
        size = file.stat().st_size
        with self._named("put"), file.open("rb") as source:
            if size <= self.part_bytes:
                version = self._put_whole(key, source.read(), sha256, lock, new=new)
            else:
                version = self._put_parts(key, source, sha256, lock)
            found = Version(key=key, id=version, bytes=size)
            self._require_lock(found, lock)
        return found

    def lock_of(self, version: Version) -> Lock | None:
        """Return the lock of a version; None when it has none.

        Raises:
            Unreachable, BadAnswer, Denied, NotDeployed: as `versions`.

        """
        with self._named("get retention"):
            return self._lock_of(version)

    def require_fit(self) -> dict[str, Any]:
        """See that the bucket locks objects, and that our credential may not delete.

        Both kinds of deletion are tried, on a name that has no object. Returns what was seen.

        Raises:
            Refused: when the bucket has no object lock, or a deletion was let through.
            Unreachable, BadAnswer, Denied, NotDeployed: as `versions`.

        """
        with self._named("read the object lock of"):
            try:
                told = self._client.get_object_lock_configuration(Bucket=self.name)
            except ClientError as error:
                if _code(error) != "ObjectLockConfigurationNotFoundError":
                    raise
                told = {}
        state = told.get("ObjectLockConfiguration", {}).get("ObjectLockEnabled", "")
        if state != "Enabled":
            raise Refused(
                f"bucket {self.address} has no object lock: whoever may delete may delete sets",
                hint="make a new one with object lock; it cannot be added later",
            )
        # An id of a version that never was: should the credential may more than it must, nothing
        # is lost by finding out.
        for how, more in (("versions", {"VersionId": "0" * 32}), ("objects", {})):
            if self._may_delete(more):
                raise Refused(
                    f"the credential of {self.address} may delete {how}",
                    hint="give it put and read only, as docs/how-to/keep-a-third-copy.md has it",
                )
        return {"object_lock": state, "delete_denied": True}

    def _may_delete(self, more: Mapping[str, str]) -> bool:
        with self._named("try to delete from"):
            try:
                self._client.delete_object(Bucket=self.name, Key=PROBE, **more)
            except ClientError as error:
                if _code(error) == "AccessDenied" or _status(error) == 403:  # noqa: PLR2004
                    return False
                # It was let through to the object, which is not there.
                return _status(error) < SERVER_ERROR
        return True

    def _put_whole(self, key: str, body: bytes, sha256: str, lock: Lock, *, new: bool) -> str:
        words = {
            "Bucket": self.name,
            "Key": key,
            "Body": body,
            "ContentMD5": _md5(body),
            "Metadata": {HASH: sha256},
            "ObjectLockMode": lock.mode,
            "ObjectLockRetainUntilDate": lock.until,
        }
        try:
            answer = self._client.put_object(**words, **({"IfNoneMatch": "*"} if new else {}))
        except ClientError as error:
            # A store that does not know the condition says so; the oldest version counts then.
            if not new or _status(error) != NOT_IMPLEMENTED:
                raise
            answer = self._client.put_object(**words)
        return str(answer["VersionId"])

    def _put_parts(self, key: str, source: BinaryIO, sha256: str, lock: Lock) -> str:
        upload = (
            self._begun(key)
            or self._client.create_multipart_upload(
                Bucket=self.name,
                Key=key,
                Metadata={HASH: sha256},
                ObjectLockMode=lock.mode,
                ObjectLockRetainUntilDate=lock.until,
            )["UploadId"]
        )
        there = self._parts(key, upload)
        parts = []
        for number, body in enumerate(iter(lambda: source.read(self.part_bytes), b""), start=1):
            # Where the store encrypts, a part's tag is not its MD5: such a part is sent again, and
            # the store's own word on it is what the end must name.
            tag = f'"{hashlib.md5(body, usedforsecurity=False).hexdigest()}"'
            if there.get(number) != tag:
                sent = self._client.upload_part(
                    Bucket=self.name,
                    Key=key,
                    UploadId=upload,
                    PartNumber=number,
                    Body=body,
                    ContentMD5=_md5(body),
                )
                tag = str(sent["ETag"])
            parts.append({"PartNumber": number, "ETag": tag})
        answer = self._client.complete_multipart_upload(
            Bucket=self.name, Key=key, UploadId=upload, MultipartUpload={"Parts": parts}
        )
        return str(answer["VersionId"])

    def _begun(self, key: str) -> str:
        """Return an upload of this name that was begun and not ended; empty when there is none."""
        answer = self._client.list_multipart_uploads(Bucket=self.name, Prefix=key)
        rows = [row for row in answer.get("Uploads", []) if row["Key"] == key]
        return str(rows[-1]["UploadId"]) if rows else ""

    def _parts(self, key: str, upload: str) -> dict[int, str]:
        pages = self._client.get_paginator("list_parts")
        return {
            row["PartNumber"]: row["ETag"]
            for page in pages.paginate(Bucket=self.name, Key=key, UploadId=upload)
            for row in page.get("Parts", [])
        }

    def _require_lock(self, version: Version, lock: Lock) -> None:
        """Lock what the store did not: radosgw forgets the lock of what comes in parts."""
        if self._lock_of(version) is None:
            self._client.put_object_retention(
                Bucket=self.name,
                Key=version.key,
                VersionId=version.id,
                Retention={"Mode": lock.mode, "RetainUntilDate": lock.until},
            )
        if self._lock_of(version) is None:
            raise Refused(f"{self.address} did not lock {version.key}")

    def _lock_of(self, version: Version) -> Lock | None:
        try:
            told = self._client.get_object_retention(
                Bucket=self.name, Key=version.key, VersionId=version.id
            )["Retention"]
        except ClientError as error:
            if _code(error) in {
                "ObjectLockConfigurationNotFoundError",
                "NoSuchObjectLockConfiguration",
            }:
                return None
            raise
        return Lock(mode=told["Mode"], until=told["RetainUntilDate"])

    @contextlib.contextmanager
    def _named(self, what: str) -> Iterator[None]:
        try:
            yield
        except ClientError as error:
            raise _failure(error, f"{what} {self.address}") from None
        except (BotoCoreError, HTTPClientError) as error:
            text = plain_reason(str(error.kwargs.get("error") or error))
            raise Unreachable(f"{what} {self.address}: {text}") from None


def _failure(error: ClientError, what: str) -> Day2Error:
    code = _code(error)
    said = one_line(str(error.response.get("Error", {}).get("Message") or ""))
    text = f"{what}: {one_line(code)}" + (f" ({said})" if said and said != "None" else "")
    if code in _DENIED:
        return Denied(text, hint="check the writer's keys and the bucket's policy")
    if code in {"PreconditionFailed", "412"}:
        return Refused(f"{what}: there is one already")
    if code in _FULL:
        return VaultFull(text)
    if code in {"NoSuchBucket", "NoSuchKey", "NoSuchVersion", "404"}:
        return NotDeployed(text)
    return Unreachable(text) if _status(error) >= SERVER_ERROR else BadAnswer(text)


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


def _status(error: ClientError) -> int:
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def _md5(body: bytes) -> str:
    return base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode()


def _client(settings: S3Settings, secret_key: str) -> Any:  # noqa: ANN401 - made at run time
    # Nobody's profile, proxy or endpoint from the environment: the settings say all of it.
    nothing = {
        "profile": (None, None, None, None),
        "config_file": (None, None, os.devnull, None),
        "credentials_file": (None, None, os.devnull, None),
    }
    session = Session(
        aws_access_key_id=settings.access_key,
        aws_secret_access_key=secret_key,
        region_name=settings.region,
        botocore_session=botocore.session.Session(session_vars=nothing),
    )
    return session.client(
        "s3",
        endpoint_url=settings.endpoint,
        verify=settings.ca_file or None,
        config=Config(
            signature_version="s3v4",
            connect_timeout=CONNECT_SECONDS,
            read_timeout=settings.answer_seconds_max,
            retries={"mode": "standard", "total_max_attempts": settings.tries_max},
            proxies={},
            # The body's own hash is signed, which every store checks; the newer checksums in
            # headers and trailers are unknown to older ones.
            s3={"addressing_style": "path", "payload_signing_enabled": True},
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        ),
    )
