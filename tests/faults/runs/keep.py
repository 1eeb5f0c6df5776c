# SPDX-License-Identifier: Apache-2.0
"""`python -m tests.faults.runs.keep FOLDER`: keep the databases of a run that was killed half-way.

Run it once for each format of runs, when the format is released (`engine.durable.FORMAT`); later
code must carry on what it kept.
"""

import json
import socket
import sqlite3
import sys
import tempfile
from pathlib import Path

from tests.faults.runs.nursery import Stand, nursery
from tests.faults.runs.toy import plan

SERVERS, POINT = 3, "after 3/start"
DATABASES = ("engine", "memory")


def keep(target: Path) -> None:
    """Kill a run in the middle, and write its databases and its cloud as text."""
    with tempfile.TemporaryDirectory() as folder, nursery() as engines:
        stand = Stand(Path(folder), SERVERS)
        stand.file(plan("toy-kept", SERVERS, gate=True))
        code, point = engines.engine(stand, POINT)
        if (code, point) != (-9, POINT):
            raise SystemExit(f"it ended with {code} at {point}")
        stand.memory.close()
        target.mkdir(parents=True, exist_ok=True)
        for name in DATABASES:
            with sqlite3.connect(stand.state / f"{name}.sqlite") as database:
                text = "\n".join(database.iterdump()).replace(f"{socket.gethostname()}:", "host:")
                (target / f"{name}.sql").write_text(f"{text}\n")
        cloud = {
            file.name: file.read_text()
            for file in sorted(stand.toy.folder.iterdir())
            if not file.name.startswith(".")
        }
        (target / "cloud.json").write_text(json.dumps(cloud, indent=1) + "\n")


if __name__ == "__main__":
    keep(Path(sys.argv[1]))
