# SPDX-License-Identifier: Apache-2.0
"""Hosts by Ansible: one ad-hoc run over the cloud's own inventory looks at all of them.

A small program (`remote/day2_look.py`) is carried there, runs with the host's own Python, changes
nothing and prints one document. The user's ansible.cfg holds: keys, jump hosts, host key checks.
"""

import shutil
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path
from typing import Any

import msgspec
from ansible_runner.config.runner import RunnerConfig
from ansible_runner.exceptions import AnsibleRunnerException
from ansible_runner.runner import Runner

from day2.adapters import containers
from day2.adapters.kolla.inventory import Inventory, InventoryHost
from day2.adapters.kolla.settings import KollaSettings
from day2.adapters.kolla.virtualenv import Virtualenv
from day2.errors import BadAnswer, Day2Error, Denied, Unreachable
from day2.model.tables.infrastructure import Container, Host, Mount

MODULE = "day2_look"
EVENT_BYTES_MAX = 16 << 20
MESSAGE_LENGTH = 300
# What Ansible says when a host took longer than `--task-timeout`.
HUNG = "expected time frame"
COMPLAINTS = ("ERROR", "[ERROR", "fatal", "ansible: error")
ANSWERED, FAILED, UNREACHABLE = "runner_on_ok", "runner_on_failed", "runner_on_unreachable"


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """What the program on a host prints."""

    began: float
    ended: float
    hostname: str = ""
    os: str = ""
    kernel: str = ""
    booted_at: float | None = None
    load_1m: float | None = None
    cpus: int | None = None
    memory_total_bytes: int | None = None
    memory_available_bytes: int | None = None
    mounts: list[Mount] = []
    clock_synchronized: bool | None = None
    reboot_required: bool | None = None
    engine: str = ""
    containers: list[Any] | None = None
    containers_error: str = ""


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """Something of one host that could not be read; `containers_only` when the rest could."""

    host: str
    error: Day2Error
    containers_only: bool


class Looked(msgspec.Struct, kw_only=True):
    """What all hosts together brought."""

    hosts: list[Host] = []
    containers: list[Container] = []
    failures: list[Failure] = []


class Hosts:
    """The hosts of one inventory."""

    def __init__(
        self, settings: KollaSettings, virtualenv: Virtualenv, inventory: Inventory
    ) -> None:
        self._settings = settings
        self._virtualenv = virtualenv
        self._inventory = inventory

    def look(self) -> Looked:
        """Look at every host at once.

        A host that Ansible cannot reach is a row with `reachable` False, and a failure as to its
        containers; one that was not asked in time is a failure and no row.

        Raises:
            BadSettings: when Ansible or the inventory cannot be used.
            BadAnswer: when Ansible ended without a word about any host.

        """
        hosts = self._inventory.hosts
        # ansible-runner writes what hosts say into files: ours alone, and gone afterwards.
        folder = Path(tempfile.mkdtemp(prefix="day2-hosts-"))
        try:
            events, complaint = self._run(folder, hosts)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        if not events:
            raise BadAnswer(
                f"Ansible said nothing about any host: {complaint}",
                hint="try it by hand: ansible -i INVENTORY -m ping all",
            )
        return self._read(hosts, events)

    def _run(
        self, folder: Path, hosts: Sequence[InventoryHost]
    ) -> tuple[dict[str, dict[str, Any]], str]:
        """Run Ansible once; return the last word about each host, and its complaints."""
        settings = self._settings
        modules = folder / "modules"
        modules.mkdir()
        program = resources.files("day2.adapters.remote").joinpath(f"{MODULE}.py")
        (modules / f"{MODULE}.py").write_bytes(program.read_bytes())
        ansible = self._virtualenv.executable("ansible")
        arguments = {"engine": settings.container_engine, "seconds": settings.host_seconds / 3}
        config = RunnerConfig(
            private_data_dir=str(folder),
            host_pattern="all",
            inventory=str(settings.inventory_path),
            # The hosts' names go into a file: no command line is long enough for all clouds.
            limit=f"@{_limit(folder, hosts)}",
            module=MODULE,
            module_args=msgspec.json.encode(arguments).decode(),
            forks=min(len(hosts), settings.forks),
            quiet=True,
        )
        config.prepare()
        config.runner_mode = "subprocess"
        config.subprocess_timeout = settings.seconds_max
        config.command = [str(ansible), *config.command[1:], *self._options(modules)]
        config.env = self._environment(config.env, folder)
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

    def _options(self, modules: Path) -> list[str]:
        settings = self._settings
        words = ["--module-path", str(modules), "--timeout", str(settings.connect_seconds)]
        words += ["--task-timeout", str(settings.host_seconds)]
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

    def _read(self, hosts: Sequence[InventoryHost], events: dict[str, dict[str, Any]]) -> Looked:
        looked = Looked()
        for host in hosts:
            event = events.get(host.name)
            if event is None:
                late = Unreachable(
                    f"Ansible had no answer of {host.name} within {self._settings.seconds_max} s",
                    hint="setting clouds.NAME.kolla.seconds_max or .forks",
                )
                looked.failures.append(Failure(host=host.name, error=late, containers_only=False))
            else:
                _take(looked, host, event)
        return looked


