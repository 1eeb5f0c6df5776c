# SPDX-License-Identifier: Apache-2.0
"""A database like Nova's and Neutron's: the same rows each time, built once and kept in a cache."""

import json
import random
import shutil
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

from lab.database_server import Real, template

VERSION = 1
"""To be raised when the rows change: what is in the cache is another database then."""
SERVERS = 380_000
"""With these the dump has a little more than 2 GiB."""
START = datetime(2024, 1, 1)  # noqa: DTZ001 - as the services write it: UTC without saying so

SCHEMA = """
CREATE DATABASE nova CHARACTER SET utf8mb3;
CREATE DATABASE neutron CHARACTER SET utf8mb3;
CREATE DATABASE placement CHARACTER SET utf8mb4;
CREATE TABLE nova.alembic_version (version_num varchar(32) NOT NULL PRIMARY KEY);
INSERT INTO nova.alembic_version VALUES ('1acf2c98e646');
CREATE TABLE neutron.alembic_version (version_num varchar(32) NOT NULL PRIMARY KEY);
INSERT INTO neutron.alembic_version VALUES ('c33da356b165'), ('5c85685d616d');
CREATE TABLE nova.instances (
  id int NOT NULL AUTO_INCREMENT PRIMARY KEY, created_at datetime, updated_at datetime,
  deleted_at datetime, internal_id int, user_id varchar(255), project_id varchar(255),
  image_ref varchar(255), kernel_id varchar(255), launch_index int, key_name varchar(255),
  key_data mediumtext, power_state int, vm_state varchar(255), memory_mb int, vcpus int,
  hostname varchar(255), host varchar(255), user_data mediumtext, display_name varchar(255),
  availability_zone varchar(255), uuid varchar(36) NOT NULL, node varchar(255), deleted int,
  task_state varchar(255), compute_id bigint,
  UNIQUE KEY uniq_instances0uuid (uuid), KEY instances_project_id_deleted_idx (project_id, deleted),
  KEY instances_host_deleted_created_at_idx (host, deleted, created_at),
  KEY instances_updated_at_project_id_idx (updated_at, project_id),
  KEY instances_task_state_updated_at_idx (task_state, updated_at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb3;
CREATE TABLE nova.instance_extra (
  id int NOT NULL AUTO_INCREMENT PRIMARY KEY, created_at datetime, instance_uuid varchar(36),
  numa_topology mediumtext, pci_requests mediumtext, flavor mediumtext, vcpu_model mediumtext,
  migration_context mediumtext, keypairs mediumtext, device_metadata mediumtext,
  KEY instance_extra_idx (instance_uuid),
  CONSTRAINT instance_extra_ibfk_1 FOREIGN KEY (instance_uuid) REFERENCES instances (uuid)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb3;
CREATE TABLE nova.instance_info_caches (
  id int NOT NULL AUTO_INCREMENT PRIMARY KEY, created_at datetime, network_info mediumtext,
  instance_uuid varchar(36) NOT NULL, UNIQUE KEY uniq_cache (instance_uuid),
  CONSTRAINT instance_info_caches_fk FOREIGN KEY (instance_uuid) REFERENCES instances (uuid)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb3;
CREATE TABLE nova.instance_system_metadata (
  id int NOT NULL AUTO_INCREMENT PRIMARY KEY, created_at datetime, deleted int,
  instance_uuid varchar(36) NOT NULL, `key` varchar(255) NOT NULL, value varchar(255),
  KEY instance_uuid (instance_uuid),
  CONSTRAINT instance_system_metadata_fk FOREIGN KEY (instance_uuid) REFERENCES instances (uuid)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb3;
CREATE TABLE neutron.standardattributes (
  id bigint NOT NULL AUTO_INCREMENT PRIMARY KEY, resource_type varchar(255) NOT NULL,
  created_at datetime, updated_at datetime, description varchar(255), revision_number bigint
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb3;
CREATE TABLE neutron.ports (
  project_id varchar(255), id varchar(36) NOT NULL PRIMARY KEY, name varchar(255),
  network_id varchar(36) NOT NULL, mac_address varchar(32) NOT NULL, admin_state_up tinyint(1),
  status varchar(16), device_id varchar(255), device_owner varchar(255), standard_attr_id bigint,
  ip_allocation varchar(16), UNIQUE KEY uniq_mac (network_id, mac_address),
  UNIQUE KEY uniq_attr (standard_attr_id), KEY ix_project (project_id), KEY ix_device (device_id),
  CONSTRAINT ports_fk FOREIGN KEY (standard_attr_id) REFERENCES standardattributes (id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb3;
CREATE TABLE neutron.ml2_port_bindings (
  port_id varchar(36) NOT NULL, host varchar(255) NOT NULL, vif_type varchar(64),
  vnic_type varchar(64), profile varchar(4095), vif_details varchar(4095), status varchar(16),
  PRIMARY KEY (port_id, host), CONSTRAINT ml2_fk FOREIGN KEY (port_id) REFERENCES ports (id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb3;
CREATE TABLE placement.allocations (
  id int NOT NULL AUTO_INCREMENT PRIMARY KEY, created_at datetime, updated_at datetime,
  resource_provider_id int NOT NULL, consumer_id varchar(36) NOT NULL, resource_class_id int,
  used int NOT NULL, KEY allocations_rp_idx (resource_provider_id, resource_class_id, used),
  KEY allocations_class_idx (resource_class_id), KEY allocations_consumer_idx (consumer_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
"""

