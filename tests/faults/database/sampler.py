# SPDX-License-Identifier: Apache-2.0
"""Whoever looks at the list of processes while a program works: what may be seen there?"""

import os
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Self


class Sampler:
    """Reads the words and the variables of every process again and again."""

    def __init__(self, secrets: tuple[str, ...]) -> None:
        self._secrets = [secret.encode() for secret in secrets]
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self.seen: set[str] = set()
        self.looked = 0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *how: object) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        own = {os.getpid()}
        while not self._stop.is_set():
            for text, name in _texts(own):
                self.looked += 1
                for secret in self._secrets:
                    if secret in text:
                        self.seen.add(name)


def _texts(own: set[int]) -> Iterator[tuple[bytes, str]]:
    for process in (p.name for p in Path("/proc").glob("[0-9]*")):
        if int(process) not in own:
            for name in ("cmdline", "environ"):
                try:
                    text = Path(f"/proc/{process}/{name}").read_bytes()
                except OSError:
                    continue
                yield text, f"{name}: {re.sub(rb'[^ -~]', b' ', text)[:60]!r}"
