# SPDX-License-Identifier: Apache-2.0
"""However large a set is, the process that writes, checks and reads it stays small."""

import os
import subprocess
import sys
from pathlib import Path

from tests.unit.backup.stand import Stand

ROOT = Path(__file__).parents[3]
MIB = 2048 if os.environ.get("TEST_FULL") else 128
GROWS_MIB_MAX = 64
"""The whole process is bounded by 200 MiB; what is imported takes some 30 to 90 of them."""
PROGRAM = """
import os, sys
from pathlib import Path
from tests.faults.backup.drive import again
from tests.unit.backup.stand import draft

def peak():
    # Not getrusage: its peak is that of the process which forked this one, too.
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) >> 10

stand, count = again(Path(sys.argv[1])), int(sys.argv[2])
vault = stand.vault()
line = b"INSERT INTO instances VALUES (1,'a');\\n" * 28000
with vault.write(draft("database-0")) as writer:
    with writer.sink("dump", "x") as sink:
        sink.write(b"x")
    writer.commit(source={}, exits={})
begin = peak()
with vault.write(draft()) as writer:
    with writer.sink("dump", "dump.sql") as sink:
        for number in range(count):
            sink.write(os.urandom(1 << 20) if number % 2 else line)
    found = writer.commit(source={}, exits={})
assert vault.check(found) == ""
vault.read(found, found.manifest.artefacts[0])
vault.fetch(found, found.manifest.artefacts[0], stand.into)
print(begin, peak())
"""


def test_memory_does_not_grow_with_the_set(stand: Stand) -> None:
    argv = [sys.executable, "-c", PROGRAM, str(stand.folder), str(MIB)]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    begin, peak = map(int, done.stdout.split())
    assert peak - begin <= GROWS_MIB_MAX, done.stdout
    assert peak <= 200
