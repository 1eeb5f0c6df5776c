# SPDX-License-Identifier: Apache-2.0
"""An outer Docker of the lab's own: its daemon, its network, nothing of the machine's touched.

No default bridge, no iptables, no forwarding: the nodes need only to see each other and the
machine, which one bridge does, so the daemon leaves no rule behind.
"""

import threading
from collections.abc import Sequence
from pathlib import Path

from lab.parts.tools import home, remove, run
from lab.place import Place
from lab.processes import Processes, wait_for

# What systemd and an inner Docker need; not SYS_TIME: the clock is the whole machine's.
CAPABILITIES = (
    "SYS_ADMIN", "NET_ADMIN", "NET_RAW", "SYS_PTRACE", "SYS_CHROOT", "SYS_NICE", "MKNOD",
    "DAC_READ_SEARCH", "IPC_LOCK", "SYSLOG", "AUDIT_CONTROL", "LEASE", "LINUX_IMMUTABLE",
)  # fmt: skip


class OuterDocker:
    """The daemon that runs the nodes, and the command line that talks to it."""

    def __init__(self, place: Place, part: str = "nodes", *, network: bool = True) -> None:
        """Name the folders and the network; nothing is started.

        Each part has a daemon of its own. Without a network, containers use the machine's.
        """
        self._place = place
        self._processes = Processes(place)
        self._daemon = f"{part}-dockerd"
        self._home = home(place, f"{part}-docker")
        self._lock = threading.Lock()
        self._data = self._home / "data"
        self._exec_root = place.run / f"{part}-docker"
        self._pid_file = place.run / f"{part}-docker.pid"
        self._has_network = network
        self.socket = place.run / f"{part}-docker.sock"
        self.group = (
            f"day2-lab-{place.lab_id}" if part == "nodes" else f"day2-{part}-{place.lab_id}"
        )
        self.network = f"lab{place.lab_id}"
        self.subnet = f"172.31.{80 + place.lab_id}"

    def start(self) -> None:
        """Start the daemon and make the network."""
        config = self._home / "daemon.json"
        config.write_text("{}")
        if self._processes.pid(self._daemon) is None:
            # After a kill their numbers may belong to somebody else, whom a start would wait for.
            for stale in (self._exec_root / "containerd" / "containerd.pid", self._pid_file):
                stale.unlink(missing_ok=True)
        self._processes.start(
            self._daemon,
            [
                *("dockerd", "--config-file", config, "--data-root", self._data),
                *("--exec-root", self._exec_root, "--pidfile", self._pid_file),
                *("--host", f"unix://{self.socket}", "--storage-driver", "overlay2"),
                *("--bridge", "none", "--iptables=false", "--ip-forward=false", "--ip-masq=false"),
                *("--cgroup-parent", f"/{self.group}/nodes", "--log-level", "warn"),
            ],
        )
        wait_for(self.answers, "the outer Docker", seconds=30)
        known = self.words("network", "ls", "--format", "{{.Name}}")
        if self._has_network and self.network not in known:
            self(
                *("network", "create", "--subnet", f"{self.subnet}.0/24"),
                *("--gateway", f"{self.subnet}.1"),
                *("--opt", f"com.docker.network.bridge.name=d2lab{self._place.lab_id}"),
                self.network,
            )

    def stop(self) -> None:
        """Remove nodes, volumes and network, end the daemon; images stay for the next start."""
        if self._exec_root.exists() and not self.answers():
            self.start()  # a killed daemon leaves containers running, which only a new one ends
        if self.answers():
            known = self.words("ps", "--all", "--quiet")
            if known:
                self("rm", "--force", "--volumes", *known)
            if self.network in self.words("network", "ls", "--format", "{{.Name}}"):
                self("network", "rm", self.network)
        self._processes.stop([self._daemon], grace_seconds=30)
        # A daemon mounts its folder onto itself, and a name of the machine's network where one
        # uses it; a killed one leaves both, and `is_mount` sees none within a file system.
        places = [line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines()]
        for place in reversed(places):
            if place == str(self._data) or place.startswith(f"{self._exec_root}/"):
                run(["umount", place])
        remove(self._exec_root)
        self._remove_groups()

    def answers(self) -> bool:
        """Tell whether the daemon answers."""
        if self._processes.pid(self._daemon) is None or not self.socket.exists():
            return False
        try:
            self("version")
        except RuntimeError:
            return False
        return True

    def __call__(self, *words: str | Path, data: bytes | None = None, seconds: float = 300) -> str:
        """Run one command of Docker's."""
        return run([*self.command, *words], data=data, seconds=seconds)

    @property
    def command(self) -> list[str]:
        """Return the words before every command; the distribution's own client fits its daemon."""
        client = "/usr/bin/docker" if Path("/usr/bin/docker").exists() else "docker"
        configuration = str(self._home / "client")
        return [client, "--config", configuration, "--host", f"unix://{self.socket}"]

    def words(self, *words: str) -> list[str]:
        """Run a command and return its output's words."""
        return self(*words).split()

    def load(self, archive: Path) -> str:
        """Import the node image unless it is there; returns its reference."""
        reference = f"lab/node:{archive.stem.removeprefix('node-')}"
        if not self.words("images", "--quiet", reference):
            changes = ('CMD ["/lib/systemd/systemd"]', "ENV container=docker")
            options = [word for change in changes for word in ("--change", change)]
            self("import", *options, archive, reference)
        return reference

    def create(self, host: str, address: str, image: str, mounts: Sequence[str]) -> None:
        """Create one node, not yet started."""
        volumes = [word for mount in mounts for word in ("--volume", mount)]
        self(
            *("create", "--name", host, "--hostname", host),
            *("--network", self.network, "--ip", address),
            *[word for name in CAPABILITIES for word in ("--cap-add", name)],
            *("--security-opt", "seccomp=unconfined", "--security-opt", "apparmor=unconfined"),
            *("--security-opt", "systempaths=unconfined", "--device-cgroup-rule", "a *:* rwm"),
            *("--cgroupns", "host", "--stop-signal", "SIGRTMIN+3"),
            *("--tmpfs", "/run", "--tmpfs", "/run/lock", "--tmpfs", "/tmp"),
            *("--volume", "/sys/fs/cgroup:/sys/fs/cgroup:rw", "--volume", "/var/lib/docker"),
            *(*volumes, image),
        )

    def _remove_groups(self) -> None:
        """Remove the control groups that the nodes' own Dockers made: empty, but left behind."""
        for controller in Path("/sys/fs/cgroup").iterdir():
            top = controller / self.group
            if top.is_dir():
                folders = [folder for folder in top.rglob("*") if folder.is_dir()]
                for folder in [*sorted(folders, reverse=True), top]:
                    try:
                        folder.rmdir()
                    except OSError:
                        continue

    def forget(self) -> None:
        """Remove the stopped daemon's data: the next start imports the image again."""
        remove(self._data)
