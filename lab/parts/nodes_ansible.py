# SPDX-License-Identifier: Apache-2.0
"""Ansible for the nodes: its virtualenv in the cache and an inventory with Kolla's groups."""

import sys
from collections.abc import Mapping
from pathlib import Path

from lab.parts.tools import cached, key, run, template
from lab.place import Place
from lab.venv import clean_environment, find_uv

REQUIREMENTS = Path(__file__).parent / "nodes-requirements.txt"


def ansible(place: Place) -> Path:
    """Return the folder of `ansible`, `ansible-playbook`…; built once for all labs."""
    name = key(REQUIREMENTS.read_text(), sys.version)
    folder = place.cache / "venv" / f"nodes-{name}"
    return cached(folder, lambda target: _build(find_uv(place.cache), target)) / "bin"


def _build(uv: str, target: Path) -> None:
    environment = clean_environment()
    # Relocatable: the folder gets its name only when it is complete.
    run([uv, "venv", "--relocatable", "--python", sys.executable, target], env=environment)
    python = target / "bin" / "python"
    run(
        [uv, "pip", "install", "--python", python, "--requirement", REQUIREMENTS],
        env=environment,
        seconds=600,
    )


def inventory(hosts: Mapping[str, str], private_key: Path) -> str:
    """Return an inventory in the shape of Kolla-Ansible's `multinode`."""
    lines = {name: f"{name} ansible_host={address}" for name, address in hosts.items()}
    control = [line for name, line in lines.items() if name.startswith("control")]
    compute = [line for name, line in lines.items() if not name.startswith("control")]
    return template(
        "nodes-inventory",
        control="\n".join(control),
        network="\n".join(name for name in hosts if name.startswith("control")),
        compute="\n".join(compute),
        private_key=private_key,
    )
