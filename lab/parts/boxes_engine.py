# SPDX-License-Identifier: Apache-2.0
"""Docker or podman of the lab's own, each behind a program that is called as an operator does."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from lab.packages import NODES, install_packages
from lab.parts.boxes_image import CHANGES
from lab.parts.nodes_docker import OuterDocker
from lab.parts.tools import home, remove, run
from lab.place import Place

PODMAN = {
    "/usr/bin/podman": "podman",
    "/usr/bin/conmon": "conmon",
    "/usr/sbin/runc": "runc",
    "/usr/sbin/debootstrap": "debootstrap",
}
REFERENCE = "localhost/lab/mariadb-server"


class Engine(Protocol):
    """What runs containers; `program` is its command, named as it is everywhere."""

    name: str
    program: Path

    def start(self) -> None:
        """Install and start it."""

    def stop(self) -> None:
        """Remove all containers and volumes, and end it; images stay."""

    def __call__(self, *words: str | Path, data: bytes | None = None) -> str:
        """Run one command."""

    def load(self, archive: Path) -> str:
        """Import the image unless it is there; return its reference."""

    def volume(self, name: str) -> Path:
        """Return where a volume lies; it is made when there is none."""


class _Engine:
    """What both have in common."""

    name: str

    def __init__(self, place: Place) -> None:
        self._place = place
        folder = home(place, f"boxes-{self.name}") / "bin"
        folder.mkdir(exist_ok=True)
        self.program = folder / self.name

    def __call__(self, *words: str | Path, data: bytes | None = None) -> str:
        return run([self.program, *words], data=data, seconds=300)

    def load(self, archive: Path) -> str:
        """Import the image unless it is there; return its reference."""
        reference = f"{REFERENCE}:{archive.stem.removeprefix('boxes-')}"
        if not self("images", "--quiet", reference).split():
            options = [word for change in CHANGES for word in ("--change", change)]
            self("import", *options, archive, reference)
        return reference

    def volume(self, name: str) -> Path:
        """Return where a volume lies; it is made when there is none."""
        if name not in self("volume", "ls", "--quiet").split():
            self("volume", "create", name)
        return Path(self("volume", "inspect", "--format", "{{.Mountpoint}}", name).strip())

    def _write(self, words: Sequence[str | Path], **variables: str | Path) -> None:
        lines = [f"export {name}='{value}'\n" for name, value in variables.items()]
        called = " ".join(f"'{word}'" for word in words)
        self.program.write_text(f'#!/bin/sh\n{"".join(lines)}exec {called} "$@"\n')
        self.program.chmod(0o755)


class Docker(_Engine):
    """A daemon of the part's own."""

    name = "docker"

    def __init__(self, place: Place) -> None:
        super().__init__(place)
        self._outer = OuterDocker(place, "boxes", network=False)

    def start(self) -> None:
        """Start the daemon."""
        install_packages(NODES)
        self._outer.start()
        self._write(self._outer.command)

    def stop(self) -> None:
        """Remove all containers and volumes, and end the daemon; images stay."""
        if self.program.exists() and self._outer.answers():
            for box in self("ps", "--all", "--quiet").split():
                self("rm", "--force", "--volumes", box)
            for volume in self("volume", "ls", "--quiet").split():
                self("volume", "rm", "--force", volume)
        self._outer.stop()


class Podman(_Engine):
    """No daemon; its own folders and settings are in the program's words."""

    name = "podman"

    def start(self) -> None:
        """Write its settings; there is nothing to start."""
        install_packages(PODMAN)
        folder = home(self._place, "boxes-podman")
        # A limit may not be raised here, and crun does not know a mixture of both control groups.
        limit = f"{min(20000, os.sysconf('SC_OPEN_MAX'))}"
        settings = folder / "containers.conf"
        settings.write_text(
            f'[containers]\ndefault_ulimits = ["nofile={limit}:{limit}", "nproc=10000:10000"]\n'
            'log_driver = "k8s-file"\n'
            '[engine]\nruntime = "runc"\ncgroup_manager = "cgroupfs"\nevents_logger = "file"\n'
        )
        words: list[str | Path] = ["/usr/bin/podman", "--root", folder / "root", "--runroot"]
        self._write([*words, self._place.run / "boxes-podman"], CONTAINERS_CONF=settings)

    def stop(self) -> None:
        """Remove all containers and volumes; images stay."""
        if not self.program.exists():
            return
        self("rm", "--all", "--force", "--time", "5")
        for volume in self("volume", "ls", "--quiet").split():
            self("volume", "rm", "--force", volume)
        overlay = home(self._place, "boxes-podman") / "root" / "overlay"
        if f" {overlay} " in Path("/proc/self/mounts").read_text():
            run(["umount", overlay])
        remove(self._place.run / "boxes-podman")


def engine(place: Place, name: str) -> Engine:
    """Return the engine of this name."""
    return Docker(place) if name == Docker.name else Podman(place)
