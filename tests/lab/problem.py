# SPDX-License-Identifier: Apache-2.0
"""Plant known problems for real and look whether `problem find` names them first.

A table is a list of `Planting`; those of one batch do not disturb each other and are planted
together. Every one of them must then come before all that was not planted.
"""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from lab.config.compute import FILTERS
from lab.parts.nodes_ansible import ansible
from tests.lab.hands import Hands
from tests.lab.program import Program

STARTED_SECONDS = 5
LATE_SECONDS_MAX = 20
FOUND_SECONDS = 180
CLEAN_SECONDS = 120
PYTHON = "ansible_connection=local ansible_python_interpreter=/usr/bin/python3"
INVENTORY = f"[baremetal]\nlab {PYTHON}\n"


@dataclass(frozen=True, kw_only=True)
class Planting:
    """One known problem and how the lab gets it; what undoes it goes onto the stack.

    `beside` names entries that may come before it: what was planted beside it, or what it truly is
    as well. `quick` ones are part of every run of the tests.
    """

    problem: str
    plant: Callable[[Hands, ExitStack], object]
    batch: str
    beside: Sequence[str] = ()
    quick: bool = False


@dataclass
class Finder:
    """The program as an operator of the lab has it, and how far back it looks."""

    program: Program
    began: float = field(default_factory=time.monotonic)
    late: float = 0
    last: list[dict[str, Any]] = field(default_factory=list)

    def begin(self) -> None:
        """Look at nothing that was logged before now."""
        # The smallest age is a second: what was logged in the one that just passed is past. Where
        # much else is at work the program starts late, and has to look back further.
        late = min(os.getloadavg()[0] / 2, LATE_SECONDS_MAX)
        time.sleep(1 + late)
        self.began, self.late = time.monotonic(), late

    def find(self) -> list[str]:
        """Return the ids of the suspects, likeliest first."""
        # It counts from when it has started, which takes a while where everything does.
        since = f"{int(time.monotonic() - self.began + self.late) + STARTED_SECONDS}s"
        ended = self.program.run("problem", "find", "--since", since, "-f", "json")
        assert ended.code in {0, 10, 12}, (ended.code, ended.stderr)
        self.last = ended.document["suspects"]
        return [one["id"] for one in self.last]

    def until(self, right: Callable[[list[str]], bool], what: str, seconds: float) -> None:
        """Look again until the suspects are right; fail with all of them."""
        end = time.monotonic() + seconds
        while not right(self.find()):
            if time.monotonic() > end:
                told = [
                    f"{one['score']:4} {one['id']}: {'; '.join(one['speaks_for'][:3])[:300]}"
                    for one in self.last
                ]
                pytest.fail(f"{what}, and after {seconds:g} s there is:\n" + "\n".join(told))
            time.sleep(1)


def operator(hands: Hands, folder: Path, **more: Any) -> Program:
    """Return a program that looks at every plane of the lab, its logs among them.

    `more` are sections of the cloud that are added, or take the place of these.
    """
    cloud = hands.cloud
    tls: Any = hands.tls.describe()
    proxy = folder / "proxy-password"
    proxy.touch(mode=0o600)
    proxy.write_text(tls["haproxy"]["stats_password"])
    inventory = folder / "inventory"
    inventory.write_text(INVENTORY)
    port = cloud.place.port
    sections: dict[str, Any] = {
        "kolla": {
            "passwords_file": str(cloud.describe()["passwords"]),
            "inventory": str(inventory),
            "virtualenv": str(ansible(cloud.place).parent),
        },
        "logs": {"folder": str(cloud.place.log), "seconds_max": 120},
        # The machine below the lab is everybody's: its disks, clock and containers are not judged.
        "survey": {"skip_kinds": ["hosts", "containers"], "seconds_max": 120},
        "database": _database(hands, folder),
        "proxy": {
            "statistics": [tls["haproxy"]["stats_url"].removesuffix("/;csv")],
            "user": tls["haproxy"]["stats_user"],
            "password": {"file": str(proxy)},
        },
        "bus": {
            "management": [f"http://127.0.0.1:{port(16)}"],
            "password": {"kolla": "rabbitmq_monitoring_password"},
        },
        "cache": {"servers": [f"127.0.0.1:{port(15)}"]},
        "tls": {
            "addresses": [f"{tls['host']}:{number}" for number in tls["ports"].values()],
            "ca_file": tls["ca_file"],
        },
        "explain": {"scheduler_filters": list(FILTERS)},
        **more,
    }
    made = Program(cloud, folder, **sections)
    made.seconds_max = 300
    return made


def _database(hands: Hands, folder: Path) -> dict[str, Any]:
    """Look at the cluster of its own where it runs, else at the server that the services have."""
    if not hands.galera.ready():
        own = {"user": "monitor", "password": {"kolla": "mariadb_monitor_password"}}
        return {"nodes": [f"127.0.0.1:{hands.cloud.place.port(10)}"], **own}
    told: Any = hands.galera.describe()
    secret = folder / "database-password"
    secret.touch(mode=0o600)
    secret.write_text(told["password"])
    return {
        "nodes": [f"{node['host']}:{node['port']}" for node in told["nodes"].values()],
        "user": told["user"],
        "password": {"file": str(secret)},
    }


@contextmanager
def planted(rows: Sequence[Planting], hands: Hands, finder: Finder) -> Iterator[None]:
    """Plant a batch, and undo it in the end; `restore` mends what undoing it could not."""
    for output in hands.cloud.place.log.glob("*.out"):
        # What a process prints bears no time: what it said once would be said for ever.
        os.truncate(output, 0)
    finder.begin()
    try:
        with ExitStack() as undo:
            for row in rows:
                row.plant(hands, undo)
            yield
    except BaseException:
        hands.cloud.restore()
        raise


def clean(finder: Finder) -> None:
    """Wait until nothing is suspected any more: what was planted before may still be logged."""

    def quiet(found: list[str]) -> bool:
        if found:
            finder.begin()
        return not found

    finder.until(quiet, "nothing is planted", CLEAN_SECONDS)


def comes_first(rows: Sequence[Planting], finder: Finder) -> None:
    """Hold the suspects against what was planted."""
    wanted = {row.problem for row in rows}
    allowed = wanted.union(*(row.beside for row in rows))

    def right(found: list[str]) -> bool:
        before = found[: max((found.index(w) for w in wanted if w in found), default=0) + 1]
        return wanted <= set(found) and set(before) <= allowed

    finder.until(right, f"{', '.join(sorted(wanted))} was planted", FOUND_SECONDS)


def batches(table: Sequence[Planting]) -> list[Any]:
    """Return the table as the parameters of a test, by batch; slow ones run on request only."""
    by_name: dict[str, list[Planting]] = {}
    for row in table:
        by_name.setdefault(row.batch, []).append(row)
    return [
        pytest.param(
            rows, id=name, marks=[] if any(row.quick for row in rows) else pytest.mark.full
        )
        for name, rows in by_name.items()
    ]
