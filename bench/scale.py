# SPDX-License-Identifier: Apache-2.0
"""`python -m bench.scale large|huge`: how day2 behaves on clouds that no test machine can hold.

`large`: a survey with all checks (`day2 health check`) beside the bare requests and openstacksdk,
taking turns in one run; the sandbox sends kept bytes, so that clients are measured. `huge`: the
same check over growing parts of half a million servers, each part a sandbox of its own.
`evidence`: `day2 evidence collect` on `large`, a thousand hosts that are asked each for itself.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.__main__ import BROKEN, DAY2, HERE
from bench.bounds import Bound
from day2.sandbox.bulk.sizes import scaled
from day2.settings import read_yaml
from day2.survey.openstack import KINDS

SCENARIOS = HERE.parent / "src" / "day2" / "sandbox" / "scenarios"
NAME = "bench"
CLOUD = f"sandbox-{NAME}"
RSS_MIB_MAX, LIMIT_RATIO_MAX, SDK_RATIO_MIN, SERVER_SHARE_MAX = 600, 1.4, 6, 0.2
# openstacksdk is not waited for longer than this many times day2's own time.
STOPPED_AT = 8
# Twice the cloud may take twice the time; what is measured has noise.
GROWTH_MAX = 1.2
EVIDENCE_SECONDS_MAX, EVIDENCE_RSS_MIB_MAX = 300, 1024
EVIDENCE_SETTINGS = {"seconds_max": 240, "host_seconds": 200}
FACTORS = (0.1, 0.25, 0.5, 1.0)
TICKS = os.sysconf("SC_CLK_TCK")
SETTINGS = HERE / "scale.yaml"
"""The standard bounds guard against endless lists: they would cut `huge`, or a busy machine."""


@dataclass(frozen=True)
class Took:
    """One process, from start to exit; `server` is what the sandbox's processor spent meanwhile."""

    wall: float
    cpu: float
    rss_mib: float
    server: float
    out: bytes
    ended: bool = True


