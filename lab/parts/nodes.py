# SPDX-License-Identifier: Apache-2.0
"""Hosts of a cloud: containers with systemd, sshd and a Docker of their own, full of stand-ins."""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from lab.packages import NODES, install_packages
from lab.parts import nodes_services as services
from lab.parts.nodes_ansible import ansible, inventory
from lab.parts.nodes_docker import OuterDocker
from lab.parts.nodes_faults import NodeFaults
from lab.parts.nodes_files import node_files
from lab.parts.nodes_image import node_image
from lab.parts.tools import home, remove, run
from lab.place import Place
from lab.processes import listening, wait_for

HOSTS = ("control01", "compute01", "compute02")
LOG_MEGABYTES = 64


class Nodes(NodeFaults):
    """Three nodes on a network of their own, reachable from this machine by address and SSH."""

    name = "nodes"

    def __init__(self, place: Place, hosts: tuple[str, ...] = HOSTS) -> None:
        """Name the hosts; one whose name begins with `control` is a controller."""
        self._place = place
        self._home = home(place, "nodes")
        self.docker = OuterDocker(place)
        self.hosts = {
            host: f"{self.docker.subnet}.{number}" for number, host in enumerate(hosts, start=11)
        }
        self.etc = place.etc / "nodes"
        self.private_key = self.etc / "id_ed25519"
        self.inventory = self.etc / "inventory"

    def up(self) -> None:
        """Start the nodes and their containers; returns when all are healthy and SSH answers."""
        install_packages(NODES)
        archive = node_image(self._place)
        ansible(self._place)
        self._write_access()
        self.docker.start()
        image = self.docker.load(archive)
        known = self.docker.words("ps", "--all", "--format", "{{.Names}}")
        public = self.private_key.with_suffix(".pub").read_text()
        vip = next(iter(self.hosts.values()))
        for host, address in self.hosts.items():
            if host not in known:
                mount = self._log_mount(host)
                self.docker.create(host, address, image, [f"{mount}:/var/log/kolla"])
                files = node_files(host, public, self.docker.group, vip)
                self.docker("cp", "-", f"{host}:/", data=files)
        self.restore()

    def down(self) -> None:
        """Remove the nodes, their volumes, mounts and network, and end the outer Docker."""
        self.docker.stop()
        for host in self.hosts:
            mount = self._home / f"{host}-log"
            if mount.is_mount():
                run(["umount", mount])
            remove(mount)
            remove(mount.with_suffix(".img"))

    def ready(self) -> bool:
        """Tell whether every node answers by SSH and every container runs and is healthy."""
        try:
            return all(self._host_ready(host) for host in self.hosts)
        except RuntimeError:
            return False

    def restore(self) -> None:
        """Undo every fault: nodes off, hung or unplugged; containers stopped, lost or changed."""
        states = self._node_states()
        for host, (state, plugged) in states.items():
            if state == "paused":
                self.docker("unpause", host)
            if not plugged:
                self.plug(host)
        self._remount([host for host, (state, _) in states.items() if state != "running"])
        stopped = [host for host, (state, _) in states.items() if state in {"exited", "created"}]
        if stopped:
            self.docker("start", *stopped)
        with ThreadPoolExecutor(len(self.hosts)) as pool:
            list(pool.map(self._settle, self.hosts))
        wait_for(self.ready, "the nodes and their containers", seconds=60, every=0.5)

    def describe(self) -> dict[str, object]:
        """Return addresses, users, keys, the inventory, Ansible."""
        return {
            "hosts": self.hosts,
            "users": ["root", "day2"],
            "private_key": str(self.private_key),
            "inventory": str(self.inventory),
            "ansible": str(ansible(self._place)),
            "ssh_config": str(self.etc / "ssh_config"),
            "containers": {
                host: {each.container: each.reference for each in services.services(host)}
                for host in self.hosts
            },
            "disk": {"mount": "/var/log/kolla", "megabytes": LOG_MEGABYTES},
            "docker": " ".join(self.docker.command),
        }

    def _settle(self, host: str) -> None:
        """Wait for the node's own system, take back what a test set, repair the containers."""
        wait_for(lambda: self._boots(host), f"{host} to boot", seconds=60)
        if self.exec(host, ["sh", "-c", "ls /etc/lab/time 2>/dev/null || true"]):
            self.set_time_offset(host, 0)
        self.exec(host, ["rm", "-f", "/var/log/kolla/lab-fill"])
        self.exec(host, ["systemctl", "start", "ssh", "docker.socket", "docker", "chrony"])
        self.exec(host, ["lab-containers", "settle"])

    def _boots(self, host: str) -> bool:
        try:
            self.exec(host, ["systemctl", "is-active", "multi-user.target"])
        except RuntimeError:
            return False
        return True

    def _host_ready(self, host: str) -> bool:
        wanted = {
            each.container: "running (healthy)" if each.health else "running"
            for each in services.services(host)
        }
        return listening(22, self.hosts[host]) and self.containers(host) == wanted

    def _node_states(self) -> dict[str, tuple[str, bool]]:
        found = json.loads(self.docker("inspect", *self.hosts))
        return {
            each["Name"].lstrip("/"): (
                each["State"]["Status"],
                self.docker.network in each["NetworkSettings"]["Networks"],
            )
            for each in found
        }

    def _log_mount(self, host: str) -> Path:
        """Mount a small file system of the node's own, which a test may fill without harm."""
        mount = self._home / f"{host}-log"
        image = mount.with_suffix(".img")
        mount.mkdir(exist_ok=True)
        if not mount.is_mount():
            if not image.exists():
                with image.open("wb") as file:
                    file.truncate(LOG_MEGABYTES << 20)
                run(["mkfs.ext4", "-q", "-m", "0", image])
            run(["mount", "-o", "loop", image, mount])
        return mount

    def _remount(self, hosts: list[str]) -> None:
        for host in hosts:
            self._log_mount(host)

    def _write_access(self) -> None:
        """Write the SSH key (once per lab), the inventory and a configuration for `ssh -F`."""
        self.etc.mkdir(exist_ok=True)
        if not self.private_key.exists():
            argv = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "lab", "-f"]
            run([*argv, self.private_key])
        self.inventory.write_text(inventory(self.hosts, self.private_key))
        shared = (
            f"Host *\n    User root\n    IdentityFile {self.private_key}\n    BatchMode yes\n"
            "    StrictHostKeyChecking no\n    UserKnownHostsFile /dev/null\n    LogLevel ERROR\n"
        )
        hosts = [f"Host {name}\n    HostName {ip}\n" for name, ip in self.hosts.items()]
        (self.etc / "ssh_config").write_text("".join([*hosts, shared]))
