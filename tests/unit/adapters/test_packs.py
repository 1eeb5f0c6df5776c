# SPDX-License-Identifier: Apache-2.0
"""Packs: the same content makes the same bytes; whatever was changed is told."""

import io
import tarfile
from datetime import UTC, datetime
from pathlib import Path

import pytest

from day2.adapters import packs
from day2.errors import BadUsage, NotVerified

AT = datetime(2026, 11, 26, 3, 12, tzinfo=UTC)
CONTENT = {"b.txt": b"two", "a/c.txt": b"one"}


def write(folder: Path, name: str = "pack") -> Path:
    told = packs.manifest(CONTENT, schema="s/1", scope="All.", cloud="c", at=AT)
    return packs.write(folder, name, told, CONTENT)


def test_the_same_content_makes_the_same_bytes(tmp_path: Path) -> None:
    first, second = write(tmp_path / "1"), write(tmp_path / "2")
    assert first.read_bytes() == second.read_bytes()
    told, found = packs.read(first)
    assert (told.scope, found) == ("All.", CONTENT)
    assert packs.read(tmp_path / "1" / "pack")[1] == CONTENT


def test_a_pack_is_never_written_over(tmp_path: Path) -> None:
    write(tmp_path)
    with pytest.raises(BadUsage, match="is there already"):
        write(tmp_path)


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BadUsage, match="cannot write into"):
        write(tmp_path / "file" / "below")


@pytest.mark.parametrize(("name", "data"), [("pack/b.txt", b"TWO"), ("pack/x.txt", b"more")])
def test_what_was_changed_or_added_is_told(tmp_path: Path, name: str, data: bytes) -> None:
    file = write(tmp_path)
    with tarfile.open(file) as archive:
        members = {m.name: archive.extractfile(m).read() for m in archive}  # type: ignore[union-attr]
    members[name] = data
    with tarfile.open(file, "w:gz") as archive:
        for own, content in members.items():
            entry = tarfile.TarInfo(own)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    with pytest.raises(NotVerified):
        packs.read(file)


@pytest.mark.parametrize("data", [b"", b"no pack at all", b"\x1f\x8b\x08\x00broken"])
def test_what_is_no_pack_says_so(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "x.tar.gz").write_bytes(data)
    with pytest.raises(BadUsage):
        packs.read(tmp_path / "x.tar.gz")
    with pytest.raises(BadUsage):
        packs.read(tmp_path / "none.tar.gz")