class Sandboxed:
    """A sandbox with a state folder of its own, and the processes that read it."""

    def __init__(self, folder: Path, scenario: str, settings: Mapping[str, Any]) -> None:
        state = folder / "state"
        inherited = {
            k: v
            for k, v in os.environ.items()
            if not k.startswith(("OS_", "DAY2_", "PYTHONDONT")) and "proxy" not in k.lower()
        }
        self._env = inherited | {"DAY2_STATE": str(state)}
        self._folder = folder
        began = time.monotonic()
        subprocess.run(
            [str(DAY2), "sandbox", "up", "--name", NAME, "--scenario", scenario],
            env=self._env,
            check=True,
            stdout=subprocess.DEVNULL,
        )
        self.up_seconds = time.monotonic() - began
        place = state / "sandbox" / NAME
        self.pid = json.loads((place / "sandbox.json").read_text())["process"]["pid"]
        file = folder / "day2.yaml"
        own = json.loads((place / "day2.yaml").read_text())
        file.write_text(json.dumps(own | settings))
        self._day2 = self._env | {"DAY2_CONFIG": str(file)}
        clouds_file = place / "clouds.yaml"
        self._sdk = self._env | {"OS_CLIENT_CONFIG_FILE": str(clouds_file)}
        account = json.loads(clouds_file.read_text())["clouds"][CLOUD]["auth"]
        self._bare = self._env | {f"OS_{key.upper()}": value for key, value in account.items()}
        self.recorded = folder / "requests.json"

    def down(self) -> None:
        """End it."""
        subprocess.run(
            [str(DAY2), "sandbox", "down", "--name", NAME],
            env=self._env,
            check=True,
            stdout=subprocess.DEVNULL,
        )

    def record(self) -> tuple[int, int]:
        """Record the survey's requests by service; the sandbox has made its answers before."""
        self.check()
        command = [sys.executable, "-m", "bench.record", str(self.recorded), ",".join(KINDS)]
        subprocess.run(command, env=self._day2, check=True, cwd=HERE.parent)
        found = json.loads(self.recorded.read_text())
        if found["gaps"]:
            raise SystemExit(f"recorded with gaps: {found['gaps'][:3]}")
        for request in found["requests"]:
            # One address for all: the first segment of the path tells the service.
            request["service"] = request["url"].split("/")[3]
        self.recorded.write_text(json.dumps(found))
        return len(found["requests"]), found["rows"]

    def check(self) -> Took:
        """Run day2: survey, all checks, report."""
        words = [str(DAY2), "health", "check", "--kinds", ",".join(KINDS), "-f", "json"]
        return self._timed(words, self._day2, allowed=True)

    def explain(self, subject: str) -> Took:
        """Tell the story of one thing, without the logs."""
        words = [str(DAY2), "explain", subject, "--no-logs", "-f", "json"]
        return self._timed(words, self._day2, allowed=True)

    def evidence(self) -> Took:
        """Gather evidence into a pack."""
        words = [str(DAY2), "evidence", "collect", "--output", str(self._folder), "-f", "json"]
        return self._timed(words, self._day2, allowed=True)

    def limit(self, decoder: str) -> Took:
        """Run the bare requests."""
        words = [sys.executable, str(HERE / "replay.py"), str(self.recorded), decoder]
        return self._timed(words, self._bare)

    def sdk(self, seconds_max: float) -> Took:
        """List with openstacksdk; stopped when it is slow beyond every doubt."""
        words = [sys.executable, str(HERE / "listing.py"), CLOUD]
        return self._timed(words, self._sdk, seconds_max=seconds_max)

    @property
    def rss_mib(self) -> float:
        """How much memory the sandbox holds."""
        pages = int(Path(f"/proc/{self.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / (1 << 20)

    def _cpu(self) -> float:
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def _timed(
        self,
        command: Sequence[str],
        environment: Mapping[str, str],
        *,
        allowed: bool = False,
        seconds_max: float | None = None,
    ) -> Took:
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as errors:
            before, began = self._cpu(), time.monotonic()
            child = subprocess.Popen(command, env=dict(environment), stdout=out, stderr=errors)
            stopper = threading.Timer(seconds_max or 0, child.kill)
            if seconds_max is not None:
                stopper.start()
            _pid, status, usage = os.wait4(child.pid, 0)
            stopper.cancel()
            wall, server = time.monotonic() - began, self._cpu() - before
            child.returncode = os.waitstatus_to_exitcode(status)
            out.seek(0)
            errors.seek(0)
            said = errors.read().decode(errors="replace")[-2000:]
            ended = seconds_max is None or wall < seconds_max
            empty = allowed and not os.fstat(out.fileno()).st_size
            broken = child.returncode in BROKEN if allowed else child.returncode
            if ended and (empty or broken):
                raise SystemExit(f"{' '.join(command[:3])} ended with {child.returncode}: {said}")
            return Took(
                wall=wall,
                cpu=usage.ru_utime + usage.ru_stime,
                rss_mib=usage.ru_maxrss / 1024,
                server=server,
                out=out.read(),
                ended=ended,
            )


@contextmanager
def sandbox(scenario: str, settings: Mapping[str, Any], factor: float = 1.0) -> Iterator[Sandboxed]:
    """Have a sandbox of a scenario, or of a part of it."""
    with tempfile.TemporaryDirectory(prefix="day2-bench-") as name:
        folder = Path(name)
        wanted = scenario
        if factor != 1.0:
            file = folder / f"{scenario}.yaml"
            file.write_text(json.dumps(scaled(read_yaml(SCENARIOS / file.name), factor)))
            wanted = str(file)
        up = Sandboxed(folder, wanted, settings)
        try:
            yield up
        finally:
            up.down()


def judged(took: Took) -> tuple[int, int, list[str]]:
    """Return objects and findings of a check, and what was not read."""
    found = json.loads(took.out)
    return found["objects"], len(found["findings"]), [gap["message"] for gap in found["gaps"]]


def large(runs: int) -> bool:
    """Measure `large`; True when every bound is met."""
    load = os.getloadavg()[0]
    with sandbox("large", read_yaml(SETTINGS)) as up:
        requests, rows = up.record()
        lines: dict[str, Callable[[], Took]] = {
            "day2 health check: survey and all checks": up.check,
            "the same requests alone, json.loads": lambda: up.limit("json"),
            "the same requests alone, msgspec": lambda: up.limit("msgspec"),
            "the same requests alone, nothing decoded": lambda: up.limit(""),
        }
        measured: dict[str, list[Took]] = {}
        for _run in range(runs):
            for title, measure in lines.items():
                measured.setdefault(title, []).append(measure())
        own, limit, _msgspec, _bare = measured.values()
        objects, findings, gaps = judged(own[-1])
        print(
            f"large: {rows:,} rows by {requests:,} requests, {objects:,} objects judged, "
            f"{findings} findings, {len(gaps)} gaps; sandbox up after {up.up_seconds:.1f} s, "
            f"holds {up.rss_mib:.0f} MiB\n"
        )
        print(
            f"{'':<44} {'median':>8} {'best':>8} {'worst':>8} {'cpu s':>8} {'MiB':>6} {'server':>7}"
        )
        for title, took in measured.items():
            print(_line(title, took), flush=True)
        sdk = up.sdk(STOPPED_AT * _wall(own))
        title = "openstacksdk: the lists alone"
        print(_line(title if sdk.ended else f"{title} (stopped)", [sdk]), flush=True)
    wall, share = _wall(own), _share(own)
    bounds = [
        Bound("day2 / the same with json.loads", wall / _wall(limit), LIMIT_RATIO_MAX),
        Bound("day2's largest memory", max(one.rss_mib for one in own), RSS_MIB_MAX, " MiB"),
        Bound("the sandbox's processor / wall", share, SERVER_SHARE_MAX),
        Bound("openstacksdk / day2", sdk.wall / wall, SDK_RATIO_MIN, at_least=True),
        Bound("gaps", len(gaps), 0),
    ]
    return _told(bounds, runs, load)


def _line(title: str, took: Sequence[Took]) -> str:
    walls = [one.wall for one in took]
    return (
        f"{title:<44} {statistics.median(walls):>8.2f} {min(walls):>8.2f} {max(walls):>8.2f} "
        f"{statistics.median(one.cpu for one in took):>8.2f} "
        f"{max(one.rss_mib for one in took):>6.0f} {_share(took):>7.1%}"
    )


def _share(took: Sequence[Took]) -> float:
    """Return the sandbox's processor time as a share of the wall's."""
    return statistics.median(one.server / one.wall for one in took)


def _wall(took: Sequence[Took]) -> float:
    return statistics.median(one.wall for one in took)


def evidence() -> bool:
    """Measure evidence on `large`; True when it keeps to its time and its memory."""
    load = os.getloadavg()[0]
    settings = read_yaml(SETTINGS) | {"evidence": EVIDENCE_SETTINGS}
    with sandbox("large", settings) as up:
        took = up.evidence()
    found = json.loads(took.out)
    states = [f"{one['name']} {one['state']}" for one in found["sections"] if one["why"]]
    size = len(took.out) / (1 << 20)
    print(f"large: {found['scope']}\n{found['suspects'][0]['title']}\n")
    print(_line("day2 evidence collect", [took]))
    print(f"document {size:.1f} MiB; not read whole: {', '.join(states)}")
    bounds = [
        Bound("seconds", took.wall, EVIDENCE_SECONDS_MAX, " s"),
        Bound("largest memory", took.rss_mib, EVIDENCE_RSS_MIB_MAX, " MiB"),
    ]
    return _told(bounds, 1, load)


def huge(factors: Sequence[float]) -> bool:
    """Measure parts of `huge`; True when time and memory grow no faster than the cloud."""
    load = os.getloadavg()[0]
    settings = read_yaml(SETTINGS)
    print(
        f"{'huge':>6} {'objects':>10} {'findings':>8} {'gaps':>5} {'wall s':>8} {'cpu s':>8} "
        f"{'MiB':>7} {'cpu us/object':>13} {'bytes/object':>12} {'server s':>9} {'server MiB':>10}"
    )
    seen: list[tuple[int, Took]] = []
    missing: list[str] = []
    for factor in factors:
        with sandbox("huge", settings, factor) as up:
            took = up.check()
            objects, findings, gaps = judged(took)
            held = up.rss_mib
        seen.append((objects, took))
        missing += gaps
        print(
            f"{factor:>6g} {objects:>10,} {findings:>8} {len(gaps):>5} {took.wall:>8.1f} "
            f"{took.cpu:>8.1f} {took.rss_mib:>7.0f} {took.cpu / objects * 1e6:>13.1f} "
            f"{took.rss_mib * (1 << 20) / objects:>12.0f} {took.server:>9.1f} {held:>10.0f}",
            flush=True,
        )
    (few, first), (many, last) = seen[0], seen[-1]
    grown = many / few
    bounds = [
        Bound(
            "growth of day2's processor time / of the cloud",
            last.cpu / first.cpu / grown,
            GROWTH_MAX,
        ),
        Bound("growth of wall time / of the cloud", last.wall / first.wall / grown, GROWTH_MAX),
        Bound("growth of memory / of the cloud", last.rss_mib / first.rss_mib / grown, GROWTH_MAX),
        Bound("gaps", len(missing), 0),
    ]
    for gap in missing:
        print(f"gap: {gap}")
    return _told(bounds, 1, load)


def _told(bounds: Sequence[Bound], runs: int, load: float) -> bool:
    print()
    for bound in bounds:
        print(bound)
    print(
        f"\n{runs} runs of each; {os.cpu_count()} cores, load {load:.1f} before and "
        f"{os.getloadavg()[0]:.1f} after"
    )
    return all(bound.met for bound in bounds)


def main() -> int:
    """Measure and print; 0 when every bound is met."""
    parser = argparse.ArgumentParser(prog="python -m bench.scale", description=__doc__)
    parser.add_argument("scenario", choices=["large", "huge", "evidence"])
    parser.add_argument("--runs", type=int, default=3, help="runs of each line of large")
    parser.add_argument("--factors", type=float, nargs="+", default=FACTORS, help="parts of huge")
    given = parser.parse_args()
    measures: dict[str, Callable[[], bool]] = {
        "large": lambda: large(given.runs),
        "huge": lambda: huge(given.factors),
        "evidence": evidence,
    }
    return 0 if measures[given.scenario]() else 1


if __name__ == "__main__":
    sys.exit(main())
