# SPDX-License-Identifier: Apache-2.0
"""Known problems of hosts: real services of the lab that do not come up, and why they say so."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

from lab.processes import wait_for
from tests.lab.hands import Hands
from tests.lab.problem import Planting


def attempt(hands: Hands, undo: ExitStack, name: str, argv: Sequence[object], said: str) -> None:
    """Start a service that is to fail, and wait for its words."""
    processes, log = hands.cloud.processes, hands.cloud.place.log / f"{name}.out"
    before = log.stat().st_size if log.exists() else 0
    processes.start(name, [str(word) for word in argv], env=hands.cloud.facts.environment())
    undo.callback(processes.stop, [name])

    def told() -> bool:
        return said in log.read_text(errors="replace")[before:]

    wait_for(told, f"{name} to say {said}", seconds=120)


def program(hands: Hands, name: str) -> Path:
    return hands.cloud.facts.venv / "bin" / name


def file_missing(hands: Hands, undo: ExitStack) -> None:
    argv = [program(hands, "nova-scheduler"), "--config-file", hands.cloud.place.etc / "gone.conf"]
    attempt(hands, undo, "planted-scheduler", argv, "Failed to find some config files")


def limited(limit: str, said: str, name: str) -> Callable[[Hands, ExitStack], None]:
    """Start a service within a limit of its process."""

    def plant(hands: Hands, undo: ExitStack) -> None:
        common = hands.cloud.place.etc / "nova" / "nova.conf"
        own = hands.cloud.place.etc / f"{name}.conf"
        own.write_text("[DEFAULT]\nlog_dir =\nuse_stderr = true\n")
        undo.callback(own.unlink)
        files = f"--config-file {common} --config-file {own}"
        words = f"ulimit {limit}; exec {program(hands, 'nova-conductor')} {files}"
        attempt(hands, undo, name, ["sh", "-c", words], said)

    return plant


PLANTINGS = (
    Planting(problem="config-file-missing", batch="flavors", plant=file_missing),
    Planting(
        problem="open-files",
        batch="flavors",
        plant=limited("-n 13", "Too many open files", "planted-files"),
    ),
    Planting(
        problem="memory-exhausted",
        batch="flavors",
        plant=limited("-v 80000", "MemoryError", "planted-memory"),
    ),
)
