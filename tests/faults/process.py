# SPDX-License-Identifier: Apache-2.0
"""Run `day2` as a process of its own and measure it from outside."""

import json
import os
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from subprocess import DEVNULL, Popen
from typing import Any

# Small bounds, so that slow answers are over quickly.
QUICK = {
    "DAY2_LOAD__REQUEST_SECONDS_MAX": "1.5",
    "DAY2_LOAD__KIND_SECONDS_MAX": "3",
    "DAY2_LOAD__ROWS_MAX": "2000",
    "DAY2_SURVEY__SECONDS_MAX": "12",
}


@dataclass(frozen=True)
class Ended:
    """How the process ended."""

    code: int
    seconds: float
    rss_mib: float
    stdout: str
    stderr: str

    @property
    def document(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.stdout)
        return found

    @property
    def gaps(self) -> dict[str, dict[str, Any]]:
        """The gaps by kind (the first of each)."""
        gaps: dict[str, dict[str, Any]] = {}
        for gap in self.document["gaps"]:
            gaps.setdefault(gap["kind"], gap)
        return gaps

    @property
    def findings(self) -> dict[str, str]:
        """The severity of each top-level finding, by its key."""
        return {f["key"]: f["severity"] for f in self.document["findings"]}


def day2(
    folder: Path, *words: str, config: Path, limits: dict[str, str] | None = None, seconds: float
) -> Ended:
    """Run the program; it is killed after `seconds`, and its exit code is then -9."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("OS_", "DAY2_"))}
    environment |= {"DAY2_CONFIG": str(config), "DAY2_STATE": str(folder / "state")}
    environment |= QUICK if limits is None else limits
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        started = time.monotonic()
        child = Popen(
            [sys.executable, "-m", "day2.cli.app", *words],
            env=environment,
            stdin=DEVNULL,
            stdout=out,
            stderr=err,
        )
        peak = 0.0
        while child.poll() is None:
            peak = max(peak, _peak_mib(child.pid))
            if time.monotonic() - started > seconds:
                child.kill()
            time.sleep(0.01)
        took = time.monotonic() - started
        out.seek(0)
        err.seek(0)
        return Ended(
            code=child.returncode,
            seconds=took,
            rss_mib=peak,
            stdout=out.read().decode(),
            stderr=err.read().decode(),
        )


def _peak_mib(pid: int) -> float:
    """Read the high-water mark of the process itself.

    The kernel's `ru_maxrss` of a child would count what its parent held at the fork.
    """
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0.0
    found = [int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM:")]
    return max(found, default=0.0)
