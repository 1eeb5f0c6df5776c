# SPDX-License-Identifier: Apache-2.0
"""The third copy by whole commands, and a repository of restic, both in a real radosgw."""

import time
from pathlib import Path
from typing import Any

import pytest

from lab.packages import BACKUPS, install_packages
from lab.parts.ceph import Ceph
from tests.lab.s3_proxy import Fault, Proxy
from tests.lab.test_third_copy import Store
from tests.scenarios.backup.place import Place, private
from tests.unit.backup.conftest import empty_repository
from tests.unit.backup.stand import Stand, names, read_back, take

__all__ = ["empty_repository"]
NOISE = b"".join(bytes([n % 251]) * 4096 for n in range(1500))


@pytest.fixture(scope="module")
def store(ceph_part: Ceph) -> Store:
    return Store(ceph_part)


def section(store: Store, folder: Path, **more: Any) -> dict[str, Any]:
    private(folder / "s3-secret", f"{store.users['copier']['secret_key']}\n")
    return {
        "endpoint": store.endpoint,
        "bucket": store.bucket,
        "access_key": store.users["copier"]["access_key"],
        "secret_key": {"file": str(folder / "s3-secret")},
        "lock_days": 1,
        "tries_max": 2,
        **more,
    }


@pytest.mark.full
def test_a_set_is_copied_with_its_run_and_by_command(store: Store, tmp_path: Path) -> None:
    with Proxy(store.endpoint) as proxy:
        place = Place(tmp_path, backup_copy=section(store, tmp_path, endpoint=proxy.endpoint))
        taken = place.apply("run", "config", "--level", "0")
        assert taken.code == 0, taken.document
        actions = [step["action"] for step in taken.document["steps"]]
        assert actions == ["backup.take", "backup.copy"]
        (name,) = place.sets()
        copied = taken.document["steps"][1]["facts"]
        assert copied["objects"] == len(names(place.vault / "lost" / name))
        there = {row["Key"] for row in store.versions(f"lost/{name}/")}
        assert there == {f"lost/{name}/{one}" for one in names(place.vault / "lost" / name)}
        again = place.apply("copy", name)
        assert [step["outcome"] for step in again.document["steps"]] == ["already"]
        # The store fails; the set in the vault is as good as before, and the copy is made later.
        (place.kolla / "globals.yml").write_text("openstack_release: '2026.1'\n")
        proxy.faults.append(Fault(method="PUT", path=r"\.age", times=50, status=500))
        failed = place.apply("run", "config", "--level", "0")
        assert failed.code == 3, failed.document
        assert [step["outcome"] for step in failed.document["steps"]] == ["done", "failed"]
        newest = list(place.sets())[-1]
        assert store.versions(f"lost/{newest}/manifest.json") == []
        proxy.faults.clear()
        assert place.apply("copy", newest).code == 0
        assert store.versions(f"lost/{newest}/manifest.json")
    secret = store.users["copier"]["secret_key"].encode()
    for file in place.state.rglob("*"):
        assert not file.is_file() or secret not in file.read_bytes(), file


def test_a_repository_of_restic_in_a_bucket(store: Store, stand: Stand) -> None:
    bucket = f"restic-{time.time_ns()}"
    store.owner.create_bucket(Bucket=bucket)
    keys = store.users["owner"]
    private(
        stand.folder / "credentials",
        "[default]\n"
        f"aws_access_key_id = {keys['access_key']}\n"
        f"aws_secret_access_key = {keys['secret_key']}\n",
    )
    # What lay in a folder lies in the bucket.
    for file in stand.bulk.rglob("*"):
        if file.is_file():
            key = f"day2/{file.relative_to(stand.bulk)}"
            store.owner.put_object(Bucket=bucket, Key=key, Body=file.read_bytes())
    where = {
        "repository": f"s3:{store.endpoint}/{bucket}/day2",
        "credentials_file": str(stand.folder / "credentials"),
    }
    vault = stand.vault(bulk=where)
    found = take(vault, "images-20261126-060000-1a2b", content={"data": NOISE})
    assert vault.check(found) == ""
    assert read_back(vault, found, stand.into) == {"data": NOISE}
    listed = store.owner.list_objects_v2(Bucket=bucket, Prefix="day2/snapshots/")
    assert listed["KeyCount"] == 2


@pytest.fixture
def stand(tmp_path: Path, empty_repository: Path) -> Stand:
    install_packages(BACKUPS)
    return Stand(tmp_path).with_restic(empty_repository)
