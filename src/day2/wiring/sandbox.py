# SPDX-License-Identifier: Apache-2.0
"""`sandbox …`: start, end and list embedded clouds, and the settings of one that is up."""

import os
import socket
import sys
from collections.abc import Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from day2.adapters.clock import Clock, SystemClock
from day2.errors import BadUsage, Locked, Unreachable
from day2.settings import Settings, read_yaml, state_folder
from day2.wiring.sections import SCHEMA

if TYPE_CHECKING:
    from collections.abc import Iterator

    from day2.sandbox.place import Running

READY_SECONDS = 20.0
POLL_SECONDS = 0.02
LOG_LINES = 3
PORT_MAX = 65535


class Sandbox(msgspec.Struct, frozen=True, kw_only=True):
    """One sandbox as its folder and its process tell.

    `state` is `up`, `gone` (it was up, and its process has ended without a word), or `down`.
    """

    name: str
    cloud: str
    state: str
    folder: str
    scenario: str = ""
    url: str = ""
    pid: int | None = None
    started_at: datetime | None = None
    fresh: bool = False


class Sandboxes:
    """The sandboxes of one installation."""

    def __init__(self, environment: Mapping[str, str] | None = None, clock: Clock | None = None):  # noqa: ANN204
        self._environment = os.environ if environment is None else environment
        self._clock = clock or SystemClock()
        self._state = state_folder(self._environment).absolute()

    def up(self, name: str, *, scenario: str, port: int) -> Sandbox:
        """Start a sandbox and return when it answers; one that is up is left as it is.

        Raises:
            BadUsage: when the name, the scenario or the port is none, or one that is up differs.
            BadSettings: when a scenario file is wrong.
            Unreachable: when it does not answer in time; the message names its log.
            Locked: when another process is at it.

        """
        from day2.sandbox import place
        from day2.sandbox import scenario as scenarios

        folder = place.folder_of(self._state, name)
        wanted_scenario = _absolute(scenario)
        if not 0 <= port <= PORT_MAX:
            raise BadUsage(f"{port} is not a port")
        place.make_private(folder)
        with self._locked(folder):
            found = self.show(name)
            if found.state == "up":
                if found.scenario != wanted_scenario:
                    raise BadUsage(
                        f"sandbox {name!r} is up with scenario {found.scenario!r}",
                        hint=f"day2 sandbox down --name {name}, or take another --name",
                    )
                return found
            described = scenarios.load(wanted_scenario)
            place.forget_running(folder)
            wanted = place.write_wanted(folder, wanted_scenario)
            with _listening(port) as listening:
                told = place.told_of(described)
                number = listening.getsockname()[1]
                place.write_for_clients(folder, name, number, wanted, told)
                self._start(folder, listening)
        return msgspec.structs.replace(self.show(name), fresh=True)

    def down(self, name: str) -> Sandbox:
        """End a sandbox; it forgets everything. One that is not up is left as it is.

        Raises:
            BadUsage: when there is none of that name.
            Locked: when another process is at it.

        """
        from day2.adapters import processes
        from day2.sandbox import place

        found = self.show(name)
        folder = Path(found.folder)
        with self._locked(folder):
            running = place.read_running(folder)
            if running is not None:
                processes.end(running.process, self._clock)
                place.forget_running(folder)
            place.forget_secrets(folder)
        return found

    def show(self, name: str) -> Sandbox:
        """Look at one sandbox.

        Raises:
            BadUsage: when there is none of that name.

        """
        from day2.sandbox import place

        folder = place.folder_of(self._state, name)
        if not folder.is_dir():
            raise BadUsage(f"there is no sandbox {name!r}", hint=_how_to_start(name))
        return self._look(name, folder, place.read_running(folder))

    def every(self) -> list[Sandbox]:
        """Look at every sandbox there is."""
        from day2.sandbox import place

        where = place.folders(self._state)
        names = sorted(f.name for f in where.iterdir() if f.is_dir()) if where.is_dir() else []
        return [self.show(name) for name in names if place.NAME.match(name)]

    def settings(self, cloud: str) -> Settings:
        """Return the settings of the sandbox that a cloud's name means.

        Raises:
            BadUsage: when it is not up.

        """
        from day2.sandbox import place

        name = place.name_of(cloud) or ""
        folder = place.folder_of(self._state, name)
        found = self.show(name) if folder.is_dir() else None
        if found is None or found.state != "up":
            gone = found is not None and found.state == "gone"
            said = "its process has ended" if gone else "it is not up"
            raise BadUsage(f"no sandbox for cloud {cloud!r}: {said}", hint=_how_to_start(name))
        file = folder / "day2.yaml"
        return Settings(
            schema=SCHEMA, tree=read_yaml(file), file=file, environment=self._environment
        )

    def _look(self, name: str, folder: Path, running: "Running | None") -> Sandbox:
        from day2.adapters import processes
        from day2.sandbox import place

        bare = Sandbox(name=name, cloud=place.cloud_of(name), state="down", folder=str(folder))
        if running is None:
            return bare
        alive = processes.runs(running.process)
        return msgspec.structs.replace(
            bare,
            state="up" if alive else "gone",
            scenario=running.scenario,
            url=running.url,
            pid=running.process.pid if alive else None,
            started_at=running.at,
        )

    def _start(self, folder: Path, listening: socket.socket) -> None:
        from day2.adapters import processes
        from day2.sandbox import place

        descriptor = listening.fileno()
        log = folder / "log"
        process = processes.start(
            [sys.executable, "-m", "day2.sandbox", str(folder), str(descriptor)],
            log=log,
            folder=folder,
            environment=self._environment,
            keep=[descriptor],
        )
        until = self._clock.monotonic() + READY_SECONDS
        while place.read_running(folder) is None:
            ended = not processes.runs(process)
            if ended or self._clock.monotonic() > until:
                processes.end(process, self._clock)
                how = "ended at once" if ended else f"was not ready within {READY_SECONDS:g} s"
                raise Unreachable(f"the sandbox {how}: {_last(log)}", hint=f"its log: {log}")
            self._clock.sleep(POLL_SECONDS)

    @contextmanager
    def _locked(self, folder: Path) -> "Iterator[None]":
        import fcntl

        descriptor = os.open(folder / "lock", os.O_CREAT | os.O_RDWR, 0o600)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise Locked(
                    f"another process starts or ends the sandbox in {folder}", hint="try again"
                ) from None
            yield
        finally:
            os.close(descriptor)


