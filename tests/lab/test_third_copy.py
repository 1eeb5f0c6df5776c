# SPDX-License-Identifier: Apache-2.0
"""Sets copied to a real radosgw with object lock, by a credential that cannot delete, and back."""

import hashlib
import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import botocore.session
import msgspec
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from day2.adapters.clock import SystemClock
from day2.adapters.vaults.s3 import MANIFEST, ThirdCopy
from day2.adapters.vaults.s3_settings import MIB, LockMode, S3Settings, writer_policy
from day2.errors import Denied, NotDeployed, NotVerified, Refused, Unreachable
from day2.model import backup
from day2.model.backup import Artefact, Found, Kind, Manifest, Method
from lab.parts.ceph import Ceph
from tests.lab.rbd_images import noise
from tests.lab.s3_proxy import Fault, Proxy

CLOUD = "lab"
NUMBERS = count(1)
BIG, SMALL = "dump.sql.zst.age", "accounts.sql.zst.age"
FILES = {BIG: 12 * MIB + 12345, SMALL: 2000}


class Store:
    """A bucket with object lock of radosgw, and what its owner may do there."""

    def __init__(self, part: Ceph) -> None:
        told: dict[str, Any] = dict(part.describe())
        self.endpoint: str = told["s3"]["endpoint"]
        self.users: dict[str, dict[str, str]] = told["s3"]["users"]
        self.owner = self.client("owner")
        self.bucket = f"copies-{time.time_ns()}"
        self.owner.create_bucket(Bucket=self.bucket, ObjectLockEnabledForBucket=True)
        policy = json.dumps(writer_policy(self.bucket, "user/copier"))
        self.owner.put_bucket_policy(Bucket=self.bucket, Policy=policy)

    def client(self, user: str) -> Any:
        return botocore.session.Session().create_client(
            "s3",
            endpoint_url=self.endpoint,
            region_name="default",
            aws_access_key_id=self.users[user]["access_key"],
            aws_secret_access_key=self.users[user]["secret_key"],
            config=Config(
                s3={"addressing_style": "path"}, request_checksum_calculation="when_required"
            ),
        )

    def copier(self, user: str = "copier", **more: Any) -> ThirdCopy:
        given = {
            "endpoint": self.endpoint,
            "bucket": self.bucket,
            "access_key": self.users[user]["access_key"],
            "part_mib": 5,
            "tries_max": 2,
            "answer_seconds_max": 20.0,
            **more,
        }
        settings = S3Settings(**given)
        secret = self.users[user]["secret_key"]
        return ThirdCopy(settings, secret, cloud=CLOUD, clock=SystemClock())

    def versions(self, prefix: str = "") -> list[dict[str, Any]]:
        told = self.owner.list_object_versions(Bucket=self.bucket, Prefix=prefix)
        found: list[dict[str, Any]] = told.get("Versions", [])
        return found


@pytest.fixture(scope="module")
def store(ceph_part: Ceph) -> Store:
    return Store(ceph_part)


@pytest.fixture
def proxy(store: Store) -> Iterator[Proxy]:
    with Proxy(store.endpoint) as made:
        yield made


@pytest.fixture
def small(tmp_path: Path) -> tuple[Found, Path]:
    return a_set(tmp_path, {SMALL: FILES[SMALL]})


@pytest.fixture
def big(tmp_path: Path) -> tuple[Found, Path]:
    return a_set(tmp_path, FILES)


def a_set(folder: Path, files: dict[str, int]) -> tuple[Found, Path]:
    """Make a set by hand, as a vault lays it."""
    number = next(NUMBERS)
    name = f"database-20261126-{number:06}-{time.time_ns() % 65536:04x}"
    where = folder / CLOUD / name
    where.mkdir(parents=True)
    artefacts = []
    for file, size in files.items():
        content = noise(f"{name}{file}", size)
        (where / file).write_bytes(content)
        sha256 = hashlib.sha256(content).hexdigest()
        artefact = Artefact(
            of=file.partition(".")[0],
            name=file,
            bytes=size,
            sha256=sha256,
            stored_bytes=size,
            stored_sha256=sha256,
        )
        artefacts.append(artefact)
    (where / "HOWTO.txt").write_text("age -d | zstd -d\n")
    (where / "SHA256SUMS").write_text("".join(f"{a.stored_sha256}  {a.name}\n" for a in artefacts))
    moment = datetime(2026, 11, 26, 6, 0, tzinfo=UTC) + timedelta(minutes=number)
    manifest = Manifest(
        id=name,
        sequence=number,
        kind=Kind.DATABASE,
        method=Method.LOGICAL,
        cloud=CLOUD,
        region="one",
        foundation="kolla",
        started_at=moment,
        ended_at=moment,
        seconds=1.0,
        host="control01",
        by="tester",
        day2="0.1.0",
        artefacts=artefacts,
    )
    document = backup.encode(manifest)
    (where / MANIFEST).write_bytes(document)
    records = where.with_name(f"{name}.records")
    records.mkdir()
    (records / "0001-verified.json").write_text("{}")
    found = Found(vault="here", manifest=manifest, sha256=backup.digest(document))
    return found, where


