# SPDX-License-Identifier: Apache-2.0
"""Images of a test: written by difference streams made here, and read by RBD's own client."""

import hashlib
import json
import struct
import subprocess
from functools import partial
from pathlib import Path

from lab.parts.ceph import Ceph
from lab.processes import wait_for

MIB = 1 << 20


class Diff:
    """A stream as `rbd import-diff` takes it, made record by record."""

    def __init__(self, size_bytes: int, *, since: str = "", snapshot: str = "") -> None:
        self._parts = [b"rbd diff v1\n"]
        for tag, name in ((b"f", since), (b"t", snapshot)):
            if name:
                self._parts.append(tag + struct.pack("<I", len(name)) + name.encode())
        self._parts.append(b"s" + struct.pack("<Q", size_bytes))

    def write(self, offset: int, data: bytes) -> "Diff":
        self._parts += [b"w" + struct.pack("<QQ", offset, len(data)), data]
        return self

    def zero(self, offset: int, length: int) -> "Diff":
        self._parts.append(b"z" + struct.pack("<QQ", offset, length))
        return self

    def bytes(self) -> bytes:
        return b"".join([*self._parts, b"e"])


def noise(seed: str, count: int) -> bytes:
    """Return bytes that no compression and no chance makes again."""
    return hashlib.shake_128(seed.encode()).digest(count)


def write(part: Ceph, image: str, diff: Diff) -> None:
    """Change the content of an image."""
    part.cluster("rbd", "import-diff", "-", image, "--no-progress", data=diff.bytes())


def exported(part: Ceph, image: str) -> str:
    """Return the SHA-256 of what RBD's own client exports: not by day2's code."""
    argv = ["rbd", "-c", str(part.cluster.config), "export", image, "-", "--no-progress"]
    done = subprocess.run(argv, capture_output=True, check=True, timeout=60)
    return hashlib.sha256(done.stdout).hexdigest()


def wipe(part: Ceph, pool: str) -> None:
    """Remove every image of a pool."""
    argv = ["rbd", "-c", str(part.cluster.config)]
    listed = subprocess.run(
        [*argv, "ls", "-l", pool, "--format", "json"], capture_output=True, check=True
    )
    rows = json.loads(listed.stdout)
    for row in rows:
        # What Cinder has snapped is protected, by whichever test.
        if row.get("protected") in {"true", True}:
            snapshot = f"{pool}/{row['image']}@{row['snapshot']}"
            subprocess.run([*argv, "snap", "unprotect", snapshot], check=True)
    for name in {row["image"] for row in rows if "snapshot" in row}:
        spec = ["--pool", pool, f"--image={name}"]
        subprocess.run([*argv, "snap", "purge", *spec, "--no-progress"], check=True)
    for name in {row["image"] for row in rows}:
        words = [*argv, "rm", "--pool", pool, f"--image={name}", "--no-progress"]
        # A client that was killed keeps its image open for 30 seconds more.
        wait_for(partial(_ran, words), f"{name} to go", seconds=60, every=2)


def _ran(argv: list[str]) -> bool:
    return subprocess.run(argv, check=False).returncode == 0


class FileSink:
    """A sink that keeps what it gets in a file."""

    def __init__(self, file: Path) -> None:
        self._file = file
        file.write_bytes(b"")

    def write(self, part: bytes) -> None:
        with self._file.open("ab") as opened:
            opened.write(part)
