# SPDX-License-Identifier: Apache-2.0
import stat
from pathlib import Path

import pytest

from day2.adapters import files
from day2.errors import BadUsage


def test_a_file_is_private_and_replaces_the_old_one_whole(tmp_path: Path) -> None:
    file = tmp_path / "report.html"
    file.write_text("old")
    file.chmod(0o644)
    files.write_private(file, b"new")
    assert file.read_bytes() == b"new"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [file]


def test_what_cannot_be_written_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    with pytest.raises(BadUsage, match="cannot write"):
        files.write_private(tmp_path / "taken", b"x")
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]


@pytest.mark.parametrize(
    ("name", "said"), [("no/such/file", "there is no folder"), (".", "is a folder")]
)
def test_a_place_where_nothing_can_be_written_is_refused_before_the_work(
    tmp_path: Path, name: str, said: str
) -> None:
    with pytest.raises(BadUsage, match=said):
        files.require_place(tmp_path / name)
