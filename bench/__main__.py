# SPDX-License-Identifier: Apache-2.0
"""`python -m bench`: one table from one run on the lab (`$LAB_ID`), from process start to exit."""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bench.bounds import Bound
from day2.adapters.openstack import clouds
from day2.adapters.openstack.clouds import OpenStackSettings
from day2.survey.openstack import KINDS
from lab.cloud import Cloud
from lab.place import place

HERE = Path(__file__).parent
DAY2 = Path(sys.executable).with_name("day2")
# What the guide's script looks at; the statistics of hypervisors come from Placement today.
GUIDE_KINDS = (
    "tokens",
    "hypervisors",
    "agents",
    "volume_services",
    "images",
    "compute_services",
    "servers",
    "providers",
    "inventories",
    "allocations",
)
# A round may end with findings and gaps: only these codes mean that it did not happen.
BROKEN = frozenset({1, 2, 20, 21, 22, 23})


@dataclass(frozen=True)
class Took:
    """Seconds from start to exit, and of the processor: the latter hardly knows its neighbours."""

    wall: float
    cpu: float


class Bench:
    """One run; every process gets the same account and a state folder of its own."""

    def __init__(self, cloud: Cloud, folder: Path, *, config: Path | None) -> None:
        self._folder = folder
        described = cloud.describe()
        self._client = str(described["openstack_client"])
        clouds_file = str(described["clouds_yaml"])
        file = folder / "day2.yaml"
        account = {"cloud": "lab", "clouds_file": clouds_file}
        file.write_text(json.dumps({"clouds": {"lab": {"openstack": account}}}))
        found = clouds.find(OpenStackSettings(cloud="lab", clouds_file=clouds_file), {})
        inherited = {
            k: v
            for k, v in os.environ.items()
            # Without bytecode every start would compile thousands of modules: no operator has that.
            if not k.startswith(("OS_", "DAY2_", "PYTHONDONT"))
        }
        self._day2 = inherited | {"DAY2_CONFIG": str(file), "DAY2_STATE": str(folder / "state")}
        self._full = self._day2 | {"DAY2_CONFIG": str(config or file)}
        self._guide = inherited | {
            "OPENSTACK": self._client,
            "OS_CLOUD": "lab",
            "OS_CLIENT_CONFIG_FILE": clouds_file,
        }
        self._limit = inherited | {f"OS_{k.upper()}": str(v) for k, v in found.auth.items()}
        self.recorded = folder / "requests.json"
        self.recorded_same = folder / "requests-same.json"

    def record(self) -> tuple[int, int]:
        """Record the round's requests; return how many, and the rows they brought."""
        self._record(self.recorded_same, GUIDE_KINDS)
        return self._record(self.recorded, KINDS)

    def _record(self, out: Path, kinds: tuple[str, ...]) -> tuple[int, int]:
        command = [sys.executable, "-m", "bench.record", str(out), ",".join(kinds)]
        subprocess.run(command, env=self._day2, check=True, cwd=HERE.parent)
        found = json.loads(out.read_text())
        return len(found["requests"]), found["rows"]

    def guide(self) -> Took:
        """Time the guide's script."""
        return _timed([str(HERE / "guide-health.sh")], self._guide)

    def same_facts(self) -> Took:
        """Time day2 over what the guide's script looks at."""
        return self._check(GUIDE_KINDS)

    def apis(self) -> Took:
        """Time day2 over everything that OpenStack's APIs tell."""
        return self._check(KINDS)

    def limit(self) -> Took:
        """Time the bare requests of the whole round."""
        return self._replay(self.recorded)

    def same_limit(self) -> Took:
        """Time the bare requests of the guide's facts: no program over these APIs is faster."""
        return self._replay(self.recorded_same)

    def _replay(self, recorded: Path) -> Took:
        return _timed([sys.executable, str(HERE / "replay.py"), str(recorded)], self._limit)

    def round(self) -> Took:
        """Time the full round, kept and compared."""
        return _timed([str(DAY2), "round", "daily", "-f", "json"], self._full)

    def help(self) -> Took:
        """Time our help."""
        return _timed([str(DAY2), "--help"], self._day2)

    def client_help(self) -> Took:
        """Time the client's help."""
        return _timed([self._client, "--help"], self._guide)

    def _check(self, kinds: tuple[str, ...]) -> Took:
        words = [str(DAY2), "health", "check", "--kinds", ",".join(kinds), "-f", "json"]
        return _timed(words, self._day2)


