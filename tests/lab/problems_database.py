# SPDX-License-Identifier: Apache-2.0
"""Known problems of the database, planted on a real Galera cluster and on the lab's own server."""

import contextlib
import threading
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pymysql
from openstack.exceptions import HttpException

from lab.databases import sql
from lab.parts.tools import remove, run
from lab.processes import wait_for
from tests.lab.hands import Hands
from tests.lab.problem import Planting
from tests.lab.problems_hosts import logged, second
from tests.lab.stores import Ini, small_disk

PAGE_BYTES = 16 << 10
PAUSED_RATIO = 0.3


def not_primary(hands: Hands, undo: ExitStack) -> None:
    undo.callback(hands.galera.restore)
    hands.galera.isolate("galera3")


def all_lost(hands: Hands, undo: ExitStack) -> None:
    undo.callback(hands.galera.restore)
    hands.galera.kill("galera2")
    hands.galera.kill("galera3")


def split(hands: Hands, undo: ExitStack) -> None:
    galera = hands.galera
    undo.callback(galera.restore)
    undo.callback(galera.kill, "galera3")
    galera.isolate("galera3")
    wait_for(
        lambda: galera.status("galera3").get("wsrep_cluster_status") == "non-Primary",
        "galera3 to be cut off",
        seconds=30,
    )
    galera.sql("galera3", "SET GLOBAL wsrep_provider_options='pc.bootstrap=1'")


def member_gone(hands: Hands, undo: ExitStack) -> None:
    undo.callback(hands.galera.restore)
    hands.galera.kill("galera3")


def left_desynced(hands: Hands, undo: ExitStack) -> None:
    undo.callback(hands.galera.restore)
    hands.galera.desync("galera2")


def connections_gone(hands: Hands, undo: ExitStack) -> None:
    galera = hands.galera
    told: Any = galera.describe()
    node = told["nodes"]["galera1"]
    undo.callback(galera.sql, "galera1", "FLUSH STATUS")
    undo.callback(galera.sql, "galera1", "SET GLOBAL max_connections=100")
    undo.callback(time.sleep, 1)
    galera.sql("galera1", "SET GLOBAL max_connections=10")
    with contextlib.suppress(pymysql.err.OperationalError):
        for _attempt in range(12):
            link = pymysql.connect(
                host=node["host"], port=node["port"], user=told["user"], password=told["password"]
            )
            undo.callback(link.close)


def deadlock(hands: Hands, undo: ExitStack) -> None:
    """Hold a row that Keystone wants to change, for longer than it waits."""
    facts = hands.cloud.facts
    project = hands.api.identity.find_project("globex")
    with sql(facts) as cursor:
        cursor.execute("SELECT @@innodb_lock_wait_timeout")
        (before,) = cursor.fetchone() or (50,)
        cursor.execute("SET GLOBAL innodb_lock_wait_timeout = 1")
    # Connections that Keystone has keep the old value.
    undo.callback(_lock_wait, hands, before)
    hands.cloud.kill("keystone")
    hands.cloud.start("keystone")
    wait_for(lambda: _authenticates(hands), "keystone", seconds=60, every=0.5)
    holder = pymysql.connect(
        unix_socket=str(hands.cloud.place.run / "mariadb.sock"),
        user="root",
        password=facts.passwords["database_password"],
        autocommit=False,
    )
    undo.callback(holder.close)
    holder.cursor().execute(
        "SELECT id FROM keystone.project WHERE id = %s FOR UPDATE", (project.id,)
    )
    with contextlib.suppress(HttpException):
        hands.api.identity.update_project(project.id, description="wanted by two")


def _lock_wait(hands: Hands, seconds: int) -> None:
    with sql(hands.cloud.facts) as cursor:
        cursor.execute(f"SET GLOBAL innodb_lock_wait_timeout = {int(seconds)}")
    hands.cloud.kill("keystone")
    hands.cloud.start("keystone")
    wait_for(lambda: _authenticates(hands), "keystone", seconds=60, every=0.5)


def _authenticates(hands: Hands) -> bool:
    try:
        hands.api.identity.get("/v3/projects?name=globex")
    except Exception:  # noqa: BLE001 - whatever keeps it from answering
        return False
    return True


def disk_full(hands: Hands, undo: ExitStack) -> None:
    """Fill the file system below one database of the second cell's server, which may die of it."""
    server = "mariadb-cell2"
    folder = hands.cloud.place.data / server / "narrow"
    undo.enter_context(small_disk(folder, 2))
    undo.callback(_widen, hands, folder, server)
    with contextlib.suppress(pymysql.err.MySQLError), sql(hands.cloud.facts, server) as cursor:
        cursor.execute("CREATE TABLE narrow.t (x LONGBLOB) ENGINE=InnoDB")
        cursor.execute("INSERT INTO narrow.t VALUES (REPEAT('x', 8000000))")


def _widen(hands: Hands, folder: Path, server: str) -> None:
    """Give it room: a server that died of it looks for the file at its next start."""
    run(["mount", "-o", "remount,size=64m", folder])
    hands.cloud.start_database(server)
    with sql(hands.cloud.facts, server) as cursor:
        cursor.execute("DROP TABLE IF EXISTS narrow.t")


