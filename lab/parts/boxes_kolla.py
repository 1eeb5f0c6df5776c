# SPDX-License-Identifier: Apache-2.0
"""Kolla and Kolla-Ansible as they are installed: the image's scripts, the containers' files."""

import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

from lab.parts.tools import FILES, cached, key, remove, run, template
from lab.place import Place
from lab.venv import clean_environment, find_uv

REQUIREMENTS = Path(__file__).parent / "boxes-requirements.txt"
GLOBALS, PLAYBOOK = "boxes-globals.yml", "boxes-render.yml"


class Kolla:
    """Both packages in a virtualenv of the cache, built once for all labs."""

    def __init__(self, place: Place) -> None:
        """Name the virtualenv; nothing is built."""
        self._place = place
        name = key(REQUIREMENTS.read_text(), sys.version)
        self._folder = place.cache / "venv" / f"boxes-{name}"

    def install(self) -> None:
        """Build the virtualenv unless it is there."""
        cached(self._folder, self._build)

    @property
    def bin(self) -> Path:
        """Where the programs are."""
        return self._folder / "bin"

    @property
    def recipes(self) -> Path:
        """Where the recipes of Kolla's images are."""
        return self._folder / "share/kolla/docker"

    @property
    def ansible(self) -> Path:
        """Where the playbooks and roles are."""
        return self._folder / "share/kolla-ansible/ansible"

    def passwords(self, target: Path) -> None:
        """Write a file of random passwords, as `kolla-genpwd` does."""
        target.touch(mode=0o600)
        shutil.copy(self._folder / "share/kolla-ansible/etc_examples/kolla/passwords.yml", target)
        self.run("kolla-genpwd", "-p", target)
        target.chmod(0o600)

    def run(self, program: str, *words: str | Path, cwd: Path | None = None) -> str:
        """Run one of the programs; it finds the others on its PATH."""
        # What went wrong is in Ansible's output, not among its complaints.
        call: list[str | Path] = [
            "sh",
            "-c",
            'cd "$1"; shift; exec "$@" 2>&1',
            "lab",
            cwd or self._place.state,
        ]
        return run([*call, self.bin / program, *words], env=self._environment(), seconds=300)

    def render(
        self, folder: Path, passwords: Path, nodes: Mapping[str, str], *, engine: str
    ) -> dict[str, Path]:
        """Let the role write what each node gets; return its folder, as /etc/kolla on a host.

        `nodes` are addresses by names.
        """
        inventory = folder / "inventory"
        found = {name: folder / "etc" / name for name in nodes}
        done = folder / "rendered"
        recipe = [(FILES / name).read_text() for name in (GLOBALS, PLAYBOOK)]
        told = key(passwords.read_text(), repr(dict(nodes)), str(folder), engine, *recipe)
        if done.exists() and done.read_text() == told:
            return found
        done.unlink(missing_ok=True)
        remove(inventory)
        values = inventory / "group_vars" / "all"
        values.mkdir(parents=True)
        (values / "0-kolla.yml").symlink_to(self.ansible / "group_vars" / "all.yml")
        (values / "1-passwords.yml").symlink_to(passwords)
        globals_file = template(GLOBALS, engine=engine, vip=next(iter(nodes.values())), home=folder)
        (values / "2-globals.yml").write_text(globals_file)
        lines, members = [], ""
        for number, (name, address) in enumerate(nodes.items(), start=1):
            found[name].mkdir(parents=True, exist_ok=True)
            where = f"node_config={found[name]} node_config_directory={found[name]}"
            lines.append(f"control{number:02} node_address={address} {where}\n")
            members += f"control{number:02}\n"
        text = f"[mariadb]\n{''.join(lines)}[mariadb_shard_0]\n{members}"
        (inventory / "hosts").write_text(text)
        self.run(
            "ansible-playbook",
            *("-i", inventory, FILES / PLAYBOOK, "-e", "ansible_become=false"),
            *("-e", f"ansible_python_interpreter={self.bin / 'python'}"),
        )
        done.write_text(told)
        return found

    def _environment(self) -> dict[str, str]:
        return {
            **clean_environment(),
            "PATH": f"{self.bin}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
            "VIRTUAL_ENV": str(self._folder),
            "ANSIBLE_ROLES_PATH": str(self.ansible / "roles"),
            "ANSIBLE_FILTER_PLUGINS": str(self.ansible / "filter_plugins"),
            "ANSIBLE_ACTION_PLUGINS": str(self.ansible / "action_plugins"),
            "ANSIBLE_LIBRARY": str(self.ansible / "library"),
            "ANSIBLE_MODULE_UTILS": str(self.ansible / "module_utils"),
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_LOCALHOST_WARNING": "False",
        }

    def _build(self, target: Path) -> None:
        environment = clean_environment()
        uv = find_uv(self._place.cache)
        # Relocatable: the folder gets its name only when it is complete.
        run([uv, "venv", "--relocatable", "--python", sys.executable, target], env=environment)
        run(
            [
                *(uv, "pip", "install", "--python", target / "bin" / "python"),
                *("--compile-bytecode", "--requirement", REQUIREMENTS),
            ],
            env=environment,
            seconds=600,
        )
