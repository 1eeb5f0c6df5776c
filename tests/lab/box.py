# SPDX-License-Identifier: Apache-2.0
"""A machine of operators beside the database's containers: settings as the how-to has them."""

import os
import sys
from pathlib import Path
from typing import Any

from lab.parts.boxes import SOCKET, Boxes
from lab.place import Place as LabPlace
from tests.scenarios.backup.place import Ended, Place, private

ROOT = Path(__file__).parents[2]
AGAIN = """
import sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from lab.parts.boxes import Boxes
from lab.place import Place
place = Place(lab_id=int(sys.argv[2]), state=Path(sys.argv[3]), cache=Path(sys.argv[4]))
boxes = Boxes(place, sys.argv[5], nodes=int(sys.argv[6]))
boxes.image = sys.argv[9]
boxes.again(sys.argv[7], new_cluster=sys.argv[8] == "first")
"""


class Machine(Place):
    """Its `docker` or `podman` is the lab's."""

    def __init__(self, folder: Path, place: LabPlace, boxes: Boxes, **sections: Any) -> None:
        self._tools = boxes.engine.program.parent
        engine = boxes.engine.name
        private(folder / "password", f"{boxes.password('database_password')}\n")
        work = place.state / "work"
        work.mkdir(exist_ok=True)
        scratch = ["run", "--rm", "-i", "--network", "none", "--user", "0"]
        whole: dict[str, Any] = {
            "backup_database": {
                "command": [engine, "exec", "-i", "mariadb"],
                "password": {"file": str(folder / "password")},
                "socket": SOCKET,
                "scratch_command": [engine, *scratch, "-v", f"{work}:{work}", boxes.image],
                "scratch_folder": str(work),
                "scratch_memory_mib": 64,
            },
            "recovery": {
                "nodes": [node(boxes, place, name) for name in boxes.nodes],
                "stop_services": ["true"],
                "start_services": ["true"],
                "answers_seconds_max": 0,
            },
        }
        super().__init__(folder, **{**whole, **sections})

    seconds_max = 300

    @property
    def environment(self) -> dict[str, str]:
        found = super().environment
        return {**found, "PATH": f"{self._tools}{os.pathsep}{found['PATH']}"}

    def take(self, method: str, level: int = 3) -> str:
        """Take a set of the database and prove it; return its name."""
        done(self.apply("run", "database", "--method", method, "--level", str(level)))
        return max(self.sets())


def node(boxes: Boxes, place: LabPlace, name: str) -> dict[str, Any]:
    engine = boxes.engine.name
    found: dict[str, Any] = {
        "name": name,
        "datadir": str(boxes.engine.volume(name)),
        "stop": [engine, "stop", name],
        "start": [engine, "start", name],
        "command": [engine, "exec", "-i", name],
        "socket": SOCKET,
    }
    if len(boxes.nodes) > 1:
        where = [str(ROOT), str(place.lab_id), str(place.state), str(place.cache)]
        words = [sys.executable, "-c", AGAIN, *where, engine, str(len(boxes.nodes)), name]
        found |= {
            "start": [*words, "member", boxes.image],
            "bootstrap": [*words, "first", boxes.image],
        }
    return found


def done(ended: Ended) -> dict[str, Any]:
    if ended.code != 0 and ended.stdout:
        for step in ended.document.get("steps", ()):
            print(step["action"], step["subject"]["id"], step["outcome"], step["detail"])  # noqa: T201
    assert ended.code == 0, (ended.stdout, ended.stderr)
    return ended.document