_FLAVOR_EXTRA = {"hw:cpu_policy": "shared", "aggregate_instance_extra_specs:ssd": "true"}


class Rows:
    """Rows as functions of one seed."""

    def __init__(self, servers: int) -> None:
        """Choose what servers share: projects, users, images, hosts, networks."""
        self._dice = random.Random(5)  # noqa: S311 - the same database each time
        self._servers = servers
        self._projects = [self._hex() for _one in range(400)]
        self._users = [self._hex() for _one in range(900)]
        self._images = [self._uuid() for _one in range(120)]
        self._networks = [self._uuid() for _one in range(500)]
        self._keys = [
            "ssh-rsa " + self._dice.randbytes(279).hex()[:372] + " user@host" for _one in range(900)
        ]
        self._uuids = [self._uuid() for _one in range(servers)]

    def _hex(self) -> str:
        return f"{self._dice.getrandbits(128):032x}"

    def _uuid(self) -> str:
        digits = self._hex()
        return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))

    def _moment(self) -> datetime:
        return START + timedelta(seconds=self._dice.randrange(60_000_000))

    def instances(self) -> Iterator[tuple[object, ...]]:
        """Give the rows of the table `instances`."""
        for number, uuid in enumerate(self._uuids, 1):
            user = self._dice.randrange(900)
            host = f"compute{self._dice.randrange(300):03}"
            made = self._moment()
            yield (
                *(number, made, made + timedelta(days=1), None, None, self._users[user]),
                *(self._dice.choice(self._projects), self._dice.choice(self._images), "", 0),
                *(f"key-{user}", self._keys[user], 1, "active", 8192, 4, f"app-{number}", host),
                *(None, f"app-{number % 977}-{number}", "az1", uuid, host, 0, None, 1),
            )

    def instance_extra(self) -> Iterator[tuple[object, ...]]:
        """Give the rows of the table `instance_extra`."""
        for number, uuid in enumerate(self._uuids, 1):
            flavor = {
                "nova_object.name": "Flavor",
                "nova_object.namespace": "nova",
                "nova_object.version": "1.2",
                "nova_object.data": {
                    "id": number % 40,
                    "name": f"m1.size{number % 40}",
                    "memory_mb": 8192,
                    "vcpus": 4,
                    "root_gb": 40,
                    "ephemeral_gb": 0,
                    "flavorid": self._uuid(),
                    "swap": 0,
                    "rxtx_factor": 1.0,
                    "extra_specs": _FLAVOR_EXTRA,
                    "created_at": f"{self._moment():%Y-%m-%dT%H:%M:%SZ}",
                },
                "nova_object.changes": ["extra_specs", "vcpus", "memory_mb"],
            }
            cells = [
                {"id": cell, "cpuset": [cell * 2, cell * 2 + 1], "memory": 4096, "pagesize": None}
                for cell in range(2)
            ]
            whole = json.dumps({"cur": flavor, "old": None, "new": None})
            model = json.dumps(
                {"model": "Cascadelake-Server", "features": [f"f{n}" for n in range(60)]}
            )
            devices = json.dumps(
                {"devices": [{"bus": "virtio", "tags": [self._uuid()], "mac": self._mac()}] * 2}
            )
            yield (
                *(number, self._moment(), uuid, json.dumps({"cells": cells}), "[]", whole, model),
                *(None, json.dumps({"keypairs": [{"public_key": self._dice.choice(self._keys)}]})),
                devices,
            )

    def instance_info_caches(self) -> Iterator[tuple[object, ...]]:
        """Give the rows of the table `instance_info_caches`."""
        for number, uuid in enumerate(self._uuids, 1):
            vif = {
                "id": self._uuid(),
                "address": self._mac(),
                "network": {
                    "id": self._dice.choice(self._networks),
                    "bridge": "br-int",
                    "label": f"net-{number % 500}",
                    "subnets": [
                        {
                            "cidr": "10.0.0.0/16",
                            "dns": [],
                            "gateway": {"address": "10.0.0.1", "type": "gateway", "version": 4},
                            "ips": [
                                {"address": f"10.0.{number % 250}.{number % 240}", "version": 4}
                            ],
                        }
                    ],
                    "meta": {"injected": False, "tenant_id": self._hex(), "mtu": 1450},
                },
                "type": "ovs",
                "details": {"port_filter": True, "connectivity": "l2", "bridge_name": "br-int"},
                "devname": f"tap{self._hex()[:11]}",
                "active": True,
            }
            yield number, self._moment(), json.dumps([vif]), uuid

    def instance_system_metadata(self) -> Iterator[tuple[object, ...]]:
        """Give the rows of the table `instance_system_metadata`."""
        number = 0
        for uuid in self._uuids:
            for key, value in (
                ("image_base_image_ref", self._dice.choice(self._images)),
                ("boot_roles", "member,reader"),
                ("owner_user_name", f"user-{self._dice.randrange(900)}"),
                ("owner_project_name", f"project-{self._dice.randrange(400)}"),
                ("image_container_format", "bare"),
                ("image_disk_format", "raw"),
                ("image_min_disk", "40"),
                ("image_hw_disk_bus", "scsi"),
                ("image_hw_scsi_model", "virtio-scsi"),
                ("image_os_distro", "ubuntu"),
            ):
                number += 1
                yield number, self._moment(), 0, uuid, key, value

    def standardattributes(self) -> Iterator[tuple[object, ...]]:
        """Give the rows of the table `standardattributes`."""
        for number in range(1, 2 * self._servers + 1):
            made = self._moment()
            yield number, "ports", made, made, "", self._dice.randrange(9)

    def ports(self) -> Iterator[tuple[object, ...]]:
        """Give the rows of the table `ports`."""
        self._ports = [self._uuid() for _one in range(2 * self._servers)]
        for number, uuid in enumerate(self._ports, 1):
            yield (
                *(self._dice.choice(self._projects), uuid, "", self._dice.choice(self._networks)),
                *(_mac(number), 1, "ACTIVE", self._uuids[number // 2 % self._servers]),
                *("compute:az1", number, "immediate"),
            )

    def ml2_port_bindings(self) -> Iterator[tuple[object, ...]]:
        """Give the rows of the table `ml2_port_bindings`."""
        details = json.dumps({"port_filter": True, "connectivity": "l2", "bridge_name": "br-int"})
        for uuid in self._ports:
            host = f"compute{self._dice.randrange(300):03}"
            profile = json.dumps({"allocation": self._uuid()})
            yield uuid, host, "ovs", "normal", profile, details, "ACTIVE"

    def allocations(self) -> Iterator[tuple[object, ...]]:
        """Give the rows of the table `allocations`."""
        number = 0
        for uuid in self._uuids:
            for kind, used in ((0, 4), (1, 8192), (2, 40)):
                number += 1
                made = self._moment()
                yield number, made, made, self._dice.randrange(300), uuid, kind, used

    def _mac(self) -> str:
        return _mac(self._dice.getrandbits(24))


def _mac(tail: int) -> str:
    return f"fa:16:3e:{tail >> 16:02x}:{tail >> 8 & 255:02x}:{tail & 255:02x}"


def prepared(cache: Path, servers: int) -> Path:
    """Return a folder whose `data` is the database's, stopped in order; it is built once."""
    folder = cache / f"database-{servers}-{VERSION}"
    if (folder / "done").exists():
        return folder
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    real = Real(
        folder,
        options=(
            *("--skip-log-bin", "--innodb-flush-log-at-trx-commit=0", "--skip-innodb-doublewrite"),
            *("--innodb-buffer-pool-size=1G", "--innodb-log-file-size=1G"),
        ),
    )
    template(folder)
    real.install(folder / "template")
    real.start()
    for statement in filter(str.strip, SCHEMA.split(";\n")):
        real.sql(statement)
    rows = Rows(servers)
    tables: list[tuple[str, Callable[[], Iterator[tuple[object, ...]]]]] = [
        ("nova.instances", rows.instances),
        ("nova.instance_extra", rows.instance_extra),
        ("nova.instance_info_caches", rows.instance_info_caches),
        ("nova.instance_system_metadata", rows.instance_system_metadata),
        ("neutron.standardattributes", rows.standardattributes),
        ("neutron.ports", rows.ports),
        ("neutron.ml2_port_bindings", rows.ml2_port_bindings),
        ("placement.allocations", rows.allocations),
    ]
    file = folder / "rows.tsv"
    for table, make in tables:
        with file.open("w", buffering=1 << 20) as opened:
            for row in make():
                opened.write("\t".join(map(_field, row)) + "\n")
        columns = ""
        if table == "nova.instances":
            columns = (
                " (id,created_at,updated_at,deleted_at,internal_id,user_id,project_id,image_ref,"
                "kernel_id,launch_index,key_name,key_data,power_state,vm_state,memory_mb,vcpus,"
                "hostname,host,user_data,display_name,availability_zone,uuid,node,deleted,"
                "task_state,compute_id)"
            )
        real.sql(
            "SET foreign_key_checks=0, unique_checks=0",
            f"LOAD DATA INFILE '{file}' INTO TABLE {table}{columns}",
        )
    real.stop()
    file.unlink()
    (folder / "done").touch()
    return folder


def _field(value: object) -> str:
    if value is None:
        return "\\N"
    return str(value).replace("\\", "\\\\")
