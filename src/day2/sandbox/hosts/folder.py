# SPDX-License-Identifier: Apache-2.0
"""The part of a sandbox's folder that stands for Kolla-Ansible's own, and for the hosts."""

import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from day2.sandbox.build.logs import records
from day2.sandbox.hosts import kolla, logs
from day2.sandbox.scenario import Scenario
from day2.sandbox.timing import span

NAME = "kolla"
POWER = "bmc-power"
SCRIPT = """#!{python} -I
import sys
from pathlib import Path
from day2.sandbox.hosts import {module}

sys.exit({module}.{function})
"""
ENGINE, IP, PS = "docker", "ip", "ps"
DEPLOYED_DAYS = 25
# A cloud of thousands of hosts has nothing to gain from tens of thousands of files.
CONFIGURED_HOSTS_MAX = 100
LOCAL_CONFIG = "etc/kolla"
FUNCTIONS = {
    "ansible": "ansible(Path(__file__).resolve().parents[1], sys.argv[1:])",
    "kolla-ansible": "kolla_ansible(sys.argv[1:])",
    "ansible-inventory": "inventory(Path(__file__).resolve().parents[1])",
    POWER: "power(Path(__file__).resolve().parents[1], sys.argv[1:])",
    ENGINE: "docker(Path(__file__).resolve().parents[1], sys.argv[1:])",
    IP: "ip(Path(__file__).resolve().parents[1], sys.argv[1:])",
    PS: "ps(Path(__file__).resolve().parents[1], sys.argv[1:])",
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
        module = {ENGINE: "engine", IP: "machine", PS: "machine"}.get(name, "scripted")
        file.write_text(SCRIPT.format(python=sys.executable, module=module, function=function))
    _private(here / "multinode", b"# The hosts are in cloud.json; ansible-inventory lists them.\n")
    _private(
        here / "globals.yml",
        b'openstack_release: "2025.1"\nenable_octavia: "yes"\n'
        + f'kolla_internal_vip_address: "{kolla.VIRTUAL_ADDRESS}"\n'.encode(),
    )
    _private(here / "passwords.yml", msgspec.json.encode(dict(secrets)))
    _private(here / "cloud.json", msgspec.json.encode(describe(scenario, at)))
    logs.write(here / "hosts", records(scenario, at))
    for number, host in enumerate(scenario.hosts):
        told = host.roles if number < CONFIGURED_HOSTS_MAX else []
        _configuration(here / "hosts" / host.name / LOCAL_CONFIG, told, at)
    sections = {
        "config_dir": str(here),
        "virtualenv": str(here),
        "inventory": str(here / "multinode"),
    }
    return {
        "kolla": sections,
        "logs": {"source": "files", "folder": logs.FOLDER},
        "evidence": {"config_folder": LOCAL_CONFIG},
    }


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
    own = kolla.addresses(hosts)
    living = [h.name for h in scenario.hosts if "control" in h.roles and h.dead is None]
    wanted = scenario.virtual_address.hosts
    holders = living[:1] if wanted is None else wanted
    for name, host in hosts.items():
        host["addresses"] = [own[name], *([kolla.VIRTUAL_ADDRESS] if name in holders else [])]
        host["other_keys"] = name in scenario.fernet_differs
    for clock in scenario.clocks:
        hosts[clock.host]["clock_ahead"] = clock.seconds
    for odd in scenario.containers:
        told = msgspec.to_builtins(odd)
        hosts[odd.host]["containers"][odd.name] = {
            **told,
            "since": span(odd.since).total_seconds(),
        }
    for disk in scenario.disks:
        hosts[disk.host]["disks"][disk.path] = disk.used_ratio
    return {"at": at.timestamp(), "hosts": hosts}


def _configuration(folder: Path, roles: Sequence[str], at: datetime) -> None:
    """Write what Kolla-Ansible leaves on a host, as of the last deployment."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    then = at.timestamp() - DEPLOYED_DAYS * 86400
    for name in kolla.containers(roles) if roles else ():
        file = folder / name.replace("_", "-") / "config.json"
        file.parent.mkdir(mode=0o700, exist_ok=True)
        _private(file, msgspec.json.encode({"command": name.replace("_", "-")}))
        os.utime(file, (then, then))


def _private(file: Path, content: bytes) -> None:
    file.touch(mode=0o600)
    file.write_bytes(content)
