# SPDX-License-Identifier: Apache-2.0
"""Where one lab lives: its number, its folder, its ports, and the cache that all labs share."""

import fcntl
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

PORTS_PER_LAB = 400
FIRST_PORT = 20000
LABS_MAX = 8


@dataclass(frozen=True, kw_only=True)
class Place:
    """Folder and port range of one lab; two labs with different numbers never meet."""

    lab_id: int
    state: Path
    cache: Path

    @property
    def run(self) -> Path:
        """Pid files, sockets, and the switches that silence single agents."""
        return self.state / "run"

    @property
    def log(self) -> Path:
        """One log file per process."""
        return self.state / "log"

    @property
    def etc(self) -> Path:
        """Every configuration file, written anew at each start."""
        return self.state / "etc"

    @property
    def data(self) -> Path:
        """Databases, images, volumes: what the golden state saves."""
        return self.state / "data"

    def port(self, offset: int) -> int:
        """Return the port at this offset (0 to 399) of the lab's range."""
        if not 0 <= offset < PORTS_PER_LAB:
            message = f"port offset {offset} is outside 0..{PORTS_PER_LAB - 1}"
            raise ValueError(message)
        return FIRST_PORT + self.lab_id * PORTS_PER_LAB + offset

    def make_folders(self) -> None:
        """Create the folders; daemons that drop root must be able to traverse them."""
        for folder in (self.state, self.run, self.log, self.etc, self.data, self.cache):
            folder.mkdir(parents=True, exist_ok=True)
            folder.chmod(0o755)


def cache_folder() -> Path:
    """Return `$DAY2_LAB_CACHE`, else the user's cache folder: virtualenvs and golden states."""
    given = os.environ.get("DAY2_LAB_CACHE")
    return Path(given) if given else Path.home() / ".cache" / "day2-lab"


def state_root() -> Path:
    """Return `$DAY2_LAB_STATE`, else a folder under /var/tmp: where the labs' own folders lie."""
    return Path(os.environ.get("DAY2_LAB_STATE", "/var/tmp/day2-lab"))


def place(lab_id: int) -> Place:
    """Name the place of lab number `lab_id` without claiming it."""
    return Place(lab_id=lab_id, state=state_root() / str(lab_id), cache=cache_folder())


def claim(lab_id: int | None = None) -> tuple[Place, TextIO]:
    """Claim a lab: number `lab_id`, else `$LAB_ID`, else the first that nobody holds.

    The claim is a flock on the returned open file and ends with the process that holds it.

    Raises:
        RuntimeError: when the number (or every number) is held by another process.

    """
    wanted = os.environ.get("LAB_ID") if lab_id is None else str(lab_id)
    numbers = [int(wanted)] if wanted else list(range(LABS_MAX))
    for number in numbers:
        found = place(number)
        found.make_folders()
        lock = (found.state / "claim").open("a+")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            continue
        lock.truncate(0)
        lock.write(json.dumps({"pid": os.getpid()}))
        lock.flush()
        return found, lock
    message = f"lab {wanted} is in use" if wanted else f"all {LABS_MAX} labs are in use"
    raise RuntimeError(message)
