# SPDX-License-Identifier: Apache-2.0
"""What a worker does to put one schema back, and to take that back; killed anywhere it goes on."""

from pathlib import Path
from typing import Any

from day2.adapters.database import contents, dump, loading, restoring, scratch
from day2.adapters.database.sections import Dump
from day2.adapters.database.server import Server
from day2.adapters.vaults.vault import Vault
from day2.errors import BadUsage, Day2Error, NotVerified, Refused
from day2.model.backup import Found, Method, State
from day2.operations.backup.takers.database import DUMP, artefact
from day2.operations.backup.takers.taker import Say

# Restored alone, a schema disagrees with those that were not: who refers to what.
REFERS = {
    "cinder": "attachments of volumes in nova; reservations of quotas",
    "glance": "images that nova, cinder and ironic have booted from",
    "heat": "whatever its stacks made since",
    "keystone": "projects and users that every service knows by id; application credentials",
    "neutron": "ports that nova's servers use; addresses and routers on the network hosts",
    "nova": "allocations in placement, ports in neutron, attachments in cinder; guests on hosts",
    "nova_api": "cells, mappings of servers to cells, flavors, aggregates",
    "nova_cell0": "servers that found no host",
    "octavia": "amphorae that run, and their ports and certificates",
    "placement": "allocations of nova's servers: heal them afterwards",
}


def restore_schema(
    vault: Vault,
    found: Found,
    server: Server,
    schema: str,
    *,
    aside: Path,
    scratch_parent: Path,
    say: Say,
) -> dict[str, Any]:
    """Replace one schema of a running server by that of a set; what was there is in `aside`.

    Begun again after a kill, what was kept aside the first time stays what is taken back.

    Raises:
        Refused: while the schema is in use; nothing was touched.
        NotVerified: when it does not hold what was dumped; the message says how it stands.

    """
    require_restorable(found, schema)
    aside.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with scratch.folder(scratch_parent) as place:
        say("decrypting")
        file = vault.fetch(found, artefact(found, DUMP), place)
        told = loading.index(file)
        say(f"restoring {schema}")
        kept = _kept(aside)
        if kept is None:
            return restoring.replace(server, file, told, schema, aside=aside)
        restoring.require_unused(server, schema)
        try:
            restoring.swap(server, file, told, schema)
        except Day2Error as error:
            restoring.swap(server, aside, kept, schema)
            raise NotVerified(
                f"{schema} was not restored: {error}; it is as it was before"
            ) from error
        return {"aside": str(aside), "schemas": dump.summary(told).get(schema, {})}


def swap_back(server: Server, schema: str, aside: Path) -> dict[str, Any]:
    """Put back what was kept aside.

    Raises:
        BadUsage: when it is not there, or not whole.
        Refused: while the schema is in use.

    """
    kept = _kept(aside)
    if kept is None:
        raise BadUsage(f"{aside} holds nothing that was kept whole")
    restoring.require_unused(server, schema)
    restoring.swap(server, aside, kept, schema)
    return {"schemas": dump.summary(kept).get(schema, {})}


def require_restorable(found: Found, schema: str) -> None:
    """See that a schema can come back from a set.

    Raises:
        Refused: when the set is bad, is no dump, or does not hold the schema.

    """
    manifest = found.manifest
    if found.state is State.BAD:
        raise Refused(f"{manifest.id} does not hold", hint=f"day2 backup show {manifest.id}")
    if manifest.method is not Method.LOGICAL:
        raise Refused(
            f"{manifest.id} is {manifest.method.value}: one schema comes back from a dump",
            hint="name a logical set: day2 backup list --kind database",
        )
    known = manifest.source.get("schemas", {})
    if schema not in known:
        raise Refused(f"{manifest.id} holds no {schema}: it has {contents.few(known)}")


def revisions_differ(found: Found, server: Server, schema: str) -> str:
    """Say how the schema of the set and the one of now differ in their revision; empty: not at all.

    An older one needs the service's `db sync` afterwards; a newer one cannot be used by the code
    that runs. Which of the two it is, only the service knows.
    """
    then = found.manifest.source["schemas"][schema].get("revisions", [])
    now = contents.read(server).revisions.get(schema, [])
    if then == now or not now:
        return ""
    was = ", ".join(then) or "no revision"
    return f"the set's schema is at {was}, the one of now at {', '.join(now)}"


def in_use(server: Server, schema: str) -> str:
    """Say who is connected to a schema now; empty: nobody."""
    try:
        restoring.require_unused(server, schema)
    except Refused as refused:
        return str(refused)
    return ""


def _kept(aside: Path) -> Dump | None:
    """Return what an earlier attempt kept whole; one that was not whole changed nothing yet."""
    if not aside.exists():
        return None
    try:
        return loading.index(aside)
    except NotVerified:
        aside.unlink()
        return None
