# SPDX-License-Identifier: Apache-2.0
"""Faults of nodes and of their containers; `Nodes.restore` undoes every one of them."""

import json
from collections.abc import Sequence

from lab.parts import nodes_services as services
from lab.parts.nodes_docker import OuterDocker
from lab.processes import wait_for

FAKETIME = "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1"
TIME_SSH = "/etc/ssh/sshd_config.d/lab-time.conf"
TIME_SUDO = "/etc/sudoers.d/lab-time"
TIME_ENVIRONMENT = "/etc/lab/time"
FILL = "/var/log/kolla/lab-fill"


class NodeFaults:
    """What can be done to a node; every call returns once the fault can be seen."""

    docker: OuterDocker
    hosts: dict[str, str]

    def exec(self, host: str, argv: Sequence[str], *, data: bytes | None = None) -> str:
        """Run a command as root inside a node (not over SSH) and return its output."""
        interactive = [] if data is None else ["--interactive"]
        return self.docker("exec", *interactive, host, *argv, data=data)

    def containers(self, host: str) -> dict[str, str]:
        """Return the containers of a node: `running (healthy)`, `restarting`, `exited`."""
        states: dict[str, str] = json.loads(self.exec(host, ["lab-containers", "state"]))
        return states

    def inspect(self, host: str, name: str) -> dict[str, object]:
        """Return what the node's Docker says about a container."""
        found: list[dict[str, object]] = json.loads(self._inner(host, "inspect", name))
        return found[0]

    def stop_container(self, host: str, name: str) -> None:
        """Stop a container in an orderly way: `Exited (0)`."""
        self._inner(host, "stop", "--time", "5", name)

    def kill_container(self, host: str, name: str) -> None:
        """Kill a container: `Exited (137)`, and Docker takes it for the operator's wish."""
        self._inner(host, "kill", name)

    def start_container(self, host: str, name: str) -> None:
        """Start a container, or restart one that a switch made fail; the switches are removed."""
        for switch in ("crash", "unhealthy"):
            self.exec(host, ["rm", "-f", self._switch(name, switch)])
        self._inner(host, "restart", "--time", "5", name)

    def remove_container(self, host: str, name: str) -> None:
        """Remove a container: it is missing."""
        self._inner(host, "rm", "--force", name)

    def pause_container(self, host: str, name: str) -> None:
        """Freeze a container's processes: it still counts as up."""
        self._inner(host, "pause", name)

    def crash_loop(self, host: str, name: str) -> None:
        """Make a container end at each start: `Restarting (1)` with a growing restart count."""
        self.exec(host, ["touch", self._switch(name, "crash")])
        self._inner(host, "restart", "--time", "5", name)
        wait_for(
            lambda: self.containers(host)[name] == "restarting", f"{name} to crash", seconds=30
        )

    def unhealthy(self, host: str, name: str) -> None:
        """Make a container's health check fail; only those with a health check."""
        self.exec(host, ["touch", self._switch(name, "unhealthy")])
        wait_for(
            lambda: self.containers(host)[name] == "running (unhealthy)",
            f"{name} to be unhealthy",
            seconds=services.HEALTH_SECONDS * 5,
        )

    def other_image(self, host: str, name: str, tag: str = "2024.2-debian-bookworm") -> str:
        """Run a container from another image: other id, other tag, older labels; returns the image.

        With `tag=nodes_services.TAG` the tag stays and only the id differs, as after a `pull`.
        """
        service = next(each for each in services.services(host) if each.container == name)
        image = f"{services.NAMESPACE}/{service.image}:{tag}"
        labels = ("LABEL kolla_version=19.4.0 build-date=20250312", 'CMD ["kolla_start"]')
        changes = [word for label in labels for word in ("--change", label)]
        self._inner(host, "commit", *changes, name, image)
        rows = json.dumps([service.row() | {"image": image}]).encode()
        self._inner(host, "rm", "--force", name)
        self.exec(host, ["lab-containers", "settle", "-"], data=rows)
        return image

    def fill_disk(self, host: str, percent: int = 100) -> None:
        """Fill the file system of /var/log/kolla, 64 MiB of the node's own, to about this."""
        self.exec(host, ["rm", "-f", FILL])
        words = self.exec(host, ["df", "--block-size=1", "--output=used,avail", FILL[:14]]).split()
        used, free = int(words[-2]), int(words[-1])
        size = min(free, (used + free) * percent // 100 - used)
        if size > 0:
            # The file system needs a block or two for the file itself: to 100 % it fails, but full.
            self.exec(host, ["sh", "-c", f"fallocate --length {size} {FILL} || true"])

    def set_time_offset(self, host: str, seconds: float) -> None:
        """Shift the clock that every SSH session of a node sees, `sudo` too; 0 undoes it.

        The kernel has one clock for all: daemons of the node (Docker, chronyd) keep the true time.
        """
        if seconds:
            shift = {"LD_PRELOAD": FAKETIME, "FAKETIME": f"{seconds:+f}s"}
            variables = [f"{name}={value}" for name, value in shift.items()]
            self._write(host, TIME_SSH, f"SetEnv {' '.join(variables)}\n")
            # sudo drops LD_PRELOAD, and reads this file afterwards.
            self._write(host, TIME_ENVIRONMENT, "\n".join(variables) + "\n")
            self._write(host, TIME_SUDO, f"Defaults env_file={TIME_ENVIRONMENT}\n")
        else:
            self.exec(host, ["rm", "-f", TIME_SSH, TIME_SUDO, TIME_ENVIRONMENT])
        self.exec(host, ["systemctl", "restart", "ssh"])

    def write_log(self, host: str, service: str, line: str) -> None:
        """Append a line to /var/log/kolla/SERVICE/SERVICE.log, such as one with ERROR."""
        file = f"/var/log/kolla/{service}/{service}.log"
        self.exec(host, ["mkdir", "-p", f"/var/log/kolla/{service}"])
        self.exec(host, ["tee", "--append", file], data=f"{line}\n".encode())

    def stop_unit(self, host: str, unit: str) -> None:
        """Stop a systemd unit of a node: `ssh`, `docker` or `chrony`, which `restore` starts."""
        units = [unit, "docker.socket"] if unit == "docker" else [unit]
        self.exec(host, ["systemctl", "stop", *units])

    def stop_node(self, host: str) -> None:
        """Switch a node off."""
        self.docker("stop", "--time", "10", host)

    def start_node(self, host: str) -> None:
        """Switch a node on; returns before its containers are healthy."""
        self.docker("start", host)

    def freeze_node(self, host: str) -> None:
        """Hang a node: its SSH port accepts and never answers."""
        self.docker("pause", host)

    def unplug(self, host: str) -> None:
        """Take a node off the network: packets to it find nobody."""
        self.docker("network", "disconnect", self.docker.network, host)

    def plug(self, host: str) -> None:
        """Undo `unplug`."""
        address = self.hosts[host]
        self.docker("network", "connect", "--ip", address, self.docker.network, host)

    def _write(self, host: str, file: str, text: str) -> None:
        self.exec(host, ["tee", file], data=text.encode())

    def _inner(self, host: str, *words: str) -> str:
        return self.exec(host, ["docker", *words])

    def _switch(self, name: str, what: str) -> str:
        return f"/etc/kolla/{name.replace('_', '-')}/lab-{what}"
