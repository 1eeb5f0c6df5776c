# SPDX-License-Identifier: Apache-2.0
"""What every configuration file and client of one lab must agree on: ports, users, addresses."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from lab.place import Place

PORTS = {
    "keystone": 0,
    "placement": 1,
    "nova-api": 2,
    "neutron-server": 3,
    "glance-api": 4,
    "cinder-api": 5,
    "heat-api": 6,
    "mariadb": 10,
    "mariadb-cell2": 11,
    "rabbitmq": 12,
    "rabbitmq-dist": 13,
    "epmd": 14,
    "memcached": 15,
    "rabbitmq-management": 16,
}
"""Offsets for `Place.port`."""

COMPUTES = {
    "compute01": "cell1",
    "compute02": "cell1",
    "compute03": "cell1",
    "compute04": "cell1",
    "compute05": "cell2",
}
"""Compute hosts and the cell of each."""

NETWORK_HOSTS = ("net01", "net02")

DATABASES = {
    "keystone": "keystone",
    "glance": "glance",
    "placement": "placement",
    "nova_api": "nova_api",
    "nova": "nova",
    "nova_cell0": "nova",
    "neutron": "neutron",
    "cinder": "cinder",
    "heat": "heat",
}
"""Databases of the main server and the user of each, as Kolla-Ansible names them."""

REGION = "RegionOne"
NFS_SHARE = "127.0.0.1:/lab"
CELL2_VHOST = "cell2"
MAIN_ZONE = "az1"
"""The availability zone of servers that ask for none."""


@dataclass(frozen=True, kw_only=True)
class Facts:
    """One lab's place, passwords and virtualenv."""

    place: Place
    passwords: Mapping[str, str]
    venv: Path

    def port(self, name: str) -> int:
        """Return the port of a service of `PORTS`."""
        return self.place.port(PORTS[name])

    def url(self, name: str, path: str = "") -> str:
        """Return the HTTP address of an API service."""
        return f"http://127.0.0.1:{self.port(name)}{path}"

    def database(self, name: str, *, server: str = "mariadb") -> str:
        """Return the SQLAlchemy URL of a database; `server` may be `mariadb-cell2`."""
        user = DATABASES[name]
        password = self.passwords[f"{user}_database_password"]
        address = f"127.0.0.1:{self.port(server)}"
        return f"mysql+pymysql://{user}:{password}@{address}/{name}?charset=utf8mb3"

    def broker(self, vhost: str = "") -> str:
        """Return the transport URL of a virtual host; empty for `/`."""
        password = self.passwords["rabbitmq_password"]
        return f"rabbit://openstack:{password}@127.0.0.1:{self.port('rabbitmq')}/{vhost}"

    @property
    def memcached(self) -> str:
        """Address of the token cache."""
        return f"127.0.0.1:{self.port('memcached')}"

    def environment(self) -> dict[str, str]:
        """Return what every OpenStack process needs in its environment."""
        path = f"{self.place.etc / 'bin'}:{self.venv / 'bin'}:/usr/sbin:/usr/bin:/sbin:/bin"
        etc = self.place.etc
        return {
            "PATH": path,
            "PYTHONWARNINGS": "ignore",
            # Were it set, each start would compile what an installer or the lab has just changed.
            "PYTHONDONTWRITEBYTECODE": "",
            "OS_KEYSTONE_CONFIG_FILES": str(etc / "keystone.conf"),
            "OS_PLACEMENT_CONFIG_DIR": str(etc / "placement"),
            "LAB_RUN": str(self.place.run),
        }
