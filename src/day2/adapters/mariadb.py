# SPDX-License-Identifier: Apache-2.0
"""Ask one MariaDB server, for itself, for the few figures that a health check needs."""

import contextlib
import math
import socket
import ssl
from collections.abc import Mapping
from typing import Any

import msgspec
import pymysql
from pymysql.constants import CR, ER

from day2.adapters.addresses import ANSWER_SECONDS, CONNECT_SECONDS, DATABASE_PORT, host_and_port
from day2.adapters.cutoff import Cutoff
from day2.adapters.reasons import one_line, plain_reason
from day2.errors import BadAnswer, BadSettings, Day2Error, Denied, Unreachable
from day2.model.tables.infrastructure import DatabaseNode

STATUS = (
    "Max_used_connections",
    "Threads_connected",
    "Uptime",
    "wsrep_cluster_conf_id",
    "wsrep_cluster_size",
    "wsrep_cluster_state_uuid",
    "wsrep_cluster_status",
    "wsrep_connected",
    "wsrep_flow_control_paused",
    "wsrep_flow_control_paused_ns",
    "wsrep_last_committed",
    "wsrep_local_cert_failures",
    "wsrep_local_recv_queue_avg",
    "wsrep_local_state_comment",
    "wsrep_ready",
)
VARIABLES = ("max_connections", "version", "wsrep_node_name", "wsrep_on")
ANSWER_BYTES_MAX = 4 << 20
"""Both answers together are about 2 KiB."""
NO_VIEW = 1 << 63
"""A node outside of any component says 2**64-1 for numbers that it does not have."""

REFUSED_US = frozenset(
    {
        ER.ACCESS_DENIED_ERROR,
        ER.DBACCESS_DENIED_ERROR,
        ER.HOST_IS_BLOCKED,
        ER.HOST_NOT_PRIVILEGED,
        ER.TOO_MANY_USER_CONNECTIONS,
        ER.USER_LIMIT_REACHED,
        1698,  # access denied without a password
    }
)
PASSWORD_IN_CLEAR = (
    "mysql_clear_password",
    "dialog",
    "mysql_old_password",
    "sha256_password",
    "caching_sha2_password",
)
"""Ways to log in that hand the password, or a key to it, to whoever asks."""


class _ClearPasswordRefused(Exception):
    """The server asks for the password in a way that needs a server whose certificate is proven."""


class _TooMuch(Exception):
    """The server sends more than these questions can have as an answer."""


class _Bounded(socket.socket):
    """A connection that takes a limited number of bytes; TLS hides them, but proves the server."""

    taken = 0

    @classmethod
    def reach(cls, host: str, port: int, seconds: float) -> "_Bounded":
        """Connect within this time."""
        link = socket.create_connection((host, port), timeout=seconds)
        return cls(fileno=link.detach())

    def recv_into(self, *args: Any, **more: Any) -> int:  # noqa: ANN401 - as the standard library
        size = super().recv_into(*args, **more)
        self.taken += size
        if self.taken > ANSWER_BYTES_MAX:
            raise _TooMuch(f"more than {ANSWER_BYTES_MAX >> 20} MiB of answer")
        return size


class _Refuse:
    """Stands for every way to log in that would give the password away."""

    def __init__(self, connection: object) -> None:
        del connection

    def authenticate(self, packet: object) -> None:
        del packet
        raise _ClearPasswordRefused


