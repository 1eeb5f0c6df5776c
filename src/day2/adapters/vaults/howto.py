# SPDX-License-Identifier: Apache-2.0
"""The page that lies in each set: how to read it by hand on the day when day2 itself is gone."""

import re
import shlex

from day2.adapters.vaults import layout
from day2.adapters.vaults.layout import ENDING
from day2.model.backup import Kind, Manifest, Method

RESTORED = "/root/restore"
LINES_MAX = 8
"""Files for each of which the page has commands of its own; more are done in a loop."""
ACCOUNT = re.compile(r"(?<=://)([^/@:]*):[^/]*@")
PAGE = """\
HOW TO READ THIS SET BY HAND
============================

Set       {id}
Of        cloud {cloud}, {kind} ({method})
Taken     {started:%Y-%m-%d %H:%M:%S} to {ended:%H:%M:%S} UTC on host {host}, by day2 {day2}
{parent}
You need: sha256sum, age (1.0 or newer), zstd, and the identity of one of these keys:
{recipients}

Work on a COPY of this folder, on a host that may see the data. Do not change the set itself.
Every command must end with exit code 0 (echo $?). If one does not, stop: take another set.

1. Is the set whole?

       sha256sum -c SHA256SUMS

2. Decrypt into a private folder. To a FILE, not into a pipe: age hands out bytes before it knows
   that the file is whole, and only its exit code says so.

       umask 077
       mkdir -p {place}

{decrypt}

3. Decompress, and compare. Each hash must be the one that stands here.

{unpack}

4. Use it.

{use}
Which versions it was taken from, and from which node, is in manifest.json under "source".
"""
KEPT = """\
HOW TO READ THIS SET BY HAND
============================

Set       {id}
Of        cloud {cloud}, {kind} ({method})
Taken     {started:%Y-%m-%d %H:%M:%S} to {ended:%H:%M:%S} UTC on host {host}, by day2 {day2}
{parent}
Its data are not here but in a repository of restic: {repository}
You need: sha256sum, restic (0.14 or newer), and the password of the repository in a private file.

Every command must end with exit code 0 (echo $?). If one does not, stop: take another set. What
restic has written before it failed has its full size, and is worth nothing.

1. Are the documents of this set whole?

       sha256sum -c SHA256SUMS

2. Read each file into a private folder, and compare. Each hash must be the one that stands here.

       umask 077
       mkdir -p {place}

{dump}

3. Use it.

{use}
When this folder is lost: restic snapshots --tag day2,documents lists copies of it, and
restic restore SNAPSHOT --target FOLDER brings one back; the folder has the name of the set.
"""
PARENT = """\
Parent    {parent}: this set is an INCREMENT and is worth nothing without it. Its manifest has
          SHA-256 {parent_sha256}
          (sha256sum ../{parent}/manifest.json). Read that one first, the same way.
"""
LOGICAL = """\
   This is SQL. Load it into an EMPTY scratch server first, of the same version or a newer one, and
   look at it there. Do not pipe it into the live one: tables that came later stay, and on Galera
   the accounts of the other nodes are lost. Accounts are a file of their own; load them last.
   The last line of a complete dump is "-- Dump completed".

       tail -n 1 {place}/dump.sql | grep "^-- Dump completed"
       mariadb-install-db --no-defaults --datadir={place}/data --tmpdir={place} --skip-test-db \\
         --auth-root-authentication-method=normal --user=root
       mariadbd --no-defaults --datadir={place}/data --tmpdir={place} --skip-networking \\
         --user=root --socket=/root/restore/s.sock --max-allowed-packet=1G > {place}/log 2>&1 &
       mariadb-admin --no-defaults -uroot --socket=/root/restore/s.sock --wait=60 ping
       mariadb --no-defaults -uroot --socket=/root/restore/s.sock < {place}/dump.sql
       mariadb --no-defaults -uroot --socket=/root/restore/s.sock < {place}/accounts.sql

   To put a database back: stop the services that use it (kolla-ansible stop --tags SERVICE, with
   its confirmation flag), keep the present one (mariadb-dump), then drop, create, load, start.
"""
FULL = """\
   This is a mariadb-backup stream. Use the SAME version of MariaDB ("source" names it).

       mkdir {place}/data
       mbstream -x -C {place}/data < {place}/files.mbstream
       mariadb-backup --no-defaults --prepare --target-dir={place}/data

   Increments that are to follow are laid upon it now, in the order in which they were taken, before
   any server has seen it: stop here, and go on with their own pages.
"""
INCREMENT = """\
   This is what a mariadb-backup changed since its parent. Use the SAME version of MariaDB ("source"
   names it). The parent was unpacked and prepared by its own page, and no server has seen it.

       mkdir {place}/changes
       mbstream -x -C {place}/changes < {place}/files.mbstream
       DATA=$(cat /root/restore/{parent}/upon 2>/dev/null || echo /root/restore/{parent}/data)
       echo "$DATA" > {place}/upon
       mariadb-backup --no-defaults --prepare --target-dir="$DATA" --incremental-dir={place}/changes

   The whole data folder is now where that command has it: see {place}/upon.
"""
SERVED = """
5. Look at it, with a server that nobody can reach, and that asks for no account. No increment can
   be laid upon it afterwards.

       DATA=$(cat {place}/upon 2>/dev/null || echo {place}/data)
       mariadbd --defaults-file="$DATA"/backup-my.cnf --datadir="$DATA" --tmpdir={place} \\
         --skip-networking --skip-grant-tables --wsrep-on=OFF --user=root \\
         --socket=/root/restore/s.sock > {place}/log 2>&1 &
       mariadb-admin --no-defaults --socket=/root/restore/s.sock --wait=60 ping
       mariadb --no-defaults --socket=/root/restore/s.sock -e "SHOW DATABASES"
       mariadb-admin --no-defaults --socket=/root/restore/s.sock shutdown

   Then: stop EVERY node of the cluster, move its data folder aside (do not delete it), put this one
   in its place on ONE node with the owner that the old one had, set "safe_to_bootstrap: 1" in
   grastate.dat, start that node alone (kolla-ansible mariadb-recovery), look at it, and let the
   others join one by one.
"""
OTHER = {
    Kind.CONFIG: "   tree.tar holds the files, index.json says what each is. Look, then unpack "
    "beside:\n\n       tar -tvf {place}/tree.tar\n"
    "       mkdir {place}/tree && tar -xpf {place}/tree.tar -C {place}/tree\n",
    Kind.IDENTITY: "   This is JSON: what existed, for reading and for building it again.\n",
    Kind.IMAGES: '   metadata.json says of every image what Glance said, and "source" in '
    "manifest.json in which\n   file of which set its data are: those that an earlier set has are "
    "not here again. Then:\n\n       openstack image create --file FILE --id ID NAME\n",
    Kind.VOLUMES: "   Backup records go back with: cinder backup-import SERVICE URL.\n",
    Kind.RBD: "   This is a stream of rbd export-diff, even of a full set. Make a NEW image of\n"
    "   the size in bytes that manifest.json tells (source, size_bytes), and lay upon it the full\n"
    "   one first, then each difference in order:\n\n"
    '       rbd create POOL/NEW --size BYTES"B"\n       rbd import-diff FILE POOL/NEW\n\n'
    "   RBD refuses one whose parent is missing, but takes a damaged one. The image is right when\n"
    "   this tells content_sha256 of manifest.json:\n\n"
    "       rbd export POOL/NEW - | sha256sum\n",
    Kind.DAY2: "   This is day2's own memory: stop day2, and put it into the state folder.\n",
}


