# SPDX-License-Identifier: Apache-2.0
"""A Ceph cluster with RBD pools, and a radosgw that serves S3 with object lock."""

import json
import signal
from collections.abc import Mapping
from pathlib import Path

import httpx

from lab.packages import CEPH, install_packages
from lab.parts.ceph_cluster import (
    HOSTS,
    MGR,
    MON,
    OSDS,
    RGW,
    CephCluster,
    copy,
    new_fsid,
    programs_version,
)
from lab.parts.tools import FILES, cached, key, passwords, remove
from lab.place import Place
from lab.processes import wait_for

POOLS = ("volumes", "images", "backups")
DAEMONS = (MON, MGR, *OSDS, RGW)
ACCOUNTS: Mapping[str, Mapping[str, str]] = {
    "day2": {"mon": "allow r"},
    "day2-flags": {
        "mon": 'allow command "osd set-group", allow command "osd unset-group"',
    },
    "day2-backup": {
        "mon": "profile rbd",
        "osd": ", ".join(f"profile rbd pool={pool}" for pool in POOLS),
    },
}
"""Accounts beside the administrator, with what they may."""
S3_USERS = ("owner", "copier")
"""`owner` makes buckets; `copier` may what a bucket's policy lets it."""
FLAGS = ("noout", "noin", "nodown", "noup", "norecover", "nobackfill", "norebalance")
RATIOS = {"nearfull": 0.85, "backfillfull": 0.9, "full": 0.95}


class Ceph:
    """One monitor, one manager, an OSD on each of three hosts, one radosgw."""

    name = "ceph"

    def __init__(self, place: Place) -> None:
        """Name files and ports; nothing is started."""
        self._place = place
        self.cluster = CephCluster(place)
        self._secrets = self.cluster.data / "s3.json"

    def up(self) -> None:
        """Start the cluster from the golden copy, or from what the lab left."""
        install_packages(CEPH)
        if not self.cluster.data.exists():
            recipe = key(
                (FILES / "ceph.conf").read_text(),
                programs_version(),
                repr((HOSTS, POOLS, ACCOUNTS, S3_USERS)),
            )
            golden = cached(self._place.cache / "ceph" / recipe, self._build)
            unfinished = self.cluster.data.with_suffix(".unfinished")
            remove(unfinished)
            copy(golden, unfinished)
            unfinished.rename(self.cluster.data)
            self.cluster.write_configuration()
            self.cluster.readdress()
        self.cluster.write_configuration()
        self.restore()

    def down(self) -> None:
        """Stop all daemons; the data stay."""
        for name in DAEMONS:
            self.thaw(name)
        self.cluster.stop()

    def reset(self) -> None:
        """Go back to the golden copy: images, buckets and flags of a test are gone."""
        self.cluster.processes.stop(DAEMONS, grace_seconds=0)
        remove(self.cluster.data)
        self.up()

    def ready(self) -> bool:
        """Tell whether Ceph is well, all OSDs are up and in, and radosgw answers."""
        return not self.missing()

    def missing(self) -> str:
        """Say what keeps it from being ready; empty when nothing does."""
        try:
            told = self.cluster.ask("status")
        except RuntimeError as error:
            return str(error)
        health, osds = told["health"], told["osdmap"]
        if health["status"] != "HEALTH_OK":
            return json.dumps(health["checks"])
        if {osds["num_up_osds"], osds["num_in_osds"]} != {len(OSDS)}:
            return f"OSDs: {osds}"
        return "" if self._s3_answers() else "radosgw does not answer"

    def restore(self) -> None:
        """Undo every fault: what is dead, frozen, out, flagged, or has other ratios."""
        for name in DAEMONS:
            self.thaw(name)
        self.cluster.start_all()
        self._undo_settings()
        try:
            wait_for(self.ready, "Ceph", seconds=90, every=0.3)
        except TimeoutError:
            message = f"Ceph is not ready: {self.missing()}"
            raise TimeoutError(message) from None

    def describe(self) -> dict[str, object]:
        """Return files, commands for each account, pools, hosts, and the S3 endpoint with keys."""
        secrets = passwords(self._secrets, S3_USERS)
        config = str(self.cluster.config)
        return {
            "config": config,
            "keyring": str(self.cluster.keyring),
            "ceph": ["ceph", "-c", config],
            "rbd": ["rbd", "-c", config],
            "accounts": ["admin", *ACCOUNTS],
            "pools": list(POOLS),
            "hosts": dict(zip(OSDS, HOSTS, strict=True)),
            "s3": {
                "endpoint": f"http://127.0.0.1:{self.cluster.s3_port}",
                "region": "default",
                "users": {
                    user: {"access_key": f"lab-{user}", "secret_key": secrets[user]}
                    for user in S3_USERS
                },
            },
        }

    def kill(self, name: str) -> None:
        """`kill -9` a daemon: `ceph-mon`, `ceph-mgr`, `ceph-osd0` to `ceph-osd2`, `ceph-rgw`."""
        self.cluster.processes.kill(name)

    def start(self, name: str) -> None:
        """Start a daemon again; does not wait for it."""
        self.cluster.start(name)

    def freeze(self, name: str) -> None:
        """Stop a daemon as if it hung."""
        self.cluster.processes.signal(name, signal.SIGSTOP)

    def thaw(self, name: str) -> None:
        """Undo `freeze`."""
        self.cluster.processes.signal(name, signal.SIGCONT)

    def health(self) -> str:
        """Return what Ceph says of its health: a document with `status`, and `checks` by name."""
        return json.dumps(self.cluster.ask("health"))

    def _undo_settings(self) -> None:
        ask = self.cluster.ask
        told = ask("osd dump")
        for flag in sorted(set(told["flags_set"]) & {*FLAGS}):
            ask("osd unset", key=flag)
        for host, names in told["crush_node_flags"].items():
            ask("osd unset-group", flags=",".join(names), who=[host])
        for name, ratio in RATIOS.items():
            if abs(told[f"{name}_ratio"] - ratio) > 1e-3:  # noqa: PLR2004 - 32-bit numbers
                ask(f"osd set-{name}-ratio", ratio=ratio)
        out = [str(row["osd"]) for row in told["osds"] if not row["in"]]
        if out:
            ask("osd in", ids=out)
        for option in ask("config dump"):
            if option["name"].startswith("mon_osd_"):
                ask("config rm", who=option["section"], name=option["name"])

    def _s3_answers(self) -> bool:
        try:
            url = f"http://127.0.0.1:{self.cluster.s3_port}/"
            return httpx.get(url, timeout=3).status_code < httpx.codes.INTERNAL_SERVER_ERROR
        except httpx.HTTPError:
            return False

    def _build(self, target: Path) -> None:
        """Make the golden copy: a new cluster, its pools, accounts and users, stopped in order."""
        cluster = self.cluster
        try:
            cluster.make(new_fsid())
            for pool in POOLS:
                cluster("ceph", "osd", "pool", "create", pool)
            for account, caps in ACCOUNTS.items():
                cluster.allow(f"client.{account}", **caps)
            cluster.start(RGW)
            for pool in POOLS:
                cluster("rbd", "pool", "init", pool)
            secrets = passwords(self._secrets, S3_USERS)
            for user in S3_USERS:
                names = [f"--uid={user}", f"--display-name={user}", f"--access-key=lab-{user}"]
                cluster("radosgw-admin", "user", "create", *names, f"--secret-key={secrets[user]}")
            wait_for(self.ready, "the new Ceph", seconds=120, every=0.3)
        finally:
            cluster.stop()
        copy(cluster.data, target)
        remove(cluster.data)