def _limit(folder: Path, hosts: Sequence[InventoryHost]) -> Path:
    file = folder / "hosts"
    file.write_text("".join(f"{host.name}\n" for host in hosts))
    return file


def _take(looked: Looked, host: InventoryHost, event: dict[str, Any]) -> None:
    """Add what one host's event says."""
    result = event.get("res") or {}
    message = _message(result)
    silent = event["event"] == UNREACHABLE or HUNG in message or "timedout" in result
    if silent:
        error = Unreachable(f"{host.name} cannot be reached by Ansible: {message}")
        looked.hosts.append(_row(host, reachable=False, error=message))
        looked.failures.append(Failure(host=host.name, error=error, containers_only=True))
        return
    try:
        seen = msgspec.convert(result.get("day2"), Seen, strict=False)
    except msgspec.ValidationError:
        bad = BadAnswer(
            f"{host.name} could not be looked at: {message or 'it answered in an unknown form'}",
            hint=f"try it by hand: ansible -i INVENTORY -m setup {host.name}",
        )
        looked.hosts.append(_row(host, reachable=True, error=str(bad)))
        looked.failures.append(Failure(host=host.name, error=bad, containers_only=False))
        return
    rows, unread = _containers(host.name, seen)
    looked.containers += rows
    if unread is not None:
        looked.failures.append(Failure(host=host.name, error=unread, containers_only=True))
    looked.hosts.append(_seen_row(host, seen, event, containers_read=unread is None))


def _containers(host: str, seen: Seen) -> tuple[list[Container], Day2Error | None]:
    why = seen.containers_error
    if seen.containers is not None:
        try:
            return containers.rows(host, seen.containers), None
        except msgspec.ValidationError as error:
            why = f"{seen.engine} answered in an unknown form ({error})"
            return [], BadAnswer(f"containers of {host} not readable: {why}")
    if "not in group" in why or "by root only" in why:
        return [], Denied(
            f"containers of {host} not readable: {why}",
            hint=f"on {host}: usermod --append --groups docker USER; or setting "
            "clouds.NAME.kolla.become: true",
        )
    return [], Unreachable(
        f"containers of {host} not readable: {why}",
        hint=f"on {host}: systemctl status {seen.engine}",
    )


def _row(host: InventoryHost, *, reachable: bool, error: str) -> Host:
    return Host(
        name=host.name,
        groups=list(host.groups),
        address=host.address,
        reachable=reachable,
        error=error,
    )


def _seen_row(
    host: InventoryHost, seen: Seen, event: dict[str, Any], *, containers_read: bool
) -> Host:
    offset, uncertainty = _offset(seen, event.get("start"), event.get("end"))
    return msgspec.structs.replace(
        _row(host, reachable=True, error=""),
        hostname=seen.hostname,
        os=seen.os,
        kernel=seen.kernel,
        booted_at=None if seen.booted_at is None else datetime.fromtimestamp(seen.booted_at, UTC),
        load_1m=seen.load_1m,
        cpus=seen.cpus,
        memory_total_bytes=seen.memory_total_bytes,
        memory_available_bytes=seen.memory_available_bytes,
        mounts=seen.mounts,
        clock_offset_seconds=offset,
        clock_uncertainty_seconds=uncertainty,
        clock_synchronized=seen.clock_synchronized,
        reboot_required=seen.reboot_required,
        engine=seen.engine,
        containers_read=containers_read,
    )


def _offset(seen: Seen, start: object, end: object) -> tuple[float | None, float | None]:
    """Return the clock's offset and how far the truth may be from it.

    The program ran somewhere between our start and our end: it began no earlier, so the offset is
    at most `began - start`, and ended no later, so it is at least `ended - end`.
    """
    try:
        ours = datetime.fromisoformat(str(start)), datetime.fromisoformat(str(end))
    except ValueError:
        return None, None
    most = seen.began - ours[0].timestamp()
    least = seen.ended - ours[1].timestamp()
    return round((most + least) / 2, 3), round(abs(most - least) / 2, 3)


def _message(result: dict[str, Any]) -> str:
    """Say in one line what Ansible or the host's Python complained of."""
    told = [str(result.get(key) or "") for key in ("msg", "module_stderr", "module_stdout")]
    generic = told[0].startswith("MODULE FAILURE")
    text = (told[1] or told[2] or told[0]) if generic else told[0]
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    line = lines[-1] if lines and generic else " ".join(lines)
    return line[:MESSAGE_LENGTH]


def _complaint(artifacts: Path) -> str:
    """Return the first line of Ansible's complaints."""
    for name in ("stderr", "stdout"):
        with suppress(OSError):
            for line in (artifacts / name).read_text(errors="replace").splitlines():
                if line.strip().startswith(COMPLAINTS):
                    return line.strip()[:MESSAGE_LENGTH]
    return "no complaint either"
