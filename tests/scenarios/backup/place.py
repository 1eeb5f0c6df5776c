# SPDX-License-Identifier: Apache-2.0
"""A machine with a configuration to back up, a vault, and keys; there is no cloud at all."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyrage
from ruamel.yaml import YAML

SECONDS_MAX = 120
SECRET = "s3cret-of-the-database"


@dataclass(frozen=True)
class Ended:
    code: int
    stdout: str
    stderr: str

    @property
    def document(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.stdout)
        return found


class Place:
    """Runs day2 as an operator does."""

    seconds_max = SECONDS_MAX

    def __init__(self, folder: Path, **sections: Any) -> None:
        self.folder = folder
        self.vault = folder / "vault"
        self.kolla = folder / "etc" / "kolla"
        self.state = folder / "state"
        self.settings = folder / "day2.yaml"
        self.vault.mkdir(mode=0o700)
        self._fill()
        self.keys = [pyrage.x25519.Identity.generate() for _ in range(2)]
        identity = folder / "identity"
        private(identity, f"{self.keys[0]}\n")
        account = {"cloud": "lost", "clouds_file": str(folder / "clouds.yaml")}
        # Nothing listens there: backups must work on the day when the cloud is gone.
        auth = {"auth_url": "http://127.0.0.1:1/v3", "username": "u", "project_name": "p"}
        self._dump(folder / "clouds.yaml", {"clouds": {"lost": {"auth": auth}}})
        vault = {
            "path": str(self.vault),
            "reserve_gib": 0,
            "recipients": [str(key.to_public()) for key in self.keys],
            "identity_file": str(identity),
        }
        cloud = {
            "access": "act",
            "openstack": account,
            "kolla": {"config_dir": str(self.kolla)},
            "backup_vault": vault,
            **sections,
        }
        self._dump(self.settings, {"clouds": {"lost": cloud}})

    def run(self, *words: str) -> Ended:
        done = subprocess.run(
            [sys.executable, "-m", "day2.cli.app", *words],
            capture_output=True,
            text=True,
            timeout=self.seconds_max,
            check=False,
            env=self.environment,
        )
        return Ended(done.returncode, done.stdout, done.stderr)

    @property
    def environment(self) -> dict[str, str]:
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("OS_", "DAY2_"))}
        return {**kept, "DAY2_CONFIG": str(self.settings), "DAY2_STATE": str(self.state)}

    def plan(self, *words: str) -> str:
        """Save a plan and return its id."""
        ended = self.run("backup", *words, "--plan-only", "-f", "json")
        assert ended.code == 0, ended.stderr
        return str(ended.document["id"])

    def apply(self, *words: str) -> Ended:
        """Plan, approve and run it."""
        return self.run("plan", "apply", self.plan(*words), "--yes", "-f", "json")

    def sets(self) -> dict[str, dict[str, Any]]:
        """Return the sets by their ids."""
        return {one["id"]: one for one in self.run("backup", "list", "-f", "json").document["sets"]}

    def _fill(self) -> None:
        (self.kolla / "config" / "nova").mkdir(parents=True)
        private(self.kolla / "passwords.yml", f"database_password: {SECRET}\n")
        (self.kolla / "globals.yml").write_text("openstack_release: '2025.1'\n")
        (self.kolla / "config" / "nova" / "ceph.conf").write_bytes(bytes(range(256)) * 40)
        (self.kolla / "config" / "Ünï code.txt").write_text("ä\n")
        (self.kolla / "config" / "empty").touch()
        (self.kolla / "certificates").symlink_to("/somewhere/else")

    @staticmethod
    def _dump(file: Path, content: dict[str, Any]) -> None:
        with file.open("w") as opened:
            YAML(typ="safe", pure=True).dump(content, opened)
        file.chmod(0o600)


def private(file: Path, text: str) -> None:
    file.write_text(text)
    file.chmod(0o600)
