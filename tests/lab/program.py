# SPDX-License-Identifier: Apache-2.0
"""The real `day2` program over the lab, and what it printed."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from lab.cloud import Cloud

SECONDS_MAX = 90


@dataclass(frozen=True)
class Ended:
    code: int
    stdout: str
    stderr: str

    @property
    def document(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.stdout)
        return found


class Program:
    """Runs day2 as an operator does, with settings and a memory of its own."""

    def __init__(
        self, cloud: Cloud, folder: Path, *, account: str = "lab", **sections: Any
    ) -> None:
        """Write the settings; `sections` are those of the cloud, `access` among them."""
        self.folder = folder
        self.seconds_max: float = SECONDS_MAX
        self.settings = folder / "day2.yaml"
        account_section = {"cloud": account, "clouds_file": str(cloud.describe()["clouds_yaml"])}
        whole = {"clouds": {"lab": {"openstack": account_section, **sections}}}
        with self.settings.open("w") as file:
            YAML(typ="safe", pure=True).dump(whole, file)

    def run(self, *words: str, **environment: str) -> Ended:
        done = subprocess.run(
            [str(Path(sys.executable).parent / "day2"), *words],
            capture_output=True,
            text=True,
            timeout=self.seconds_max,
            check=False,
            env={
                **os.environ,
                "DAY2_CONFIG": str(self.settings),
                "DAY2_STATE": str(self.folder / "state"),
                **environment,
            },
        )
        return Ended(done.returncode, done.stdout, done.stderr)

    def kill_engine(self) -> bool:
        """End the engine as `kill -9` does; False when none was at work."""
        try:
            who = json.loads((self.folder / "state" / "engine.json").read_text())
            os.kill(who["pid"], signal.SIGKILL)
        except (FileNotFoundError, ProcessLookupError):
            return False
        return True

    def report(self, *words: str, **environment: str) -> dict[str, Any]:
        ended = self.run(*(words or ("round", "daily")), "-f", "json", **environment)
        assert ended.code in {0, 10, 11, 12}, (ended.code, ended.stderr[-3000:])
        return ended.document


def grave(report: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the top-level findings at warning or worse, by key."""
    return {
        finding["key"]: finding
        for finding in report["findings"]
        if finding["severity"] in {"warning", "critical", "unknown"}
    }
