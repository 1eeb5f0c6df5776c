# SPDX-License-Identifier: Apache-2.0
"""A scratch server ends with who started it, however that was."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from day2.adapters import private_folders
from day2.adapters.clock import SystemClock
from day2.adapters.database import physical, scratch
from day2.adapters.database.beside import Beside
from day2.errors import BadSettings, Unreachable
from lab.database_server import Real

PROGRAM = """
import json, sys, time
from pathlib import Path
from day2.adapters.clock import SystemClock
from day2.adapters.database import scratch
from day2.adapters.database.beside import Beside
with scratch.folder(Path(sys.argv[1])) as place:
    with scratch.empty(Beside(), place, SystemClock(), like={}) as server:
        print(json.dumps(server.one("SELECT @@pid_file, @@port, @@event_scheduler")), flush=True)
        time.sleep(600)
"""


def of(folder: Path) -> list[int]:
    """The servers that work somewhere in a folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_bytes()
        except OSError:
            continue
        is_server = words.startswith(b"mariadbd") or b"/mariadbd\0" in words[:40]
        if is_server and str(folder).encode() in words:
            found.append(int(process.name))
    return found


@pytest.mark.usefixtures("made")
def test_a_killed_day2_leaves_no_server_and_the_next_sweeps_its_folder(place: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(place)], stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        told = json.loads(child.stdout.readline())
        assert told[1:] == ["0", "OFF"]
        assert len(of(place)) == 1
        # Somebody else's proof is not swept while it runs.
        assert private_folders.sweep(place) == []
        os.kill(child.pid, signal.SIGKILL)
    until = time.monotonic() + 30
    while of(place) and time.monotonic() < until:
        time.sleep(0.1)
    assert of(place) == []
    assert len(private_folders.sweep(place)) == 1
    assert list(place.iterdir()) == []


@pytest.mark.usefixtures("made")
def test_a_server_that_cannot_start_says_why(place: Path, clock: SystemClock) -> None:
    (place / "broken").mkdir()
    (place / "broken" / "ibdata1").write_bytes(b"x" * 4096)
    with (
        scratch.folder(place) as folder,
        pytest.raises(Unreachable, match=r"does not start: .*InnoDB"),
        scratch.over(Beside(), folder, clock, prepared=place / "broken"),
    ):
        pass
    assert of(place) == []
    assert [p.name for p in place.iterdir()] == ["broken"]


def test_a_log_as_large_as_kollas_is_not_made_for_a_proof(
    place: Path, start: Callable[..., Real], clock: SystemClock
) -> None:
    # Kolla's servers have one of 2 GiB, and a backup of theirs asks for the same.
    real = start("large", "--innodb-log-file-size=300M")
    real.sql("CREATE DATABASE nova", "CREATE TABLE nova.marks (id INT PRIMARY KEY)")
    with (place / "full").open("wb") as file:
        physical.take(real.server(), file.write)
    prepared = place / "copy"
    physical.extract(Beside(), [(place / "full").read_bytes()], prepared)
    physical.prepare(Beside(), prepared)
    assert "innodb_log_file_size=314572800" in (prepared / "backup-my.cnf").read_text()
    with (
        scratch.folder(place / "s") as folder,
        scratch.over(Beside(), folder, clock, prepared=prepared) as server,
    ):
        assert server.ask("SELECT COUNT(*) FROM nova.marks") == [["0"]]
        assert (prepared / "ib_logfile0").stat().st_size <= 64 << 20


def test_a_folder_with_too_long_a_name_is_refused(place: Path) -> None:
    with (
        pytest.raises(BadSettings, match="too long"),
        scratch.folder(place / ("x" * 120)),
    ):
        pass


@pytest.mark.usefixtures("made")
def test_temporary_tables_of_other_servers_are_left_alone(
    place: Path, clock: SystemClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A server that starts sweeps its folder for temporary files, whosever they are.
    others = place / "others"
    others.mkdir()
    tables = [others / "#sql-temptable-28ce-20-253.MAI", others / "#sql-temptable-28ce-20-253.MAD"]
    for table in tables:
        table.touch()
    monkeypatch.setenv("TMPDIR", str(others))
    with scratch.folder(place) as folder, scratch.empty(Beside(), folder, clock, like={}) as server:
        assert server.one("SELECT 1") == ["1"]
    assert sorted(others.iterdir()) == sorted(tables)


def test_proofs_that_begin_at_the_same_moment_do_not_sweep_each_other(place: Path) -> None:
    """The timers of two clouds ring at the same second, and both use the system's folder."""
    wrong: list[object] = []

    def prove() -> None:
        for _ in range(300):
            try:
                with scratch.folder(place) as mine:
                    (mine / "x").touch()
                    if not (mine / "x").exists():
                        wrong.append("swept")
            except Exception as error:  # noqa: BLE001 - whatever it is, it is wrong
                wrong.append(error)

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        provers = [threading.Thread(target=prove) for _ in range(6)]
        for prover in provers:
            prover.start()
        for prover in provers:
            prover.join()
    finally:
        sys.setswitchinterval(before)
    assert wrong == []
    assert list(place.iterdir()) == []
