# SPDX-License-Identifier: Apache-2.0
"""scripted: programs that give or take streams, and go wrong while they do."""

import os
import time
from pathlib import Path

import pytest

from day2.adapters import pipes
from day2.adapters.pipes import Pipe
from day2.errors import BadSettings, Unreachable


def pipe(script: str, *, silent: float = 20) -> Pipe:
    argv = ["/bin/sh", "-c", script]
    return Pipe(argv=argv, what="rbd export", setting="x.command", silent_seconds=silent)


def alive(file: Path) -> bool:
    """Tell whether the process whose number is in a file still runs; a zombie does not."""
    try:
        stat = Path(f"/proc/{file.read_text().strip()}/stat").read_text()
    except FileNotFoundError:
        return False
    return stat.rpartition(")")[2].split()[0] not in {"Z", "X"}


def dies(file: Path) -> bool:
    deadline = time.monotonic() + 30
    while alive(file) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not alive(file)


def test_everything_is_handed_over_however_much_it_complains() -> None:
    parts: list[bytes] = []
    script = "head -c 5000000 /dev/zero; head -c 3000000 /dev/zero >&2"
    assert pipes.give(pipe(script), os.environ, parts.append) == 5_000_000
    assert b"".join(parts) == bytes(5_000_000)


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("printf half; echo 'rbd: error 5' >&2; exit 5", "rbd export failed: rbd: error 5"),
        ("printf half; exit 3", "rbd export failed: exit code 3"),
        ("printf half; kill -9 $$", "rbd export failed: signal 9"),
        ("printf half; exec sleep 30", "gave nothing for 0.3 s and was ended"),
        ("printf half; exec >&-; exec sleep 30", "closed its output, but did not end"),
    ],
)
def test_a_stream_counts_only_when_its_program_ended_well(script: str, said: str) -> None:
    started = time.monotonic()
    silent = 0.3 if "sleep" in script else 20
    with pytest.raises(Unreachable, match=said):
        pipes.give(pipe(script, silent=silent), os.environ, lambda _part: None)
    assert time.monotonic() - started < 8


def test_who_cannot_take_more_ends_the_program_and_all_that_it_started(tmp_path: Path) -> None:
    def take(_part: bytes) -> None:
        raise OSError(28, "No space left on device")

    script = f"sleep 60 & echo $! > {tmp_path}/child; echo $$ > {tmp_path}/self; yes"
    with pytest.raises(OSError, match="No space left"):
        pipes.give(pipe(script), os.environ, take)
    assert dies(tmp_path / "self")
    assert dies(tmp_path / "child")


def test_a_file_is_fed_whole(tmp_path: Path) -> None:
    (tmp_path / "in").write_bytes(b"x" * 3_000_000)
    with (tmp_path / "in").open("rb") as source:
        pipes.feed(pipe(f"cat > {tmp_path}/out"), os.environ, source)
    assert (tmp_path / "out").read_bytes() == b"x" * 3_000_000


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("head -c 10 >/dev/null; echo 'rbd: no' >&2; exit 22", "failed: rbd: no"),
        ("head -c 10 >/dev/null; exec sleep 30", "took nothing for 2 s and was ended"),
    ],
)
def test_a_program_that_does_not_take_a_file_is_told(
    tmp_path: Path, script: str, said: str
) -> None:
    (tmp_path / "in").write_bytes(b"x" * 3_000_000)
    with (tmp_path / "in").open("rb") as source, pytest.raises(Unreachable, match=said):
        pipes.feed(pipe(script, silent=2), os.environ, source)


def test_a_program_that_does_not_exist_names_the_setting() -> None:
    missing = Pipe(argv=["/no/such/rbd"], what="rbd export", setting="x.command", silent_seconds=1)
    with pytest.raises(BadSettings, match="cannot run /no/such/rbd") as caught:
        pipes.give(missing, os.environ, lambda _part: None)
    assert caught.value.hint == "setting x.command"


def test_the_child_gets_no_secret_of_ours() -> None:
    parts: list[bytes] = []
    secret = {"OS_PASSWORD": "hunter2", "PATH": os.environ["PATH"]}
    pipes.give(pipe("env"), secret, parts.append)
    assert b"hunter2" not in b"".join(parts)
