# SPDX-License-Identifier: Apache-2.0
"""The folder of one sandbox: what was asked for, what runs, and the files that day2 reads.

`wanted.json` tells the process what to be, `sandbox.json` says what is (the process writes it when
it answers), `clouds.yaml` and `day2.yaml` are for clients. All of it is private: it has passwords.
"""

import os
import re
import secrets
import shutil
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from day2.adapters import processes
from day2.adapters.processes import Process
from day2.errors import BadUsage
from day2.sandbox.scenario import Scenario

NAME = re.compile(r"^[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?$")
STANDARD = "default"
CLOUD = "sandbox"
ACCOUNTS = ("admin", "reader", "member")
SECRETS = ("rabbitmq_monitoring_password", "haproxy_password", "prometheus_password")
PASSWORD_BYTES = 18


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What the process is told; `scenario` is a name or an absolute path.

    `passwords` are of users, `secrets` of other accounts by the names that Kolla gives them.
    """

    scenario: str
    key: str
    passwords: dict[str, str]
    secrets: dict[str, str] = {}


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What the files for clients need of the scenario."""

    region: str
    member_project: str


def told_of(scenario: Scenario) -> Told:
    """Return what the files for clients need of a scenario."""
    projects = scenario.projects
    member = projects[0].name if projects else "admin"
    return Told(region=scenario.region, member_project=member)


class Running(msgspec.Struct, frozen=True, kw_only=True):
    """What runs."""

    process: Process
    port: int
    scenario: str
    at: datetime

    @property
    def url(self) -> str:
        """Return where it answers."""
        return f"http://127.0.0.1:{self.port}"


def folders(state: Path) -> Path:
    """Return where the sandboxes lie."""
    return state / "sandbox"


def folder_of(state: Path, name: str) -> Path:
    """Return the folder of a sandbox.

    Raises:
        BadUsage: when that is no name for one.

    """
    if not NAME.match(name):
        raise BadUsage(
            f"{name!r} is not a name for a sandbox",
            hint="small letters, digits and dashes, at most 32 of them",
        )
    return folders(state) / name


def cloud_of(name: str) -> str:
    """Return what day2 calls the cloud of a sandbox."""
    return CLOUD if name == STANDARD else f"{CLOUD}-{name}"


def name_of(cloud: str) -> str | None:
    """Return which sandbox a cloud's name means; None when it means none."""
    if cloud == CLOUD:
        return STANDARD
    head, _dash, name = cloud.partition("-")
    return name if head == CLOUD and NAME.match(name) and name != STANDARD else None


def make_private(folder: Path) -> None:
    """Make the folder, and those above it that are missing, for their owner only."""
    missing = [above for above in (folder, *folder.parents) if not above.exists()]
    for above in reversed(missing):
        above.mkdir(mode=0o700, exist_ok=True)
    folder.chmod(0o700)


def write_wanted(folder: Path, scenario: str) -> Wanted:
    """Write what the process is to be, with fresh secrets."""
    wanted = Wanted(
        scenario=scenario,
        key=secrets.token_urlsafe(PASSWORD_BYTES),
        passwords={name: secrets.token_urlsafe(PASSWORD_BYTES) for name in ACCOUNTS},
        secrets={name: secrets.token_urlsafe(PASSWORD_BYTES) for name in SECRETS},
    )
    write_private(folder / "wanted.json", msgspec.json.encode(wanted))
    return wanted


def read_wanted(folder: Path) -> Wanted:
    """Read what the process is to be."""
    return msgspec.json.decode((folder / "wanted.json").read_bytes(), type=Wanted)


def write_running(folder: Path, port: int, scenario: str, at: datetime) -> None:
    """Say that this process runs and answers."""
    own = processes.remembered(os.getpid()) or Process(pid=os.getpid(), started="")
    running = Running(process=own, port=port, scenario=scenario, at=at)
    write_private(folder / "sandbox.json", msgspec.json.encode(running))


def read_running(folder: Path) -> Running | None:
    """Read what was said to run last; it may have ended since. None when nothing was said."""
    try:
        return msgspec.json.decode((folder / "sandbox.json").read_bytes(), type=Running)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return None


def forget_running(folder: Path) -> None:
    """Say that nothing runs."""
    (folder / "sandbox.json").unlink(missing_ok=True)


def forget_secrets(folder: Path) -> None:
    """Remove everything but what runs and the log: passwords, a key, the hosts' files."""
    files = ("wanted.json", "clouds.yaml", "day2.yaml", "ca.pem", "tls.pem")
    for file in files:
        (folder / file).unlink(missing_ok=True)
    shutil.rmtree(folder / "kolla", ignore_errors=True)


def write_for_clients(
    folder: Path,
    name: str,
    port: int,
    wanted: Wanted,
    told: Told,
    *,
    sections: Mapping[str, Any] | None = None,
) -> None:
    """Write the clouds.yaml and the settings that need no configuration.

    `sections` are those of the planes around OpenStack, which the process adds once it has them.
    """
    cloud = cloud_of(name)
    projects = {cloud: ("admin", "admin"), "reader": ("reader", "admin")}
    projects["member"] = ("member", told.member_project)
    entries = {
        entry: {
            "region_name": told.region,
            "identity_api_version": 3,
            "auth": {
                "auth_url": f"http://127.0.0.1:{port}/identity/v3",
                "username": user,
                "password": wanted.passwords[user],
                "project_name": project,
                "user_domain_name": "Default",
                "project_domain_name": "Default",
            },
        }
        for entry, (user, project) in projects.items()
    }
    write_private(folder / "clouds.yaml", _yaml({"clouds": entries}))
    account = {"cloud": cloud, "clouds_file": str(folder / "clouds.yaml")}
    accounts = {"openstack": account, "writing": account}
    own = {"access": "act", **accounts, **(sections or {})}
    settings = {"default_cloud": cloud, "clouds": {cloud: own}}
    write_private(folder / "day2.yaml", _yaml(settings))


def _yaml(tree: Any) -> bytes:  # noqa: ANN401 - what YAML holds
    """Write YAML in the form that is JSON as well: every reader of either understands it."""
    return msgspec.json.format(msgspec.json.encode(tree), indent=2) + b"\n"


def write_private(file: Path, content: bytes) -> None:
    """Replace a private file, whole or not at all."""
    fresh = file.with_name(f".{file.name}.new")
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    with os.fdopen(descriptor, "wb") as opened:
        opened.write(content)
        opened.flush()
        os.fsync(opened.fileno())
    fresh.replace(file)
