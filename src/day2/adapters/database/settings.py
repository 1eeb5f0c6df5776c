# SPDX-License-Identifier: Apache-2.0
"""Where the database is backed up, and where its backups are proven."""

from typing import Annotated

import msgspec
from msgspec import Meta

from day2.adapters.secrets import SecretRef


class DatabaseBackupSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Section `clouds.NAME.backup_database`."""

    command: Annotated[
        list[str],
        Meta(
            description="The words before a program of the server's own image, such as "
            "[docker, exec, -i, mariadb], or [ssh, -T, root@10.0.0.11, docker, exec, -i, mariadb]; "
            "empty: programs of this machine."
        ),
    ] = []
    user: Annotated[
        str, Meta(min_length=1, description="The account that reads everything; Kolla's is root.")
    ] = "root"
    password: Annotated[
        SecretRef | None,
        Meta(description="Where its password lives; empty: the socket knows who asks."),
    ] = None
    socket: Annotated[
        str,
        Meta(
            description="The server's socket as its own programs see it. Physical backups need it: "
            "it proves whose files are read. Kolla's: /run/mysqld/mysqld.sock in images of Debian "
            "and Ubuntu, /var/lib/mysql/mysql.sock in those of Rocky and CentOS."
        ),
    ] = ""
    host: Annotated[
        str, Meta(description="Its address, when there is no socket: a node's own, not the VIP.")
    ] = ""
    port: Annotated[int, Meta(ge=1, le=65535, description="Its port, with `host`.")] = 3306
    ca_file: Annotated[
        str, Meta(description="CA that signed its certificate; empty: TLS is not required.")
    ] = ""
    scratch_command: Annotated[
        list[str],
        Meta(
            description="The words before the programs of a scratch server, on this machine: a "
            "container of the same image that sees scratch_folder under the same name; empty: "
            "programs of this machine, which must be of the server's version."
        ),
    ] = []
    scratch_folder: Annotated[
        str,
        Meta(
            description="Folder that sets are restored in for a proof; it needs room for the whole "
            "database, twice. Empty: the system's temporary folder."
        ),
    ] = ""
    scratch_memory_mib: Annotated[
        int, Meta(ge=64, description="Memory of a scratch server, MiB.")
    ] = 256
    clients: Annotated[
        int, Meta(ge=1, le=64, description="How many clients load a dump at the same time.")
    ] = 2
    silence_seconds: Annotated[
        float, Meta(gt=0, description="Seconds that a program may say nothing; then it is ended.")
    ] = 600.0