def write(manifest: Manifest, repository: str = "") -> bytes:
    """Return the page of a set: its own names, hashes and keys, and the place of its data.

    The page lies in the open: a password within the repository's name is not in it.
    """
    repository = ACCOUNT.sub(r"\1:PASSWORD@", repository)
    page = KEPT if layout.kept(manifest) else PAGE
    place = f"{RESTORED}/{manifest.id}"
    return page.format(
        id=manifest.id,
        cloud=manifest.cloud,
        kind=manifest.kind,
        method=manifest.method,
        started=manifest.started_at,
        ended=manifest.ended_at,
        host=manifest.host,
        day2=manifest.day2,
        parent=PARENT.format(parent=manifest.parent, parent_sha256=manifest.parent_sha256)
        if manifest.parent
        else "",
        recipients="\n".join(f"          {key}" for key in manifest.recipients),
        place=place,
        repository=repository,
        dump=_dump(manifest, repository, place),
        decrypt=_decrypt(manifest, place),
        unpack=_unpack(manifest, place),
        use=_use(manifest, place),
    ).encode()


def _use(manifest: Manifest, place: str) -> str:
    if manifest.kind is not Kind.DATABASE:
        return OTHER[manifest.kind].format(place=place)
    if manifest.method is Method.INCREMENT:
        return (INCREMENT + SERVED).format(place=place, parent=manifest.parent)
    return (LOGICAL if manifest.method is Method.LOGICAL else FULL + SERVED).format(place=place)


def _dump(manifest: Manifest, repository: str, place: str) -> str:
    restic = f"restic -r {shlex.quote(repository)} --password-file PASSWORD"
    return "\n".join(
        f"       {restic} dump {one.stored_sha256} /{one.name} > {place}/{one.name}\n"
        f"       sha256sum {place}/{one.name}\n"
        f"       {one.sha256}  ({one.bytes} bytes)"
        for one in layout.kept(manifest)
    )


def _decrypt(manifest: Manifest, place: str) -> str:
    age = f"age -d -i IDENTITY -o {place}"
    if len(manifest.artefacts) > LINES_MAX:
        loop = f'for file in *.age; do {age}/"${{file%.age}}" "$file" || break; done'
        return f"       {loop}"
    names = [one.name for one in manifest.artefacts]
    return "\n".join(f"       {age}/{name.removesuffix('.age')} {name}" for name in names)


def _unpack(manifest: Manifest, place: str) -> str:
    files = [(one, one.name.removesuffix(ENDING)) for one in manifest.artefacts]
    if len(files) > LINES_MAX:
        commands = f"       zstd -d --rm {place}/*.zst && (cd {place} && sha256sum *)\n"
        return commands + "\n".join(f"       {one.sha256}  {name}" for one, name in files)
    return "\n".join(
        f"       zstd -d {place}/{name}.zst && sha256sum {place}/{name}\n"
        f"       {one.sha256}  ({one.bytes} bytes)"
        for one, name in files
    )
