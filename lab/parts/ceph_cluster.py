# SPDX-License-Identifier: Apache-2.0
"""The daemons of the Ceph cluster: how each is made, addressed and started."""

import json
import os
import shutil
from pathlib import Path
from typing import Any

from lab.parts.ceph_asking import Monitors
from lab.parts.tools import home, run, template
from lab.place import Place
from lab.processes import Processes, wait_for

HOSTS = ("compute01", "compute02", "compute03")
"""Where Ceph's map has the OSDs: hyper-converged, one each, so that a drain meets them."""
OSD_BYTES = 6 << 30
MON, MGR, RGW = "ceph-mon", "ceph-mgr", "ceph-rgw"
OSDS = tuple(f"ceph-osd{number}" for number in range(len(HOSTS)))
MON_V2, MON_V1, S3, FIRST, LAST = 200, 201, 202, 210, 239


class CephCluster:
    """Folders, configuration and processes of one cluster."""

    def __init__(self, place: Place) -> None:
        """Name the files; nothing is started."""
        self._place = place
        self.processes = Processes(place)
        self.home = home(place, "ceph")
        self.data = self.home / "data"
        self.keyring = self.data / "keyring"
        self.config = place.etc / "ceph.conf"
        self.s3_port = place.port(S3)
        self._monitors = Monitors(self.config)

    def write_configuration(self) -> None:
        """Write ceph.conf for this lab's ports and folders."""
        osds = "\n".join(
            f"[osd.{number}]\ncrush_location = root=default host={host}\n"
            for number, host in enumerate(HOSTS)
        )
        run_folder = self._place.run / "ceph"
        run_folder.mkdir(exist_ok=True)
        self.config.write_text(
            template(
                "ceph.conf",
                fsid=(self.data / "fsid").read_text().strip(),
                mon_v2=self._place.port(MON_V2),
                mon_v1=self._place.port(MON_V1),
                first=self._place.port(FIRST),
                last=self._place.port(LAST),
                s3=self.s3_port,
                keyring=self.keyring,
                run=run_folder,
                log=self._place.log,
                data=self.data,
                osd_bytes=OSD_BYTES,
                osds=osds,
            )
        )

    def __call__(self, *words: str | Path, data: bytes | None = None, seconds: float = 60) -> str:
        """Run one program of Ceph's against this cluster as its administrator."""
        return run([words[0], "-c", self.config, *words[1:]], data=data, seconds=seconds)

    def ask(self, prefix: str, **arguments: object) -> Any:  # noqa: ANN401 - JSON of Ceph's
        """Ask the monitors over one connection.

        `ceph osd set-group noout h` is `ask("osd set-group", flags="noout", who=["h"])`.

        Raises:
            RuntimeError: when they refuse, or do not answer within five seconds.

        """
        return self._monitors.ask(prefix, **arguments)

    def start(self, name: str) -> None:
        """Start one daemon unless it runs."""
        program, identity = {
            MON: ("ceph-mon", "a"),
            MGR: ("ceph-mgr", "x"),
            RGW: ("radosgw", "client.rgw.a"),
        }.get(name) or ("ceph-osd", name.removeprefix("ceph-osd"))
        flag = "-n" if name == RGW else "-i"
        self.processes.start(name, [program, "-c", self.config, "-f", flag, identity])

    def start_all(self) -> None:
        """Start what does not run: the monitor first, for the others ask it who they are."""
        self.start(MON)
        wait_for(self.answers, "Ceph's monitor", seconds=30)
        for name in (MGR, *OSDS, RGW):
            self.start(name)

    def stop(self) -> None:
        """Stop all, the monitor last."""
        self._monitors.close()
        for names in ((RGW,), OSDS, (MGR,), (MON,)):
            self.processes.stop(names, grace_seconds=15)

    def answers(self) -> bool:
        """Tell whether the monitor answers."""
        try:
            self.ask("status")
        except RuntimeError:
            return False
        return True

    def make(self, fsid: str) -> None:
        """Make a new, empty cluster of monitor, manager and OSDs, and start it."""
        self.data.mkdir(mode=0o700)
        (self.data / "mgr").mkdir()
        (self.data / "fsid").write_text(fsid)
        self.write_configuration()
        everything = [
            word for kind in ("mon", "osd", "mds", "mgr") for word in ("--cap", kind, "allow *")
        ]
        key: list[str | Path] = ["ceph-authtool", self.keyring, "--gen-key", "-n"]
        run(["ceph-authtool", "--create-keyring", *key[1:], "mon.", "--cap", "mon", "allow *"])
        run([*key, "client.admin", *everything])
        self.keyring.chmod(0o600)
        monmap = self._monmap()
        run(
            [
                "ceph-mon",
                "-c",
                self.config,
                "--mkfs",
                "-i",
                "a",
                "--monmap",
                monmap,
                "--keyring",
                self.keyring,
            ]
        )
        self.start(MON)
        wait_for(self.answers, "Ceph's monitor", seconds=30)
        self.allow("mgr.x", mon="allow profile mgr", osd="allow *", mds="allow *")
        self.allow("client.rgw.a", mon="allow rw", osd="allow rwx", mgr="allow rw")
        self.start(MGR)
        for number in range(len(HOSTS)):
            self._make_osd(number)

    def allow(self, entity: str, **caps: str) -> None:
        """Make an account, and keep its key in the keyring."""
        words = [word for pair in caps.items() for word in pair]
        text = self("ceph", "auth", "get-or-create", entity, *words)
        with self.keyring.open("a") as keyring:
            keyring.write(text)

    def readdress(self) -> None:
        """Give the stopped monitor the ports of this lab: a golden copy has another one's."""
        monmap = self._monmap()
        run(["ceph-mon", "-c", self.config, "-i", "a", "--inject-monmap", monmap])

    def _monmap(self) -> Path:
        monmap = self.data / "monmap"
        fsid = (self.data / "fsid").read_text().strip()
        v2, v1 = self._place.port(MON_V2), self._place.port(MON_V1)
        addresses = f"[v2:127.0.0.1:{v2},v1:127.0.0.1:{v1}]"
        words = ["--create", "--clobber", "--fsid", fsid, "--addv", "a", addresses]
        run(
            [
                "monmaptool",
                *words,
                "--enable-all-features",
                "--set-min-mon-release",
                "pacific",
                monmap,
            ]
        )
        return monmap

    def _make_osd(self, number: int) -> None:
        folder = self.data / f"osd{number}"
        folder.mkdir(mode=0o700)
        identity = Path("/proc/sys/kernel/random/uuid").read_text().strip()
        secret = run(["ceph-authtool", "--gen-print-key"]).strip()
        told = json.dumps({"cephx_secret": secret}).encode()
        self("ceph", "osd", "new", identity, "-i", "-", data=told)
        keyring = folder / "keyring"
        keyring.touch(mode=0o600)
        keyring.write_text(f"[osd.{number}]\n\tkey = {secret}\n")
        words = ["-i", str(number), "--mkfs", "--osd-uuid", identity, "--no-mon-config"]
        self("ceph-osd", *words)
        self.start(OSDS[number])


def new_fsid() -> str:
    """Return a name for a new cluster."""
    return Path("/proc/sys/kernel/random/uuid").read_text().strip()


def copy(source: Path, target: Path) -> None:
    """Copy a stopped cluster's data; what is sparse stays so."""
    run(["cp", "--archive", "--sparse=always", source, target])
    os.sync()


def programs_version() -> str:
    """Return the version of the programs, which decides what a golden copy looks like."""
    return run(["ceph-osd", "--version"]) if shutil.which("ceph-osd") else ""
