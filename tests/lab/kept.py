# SPDX-License-Identifier: Apache-2.0
"""What day2 leaves behind and shows of itself: every byte kept, every word and variable of it."""

import json
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import zstandard

SAMPLE_SECONDS = 0.1


def everything_kept(folder: Path) -> bytes:
    """Return every byte that day2 wrote, packed tables unpacked."""
    data = b"".join(file.read_bytes() for file in folder.rglob("*") if file.is_file())
    connection = sqlite3.connect(folder / "state" / "memory.sqlite")
    queries = (
        "SELECT packed FROM survey_tables",
        "SELECT document FROM surveys",
        "SELECT report FROM rounds",
    )
    for query in queries:
        for (blob,) in connection.execute(query):
            data += zstandard.ZstdDecompressor().decompress(blob)
    connection.close()
    return data


class Sampler:
    """Looks at command lines and environments of an engine and all that it starts."""

    def __init__(self, state: Path) -> None:
        self._who = state / "engine.json"
        self._over = threading.Event()
        self.engines: set[int] = set()
        self.seen = b""
        self._known: set[bytes] = set()

    @contextmanager
    def looking(self) -> Iterator[None]:
        """Look all the time while the block runs."""
        thread = threading.Thread(target=self._look, daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._over.set()
            thread.join()

    def _look(self) -> None:
        while not self._over.wait(SAMPLE_SECONDS):
            try:
                engine = int(json.loads(self._who.read_text())["pid"])
            except (OSError, ValueError):
                continue
            for pid in self._family(engine):
                for name in ("cmdline", "environ"):
                    self._add(pid, name)

    def _add(self, pid: int, name: str) -> None:
        try:
            found = Path(f"/proc/{pid}/{name}").read_bytes()
        except OSError:
            return
        if found:
            self.engines.add(pid)
        if found and found not in self._known:
            self._known.add(found)
            self.seen += found + b"\0"

    def _family(self, pid: int) -> Iterator[int]:
        yield pid
        try:
            tasks = list(Path(f"/proc/{pid}/task").iterdir())
            lists = [(task / "children").read_text() for task in tasks]
        except OSError:
            return
        for child in " ".join(lists).split():
            yield from self._family(int(child))