def keys(store: Store, found: Found) -> set[str]:
    prefix = f"{CLOUD}/{found.manifest.id}"
    return {row["Key"].removeprefix(prefix) for row in store.versions(prefix)}


def test_a_set_is_copied_whole_locked_and_found_again(
    store: Store, big: tuple[Found, Path], tmp_path: Path
) -> None:
    found, folder = big
    copier = store.copier()
    facts = copier.copy(found, folder)
    assert (facts["objects"], facts["kept"], facts["already"]) == (6, 0, False)
    assert facts["read_bytes"] == facts["sent_bytes"] > sum(FILES.values())
    assert keys(store, found) == {
        f"/{BIG}",
        f"/{SMALL}",
        "/HOWTO.txt",
        "/SHA256SUMS",
        "/manifest.json",
        ".records/0001-verified.json",
    }
    for row in store.versions(f"{CLOUD}/{found.manifest.id}"):
        # Not its owner's client: radosgw lets the owner of an object alone read its lock.
        told = store.client("copier").get_object_retention(
            Bucket=store.bucket, Key=row["Key"], VersionId=row["VersionId"]
        )["Retention"]
        assert told["Mode"] == "GOVERNANCE"
        left = told["RetainUntilDate"] - datetime.now(UTC)
        assert timedelta(days=29) < left < timedelta(days=31)
    listed = next(one for one in copier.sets() if one.manifest.id == found.manifest.id)
    assert (listed.manifest, listed.sha256, listed.broken) == (found.manifest, found.sha256, "")
    assert copier.check(listed) == ""
    back = copier.fetch(listed, tmp_path / "back")
    for file in folder.iterdir():
        assert (back / file.name).read_bytes() == file.read_bytes()
        assert (back / file.name).stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "back" / f"{found.manifest.id}.records" / "0001-verified.json").exists()
    again = copier.copy(found, folder)
    assert (again["already"], again["kept"], again["sent_bytes"]) == (True, 6, 0)


def test_the_manifest_is_sent_last(store: Store, proxy: Proxy, small: tuple[Found, Path]) -> None:
    store.copier(endpoint=proxy.endpoint).copy(*small)
    sent = [path.partition("?")[0] for path in proxy.puts() if "retention" not in path]
    assert sent[-1].endswith(f"/{MANIFEST}")
    assert len(sent) == 5


def test_the_credential_cannot_delete_what_it_wrote(
    store: Store, small: tuple[Found, Path]
) -> None:
    found, folder = small
    copier = store.copier()
    assert copier.bucket.require_fit() == {"object_lock": "Enabled", "delete_denied": True}
    copier.copy(found, folder)
    client, rows = store.client("copier"), store.versions(f"{CLOUD}/{found.manifest.id}")
    name = {"Bucket": store.bucket, "Key": rows[0]["Key"]}
    version = {**name, "VersionId": rows[0]["VersionId"]}
    bucket = {"Bucket": store.bucket}
    lifecycle = {
        "Rules": [{"ID": "x", "Status": "Enabled", "Prefix": "", "Expiration": {"Days": 1}}]
    }
    shorter = {"Mode": "GOVERNANCE", "RetainUntilDate": datetime.now(UTC) + timedelta(hours=1)}
    calls: list[Callable[[], object]] = [
        lambda: client.delete_object(**name),
        lambda: client.delete_object(**version),
        lambda: client.delete_object(**version, BypassGovernanceRetention=True),
        lambda: client.put_object_retention(**version, Retention=shorter),
        lambda: client.put_bucket_versioning(
            **bucket, VersioningConfiguration={"Status": "Suspended"}
        ),
        lambda: client.put_bucket_lifecycle_configuration(
            **bucket, LifecycleConfiguration=lifecycle
        ),
        lambda: client.delete_bucket_policy(**bucket),
        lambda: client.delete_bucket(**bucket),
    ]
    for call in calls:
        with pytest.raises(ClientError, match="AccessDenied"):
            call()
    assert copier.check(found) == ""


