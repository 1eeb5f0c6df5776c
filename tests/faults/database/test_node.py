# SPDX-License-Identifier: Apache-2.0
"""Data folders that are kept aside, put in place and put back; begun again at any moment."""

import os
import shutil
import stat
import subprocess
import tempfile
from pathlib import Path

import pytest

from day2.adapters.database.node import NodeFiles
from day2.adapters.recovery import DatabaseNode
from day2.errors import NotVerified, Refused
from lab.database_server import Real

POSITION = "6c64dd06-ca46-11f0-8de9-0242ac120002:42"
NEW = {"ibdata1": "new", "nova/instances.ibd": "rows", "xtrabackup_info": "of the backup"}


def fill(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def content(folder: Path) -> dict[str, str]:
    return {
        str(file.relative_to(folder)): file.read_text()
        for file in folder.rglob("*")
        if file.is_file() and not file.name.startswith(".day2-")
    }


@pytest.fixture
def datadir(place: Path) -> Path:
    made = fill(place / "data", {"ibdata1": "old", "mysql/user": "old"})
    made.chmod(0o751)
    if os.geteuid() == 0:
        os.chown(made, 4242, 4243)
    return made


@pytest.fixture
def files(datadir: Path) -> NodeFiles:
    return NodeFiles(node(datadir), "it")


def node(datadir: Path, owner: str = "") -> DatabaseNode:
    return DatabaseNode(
        name="db1", datadir=str(datadir), stop=["true"], start=["true"], owner=owner
    )


def require_like_before(datadir: Path) -> None:
    assert stat.S_IMODE(datadir.stat().st_mode) == 0o751
    if os.geteuid() == 0:
        every = [datadir, *datadir.rglob("*")]
        assert {(path.stat().st_uid, path.stat().st_gid) for path in every} == {(4242, 4243)}


def test_the_new_folder_has_owner_and_mode_of_the_old_one_which_is_kept_whole(
    files: NodeFiles, datadir: Path, place: Path
) -> None:
    prepared = fill(place / "work", NEW)
    for _again in range(2):
        assert files.keep_aside()
    assert content(Path(files.aside)) == {"ibdata1": "old", "mysql/user": "old"}
    for _again in range(2):
        files.place(prepared, position=POSITION)
    placed = content(datadir)
    state = placed.pop("grastate.dat")
    assert placed == {"ibdata1": "new", "nova/instances.ibd": "rows"}
    assert "safe_to_bootstrap: 1" in state
    assert "seqno:   42" in state
    assert not prepared.exists()
    require_like_before(datadir)
    for _again in range(2):
        files.take_away()
        assert not content(datadir)
    assert files.put_back()
    assert not files.put_back()
    assert content(datadir) == {"ibdata1": "old", "mysql/user": "old"}
    assert content(Path(files.restored))["ibdata1"] == "new"


def test_a_node_that_was_filled_by_others_is_put_back_all_the_same(
    files: NodeFiles, datadir: Path
) -> None:
    assert files.keep_aside()
    fill(datadir, {"ibdata1": "by a transfer"})
    assert files.put_back()
    assert content(datadir)["ibdata1"] == "old"
    assert content(Path(files.restored)) == {"ibdata1": "by a transfer"}


@pytest.mark.skipif(
    Path("/dev/shm").stat().st_dev == Path(tempfile.gettempdir()).stat().st_dev,  # noqa: S108
    reason="there is one file system only",
)
def test_on_another_file_system_the_data_are_copied_and_a_broken_copy_begins_again(
    files: NodeFiles, datadir: Path
) -> None:
    assert files.keep_aside()
    with tempfile.TemporaryDirectory(dir="/dev/shm") as other:
        prepared = fill(Path(other) / "data", NEW)
        # A copy that was killed.
        fill(Path(f"{datadir}.new-it"), {"ibdata1": "half", "left": "over"})
        files.place(prepared)
        assert content(datadir) == {"ibdata1": "new", "nova/instances.ibd": "rows"}
        require_like_before(datadir)
        files.place(prepared)


def test_a_folder_that_is_gone_gets_the_owner_of_the_settings(place: Path, datadir: Path) -> None:
    shutil.rmtree(datadir)
    with pytest.raises(Refused, match="nothing tells whose files"):
        NodeFiles(node(datadir), "it").require_fit()
    owner = f"{os.getuid()}:{os.getgid()}"
    gone = NodeFiles(node(datadir, owner), "it")
    assert gone.require_fit().holds == ""
    assert not gone.keep_aside()
    gone.place(fill(place / "work", NEW))
    assert content(datadir)["ibdata1"] == "new"
    assert not gone.put_back()


def test_what_cannot_be_is_refused_and_left_alone(
    files: NodeFiles, datadir: Path, place: Path
) -> None:
    with pytest.raises(Refused, match="MiB are needed"):
        files.require_fit(need_bytes=1 << 60)
    with pytest.raises(NotVerified, match="is gone"):
        files.keep_aside()
        files.place(place / "nowhere")
    assert files.put_back()
    strange = fill(place / "strange", {"letter.txt": "dear"})
    with pytest.raises(Refused, match="they are no server's data"):
        NodeFiles(node(strange), "it").require_fit()
    with pytest.raises(Refused, match="no folder above"):
        NodeFiles(node(place / "no" / "such"), "it").require_fit()
    with pytest.raises(Refused, match="mount point"):
        NodeFiles(node(Path("/proc")), "it").require_fit()
    assert content(datadir)["ibdata1"] == "old"


@pytest.fixture
def running(real: Real) -> NodeFiles:
    return NodeFiles(node(real.data), "it")


def test_a_server_that_works_in_the_folder_is_found_even_when_the_folder_was_removed(
    running: NodeFiles, real: Real
) -> None:
    assert running.look().busy == [real.pid]
    for act in (running.keep_aside, running.put_back, running.take_away):
        with pytest.raises(Refused, match=f"process {real.pid} still works"):
            act()
    shutil.rmtree(real.data)
    assert running.look().busy == [real.pid]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount")
def test_a_folder_that_docker_has_bound_onto_itself_is_filled_by_a_copy(place: Path) -> None:
    bound = place / "docker"
    datadir = fill(bound / "data", {"ibdata1": "old"})
    prepared = fill(place / "work", NEW)
    subprocess.run(["mount", "--bind", bound, bound], check=True)
    try:
        assert prepared.stat().st_dev == datadir.stat().st_dev
        files = NodeFiles(node(datadir), "it")
        assert files.keep_aside()
        files.place(prepared)
        assert content(datadir) == {"ibdata1": "new", "nova/instances.ibd": "rows"}
    finally:
        subprocess.run(["umount", bound], check=True)


def test_what_a_server_writes_at_its_end_into_an_emptied_folder_is_nothing(real: Real) -> None:
    for entry in real.data.iterdir():
        shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
    files = NodeFiles(node(real.data), "it")
    assert files.look().holds == "nothing"
    real.stop()
    left = {entry.name for entry in real.data.iterdir()}
    assert left, "an emptied folder stays empty: the test shows nothing"
    assert files.require_fit().holds == "nothing"
    assert files.keep_aside()
    assert {entry.name for entry in Path(files.aside).iterdir()} == left
    (real.data / "notes").touch()
    assert files.look().holds == "other"
