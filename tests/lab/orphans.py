# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: ISC004, S608 - statements of the tests, in pairs
"""Make the stores of the lab disagree, each by its own database, and take that back."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from lab.cloud import Cloud
from lab.databases import sql

GHOST = "99999999-9999-9999-9999-999999999999"
FORGOTTEN = "88888888-8888-8888-8888-888888888888"
VCPU = 0
Change = tuple[str, str]
"""A statement, and the one that takes it back."""


def identifier(cloud: Cloud, table: str, name: str) -> str:
    """Return the id of what is called so."""
    column, key = ("uuid", "hostname") if table == "nova.instances" else ("id", "display_name")
    if table == "glance.images":
        key = "name"
    with sql(cloud.facts) as cursor:
        cursor.execute(f"SELECT {column} FROM {table} WHERE {key} = %s AND deleted = 0", (name,))
        rows = cursor.fetchall()
    assert len(rows) == 1, (table, name, rows)
    return str(rows[0][0])


def changes(server: dict[str, str], volume: dict[str, str]) -> Sequence[Change]:
    """Return what is planted: one row in a store that another store does not know, or knows so."""
    return (
        (
            "INSERT INTO placement.consumers (uuid, project_id, user_id, generation,"
            f" created_at, updated_at) SELECT '{GHOST}', project_id, user_id, 0, NOW(), NOW()"
            " FROM placement.consumers LIMIT 1",
            f"DELETE FROM placement.consumers WHERE uuid = '{GHOST}'",
        ),
        (
            f"UPDATE placement.consumers SET uuid = '{FORGOTTEN}' WHERE uuid = '{server['web01']}'",
            f"UPDATE placement.consumers SET uuid = '{server['web01']}' WHERE uuid = '{FORGOTTEN}'",
        ),
        # Placement gives a place to nobody, and none to web01.
        (
            "INSERT INTO placement.allocations (resource_provider_id, consumer_id,"
            f" resource_class_id, used, created_at, updated_at) SELECT id, '{GHOST}', {VCPU}, 1,"
            " NOW(), NOW() FROM placement.resource_providers WHERE name = 'compute01'",
            f"DELETE FROM placement.allocations WHERE consumer_id = '{GHOST}'",
        ),
        (
            f"UPDATE placement.allocations SET consumer_id = '{FORGOTTEN}'"
            f" WHERE consumer_id = '{server['web01']}'",
            f"UPDATE placement.allocations SET consumer_id = '{server['web01']}'"
            f" WHERE consumer_id = '{FORGOTTEN}'",
        ),
        # Neutron keeps a port for a server that nobody has; shop02 has none then.
        (
            f"UPDATE neutron.ports SET device_id = '{GHOST}' WHERE device_id ="
            f" '{server['shop02']}'",
            f"UPDATE neutron.ports SET device_id = '{server['shop02']}' WHERE device_id ="
            f" '{GHOST}'",
        ),
        # Nova forgot db01-wal, Cinder that db01-data is attached, and bfv01-root altogether.
        (
            "UPDATE nova.block_device_mapping SET deleted = id WHERE deleted = 0 AND volume_id ="
            f" '{volume['db01-wal']}'",
            "UPDATE nova.block_device_mapping SET deleted = 0 WHERE deleted = id AND volume_id ="
            f" '{volume['db01-wal']}'",
        ),
        (
            "UPDATE cinder.volume_attachment SET deleted = 1 WHERE deleted = 0 AND volume_id ="
            f" '{volume['db01-data']}'",
            "UPDATE cinder.volume_attachment SET deleted = 0 WHERE deleted = 1 AND volume_id ="
            f" '{volume['db01-data']}'",
        ),
        (
            f"UPDATE cinder.volumes SET deleted = 1 WHERE id = '{volume['bfv01-root']}'",
            f"UPDATE cinder.volumes SET deleted = 0 WHERE id = '{volume['bfv01-root']}'",
        ),
    )


def guests(server: dict[str, str]) -> dict[str, dict[str, object]]:
    """Return what the hypervisors have instead of what Nova says."""
    return {
        # web01 lives on compute01 as well, web02 nowhere, app02 (compute04) is on compute03.
        "compute02": {server["web01"]: "running", server["web02"]: "gone"},
        "compute03": {GHOST: "running", server["app02"]: "running"},
        "compute04": {server["app02"]: "gone"},
    }


@contextmanager
def planted(
    cloud: Cloud, server: dict[str, str], volume: dict[str, str], image: str
) -> Iterator[None]:
    """Make everything disagree while the block runs."""
    rows = changes(server, volume)
    with sql(cloud.facts) as cursor:
        cursor.execute("SELECT value FROM glance.image_locations WHERE image_id = %s", (image,))
        data = Path(str(cursor.fetchall()[0][0]).removeprefix("file://"))
    aside = data.with_suffix(".aside")
    try:
        for statement, _back in rows:
            with sql(cloud.facts) as cursor:
                assert cursor.execute(statement), statement
        data.rename(aside)
        cloud.script("guests", guests(server))
        yield
    finally:
        cloud.script("guests", {})
        if aside.exists():
            aside.rename(data)
        for _statement, back in rows:
            with sql(cloud.facts) as cursor:
                cursor.execute(back)