def test_a_credential_that_may_delete_is_refused(store: Store) -> None:
    with pytest.raises(Refused, match="may delete"):
        store.copier("owner").bucket.require_fit()


def test_a_bucket_without_lock_is_refused(store: Store) -> None:
    name = f"{store.bucket}-open"
    store.owner.create_bucket(Bucket=name)
    with pytest.raises(Refused, match="has no object lock"):
        store.copier("owner", bucket=name).bucket.require_fit()


def test_compliance_holds_against_the_owner_as_well(
    store: Store, small: tuple[Found, Path]
) -> None:
    found, folder = small
    store.copier(lock=LockMode.COMPLIANCE, lock_days=1).copy(found, folder)
    for row in store.versions(f"{CLOUD}/{found.manifest.id}"):
        name = {"Bucket": store.bucket, "Key": row["Key"], "VersionId": row["VersionId"]}
        with pytest.raises(ClientError, match="AccessDenied"):
            store.owner.delete_object(**name, BypassGovernanceRetention=True)


def test_a_newer_version_and_a_delete_marker_hide_nothing(
    store: Store, small: tuple[Found, Path], tmp_path: Path
) -> None:
    found, folder = small
    copier = store.copier()
    copier.copy(found, folder)
    client = store.client("copier")
    for file in (SMALL, MANIFEST):
        key = f"{CLOUD}/{found.manifest.id}/{file}"
        client.put_object(Bucket=store.bucket, Key=key, Body=b"forged")
        store.owner.delete_object(Bucket=store.bucket, Key=key)
    listed = next(one for one in copier.sets() if one.manifest.id == found.manifest.id)
    assert (listed.sha256, listed.broken) == (found.sha256, "")
    back = copier.fetch(listed, tmp_path / "back")
    assert (back / SMALL).read_bytes() == (folder / SMALL).read_bytes()


def test_server_errors_are_asked_again_and_told_when_they_stay(
    store: Store, proxy: Proxy, small: tuple[Found, Path]
) -> None:
    copier = store.copier(endpoint=proxy.endpoint)
    proxy.faults = [Fault("PUT", SMALL, status=500), Fault("GET", "versions", status=503)]
    assert copier.copy(*small)["objects"] == 5
    proxy.faults = [Fault("GET", "versions", times=9, status=500)]
    with pytest.raises(Unreachable, match="500"):
        copier.sets()


@pytest.mark.parametrize(
    "fault",
    [
        Fault("PUT", SMALL, times=9, status=500),
        Fault("PUT", SMALL, times=9, cut_request=700),
        Fault("GET", SMALL, times=9, cut_answer=900),
        Fault("GET", SMALL, times=9, seconds=3),
        Fault("PUT", MANIFEST, times=9, status=500),
    ],
    ids=["errors", "cut-sending", "cut-reading", "slow", "no-manifest"],
)
def test_what_was_not_finished_is_no_set_and_goes_on_later(
    store: Store, proxy: Proxy, small: tuple[Found, Path], fault: Fault
) -> None:
    found, folder = small
    copier = store.copier(endpoint=proxy.endpoint, answer_seconds_max=1.0)
    proxy.faults = [Fault(**vars(fault))]
    with pytest.raises(Unreachable):
        copier.copy(found, folder)
    assert found.manifest.id not in {one.manifest.id for one in copier.sets()}
    proxy.faults = []
    facts = copier.copy(found, folder)
    assert facts["objects"] == 5
    assert found.manifest.id in {one.manifest.id for one in copier.sets()}
    assert copier.check(found) == ""


def test_the_condition_of_the_manifest_is_kept_where_a_store_knows_it(
    store: Store, proxy: Proxy, tmp_path: Path
) -> None:
    copier = store.copier(endpoint=proxy.endpoint)
    # Unknown to the store: put without it.
    found, folder = a_set(tmp_path, {SMALL: 100})
    proxy.faults = [Fault("PUT", MANIFEST, status=501)]
    assert copier.copy(found, folder)["objects"] == 5
    # The answer was lost, and the request that was sent again met what the first one had put.
    found, folder = a_set(tmp_path, {SMALL: 100})
    proxy.faults = [Fault("PUT", MANIFEST, answer_status=412)]
    assert copier.copy(found, folder)["objects"] == 5
    assert copier.check(found) == ""
    # Somebody else's is there.
    found, folder = a_set(tmp_path, {SMALL: 100})
    proxy.faults = [Fault("PUT", MANIFEST, status=412)]
    with pytest.raises(Refused, match="there is one already"):
        copier.copy(found, folder)


