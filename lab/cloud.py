# SPDX-License-Identifier: Apache-2.0
"""The whole cloud as one part: up, down, ready, restore, describe."""

import fcntl
import json
import logging
import shutil
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from lab import config, golden
from lab.build import build_world
from lab.databases import SERVERS, answers
from lab.facts import COMPUTES, NETWORK_HOSTS, PORTS, Facts
from lab.fittings import fit
from lab.infrastructure import forget_cached, start_infrastructure
from lab.packages import install_packages
from lab.passwords import passwords
from lab.place import Place
from lab.processes import Processes, listening, wait_for
from lab.readiness import Questions, missing
from lab.services import (
    INFRASTRUCTURE,
    OPENSTACK,
    Service,
    infrastructure,
    openstack,
    rabbitmq_environment,
)
from lab.setup import set_up
from lab.share import mount_share, unmount_share
from lab.venv import virtualenv

LOG = logging.getLogger("lab")
SCRIPTS = ("migrations.json", "spawns.json", "guests.json")
READY_SECONDS = 180
HOSTED = ("nova-compute-", "agents")
"""What runs on hosts, and asks no database."""
GRACE_SECONDS = 6
"""Services that wait for their peers before they end are killed after this."""


class Cloud:
    """One lab's OpenStack; every method may be called in any state, also after a `kill -9`."""

    name = "cloud"

    def __init__(self, place: Place) -> None:
        self.place = place
        self.processes = Processes(place)
        self._facts: Facts | None = None
        self._questions: Questions | None = None

    @property
    def facts(self) -> Facts:
        """Ports, passwords, addresses; the virtualenv is built when the cache has none."""
        if self._facts is None:
            self.place.make_folders()
            self._facts = Facts(
                place=self.place,
                passwords=passwords(self.place.state / "passwords.yml"),
                venv=virtualenv(self.place.cache, "services"),
            )
        return self._facts

    def up(self, *, new: bool = False) -> None:
        """Start what does not run; first from the golden state, made when there is none.

        Args:
            new: from the golden state whatever an earlier run left: its data are thrown away.

        """
        with self._alone():
            install_packages()
            step("packages")
            if new:
                (self.place.data / golden.COMPLETE).unlink(missing_ok=True)
            self._up()

    def down(self) -> None:
        """Stop every process of the cloud; the data stay."""
        with self._alone():
            self._down()

    def ready(self) -> bool:
        """Ask every service whether the cloud is whole."""
        return not self.missing()

    def missing(self) -> list[str]:
        """Say what keeps the cloud from being ready, one line each."""
        if not (self.place.data / "keystone").exists():
            return ["the lab was never set up"]
        if self._questions is None:
            self._questions = Questions(self.facts)
        return missing(self._questions)

    def close(self) -> None:
        """Close the connections of `missing`; the cloud goes on."""
        if self._questions is not None:
            self._questions.close()
            self._questions = None

    def restore(self, *, data: bool = False) -> None:
        """Undo what a test broke: scripts and silences go, what was stopped or killed starts.

        Args:
            data: also put the golden state's data back.

        """
        with self._alone():
            self._forget_scripts()
            for name in self.processes.names():
                self.processes.signal(name, signal.SIGCONT)
            if data:
                self._renew_data()
            self._up()
            self._enable_computes()

    def describe(self) -> dict[str, object]:
        """Return files, ports, processes and hosts: what a test or a settings file needs."""
        state = self.place.state
        return {
            "state": str(state),
            "clouds_yaml": str(state / "clouds.yaml"),
            "clouds": {"admin": "lab", "reader": "lab-reader"},
            "openrc": str(state / "admin-openrc.sh"),
            "passwords": str(state / "passwords.yml"),
            "ports": {name: self.place.port(offset) for name, offset in PORTS.items()},
            "auth_url": self.facts.url("keystone", "/v3"),
            "processes": {name: self.processes.pid(name) for name in self.process_names()},
            "computes": dict(COMPUTES),
            "network_hosts": list(NETWORK_HOSTS),
            "mariadb_sockets": {
                name: str(self.place.run / f"{name}.sock") for name in ("mariadb", "mariadb-cell2")
            },
            "rabbitmq_environment": rabbitmq_environment(self.facts),
            "openstack_client": str(self.client()),
            "virtualenv": str(self.facts.venv),
            "scripts": {name: str(self.place.run / name) for name in SCRIPTS},
            "silences": str(self.place.run / "agents-down"),
            "guests": str(self.place.run / "guests"),
        }

    def client(self) -> Path:
        """Return the `openstack` command, installing it when the cache has none."""
        return virtualenv(self.place.cache, "cli") / "bin" / "openstack"

    def process_names(self) -> list[str]:
        """List the processes of a whole cloud, in the order they start."""
        return [*INFRASTRUCTURE, *OPENSTACK]

    def start(self, name: str) -> None:
        """Start one process of the cloud by name; does not wait for it."""
        for service in (each for wave in openstack(self.facts) for each in wave):
            if service.name == name:
                self._start(service)
                return
        start_infrastructure(self.facts, self.processes)

    def kill(self, name: str) -> None:
        """`kill -9` one process (with its children)."""
        self.processes.kill(name)

    def stop(self, name: str) -> None:
        """Stop one process as its init system would."""
        self.processes.stop([name])

    def close_services(self) -> None:
        """Stop whatever uses the databases, and the cache of tokens; compute hosts go on."""
        with self._alone():
            users = [name for name in OPENSTACK if not name.startswith(HOSTED)]
            self._stop_openstack(users)
            self.processes.stop(["memcached"])

    def open_services(self) -> None:
        """Start them again; does not wait until agents and hosts have reported."""
        with self._alone():
            start_infrastructure(self.facts, self.processes)
            self._start_openstack()

    def start_database(self, name: str = "mariadb") -> None:
        """Start one database server alone and return once it answers."""
        with self._alone():
            service = next(s for s in infrastructure(self.facts) if s.name == name)
            self._start(service)
            wait_for(lambda: answers(self.facts, name), name, seconds=60)

    def stop_database(self, name: str = "mariadb") -> None:
        """Stop one database server in an orderly way."""
        with self._alone():
            self.processes.stop([name], grace_seconds=60)

    def script(self, kind: str, rows: dict[str, dict[str, object]]) -> None:
        """Script `migrations` or `spawns` by server id, name or `*`, `guests` by host.

        `{}` ends all scripts of a kind.
        """
        file = self.place.run / f"{kind}.json"
        new = file.with_suffix(".json-new")
        new.write_text(json.dumps(rows))
        new.rename(file)

    def silence(self, host: str, binary: str | None = None) -> None:
        """Silence the agents of a host, or one of them; `unsilence` undoes it."""
        folder = self.place.run / "agents-down"
        folder.mkdir(exist_ok=True)
        (folder / (f"{host}.{binary}" if binary else host)).touch()

    def unsilence(self, host: str, binary: str | None = None) -> None:
        """Let silenced agents report again."""
        name = f"{host}.{binary}" if binary else host
        (self.place.run / "agents-down" / name).unlink(missing_ok=True)

    def _up(self) -> None:
        place = self.place
        fresh = not (place.data / golden.COMPLETE).exists()
        saved = golden.folder(place) if fresh else None
        if fresh:
            # The rest of a first start that was killed.
            self._down()
            shutil.rmtree(place.data, ignore_errors=True)
            self._facts = None
            if saved:
                golden.load(place, saved)
                step("golden state unpacked")
        facts = self.facts
        config.write(facts)
        fit(facts.venv)
        if fresh and not saved:
            set_up(facts, self.processes)
            step("set up")
        start_infrastructure(facts, self.processes)
        if saved:
            golden.relocate(facts)
        step("infrastructure")
        mount_share(place)
        self._start_openstack()
        step("started")
        self._wait_until_ready()
        step("ready")
        if fresh and not saved:
            build_world(facts)
            step("world built")
            self._save_golden()
            step("golden state saved")

    def _save_golden(self) -> None:
        """Save the data while the services stand still: quicker than to stop and start them all."""
        names = list(OPENSTACK)
        databases = list(SERVERS)
        for name in names:
            self.processes.signal(name, signal.SIGSTOP)
        try:
            self.processes.stop(databases, grace_seconds=60)
            golden.save(self.facts)
            start_infrastructure(self.facts, self.processes)
        finally:
            for name in names:
                self.processes.signal(name, signal.SIGCONT)
        (self.place.data / golden.COMPLETE).touch()

    def _renew_data(self) -> None:
        """Put the golden data under the frozen services; without such data, make them anew.

        The services keep what they know of each other, so this takes seconds. It is possible only
        when the running cloud comes from the same golden state: passwords tell.
        """
        saved = golden.folder(self.place)
        running = all(self.processes.pid(name) for name in self.process_names())
        if not (saved and running and golden.made(self.place, saved)):
            self._down()
            shutil.rmtree(self.place.data)
            return
        names = list(OPENSTACK)
        for name in names:
            self.processes.signal(name, signal.SIGSTOP)
        try:
            # The scheduler remembers which server is where, and would refuse hosts for it. Heat's
            # engine reports under the number it was given at its start, which is not in the data.
            for name in ("nova-scheduler", "heat-engine", *SERVERS):
                self.processes.kill(name)
            forget_cached(self.facts)
            unmount_share(self.place)
            shutil.rmtree(self.place.data)
            golden.load(self.place, saved)
            start_infrastructure(self.facts, self.processes)
            golden.relocate(self.facts)
            mount_share(self.place)
        finally:
            for name in names:
                self.processes.signal(name, signal.SIGCONT)
        (self.place.run / "generation").write_text(str(time.time_ns()))
        step("golden data put back")

    def _start_openstack(self) -> None:
        for wave in openstack(self.facts):
            for service in wave:
                self._start(service)
            for service in wave:
                if service.listens:
                    self._wait_for_port(service)

    def _start(self, service: Service) -> None:
        self.processes.start(service.name, service.argv, env=service.env)

    def _wait_for_port(self, service: Service) -> None:
        port = self.facts.port(service.name)

        def up() -> bool:
            if self.processes.pid(service.name) is None:
                message = f"{service.name} died at its start: see {self.place.log}"
                raise RuntimeError(message)
            return listening(port)

        wait_for(up, service.name, seconds=READY_SECONDS)

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + READY_SECONDS
        while reasons := self.missing():
            dead = [name for name in self.process_names() if self.processes.pid(name) is None]
            if dead or time.monotonic() > deadline:
                message = f"not ready: {reasons}; not running: {dead}"
                raise TimeoutError(message)
            time.sleep(0.5)

    def _down(self) -> None:
        """Stop this cloud's processes and no part's: first who asks, then who answers."""
        self._stop_openstack()
        self.processes.stop(["mariadb", "mariadb-cell2", "rabbitmq"], grace_seconds=30)
        self.processes.stop(["memcached", "epmd"])
        unmount_share(self.place)

    def _stop_openstack(self, names: Sequence[str] = OPENSTACK) -> None:
        askers = [name for name in names if name != "keystone"]
        self.processes.stop(askers, grace_seconds=GRACE_SECONDS)
        self.processes.stop(["keystone"], grace_seconds=30)

    def _forget_scripts(self) -> None:
        for name in SCRIPTS:
            (self.place.run / name).unlink(missing_ok=True)
        shutil.rmtree(self.place.run / "agents-down", ignore_errors=True)

    def _enable_computes(self) -> None:
        """Enable and un-force every compute service: what a drain that was broken off leaves."""
        with closing(Questions(self.facts)) as questions:
            listed = questions.get("nova-api", "/v2.1/os-services?binary=nova-compute")
            for row in listed["services"]:
                if row["status"] != "enabled" or row["forced_down"]:
                    body = {"status": "enabled", "forced_down": False}
                    questions.put("nova-api", f"/v2.1/os-services/{row['id']}", body)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Let one program at a time start and stop this lab."""
        self.place.make_folders()
        (self.place.run / "locks").mkdir(exist_ok=True)
        with (self.place.state / "busy").open("a") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield


_started = time.monotonic()


def step(text: str) -> None:
    """Log one step with the seconds since this program began."""
    LOG.info("%5.1f s  %s", time.monotonic() - _started, text)
