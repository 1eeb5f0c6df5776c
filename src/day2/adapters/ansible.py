# SPDX-License-Identifier: Apache-2.0
"""Run one small program on every host of the cloud's own inventory, by the cloud's own Ansible.

The program (`remote/*.py`) is carried there, runs with the host's own Python, changes nothing and
prints one document. The user's ansible.cfg holds: keys, jump hosts, host key checks.
"""

import fcntl
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from importlib import resources
from pathlib import Path
from typing import Any

import msgspec
from ansible_runner.config.runner import RunnerConfig
from ansible_runner.exceptions import AnsibleRunnerException
from ansible_runner.runner import Runner

from day2.adapters.kolla.inventory import Inventory, InventoryHost
from day2.adapters.kolla.settings import KollaSettings
from day2.adapters.kolla.virtualenv import Virtualenv
from day2.errors import BadAnswer

FOLDERS = "day2-hosts-"
LEFT_SECONDS = 3600
EVENT_BYTES_MAX = 16 << 20
MESSAGE_LENGTH = 300
# What Ansible says when a host took longer than `--task-timeout`.
HUNG = "expected time frame"
COMPLAINTS = ("ERROR", "[ERROR", "fatal", "ansible: error")
ANSWERED, FAILED, UNREACHABLE = "runner_on_ok", "runner_on_failed", "runner_on_unreachable"
REMOTE = "day2.adapters.remote"


class Program(msgspec.Struct, frozen=True, kw_only=True):
    """What is run on the hosts: the name of a program of `remote`, and the files that it imports.

    A host gets one file: those that are imported come first, in this order.
    """

    name: str
    imports: tuple[str, ...] = ()

    @property
    def text(self) -> bytes:
        """The whole program; the imports of its own parts are left out."""
        folder = resources.files(REMOTE)
        lines = ["#!/usr/bin/python"]
        for name in (*self.imports, self.name):
            text = folder.joinpath(f"{name}.py").read_text(encoding="utf-8")
            lines += [line for line in text.splitlines() if not line.startswith(f"from {REMOTE}")]
        return "\n".join([*lines, ""]).encode()


class Ansible:
    """Ansible over the hosts of one inventory."""

    def __init__(
        self, settings: KollaSettings, virtualenv: Virtualenv, inventory: Inventory
    ) -> None:
        self._settings = settings
        self._virtualenv = virtualenv
        self._inventory = inventory

    @property
    def hosts(self) -> tuple[InventoryHost, ...]:
        """The hosts of the inventory.

        Raises:
            BadSettings, Unreachable: when it cannot be read.

        """
        return self._inventory.hosts

    def run(
        self,
        program: Program,
        arguments: Mapping[str, Any],
        *,
        hosts: Sequence[InventoryHost],
        host_seconds: float,
        seconds_max: float,
    ) -> dict[str, dict[str, Any]]:
        """Run a program on these hosts at once; return Ansible's last word about each.

        A host that was not asked within `seconds_max` has none.

        Raises:
            BadSettings: when Ansible or the inventory cannot be used.
            BadAnswer: when Ansible ended without a word about any host.

        """
        with _folder() as folder:
            config = self._config(
                folder, program, arguments, hosts, host_seconds=host_seconds, seconds=seconds_max
            )
            said, complaint = _run(config)
        if not said:
            raise BadAnswer(
                f"Ansible said nothing about any host: {complaint}",
                hint="try it by hand: ansible -i INVENTORY -m ping all",
            )
        return said

    def _config(
        self,
        folder: Path,
        program: Program,
        arguments: Mapping[str, Any],
        hosts: Sequence[InventoryHost],
        *,
        host_seconds: float,
        seconds: float,
    ) -> RunnerConfig:
        settings = self._settings
        modules = folder / "modules"
        modules.mkdir()
        (modules / f"{program.name}.py").write_bytes(program.text)
        ansible = self._virtualenv.executable("ansible")
        config = RunnerConfig(
            private_data_dir=str(folder),
            host_pattern="all",
            inventory=str(settings.inventory_path),
            # The hosts' names go into a file: no command line is long enough for all clouds.
            limit=f"@{_limit(folder, hosts)}",
            module=program.name,
            module_args=msgspec.json.encode(arguments).decode(),
            forks=min(len(hosts), settings.forks),
            quiet=True,
        )
        config.prepare()
        config.runner_mode = "subprocess"
        config.subprocess_timeout = seconds
        options = self._options(modules, host_seconds)
        config.command = [str(ansible), *config.command[1:], *options]
        config.env = self._environment(config.env, folder)
        return config

    def _options(self, modules: Path, host_seconds: float) -> list[str]:
        settings = self._settings
        words = ["--module-path", str(modules), "--timeout", str(settings.connect_seconds)]
        words += ["--task-timeout", f"{host_seconds:.0f}"]
        # Nobody is there to answer a question: an unknown host key is an error, not a prompt.
        words.append("--ssh-extra-args=-o BatchMode=yes")
        if settings.become:
            words.append("--become")
        if settings.vault_password_file:
            file = Path(settings.vault_password_file).expanduser().absolute()
            words += ["--vault-password-file", str(file)]
        return words

    def _environment(self, prepared: dict[str, str], folder: Path) -> dict[str, str]:
        """Keep of what ansible-runner prepared its own variables only: it copies all of ours."""
        own = (
            "ANSIBLE_CALLBACK_PLUGINS",
            "ANSIBLE_LOAD_CALLBACK_PLUGINS",
            "ANSIBLE_RETRY_FILES_ENABLED",
            "ANSIBLE_STDOUT_CALLBACK",
            "AD_HOC_COMMAND_ID",
            "AWX_ISOLATED_DATA_DIR",
        )
        return {
            **self._virtualenv.environment(),
            **{name: prepared[name] for name in own if name in prepared},
            "ANSIBLE_LOCAL_TEMP": str(folder / "tmp"),
            # A connection that was left open would answer for an SSH server that is gone.
            "ANSIBLE_SSH_CONTROL_PATH_DIR": str(folder / "cp"),
            "ANSIBLE_PIPELINING": "True",
            "ANSIBLE_NOCOLOR": "1",
            "MAX_EVENT_RES": str(EVENT_BYTES_MAX),
        }