def test_a_large_file_goes_on_with_the_part_where_it_was_cut(
    store: Store, proxy: Proxy, big: tuple[Found, Path]
) -> None:
    found, folder = big
    copier = store.copier(endpoint=proxy.endpoint)
    proxy.faults = [Fault("PUT", "partNumber=3", times=9, cut_request=1000)]
    with pytest.raises(Unreachable):
        copier.copy(found, folder)
    proxy.faults, proxy.seen = [], []
    copier.copy(found, folder)
    parts = [path for path in proxy.puts() if "partNumber" in path]
    assert len(parts) == 1
    assert "partNumber=3" in parts[0]
    assert copier.check(found) == ""


def test_what_is_there_is_not_sent_again(
    store: Store, proxy: Proxy, big: tuple[Found, Path]
) -> None:
    found, folder = big
    copier = store.copier(endpoint=proxy.endpoint)
    proxy.faults = [Fault("PUT", MANIFEST, times=9, status=500)]
    with pytest.raises(Unreachable):
        copier.copy(found, folder)
    proxy.faults, proxy.seen = [], []
    facts = copier.copy(found, folder)
    assert facts["kept"] == 5
    assert [path.partition("?")[0].rpartition("/")[2] for path in proxy.puts()] == [MANIFEST]


def test_what_is_read_back_wrong_is_no_copy(
    store: Store, proxy: Proxy, small: tuple[Found, Path]
) -> None:
    found, folder = small
    copier = store.copier(endpoint=proxy.endpoint)
    proxy.faults = [Fault("GET", rf"{SMALL}\?versionId", spoil=True)]
    with pytest.raises(NotVerified, match="read back"):
        copier.copy(found, folder)
    assert not any(path.endswith(MANIFEST) for path in proxy.puts())


def test_a_damaged_local_set_is_not_copied(store: Store, big: tuple[Found, Path]) -> None:
    found, folder = big
    spoiled = bytearray((folder / BIG).read_bytes())
    spoiled[7 * MIB] ^= 1
    (folder / BIG).write_bytes(spoiled)
    with pytest.raises(NotVerified, match="is damaged"):
        store.copier().copy(found, folder)
    assert f"/{MANIFEST}" not in keys(store, found)
    (folder / MANIFEST).write_text("{}")
    with pytest.raises(Refused, match="not that of the set"):
        store.copier().copy(found, folder)


def test_another_set_of_the_same_id_is_refused(store: Store, small: tuple[Found, Path]) -> None:
    found, folder = small
    store.copier().copy(found, folder)
    other = msgspec.structs.replace(found.manifest, host="control02")
    document = backup.encode(other)
    (folder / MANIFEST).write_bytes(document)
    changed = Found(vault="here", manifest=other, sha256=backup.digest(document))
    with pytest.raises(Refused, match="another set of the id"):
        store.copier().copy(changed, folder)


def test_manifests_that_cannot_be_trusted_are_told_and_never_fetched_wrong(
    store: Store, small: tuple[Found, Path], tmp_path: Path
) -> None:
    found, _folder = small
    evil = msgspec.structs.replace(
        found.manifest,
        id="database-evil",
        artefacts=[msgspec.structs.replace(found.manifest.artefacts[0], name="../../pwned")],
    )
    for name, body in {
        "database-nonsense": b"no json",
        "database-other": backup.encode(found.manifest),
        "database-evil": backup.encode(evil),
    }.items():
        key = f"{CLOUD}/{name}/{MANIFEST}"
        store.owner.put_object(Bucket=store.bucket, Key=key, Body=body)
    broken = {one.manifest.id for one in store.copier().sets() if one.broken}
    told = {one.broken for one in store.copier().sets() if one.broken}
    assert broken == {"database-nonsense", found.manifest.id, "database-evil"}, told
    with pytest.raises(NotVerified):
        store.copier().fetch(found, tmp_path / "back")
    assert list((tmp_path / "back").iterdir()) == []


def test_refusals_have_names(store: Store, ceph_part: Ceph) -> None:
    with pytest.raises(NotDeployed, match="NoSuchBucket"):
        store.copier(bucket="no-such-bucket").sets()
    with pytest.raises(Denied, match=r"InvalidAccessKeyId|SignatureDoesNotMatch"):
        store.copier(access_key="nobody").sets()
    with pytest.raises(Unreachable, match="connection refused"):
        store.copier(endpoint="http://127.0.0.1:9", tries_max=1).sets()
    assert ceph_part.describe()["s3"]
    assert "secret_key=***" in repr(store.copier().bucket)
