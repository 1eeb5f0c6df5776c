# SPDX-License-Identifier: Apache-2.0
"""Sets that `backup run` took are read without day2: by the page that lies in each, and bash."""

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.database_server import Real
from lab.packages import BACKUPS, install_packages
from tests.scenarios.backup.place import Place
from tests.scenarios.backup.test_database import COUNT, made, place, real, require_done
from tests.unit.backup.by_hand import follow

__all__ = ["made", "place", "real"]
# A dozen programs one after another, and machines are busy.
pytestmark = pytest.mark.timeout(400)


@pytest.fixture
def restored() -> Iterator[Path]:
    """Where a person restores; short, for there is a socket in it."""
    install_packages(BACKUPS)
    folder = Path(tempfile.mkdtemp(prefix="d2r"))
    yield folder
    shutil.rmtree(folder)


def read_by_hand(place: Place, name: str, restored: Path, until: str = "") -> str:
    """Follow a set's page, with the identity that lies in the safe."""
    identity = place.folder / "escrow"
    identity.write_text(f"{place.keys[1]}\n")
    identity.chmod(0o600)
    copy = restored / "copy" / name
    shutil.copytree(place.vault / "lost" / name, copy)
    return follow(copy, place=restored, words={"IDENTITY": str(identity)}, until=until)


def asked(socket: Path, statement: str, *, account: str = "root") -> str:
    done = subprocess.run(
        ["mariadb", "--no-defaults", f"-u{account}", f"--socket={socket}", "-Ne", statement],
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.strip() or done.stderr


def shut(socket: Path) -> None:
    words = ["mariadb-admin", "--no-defaults", "-uroot", f"--socket={socket}", "shutdown"]
    subprocess.run(words, check=True, capture_output=True)


def test_a_dump_is_loaded_by_hand_and_its_server_answers(
    place: Place, real: Real, restored: Path
) -> None:
    real.sql(
        "CREATE USER nova@localhost IDENTIFIED BY 'x'", "GRANT ALL ON nova.* TO nova@localhost"
    )
    require_done(place.apply("run", "database", "--level", "0"))
    real.sql("DELETE FROM nova.instances")
    (name,) = place.sets()
    read_by_hand(place, name, restored)
    socket = restored / "s.sock"
    try:
        assert asked(socket, COUNT).split() == ["3000", "3000"]
        grants = asked(socket, "SHOW GRANTS FOR nova@localhost")
        assert "GRANT ALL PRIVILEGES ON `nova`.*" in grants
    finally:
        shut(socket)


def test_files_and_increments_are_prepared_by_hand_and_their_server_answers(
    place: Place, real: Real, restored: Path
) -> None:
    require_done(place.apply("run", "database", "--method", "full", "--level", "0"))
    real.sql("INSERT INTO nova.instances VALUES (5001, 'later', 'y')")
    require_done(place.apply("run", "database", "--method", "increment", "--level", "0"))
    real.sql("DELETE FROM nova.instances")
    full, increment = place.sets()
    # No server may see it before the increment is in it.
    read_by_hand(place, full, restored, until="5. Look at it")
    printed = read_by_hand(place, increment, restored)
    assert {"nova", "keystone", "placement"} <= set(printed.split()), printed
    data = Path((restored / increment / "upon").read_text().strip())
    socket = restored / "s.sock"
    server = subprocess.Popen(
        [
            *("mariadbd", f"--defaults-file={data / 'backup-my.cnf'}", f"--datadir={data}"),
            *("--skip-networking", "--skip-grant-tables", f"--socket={socket}", "--user=root"),
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait = ["mariadb-admin", "--no-defaults", f"--socket={socket}", "--wait=60", "ping"]
        subprocess.run(wait, check=True, capture_output=True)
        assert asked(socket, COUNT).split() == ["3001", "5001"]
    finally:
        shut(socket)
        server.wait(30)
