# SPDX-License-Identifier: Apache-2.0
"""Ask Ceph how full it is: `ceph df`, by the command that the settings name.

Kolla-Ansible deploys no Ceph: it is somebody else's cluster, reached in somebody else's way
(`cephadm shell -- ceph`, `ssh mon1 sudo ceph`, a local client). So the settings hold the words, and
this module adds the question, bounds time and size, and reads the answer.
"""

import contextlib
import os
import signal
import subprocess  # noqa: TID251 - this adapter starts a process
import threading
from collections.abc import Mapping, Sequence
from typing import IO, Annotated

import msgspec
from msgspec import Meta

from day2.adapters.kolla.virtualenv import PASSED
from day2.adapters.reasons import one_line
from day2.errors import BadAnswer, BadSettings, Unreachable
from day2.model.tables.storage import CephPool

QUESTION = ("df", "--format", "json")
ANSWER_BYTES_MAX = 16 << 20
COMPLAINT_BYTES_MAX = 64 << 10
CHUNK = 1 << 16
POOL_NAME_MAX = 255


class CephSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Section `clouds.NAME.ceph`: where the cloud stores on Ceph."""

    command: Annotated[
        list[str],
        Meta(
            description="The words that run Ceph's client with a read-only account: [ceph, --id, "
            "day2], [ssh, mon1, sudo, ceph], [cephadm, shell, --, ceph]. day2 adds `df --format "
            "json`. Empty: no Ceph."
        ),
    ] = []
    seconds_max: Annotated[float, Meta(gt=0, description="Seconds that the command may take.")] = (
        20.0
    )


class _Totals(msgspec.Struct):
    total_bytes: int
    total_used_raw_bytes: int


class _PoolStats(msgspec.Struct):
    stored: int
    max_avail: int


class _Pool(msgspec.Struct):
    name: str
    stats: _PoolStats


class _Answer(msgspec.Struct):
    stats: _Totals
    pools: list[_Pool]
    stats_by_class: dict[str, _Totals] = {}


def look(settings: CephSettings, environment: Mapping[str, str]) -> list[CephPool]:
    """Return the devices and the pools, as Ceph itself reports them.

    Raises:
        BadSettings: when the command does not exist.
        Unreachable: when it does not end in time, or fails.
        BadAnswer: when what it prints is not `ceph df`.

    """
    body = _run([*settings.command, *QUESTION], environment, seconds=settings.seconds_max)
    try:
        found = msgspec.json.decode(body, type=_Answer)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadAnswer(
            f"ceph df: the answer is not what Ceph promises ({one_line(str(error))})",
            hint="setting clouds.NAME.ceph.command: its words must end where `df` may follow",
        ) from None
    classes = found.stats_by_class if len(found.stats_by_class) > 1 else {}
    devices = {"ceph": found.stats, **{f"ceph ({name})": has for name, has in classes.items()}}
    return [
        *(
            CephPool(
                name=one_line(name)[:POOL_NAME_MAX],
                used_bytes=has.total_used_raw_bytes,
                free_bytes=max(has.total_bytes - has.total_used_raw_bytes, 0),
                raw=True,
            )
            for name, has in devices.items()
        ),
        *(
            CephPool(
                name=one_line(pool.name)[:POOL_NAME_MAX],
                used_bytes=pool.stats.stored,
                free_bytes=max(pool.stats.max_avail, 0),
            )
            for pool in found.pools
        ),
    ]


def _run(argv: Sequence[str], environment: Mapping[str, str], *, seconds: float) -> bytes:
    """Run it in a session of its own, so that nothing can ask a person for a password."""
    told = "setting clouds.NAME.ceph.command"
    try:
        child = subprocess.Popen(  # noqa: S603 - no shell, the words are the settings'
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=_environment(environment),
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        raise BadSettings(f"ceph df: cannot run {argv[0]}: {error}", hint=told) from None
    assert child.stdout is not None  # noqa: S101 - for the type checker: both are pipes
    assert child.stderr is not None  # noqa: S101
    answer, complaint = bytearray(), bytearray()
    readers = [
        threading.Thread(target=_take, args=(pipe, into, most), daemon=True)
        for pipe, into, most in (
            (child.stdout, answer, ANSWER_BYTES_MAX),
            (child.stderr, complaint, COMPLAINT_BYTES_MAX),
        )
    ]
    for reader in readers:
        reader.start()
    try:
        status = child.wait(timeout=seconds)
    except subprocess.TimeoutExpired:
        raise Unreachable(
            f"ceph df did not end within {seconds:g} s",
            hint="setting clouds.NAME.ceph.seconds_max; by hand: ceph -s",
        ) from None
    finally:
        _end(child)
        for reader in readers:
            reader.join(1)
    if status:
        said = _last_words(bytes(complaint)) or f"exit code {status}"
        raise Unreachable(f"ceph df failed: {said}", hint=told)
    if len(answer) > ANSWER_BYTES_MAX:
        raise BadAnswer(f"ceph df: the answer is larger than {ANSWER_BYTES_MAX >> 20} MiB")
    return bytes(answer)


def _take(pipe: IO[bytes], into: bytearray, most: int) -> None:
    """Read to the end and keep one byte more than allowed: the rest is let go, never kept."""
    with pipe:
        while part := pipe.read1(CHUNK):  # type: ignore[attr-defined]
            into += part[: max(most + 1 - len(into), 0)]


def _end(child: "subprocess.Popen[bytes]") -> None:
    """End it with all that it started: a client must not outlive the question.

    Only while it runs: once it was waited for, its number may be somebody else's.
    """
    if child.poll() is None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()


def _last_words(complaint: bytes) -> str:
    lines = [one_line(line) for line in complaint.decode(errors="replace").splitlines()]
    return next((line for line in reversed(lines) if line), "")


def _environment(environment: Mapping[str, str]) -> dict[str, str]:
    kept = {
        name: value
        for name, value in environment.items()
        if name in PASSED or name == "CEPH_CONF" or name.startswith("LC_")
    }
    return {**kept, "PATH": environment.get("PATH", os.defpath)}