def load_settings(
    config: str | None, cloud: str | None, environment: Mapping[str, str]
) -> Settings:
    """Read the settings; those of a sandbox when a cloud is named that only a sandbox has.

    Raises:
        BadSettings, BadUsage.

    """
    settings = Settings.load(schema=SCHEMA, given=config, environment=environment)
    if not cloud or not cloud.startswith("sandbox") or cloud in settings.names("clouds"):
        return settings
    from day2.sandbox import place

    if place.name_of(cloud) is None:
        return settings
    return Sandboxes(environment).settings(cloud)


@contextmanager
def _listening(port: int) -> "Iterator[socket.socket]":
    """Open the socket on loopback that the process will inherit: no port is lost in between."""
    opened = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            opened.bind(("127.0.0.1", port))
        except OSError as error:
            raise BadUsage(
                f"port {port} cannot be used: {error.strerror}", hint="--port 0 takes a free one"
            ) from None
        opened.listen(256)
        yield opened
    finally:
        opened.close()


def _absolute(scenario: str) -> str:
    """Name a file by its whole path: the process starts elsewhere."""
    is_file = "/" in scenario or scenario.endswith((".yaml", ".yml"))
    return str(Path(scenario).expanduser().absolute()) if is_file else scenario


def _how_to_start(name: str) -> str:
    from day2.sandbox import place

    more = f" --name {name}" if name not in {"", place.STANDARD} else ""
    return f"start it with: day2 sandbox up{more}"


def _last(log: Path) -> str:
    try:
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return "nothing in its log"
    return " / ".join(line.strip()[:200] for line in lines[-LOG_LINES:]) or "nothing in its log"