def _timed(command: list[str], environment: Mapping[str, str]) -> Took:
    with tempfile.TemporaryFile() as errors:
        began = time.monotonic()
        child = subprocess.Popen(
            command, env=dict(environment), stdout=subprocess.DEVNULL, stderr=errors
        )
        _pid, status, usage = os.wait4(child.pid, 0)
        took = time.monotonic() - began
        child.returncode = os.waitstatus_to_exitcode(status)
        errors.seek(0)
        said = errors.read().decode(errors="replace")
    own = command[0] == str(DAY2)
    if child.returncode in BROKEN if own else child.returncode:
        raise SystemExit(f"{' '.join(command[:4])} ended with {child.returncode}: {said}")
    return Took(wall=took, cpu=usage.ru_utime + usage.ru_stime)


def main() -> int:
    """Measure and print; 0 when every bound is met."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--runs", type=int, default=5, help="runs of each line (default 5)")
    parser.add_argument("--guide-runs", type=int, default=1, help="of the script (default 1)")
    parser.add_argument(
        "--config", type=Path, help="settings with hosts, database, bus: full round"
    )
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        cloud = Cloud(place(int(os.environ.get("LAB_ID") or 0)))
        return run(Bench(cloud, Path(folder), config=given.config), given.runs, given.guide_runs)


def run(bench: Bench, runs: int, guide_runs: int) -> int:
    """Take turns, so that what else the machine does falls on all lines alike."""
    load = os.getloadavg()[0]
    requests, rows = bench.record()
    bench.limit()
    measured: dict[str, list[Took]] = {}
    lines = {
        "same": bench.same_facts,
        "same_limit": bench.same_limit,
        "apis": bench.apis,
        "limit": bench.limit,
        "round": bench.round,
        "help": bench.help,
        "client": bench.client_help,
    }
    for _run in range(runs):
        for name, measure in lines.items():
            measured.setdefault(name, []).append(measure())
    measured["guide"] = [bench.guide() for _run in range(guide_runs)]
    median = {name: statistics.median(t.wall for t in took) for name, took in measured.items()}
    titles = {
        "guide": "the guide's script: 11 starts of openstack",
        "same": "day2, the same facts",
        "same_limit": "keystoneauth1 alone, the requests for these facts",
        "apis": f"day2, all OpenStack APIs ({rows:,} rows)",
        "limit": f"keystoneauth1 alone, the same {requests:,} requests",
        "round": "day2 round daily, everything configured",
        "help": "day2 --help",
        "client": "openstack --help",
    }
    print(f"{'seconds':<52} {'median':>8} {'best':>8} {'worst':>8} {'cpu':>8}")
    for name, title in titles.items():
        walls = [took.wall for took in measured[name]]
        cpu = statistics.median(took.cpu for took in measured[name])
        print(f"{title:<52} {median[name]:>8.2f} {min(walls):>8.2f} {max(walls):>8.2f} {cpu:>8.2f}")
    bounds = [
        Bound("guide / day2, the same facts", median["guide"] / median["same"], 20, at_least=True),
        Bound("all OpenStack APIs", median["apis"], 10, " s"),
        Bound("all OpenStack APIs / limit", median["apis"] / median["limit"], 1.5),
        Bound("day2 --help", median["help"], 0.3, " s"),
        Bound("day2 --help / openstack --help", median["help"] / median["client"], 0.2),
    ]
    print()
    print(
        f"{'guide / keystoneauth1 alone: the most that this lab allows':<52} "
        f"{median['guide'] / median['same_limit']:>8.2f}"
    )
    for bound in bounds:
        print(bound)
    print(
        f"\n{runs} runs of each (the script {guide_runs}); {os.cpu_count()} cores, "
        f"load {load:.1f} before and {os.getloadavg()[0]:.1f} after"
    )
    return 0 if all(bound.met for bound in bounds) else 1


if __name__ == "__main__":
    sys.exit(main())