def refuses(hands: Hands, undo: ExitStack) -> None:
    """Let a member of the cluster refuse its queries; a service has its address."""
    galera = hands.galera
    told: Any = galera.describe()
    node = told["nodes"]["galera2"]
    undo.callback(galera.sql, "galera2", "SET GLOBAL wsrep_reject_queries=NONE")
    galera.sql("galera2", "SET GLOBAL wsrep_reject_queries=ALL")

    def change(whole: Ini) -> None:
        account = f"{told['user']}:{told['password']}"
        where = f"{node['host']}:{node['port']}/information_schema"
        whole["database"] |= {"connection": f"mysql+pymysql://{account}@{where}", "max_retries": 0}

    second(hands, undo, "heat-engine-refusal", "heat-engine", "heat.conf", change)
    logged(hands, "heat-engine-refusal", "WSREP has not yet prepared node")


def damaged(hands: Hands, undo: ExitStack) -> None:
    """Overwrite a page of a table of a server of its own, and read the table."""
    place, processes = hands.cloud.place, hands.cloud.processes
    name, folder = "mariadb-damaged", place.run / "mariadb-damaged"
    socket, data = folder / "s", folder / "data"
    folder.mkdir(exist_ok=True)
    undo.callback(remove, folder)
    options = ("--no-defaults", "--user=root", f"--datadir={data}")
    run(["mariadb-install-db", *options, "--skip-test-db"])
    argv = [
        *("mariadbd", *options, f"--socket={socket}", "--skip-networking"),
        *(f"--log-error={place.log / name}.err", "--innodb-log-file-size=8M"),
    ]
    undo.callback(processes.stop, [name], grace_seconds=1)

    def asked(*statements: str) -> None:
        with (
            pymysql.connect(unix_socket=str(socket), user="root", autocommit=True) as link,
            link.cursor() as cursor,
        ):
            for statement in statements:
                cursor.execute(statement)

    processes.start(name, argv)
    wait_for(socket.exists, name, seconds=60)
    asked(
        "CREATE DATABASE damaged",
        "CREATE TABLE damaged.t (x CHAR(200)) ENGINE=InnoDB",
        "INSERT INTO damaged.t SELECT 'x' FROM mysql.help_topic",
    )
    processes.stop([name], grace_seconds=60)
    with (data / "damaged" / "t.ibd").open("r+b") as file:
        file.seek(3 * PAGE_BYTES + 200)
        file.write(b"damaged" * 100)
    processes.start(name, argv)
    wait_for(socket.exists, name, seconds=60)
    with contextlib.suppress(pymysql.err.MySQLError):
        asked("SELECT COUNT(*) FROM damaged.t")


def slow_member(hands: Hands, undo: ExitStack) -> None:
    """Let one member apply changes far slower than another makes them: a table has no key."""
    galera = hands.galera
    told: Any = galera.describe()
    limit = "SET GLOBAL wsrep_provider_options='gcs.fc_limit={}'"
    undo.callback(galera.sql, "galera2", limit.format(16))
    galera.sql("galera2", limit.format(1))
    undo.callback(galera.sql, "galera1", "DROP DATABASE IF EXISTS keyless")
    for statement in (
        "CREATE DATABASE keyless",
        "CREATE TABLE keyless.t (x INT)",
        "INSERT INTO keyless.t SELECT 0 FROM keyless.seq_1_to_2000",
    ):
        galera.sql("galera1", statement)
    ended = threading.Event()

    def write() -> None:
        with (
            pymysql.connect(
                unix_socket=told["nodes"]["galera1"]["socket"], user="root", autocommit=True
            ) as link,
            link.cursor() as cursor,
        ):
            while not ended.is_set():
                cursor.execute("UPDATE keyless.t SET x = x + 1")

    writer = threading.Thread(target=write)
    undo.callback(writer.join, 60)
    undo.callback(ended.set)
    writer.start()
    galera.sql("galera1", "FLUSH STATUS")

    def paused() -> bool:
        return float(galera.status("galera1").get("wsrep_flow_control_paused", 0)) > PAUSED_RATIO

    wait_for(paused, "the cluster to wait for galera2", seconds=60, every=1)


OWN = (
    Planting(problem="galera-node-not-ready", plant=refuses, batch="database-own"),
    Planting(problem="innodb-damaged", plant=damaged, batch="database-own"),
    Planting(problem="database-deadlock", plant=deadlock, batch="database-own"),
    # The server of a cell dies of it.
    Planting(
        problem="database-disk-full", plant=disk_full, batch="database-own", beside=("cell-down",)
    ),
)
"""Planted on the lab's own servers, whose logs are the lab's."""

CLUSTER = (
    Planting(problem="database-not-primary", plant=not_primary, batch="bus"),
    Planting(problem="database-left-desynced", plant=left_desynced, batch="bus"),
    Planting(problem="database-split", plant=split, batch="bus-partition"),
    Planting(problem="database-member-gone", plant=member_gone, batch="bus-member"),
    Planting(problem="database-flow-control", plant=slow_member, batch="bus-member"),
    Planting(problem="database-connections", plant=connections_gone, batch="bus-member"),
    Planting(problem="database-lost", plant=all_lost, batch="bus-down"),
)
"""Planted on the Galera cluster."""
