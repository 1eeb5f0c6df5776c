# SPDX-License-Identifier: Apache-2.0
"""The part of a sandbox's folder that stands for Kolla-Ansible's own, and for the hosts."""

import shutil
import sys
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from day2.sandbox.build.logs import records
from day2.sandbox.hosts import logs
from day2.sandbox.scenario import Scenario
from day2.sandbox.timing import span

NAME = "kolla"
SCRIPT = """#!{python} -I
import sys
from pathlib import Path
from day2.sandbox.hosts import scripted

sys.exit(scripted.{function})
"""
FUNCTIONS = {
    "ansible": "ansible(Path(__file__).resolve().parents[1], sys.argv[1:])",
    "kolla-ansible": "kolla_ansible(sys.argv[1:])",
    "ansible-inventory": "inventory(Path(__file__).resolve().parents[1])",
}


def write(
    folder: Path, scenario: Scenario, at: datetime, secrets: Mapping[str, str]
) -> dict[str, Any]:
    """Write executables, inventory and log files anew; return the settings that name them."""
    here = folder / NAME
    forget(folder)
    (here / "bin").mkdir(mode=0o700, parents=True)
    (here / "hosts").mkdir(mode=0o700)
    here.chmod(0o700)
    for name, function in FUNCTIONS.items():
        file = here / "bin" / name
        file.touch(mode=0o700)
        file.write_text(SCRIPT.format(python=sys.executable, function=function))
    _private(here / "multinode", b"# The hosts are in cloud.json; ansible-inventory lists them.\n")
    _private(here / "globals.yml", b'openstack_release: "2025.1"\nenable_octavia: "yes"\n')
    _private(here / "passwords.yml", msgspec.json.encode(dict(secrets)))
    _private(here / "cloud.json", msgspec.json.encode(describe(scenario, at)))
    logs.write(here / "hosts", records(scenario, at))
    kolla = {
        "config_dir": str(here),
        "virtualenv": str(here),
        "inventory": str(here / "multinode"),
    }
    return {"kolla": kolla, "logs": {"source": "files", "folder": logs.FOLDER}}


def forget(folder: Path) -> None:
    """Remove what a sandbox before this one left."""
    shutil.rmtree(folder / NAME, ignore_errors=True)


def describe(scenario: Scenario, at: datetime) -> dict[str, Any]:
    """Return what the scripted Ansible needs to know of every host."""
    hosts: dict[str, dict[str, Any]] = {
        host.name: {
            "roles": list(host.roles),
            "dead": host.dead is not None,
            "vcpus": host.vcpus,
            "memory_mib": host.memory_mib,
            "reboot_required": host.reboot_required,
            "containers": {},
            "disks": {},
        }
        for host in scenario.hosts
    }
    for odd in scenario.containers:
        told = msgspec.to_builtins(odd)
        hosts[odd.host]["containers"][odd.name] = {
            **told,
            "since": span(odd.since).total_seconds(),
        }
    for disk in scenario.disks:
        hosts[disk.host]["disks"][disk.path] = disk.used_ratio
    return {"at": at.timestamp(), "hosts": hosts}


def _private(file: Path, content: bytes) -> None:
    file.touch(mode=0o600)
    file.write_bytes(content)
