# SPDX-License-Identifier: Apache-2.0
"""The first start: schemas, bootstrap, cells, catalogue. All or nothing, never resumed."""

import base64
import secrets
import subprocess
import uuid
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from lab.catalog import create_catalog
from lab.databases import create_databases, install_servers, sql
from lab.facts import CELL2_VHOST, COMPUTES, REGION, Facts
from lab.infrastructure import start_infrastructure
from lab.processes import Processes, listening, wait_for
from lab.services import openstack

CELL0 = "00000000-0000-0000-0000-000000000000"
FOLDERS = (
    "glance/images",
    "glance/staging",
    "glance/tasks",
    "cinder",
    "cinder-nfs",
    "backup",
    "neutron",
    *(f"nova/{host}" for host in COMPUTES),
)


def set_up(facts: Facts, processes: Processes) -> None:
    """Fill an empty data folder; leaves infrastructure and keystone running."""
    for folder in FOLDERS:
        (facts.place.data / folder).mkdir(parents=True, exist_ok=True)
    install_servers(facts)
    start_infrastructure(facts, processes)
    create_databases(facts)
    groups = [_identity, _compute, _network, _others]
    with ThreadPoolExecutor(len(groups)) as pool:
        running = [pool.submit(group, facts, processes) for group in groups]
    for each in running:
        each.result()
    address_cells(facts)


def address_cells(facts: Facts) -> None:
    """Write where the cells' databases and brokers are: both hold ports, which differ by lab."""
    rows = {
        "cell0": ("none:///", facts.database("nova_cell0")),
        "cell1": (facts.broker(), facts.database("nova")),
        "cell2": (facts.broker(CELL2_VHOST), facts.database("nova", server="mariadb-cell2")),
    }
    with sql(facts) as cursor:
        for name, (broker, database) in rows.items():
            cursor.execute(
                "UPDATE nova_api.cell_mappings SET transport_url=%s, database_connection=%s"
                " WHERE name=%s",
                (broker, database, name),
            )


def _identity(facts: Facts, processes: Processes) -> None:
    _fernet_keys(facts.place.data / "keystone")
    config = ["--config-file", str(facts.place.etc / "keystone.conf")]
    _run(facts, "keystone", ["keystone-manage", *config, "db_sync"])
    url = facts.url("keystone", "/v3")
    addresses = [f"--bootstrap-{interface}-url" for interface in ("admin", "internal", "public")]
    _run(
        facts,
        "keystone",
        [
            *("keystone-manage", *config, "bootstrap", "--bootstrap-region-id", REGION),
            *(word for option in addresses for word in (option, url)),
        ],
        OS_BOOTSTRAP_PASSWORD=facts.passwords["keystone_admin_password"],
    )
    keystone = next(each for wave in openstack(facts) for each in wave if each.name == "keystone")
    processes.start(keystone.name, keystone.argv, env=keystone.env)
    wait_for(lambda: listening(facts.port("keystone")), "keystone", seconds=120)
    create_catalog(facts)


def _fernet_keys(folder: Path) -> None:
    """Draw keystone's keys ourselves: its own two commands take seconds each."""
    for name in ("fernet-keys", "credential-keys"):
        keys = folder / name
        keys.mkdir(mode=0o700, parents=True)
        for number in ("0", "1"):
            (keys / number).touch(mode=0o600)
            (keys / number).write_bytes(base64.urlsafe_b64encode(secrets.token_bytes(32)))


def _compute(facts: Facts, _: Processes) -> None:
    etc = facts.place.etc / "nova"
    manage = ["nova-manage", "--config-file", str(etc / "nova.conf")]
    _run(facts, "nova", [*manage, "api_db", "sync"])
    with sql(facts) as cursor:
        cells = {"cell0": CELL0, "cell1": str(uuid.uuid4()), "cell2": str(uuid.uuid4())}
        for name, cell in cells.items():
            cursor.execute(
                "INSERT INTO nova_api.cell_mappings (created_at, uuid, name, disabled)"
                " VALUES (UTC_TIMESTAMP(), %s, %s, 0)",
                (cell, name),
            )
        # What `discover_hosts` would do, without waiting for the hosts to report first.
        for host, cell_name in COMPUTES.items():
            cursor.execute(
                "INSERT INTO nova_api.host_mappings (created_at, host, cell_id)"
                " SELECT UTC_TIMESTAMP(), %s, id FROM nova_api.cell_mappings WHERE name=%s",
                (host, cell_name),
            )
    address_cells(facts)
    _run(facts, "nova", [*manage, "db", "sync"])
    cell2 = ["--config-file", str(etc / "cell2.conf")]
    _run(facts, "nova", [*manage, *cell2, "db", "sync", "--local_cell"])


def _network(facts: Facts, _: Processes) -> None:
    etc = facts.place.etc / "neutron"
    config = ["--config-file", str(etc / "neutron.conf"), "--config-file", str(etc / "ml2.ini")]
    _run(facts, "neutron", ["neutron-db-manage", *config, "upgrade", "heads"])


def _others(facts: Facts, _: Processes) -> None:
    etc = facts.place.etc
    placement = ["placement-manage", "--config-file", str(etc / "placement" / "placement.conf")]
    _run(facts, "placement", [*placement, "db", "sync"])
    _run(facts, "glance", ["glance-manage", "--config-file", str(etc / "glance.conf"), "db_sync"])
    _run(facts, "heat", ["heat-manage", "--config-file", str(etc / "heat.conf"), "db_sync"])
    _run(
        facts, "cinder", ["cinder-manage", "--config-file", str(etc / "cinder.conf"), "db", "sync"]
    )


def _run(facts: Facts, log: str, argv: Sequence[str], **env: str) -> None:
    program, *arguments = argv
    file = facts.place.log / f"setup-{log}.log"
    with file.open("a") as output:
        done = subprocess.run(
            [facts.venv / "bin" / program, *arguments],
            env={**facts.environment(), **env},
            stdout=output,
            stderr=subprocess.STDOUT,
            check=False,
        )
    if done.returncode:
        message = f"{program} failed: see {file}"
        raise RuntimeError(message)
