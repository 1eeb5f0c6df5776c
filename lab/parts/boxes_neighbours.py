# SPDX-License-Identifier: Apache-2.0
"""Containers beside the database's that hold what a recovery needs: etcd, OVN's databases, keys.

Names, volumes, variables and commands are those of Kolla-Ansible's roles `etcd`, `ovn-db` and
`keystone`; the keystone is only the place where its keys lie.
"""

import base64
import secrets
from pathlib import Path

from lab.parts.boxes import Boxes
from lab.place import Place
from lab.processes import wait_for

ETCD_PORT, PEER_PORT = 2379, 2380
OVN_CTL = "/usr/share/ovn/scripts/ovn-ctl"
KEYS = 3


class Neighbours:
    """Containers `etcd`, `ovn_nb_db`, `ovn_sb_db` and `keystone`."""

    names = ("etcd", "ovn_nb_db", "ovn_sb_db", "keystone")

    def __init__(self, place: Place, boxes: Boxes) -> None:
        """Name the address; nothing is started."""
        self._run = place.run / "boxes-ovn"
        self._boxes = boxes
        self._address = f"127.0.{110 + place.lab_id}.10"

    def up(self) -> None:
        """Start them; all answer then."""
        self.down()
        self._run.mkdir(exist_ok=True)
        self.fernet_keys()
        self._start(
            "keystone", "keystone_fernet_tokens:/etc/keystone/fernet-keys", "sleep", "infinity"
        )
        self._start("etcd", "kolla_etcd:/var/lib/etcd", "etcd", variables=self._etcd())
        for which in ("nb", "sb"):
            self._start(
                f"ovn_{which}_db",
                f"ovn_{which}_db:/var/lib/openvswitch/ovn-{which}",
                *(OVN_CTL, f"run_{which}_ovsdb", f"--db-{which}-sock=/run/ovn/ovn{which}_db.sock"),
                f"--db-{which}-cluster-local-addr={self._address}",
                f"--db-{which}-pidfile=/run/ovn/ovn{which}_db.pid",
                f"--db-{which}-file=/var/lib/openvswitch/ovn-{which}/ovn{which}.db",
                f"--ovn-{which}-logfile=/var/log/ovn-{which}.log",
                mounts=(f"{self._run}:/run/ovn",),
            )
        wait_for(self.ready, "etcd and OVN", seconds=60)

    def down(self) -> None:
        """Remove them and their volumes."""
        for name in self.names:
            self._boxes.remove(name)

    def ready(self) -> bool:
        """Tell whether all answer."""
        try:
            self.etcdctl("endpoint", "health")
            self.nbctl("show")
            self.inside("ovn_sb_db", "ovn-sbctl", "--db=unix:/run/ovn/ovnsb_db.sock", "show")
        except RuntimeError:
            return False
        return True

    def etcdctl(self, *words: str) -> str:
        """Ask etcd."""
        return self.inside("etcd", "etcdctl", *words)

    def nbctl(self, *words: str) -> str:
        """Ask OVN's northbound database."""
        return self.inside("ovn_nb_db", "ovn-nbctl", "--db=unix:/run/ovn/ovnnb_db.sock", *words)

    def inside(self, name: str, *words: str) -> str:
        """Run something in a container."""
        return self._boxes.engine("exec", name, *words)

    def fernet_keys(self) -> Path:
        """Write a repository of keys as Keystone has one; return its folder."""
        folder = self._boxes.engine.volume("keystone_fernet_tokens")
        for number in range(KEYS):
            file = folder / str(number)
            file.write_bytes(base64.urlsafe_b64encode(secrets.token_bytes(32)))
            file.chmod(0o600)
        return folder

    def _etcd(self) -> dict[str, str]:
        client = f"http://{self._address}:{ETCD_PORT}"
        peer = f"http://{self._address}:{PEER_PORT}"
        return {
            "ETCDCTL_API": "3",
            "ETCDCTL_ENDPOINTS": client,
            "ETCDCTL_WRITE_OUT": "json",
            "ETCD_DATA_DIR": "/var/lib/etcd",
            "ETCD_NAME": "lab",
            "ETCD_ADVERTISE_CLIENT_URLS": client,
            "ETCD_LISTEN_CLIENT_URLS": client,
            "ETCD_LISTEN_PEER_URLS": peer,
            "ETCD_INITIAL_ADVERTISE_PEER_URLS": peer,
            "ETCD_INITIAL_CLUSTER": f"lab={peer}",
            "ETCD_INITIAL_CLUSTER_STATE": "new",
            "ETCD_LOGGER": "zap",
        }

    def _start(
        self,
        name: str,
        volume: str,
        *words: str,
        variables: dict[str, str] | None = None,
        mounts: tuple[str, ...] = (),
    ) -> None:
        given = [f"{key}={value}" for key, value in (variables or {}).items()]
        self._boxes.engine(
            *("run", "--detach", "--name", name, "--network", "host", "--user", "0"),
            *(word for one in given for word in ("--env", one)),
            *(word for one in (volume, *mounts) for word in ("--volume", one)),
            *(self._boxes.image, *words),
        )
