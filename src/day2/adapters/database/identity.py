# SPDX-License-Identifier: Apache-2.0
"""Prove that the server which answers is the one whose files are meant.

`mariadb-backup` reads files where it runs and asks whoever answers for their position: pointed at
another node, it copies one server and writes down the position of the other, and ends with 0. An
address proves nothing, nor does a host name. A socket does: it has one listener, and the kernel
says which process that is, and in which folder it works.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from day2.adapters.database import programs
from day2.adapters.database.server import Server, literal
from day2.errors import Refused

VARIABLES = (
    "basedir",
    "character_set_server",
    "collation_server",
    "datadir",
    "hostname",
    "innodb_log_file_size",
    "innodb_page_size",
    "log_bin",
    "lower_case_table_names",
    "server_id",
    "server_uid",
    "socket",
    "sql_mode",
    "system_time_zone",
    "time_zone",
    "version",
    "wsrep_on",
)
NODE = ("hostname", "server_uid", "datadir")
"""What tells one node of a cluster from another: their numbers (`server_id`) may be the same."""
STATUS = (
    "wsrep_cluster_state_uuid",
    "wsrep_cluster_status",
    "wsrep_last_committed",
    "wsrep_local_state_comment",
)

_LISTENER = r"""
s=$(readlink -f "$1"); d=$2
echo "socket $(stat -Lc %d:%i "$s")"
echo "folder $(stat -Lc %d:%i "$d")"
while read -r _ _ _ flags _ _ inode path; do
  [ "$flags" = 00010000 ] && [ "$path" = "$s" ] || continue
  for fd in $(find /proc/[0-9]*/fd -maxdepth 1 -lname "socket:\[$inode\]" 2>/dev/null); do
    p=${fd%/fd/*}
    echo "process ${p#/proc/} $(stat -Lc %d:%i "$p/root$s") $(stat -Lc %d:%i "$p/cwd")"
  done
done < /proc/net/unix
"""


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """Who a server says it is; `uid` is empty where its version has none."""

    hostname: str
    id: str
    uid: str
    datadir: str
    version: str


def read(server: Server) -> tuple[Identity, dict[str, str]]:
    """Ask a server for its identity, and for what it takes to build one like it.

    Raises:
        Day2Error: as `Program.finish`.

    """
    variables = ",".join(map(literal, VARIABLES))
    status = ",".join(map(literal, STATUS))
    rows = server.ask(
        "SELECT LOWER(VARIABLE_NAME), VARIABLE_VALUE FROM information_schema.GLOBAL_VARIABLES "
        f"WHERE VARIABLE_NAME IN ({variables}) UNION ALL "
        "SELECT LOWER(VARIABLE_NAME), VARIABLE_VALUE FROM information_schema.GLOBAL_STATUS "
        f"WHERE VARIABLE_NAME IN ({status})"
    )
    told = {row[0]: row[1] for row in rows}
    found = Identity(
        hostname=told.get("hostname", ""),
        id=told.get("server_id", ""),
        uid=told.get("server_uid", ""),
        datadir=told.get("datadir", ""),
        version=told.get("version", ""),
    )
    return found, told


def require_same(server: Server, told: Mapping[str, str], then: Mapping[str, Any]) -> None:
    """See that a server is the one that a set before was taken of, as far as that set tells.

    Raises:
        Refused: when it is another one.

    """
    differs = [n for n in NODE if then.get(n) and told.get(n) and then[n] != told[n]]
    if differs:
        was, now = ", ".join(str(then[n]) for n in differs), ", ".join(told[n] for n in differs)
        raise Refused(
            f"{server.name}: the set below was taken of {was}, and this is {now}: each node "
            "numbers its log for itself, so that an increment would be of other files",
            hint="take everything of this node: day2 backup run database --method full",
        )


def born(server: Server, datadir: str) -> str:
    """Return what the first of InnoDB's files is known by; empty where there is none to be seen.

    A restart leaves it what it is. Whatever makes the node's files anew, from another node (SST) or
    from a backup, makes another file, though host and folder are called the same.

    Raises:
        Day2Error: as `Program.finish`.

    """
    script = 'stat -Lc %i:%W "$1/ibdata1" 2>/dev/null || true'
    words = ["sh", "-c", script, "day2", datadir]
    said = programs.run(server.beside, words, what=f"looking at the files of {server.name}")
    return said.decode(errors="replace").strip()


def require_born(server: Server, now: str, then: str) -> None:
    """See that a server's files are still those that a set before was taken of.

    Raises:
        Refused: when they were made anew since.

    """
    if now and then and now != then:
        raise Refused(
            f"{server.name}: its files were made anew since the set below was taken: what copied "
            "them brought another log along, and an increment would lack pages",
            hint="take everything of this node: day2 backup run database --method full",
        )


def require_files(server: Server, datadir: str) -> int:
    """See that the server behind the login's socket works in this folder; return its process.

    Raises:
        Refused: when it does not, or nothing proves it.

    """
    if not server.login.socket:
        raise Refused(
            f"{server.name}: its files are read only by its local socket: an address may lead to "
            "another node",
            hint="give the socket in the section `database`, and a prefix that ends on this node",
        )
    found = programs.run(
        server.beside,
        ["sh", "-c", _LISTENER, "day2", server.login.socket, datadir],
        what=f"looking for the process of {server.name}",
    )
    lines = [line.split() for line in found.decode(errors="replace").splitlines()]
    own = {line[0]: line[1] for line in lines if len(line) == 2}  # noqa: PLR2004 - name and value
    listeners = [line[1:] for line in lines if line[:1] == ["process"] and len(line) == 4]  # noqa: PLR2004
    ours = [line for line in listeners if line[1] == own.get("socket", "-")]
    if len({line[0] for line in ours}) != 1:
        raise Refused(
            f"{server.name}: {len(ours)} processes listen on {server.login.socket} as far as this "
            "account can see; one must",
            hint="run the programs in the server's own container, as root or as its user",
        )
    if ours[0][2] != own.get("folder", "-"):
        raise Refused(
            f"{server.name}: the server behind {server.login.socket} does not work in {datadir}: "
            "these files are another server's",
            hint="a backup of them would carry the position of the wrong server",
        )
    return int(ours[0][0])
