# SPDX-License-Identifier: Apache-2.0
"""How a cloud's services and its database are stopped and started: the words are the operator's.

Nothing is guessed: a cloud whose settings do not say it is not restored as a whole. The words hold
no secret, for everybody on the machine may read them.
"""

import re
from typing import Annotated

import msgspec
from msgspec import Meta


class DatabaseNode(msgspec.Struct, frozen=True, kw_only=True):
    """One server of the database, an entry of `clouds.NAME.recovery.nodes`."""

    name: Annotated[str, Meta(min_length=1, description="How people call it: control01.")]
    datadir: Annotated[
        str,
        Meta(
            description="Its data folder as its host sees it; Kolla's with docker: "
            "/var/lib/docker/volumes/mariadb/_data. It is renamed, so it must be no mount point.",
        ),
    ]
    stop: Annotated[
        list[str],
        Meta(
            min_length=1,
            description="Words that stop it: [ssh, root@10.0.0.11, docker, stop, mariadb].",
        ),
    ]
    start: Annotated[list[str], Meta(min_length=1, description="Words that start it.")]
    bootstrap: Annotated[
        list[str],
        Meta(
            description="Words that start it as the first of its cluster; empty: as `start` does."
        ),
    ] = []
    host_command: Annotated[
        list[str],
        Meta(
            description="The words before a shell of its host, as root: [ssh, -T, root@10.0.0.11]; "
            "empty: this machine."
        ),
    ] = []
    owner: Annotated[
        str,
        Meta(
            description="User and group of its files, as numbers, for when the folder itself is "
            "gone; empty: those of the folder that is there.",
        ),
    ] = ""
    command: Annotated[
        list[str],
        Meta(
            description="The words before a program of its image, while it runs; not used for the "
            "first node, which `backup_database` reaches."
        ),
    ] = []
    socket: Annotated[
        str, Meta(description="Its socket, as those programs see it; not for the first node.")
    ] = ""

    def __post_init__(self) -> None:
        if not self.datadir.startswith("/") or self.datadir.endswith("/"):
            raise ValueError("datadir must begin with a slash, and end without one")
        if self.owner and not re.fullmatch(r"\d+:\d+", self.owner):
            raise ValueError("owner must be two numbers, such as 42434:42434")


class RecoverySettings(msgspec.Struct, frozen=True, kw_only=True):
    """Section `clouds.NAME.recovery`."""

    nodes: Annotated[
        list[DatabaseNode],
        Meta(
            description="The servers of the database; a set is restored into the first, which is "
            "the one of `backup_database`, and the others join it one by one. Each has: name, "
            "datadir, stop, start, bootstrap, host_command, owner, command, socket."
        ),
    ] = []
    stop_services: Annotated[
        list[str],
        Meta(
            description="Words that stop whatever uses the database, and leave the database: "
            "[kolla-ansible, stop, -i, INVENTORY, --yes-i-really-really-mean-it, -t, "
            "'keystone,glance,…']."
        ),
    ] = []
    start_services: Annotated[
        list[str],
        Meta(
            description="Words that start it again: [kolla-ansible, deploy-containers, -i, "
            "INVENTORY]."
        ),
    ] = []
    start_reading: Annotated[
        list[str],
        Meta(
            description="Words that start only what can be asked while tenants and compute hosts "
            "are still shut out, so that the stores are reconciled first; empty: that is not done."
        ),
    ] = []
    work_folder: Annotated[
        str,
        Meta(
            description="Folder of this machine that the new data folder is made in; on the file "
            "system of the data folder it is renamed, elsewhere copied. Empty: "
            "backup_database.scratch_folder."
        ),
    ] = ""
    stop_seconds_max: Annotated[
        float, Meta(gt=0, description="Seconds that stopping may take, services and each node.")
    ] = 1800.0
    start_seconds_max: Annotated[
        float, Meta(gt=0, description="Seconds that starting may take, services and each node.")
    ] = 3600.0
    join_seconds_max: Annotated[
        float,
        Meta(gt=0, description="Seconds until a node that joins is Synced: it gets all the data."),
    ] = 4 * 3600.0
    answers_seconds_max: Annotated[
        float,
        Meta(
            ge=0,
            description="Seconds until Keystone gives a token and Nova lists servers, once all is "
            "started; 0: they are not asked.",
        ),
    ] = 600.0