@contextmanager
def _folder() -> Iterator[Path]:
    """Have a folder of our own for what ansible-runner writes of hosts; it is gone afterwards.

    Those of processes that were killed go now: nobody holds their lock any more.
    """
    folder = Path(tempfile.mkdtemp(prefix=FOLDERS))
    try:
        with (folder / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            _sweep(folder)
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _sweep(mine: Path) -> None:
    """Remove folders that are ours and an hour older than `mine`, unless somebody holds them."""
    now = mine.stat().st_mtime
    for folder in mine.parent.glob(f"{FOLDERS}*"):
        with suppress(OSError):
            found = folder.lstat()
            ours = stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid()
            if not ours or now - found.st_mtime < LEFT_SECONDS:
                continue
            with (folder / "lock").open("a") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)


def silent(event: Mapping[str, Any]) -> bool:
    """Tell whether a host could not be reached, or did not answer in time."""
    result = event.get("res") or {}
    hung = HUNG in message(result) or "timedout" in result
    return event["event"] == UNREACHABLE or hung


def message(result: Mapping[str, Any]) -> str:
    """Say in one line what Ansible or the host's Python complained of."""
    told = [str(result.get(key) or "") for key in ("msg", "module_stderr", "module_stdout")]
    generic = told[0].startswith("MODULE FAILURE")
    text = (told[1] or told[2] or told[0]) if generic else told[0]
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    line = lines[-1] if lines and generic else " ".join(lines)
    return line[:MESSAGE_LENGTH]


def _run(config: RunnerConfig) -> tuple[dict[str, dict[str, Any]], str]:
    """Run Ansible once; return the last word about each host, and its complaints."""
    said: dict[str, dict[str, Any]] = {}

    def take(event: dict[str, Any]) -> bool:
        data = event.get("event_data") or {}
        if event.get("event") in {ANSWERED, FAILED, UNREACHABLE} and data.get("host"):
            said[data["host"]] = {"event": event["event"], **data}
        return False

    runner = Runner(config, event_handler=take)
    with (
        Path("/dev/null").open("rb") as nothing,
        suppress(AnsibleRunnerException),
    ):
        config.input_fd = nothing
        runner.run()
    return said, _complaint(Path(config.artifact_dir))


def _limit(folder: Path, hosts: Sequence[InventoryHost]) -> Path:
    file = folder / "hosts"
    file.write_text("".join(f"{host.name}\n" for host in hosts))
    return file


def _complaint(artifacts: Path) -> str:
    """Return the first line of Ansible's complaints."""
    for name in ("stderr", "stdout"):
        with suppress(OSError):
            for line in (artifacts / name).read_text(errors="replace").splitlines():
                if line.strip().startswith(COMPLAINTS):
                    return line.strip()[:MESSAGE_LENGTH]
    return "no complaint either"
