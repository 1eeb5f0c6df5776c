# SPDX-License-Identifier: Apache-2.0
"""Images of a sandbox into a repository of restic, by whole commands."""

import os
from pathlib import Path

import pytest

from lab.packages import BACKUPS, install_packages
from tests.scenarios.backup.place import private
from tests.scenarios.backup.test_kinds import Sandboxed

PASSWORD = "s3cret-of-restic"
# Restic derives its key anew with each call, and machines are busy.
pytestmark = pytest.mark.timeout(400)


def test_images_go_to_the_repository_and_are_proven_from_there(tmp_path: Path) -> None:
    install_packages(BACKUPS)
    private(tmp_path / "restic-password", f"{PASSWORD}\n")
    repository = tmp_path / "repository"
    section = {
        "repository": str(repository),
        "password": {"file": str(tmp_path / "restic-password")},
        "sample_parts": 1,
    }
    there = Sandboxed(tmp_path, backup_bulk=section)
    try:
        (_take, proof) = there.apply("run", "images", "--level", "3")
        assert proof["facts"]["verified"] is True
        assert proof["facts"]["images"] > 0
        ((name, one),) = there.place.sets().items()
        assert (one["level"], one["state"]) == (3, "good")
        files = sorted(file.name for file in (there.place.vault / "lost" / name).iterdir())
        assert files == ["HOWTO.txt", "SHA256SUMS", "manifest.json"]
        kept = {a["encryption"] for a in there.show(name)["manifest"]["artefacts"]}
        assert kept == {"restic"}
        # What its files say is damaged is found, and the set is bad.
        pack = max(
            (file for file in (repository / "data").rglob("*") if file.is_file()),
            key=lambda file: file.stat().st_size,
        )
        pack.chmod(0o600)
        with pack.open("r+b") as opened:
            opened.seek(pack.stat().st_size // 3)
            byte = opened.read(1)
            opened.seek(-1, os.SEEK_CUR)
            opened.write(bytes([byte[0] ^ 1]))
        ended = there.place.apply("verify", name)
        assert ended.code == 26, ended.document
        assert there.place.sets()[name]["state"] == "bad"
        for folder in (there.place.vault, there.place.state):
            for file in folder.rglob("*"):
                assert not file.is_file() or PASSWORD.encode() not in file.read_bytes(), file
    finally:
        there.home.run("sandbox", "down")