class DatabaseServer:
    """One server; each question is a connection of its own."""

    def __init__(
        self,
        address: str,
        *,
        user: str,
        password: str,
        ca_file: str = "",
        connect_seconds: float = CONNECT_SECONDS,
        answer_seconds: float = ANSWER_SECONDS,
    ) -> None:
        self.address = address
        self._host, self._port = host_and_port(address, port=DATABASE_PORT)
        self._user = user
        self._password = password
        self._ca_file = ca_file
        self._connect_seconds = connect_seconds
        self._answer_seconds = answer_seconds

    def __repr__(self) -> str:
        return f"DatabaseServer({self.address}, user={self._user}, password=***)"

    def read(self) -> DatabaseNode:
        """Return how the server is; one that nobody can use is a row that says so.

        Raises:
            Denied: the account was refused.
            BadAnswer: something answers there that is no MariaDB, or breaks off.

        """
        try:
            status, variables = self._ask()
        except Unreachable as error:
            if isinstance(error, BadAnswer):
                raise
            return DatabaseNode(
                address=self.address,
                reachable=False,
                error=str(error).removeprefix(f"{self._what}: "),
                full=isinstance(error, _Full),
            )
        try:
            return _row(self.address, status, variables)
        except ValueError as error:
            raise BadAnswer(
                f"{self._what}: a figure is not a number ({one_line(str(error))})"
            ) from None

    @property
    def _what(self) -> str:
        return f"database {self.address}"

    def _ask(self) -> tuple[dict[str, str], dict[str, str]]:
        cutoff = Cutoff()
        try:
            link = _Bounded.reach(self._host, self._port, self._connect_seconds)
        except OSError as error:
            raise Unreachable(f"{self._what}: {plain_reason(str(error))}") from None
        try:
            with contextlib.closing(link), cutoff.within(self._answer_seconds):
                cutoff.watch(link)
                return self._converse(link)
        except Day2Error:
            raise
        except Exception as error:
            raise self._named(error, cut=cutoff.happened) from error
        finally:
            cutoff.release()

    def _converse(self, link: socket.socket) -> tuple[dict[str, str], dict[str, str]]:
        connection = pymysql.Connection(
            host=self._host,
            port=self._port,
            user=self._user,
            password=self._password,
            ssl=self._context(),
            connect_timeout=self._connect_seconds,
            read_timeout=self._answer_seconds,
            write_timeout=self._answer_seconds,
            program_name="day2",
            defer_connect=True,
            autocommit=None,
            auth_plugin_map={} if self._ca_file else dict.fromkeys(PASSWORD_IN_CLEAR, _Refuse),
        )
        connection.connect(link)
        try:
            return (
                _pairs(connection, "STATUS", STATUS),
                _pairs(connection, "VARIABLES", VARIABLES),
            )
        finally:
            connection.close()

    def _context(self) -> ssl.SSLContext | None:
        if not self._ca_file:
            return None
        try:
            return ssl.create_default_context(cafile=self._ca_file)
        except (OSError, ssl.SSLError) as error:
            raise BadSettings(f"cannot read the CA file {self._ca_file}: {error}") from None

    def _named(self, error: Exception, *, cut: bool) -> Day2Error:
        what = self._what
        code = error.args[0] if isinstance(error, pymysql.Error) and error.args else None
        text = one_line(str(error.args[1] if code and len(error.args) > 1 else error))
        late = f"accepts the connection, but did not answer within {self._answer_seconds:g} s"
        if cut or "timed out" in text:
            return Unreachable(f"{what}: {late}")
        if isinstance(error, _ClearPasswordRefused):
            return BadAnswer(
                f"{what}: the server asks for the password in the clear; it was not sent",
                hint="set database.ca_file when the account really needs this kind of login",
            )
        if code == ER.CON_COUNT_ERROR:
            return _Full(f"{what}: too many connections: all are in use")
        if code in REFUSED_US:
            return Denied(
                f"{what}: the account was refused ({text})",
                hint="check user and password of the section `database`",
            )
        if "SSL" in text or isinstance(error, ssl.SSLError):
            return BadAnswer(f"{what}: TLS failed ({text})", hint="setting database.ca_file")
        if code in {CR.CR_SERVER_LOST, CR.CR_SERVER_GONE_ERROR, CR.CR_CONN_HOST_ERROR}:
            return Unreachable(f"{what}: the connection was cut during the login or the query")
        if isinstance(code, int) and code // 1000 in {1, 3, 4}:  # the server's own errors
            return Unreachable(f"{what}: refuses to answer (error {code}: {text})")
        return BadAnswer(
            f"{what}: what answers there does not speak MariaDB's protocol "
            f"({type(error).__name__}: {text})"
        )


class _Full(Unreachable):
    """The server lives and has no connection left."""


def _pairs(connection: Any, kind: str, names: tuple[str, ...]) -> dict[str, str]:  # noqa: ANN401
    wanted = ", ".join(f"'{name}'" for name in names)
    with connection.cursor() as cursor:
        # SHOW, not information_schema: it needs no right at all. The names are ours.
        cursor.execute(f"SHOW GLOBAL {kind} WHERE Variable_name IN ({wanted})")
        return {str(name).lower(): str(value) for name, value in cursor.fetchall()}


def _row(address: str, status: Mapping[str, str], variables: Mapping[str, str]) -> DatabaseNode:
    galera = variables.get("wsrep_on") == "ON"
    if "uptime" not in status or "version" not in variables:
        raise BadAnswer(f"database {address}: the server hides its own figures")
    node = DatabaseNode(
        address=address,
        reachable=True,
        version=one_line(variables["version"]),
        connections=_number(status, "threads_connected"),
        connections_max=_number(variables, "max_connections"),
        connections_used_max=_number(status, "max_used_connections"),
        uptime_seconds=_number(status, "uptime"),
        wsrep_on=galera,
    )
    if not galera:
        return node
    return msgspec.structs.replace(
        node,
        name=one_line(variables.get("wsrep_node_name", "")),
        cluster_status=_text(status, "wsrep_cluster_status"),
        cluster_size=_number(status, "wsrep_cluster_size"),
        cluster_state_uuid=_text(status, "wsrep_cluster_state_uuid"),
        cluster_conf_id=_number(status, "wsrep_cluster_conf_id"),
        ready=_switch(status, "wsrep_ready"),
        connected=_switch(status, "wsrep_connected"),
        local_state=_text(status, "wsrep_local_state_comment"),
        flow_control_paused_ratio=_finite(status, "wsrep_flow_control_paused"),
        flow_control_paused_ns=_number(status, "wsrep_flow_control_paused_ns"),
        receive_queue_average=_finite(status, "wsrep_local_recv_queue_avg"),
        certification_failures=_number(status, "wsrep_local_cert_failures"),
        last_committed=_number(status, "wsrep_last_committed"),
    )


def _text(found: Mapping[str, str], name: str) -> str | None:
    return one_line(found[name]) if name in found else None


def _number(found: Mapping[str, str], name: str) -> int | None:
    value = int(found[name]) if name in found else 0
    return value if name in found and value < NO_VIEW else None


def _finite(found: Mapping[str, str], name: str) -> float | None:
    value = float(found[name]) if name in found else 0.0
    return value if name in found and math.isfinite(value) else None


def _switch(found: Mapping[str, str], name: str) -> bool | None:
    return found[name] == "ON" if name in found else None
