# SPDX-License-Identifier: Apache-2.0
"""Ask one RabbitMQ node, by its management API, for itself, its view of the cluster, the queues."""

from typing import Any, TypeVar

import msgspec

from day2.adapters.addresses import ANSWER_SECONDS, CONNECT_SECONDS, address_of, page
from day2.adapters.clock import Clock
from day2.adapters.reasons import one_line
from day2.adapters.web import Web
from day2.errors import BadAnswer, Day2Error, Unreachable
from day2.model.tables.infrastructure import BusEndpoint, BusNode, BusQueue

PAGE_ROWS = 500
QUEUES_MAX = 100_000
QUEUES_SECONDS = 40.0
# A hung peer makes the figures of all queues late (8 s measured): its own node is a finding, and
# must not cost the list of the others.
QUEUE_PAGE_SECONDS = 20.0
NODE_COLUMNS = (
    "name,running,partitions,mem_alarm,mem_used,mem_limit,disk_free_alarm,disk_free,"
    "fd_used,fd_total,uptime,applications"
)
QUEUE_COLUMNS = (
    "vhost,name,type,durable,auto_delete,exclusive,arguments,consumers,messages,messages_ready,"
    "messages_unacknowledged,members,online,state"
)
T = TypeVar("T")


class BusView(msgspec.Struct, frozen=True, kw_only=True):
    """What one address says: who it is, and every node as it sees them; none when unreachable."""

    endpoint: BusEndpoint
    nodes: list[BusNode] = []


class Queues(msgspec.Struct, frozen=True, kw_only=True):
    """The queues read; `failure` is why the list is not whole."""

    rows: list[BusQueue]
    requests: int
    unreadable: int = 0
    failure: Day2Error | None = None


class _Overview(msgspec.Struct):
    node: str
    cluster_name: str = ""
    rabbitmq_version: str = ""


class _Application(msgspec.Struct):
    name: str
    version: str


class _Node(msgspec.Struct):
    name: str
    running: bool
    partitions: list[str] = []
    mem_alarm: bool = False
    mem_used: int | None = None
    mem_limit: int | None = None
    disk_free_alarm: bool = False
    disk_free: int | str | None = None
    fd_used: int | None = None
    fd_total: int | str | None = None
    uptime: int | None = None
    applications: list[_Application] = []

    def row(self) -> BusNode:
        version = next((a.version for a in self.applications if a.name == "rabbit"), "")
        return BusNode(
            name=one_line(self.name),
            running=self.running,
            partitions=sorted(one_line(name) for name in self.partitions),
            memory_alarm=self.mem_alarm,
            disk_alarm=self.disk_free_alarm,
            memory_used_bytes=self.mem_used,
            memory_limit_bytes=self.mem_limit,
            # Words where the node cannot know: "disk_free_monitoring_disabled", "unknown".
            disk_free_bytes=_number(self.disk_free),
            file_descriptors_used=self.fd_used,
            file_descriptors_total=_number(self.fd_total),
            uptime_seconds=None if self.uptime is None else self.uptime // 1000,
            version=one_line(version),
        )


class _Queue(msgspec.Struct):
    vhost: str
    name: str
    type: str = "classic"
    durable: bool = True
    auto_delete: bool = False
    exclusive: bool = False
    arguments: dict[str, Any] = {}
    consumers: int | None = None
    messages: int | None = 0
    messages_ready: int | None = 0
    messages_unacknowledged: int | None = 0
    members: list[str] | None = None
    online: list[str] | None = None
    state: str = ""

    def row(self) -> BusQueue:
        return BusQueue(
            vhost=one_line(self.vhost),
            name=one_line(self.name),
            type=self.type.removeprefix("rabbit_").removesuffix("_queue"),
            durable=self.durable,
            auto_delete=self.auto_delete,
            exclusive=self.exclusive,
            expires="x-expires" in self.arguments,
            consumers=self.consumers,
            messages=self.messages or 0,
            messages_ready=self.messages_ready or 0,
            messages_unacknowledged=self.messages_unacknowledged or 0,
            members=sorted(self.members or ()),
            online=None if self.online is None else sorted(self.online),
            state=one_line(self.state),
        )


class _Page(msgspec.Struct):
    items: list[msgspec.Raw]
    page_count: int


class BusServer:
    """One management address."""

    def __init__(
        self,
        management: str,
        *,
        user: str,
        password: str,
        ca_file: str = "",
        connect_seconds: float = CONNECT_SECONDS,
        answer_seconds: float = ANSWER_SECONDS,
        page_seconds: float = QUEUE_PAGE_SECONDS,
    ) -> None:
        self._url = page(management, "/api")
        self._login = {"user": user, "password": password, "ca_file": ca_file}
        self._connect_seconds = connect_seconds
        self._answer_seconds = answer_seconds
        self._page_seconds = page_seconds
        self.address = address_of(self._url)

    def __repr__(self) -> str:
        return f"BusServer({self._url}, user={self._login['user']}, password=***)"

    def read(self) -> BusView:
        """Return who answers and what it sees; an address that does not answer says so itself.

        Raises:
            Denied: the account was refused.
            BadAnswer, NotDeployed: what answers there is no management API.

        """
        try:
            with self._web(self._answer_seconds) as web:
                # Without statistics this answers at once even when a peer hangs.
                body = web.get(
                    "/overview",
                    what="RabbitMQ overview",
                    query={
                        "disable_stats": "true",
                        "columns": "node,cluster_name,rabbitmq_version",
                    },
                )
                who = _decode(body, _Overview, f"RabbitMQ overview at {self.address}")
                body = web.get("/nodes", what="RabbitMQ nodes", query={"columns": NODE_COLUMNS})
        except Unreachable as error:
            if isinstance(error, BadAnswer):
                raise
            text = str(error).partition(f"{self.address}: ")[2] or str(error)
            return BusView(endpoint=BusEndpoint(address=self.address, reachable=False, error=text))
        found = _decode(body, list[_Node], f"RabbitMQ nodes at {self.address}")
        return BusView(
            endpoint=BusEndpoint(
                address=self.address,
                reachable=True,
                node=one_line(who.node),
                cluster=one_line(who.cluster_name),
                version=one_line(who.rabbitmq_version),
            ),
            nodes=[node.row() for node in found],
        )

    def queues(self, clock: Clock) -> Queues:
        """List every queue of every virtual host that this account may see, page by page.

        What was read before a failure is kept, with the failure beside it.
        """
        rows: dict[tuple[str, str], BusQueue] = {}
        unreadable = requests = 0
        failure: Day2Error | None = None
        deadline = clock.monotonic() + QUEUES_SECONDS
        number, pages = 1, 1
        try:
            with self._web(self._page_seconds) as web:
                while number <= pages:
                    self._require_bounds(len(rows), late=clock.monotonic() > deadline)
                    found = self._page(web, number)
                    requests += 1
                    known = len(rows)
                    for item in found.items:
                        try:
                            row = msgspec.json.decode(item, type=_Queue).row()
                        except msgspec.ValidationError:
                            unreadable += 1
                        else:
                            rows[row.vhost, row.name] = row
                    if len(rows) == known and number > 1 and found.page_count > number:
                        raise BadAnswer(
                            f"RabbitMQ queues at {self.address}: page {number} holds nothing new"
                        )
                    number, pages = number + 1, found.page_count
        except Day2Error as error:
            failure = error
        return Queues(
            rows=list(rows.values()), requests=requests, unreadable=unreadable, failure=failure
        )

    def _page(self, web: Web, number: int) -> _Page:
        query = {"page": str(number), "page_size": str(PAGE_ROWS), "columns": QUEUE_COLUMNS}
        body = web.get("/queues", what="RabbitMQ queues", query=query)
        return _decode(body, _Page, f"RabbitMQ queues at {self.address}")

    def _require_bounds(self, rows: int, *, late: bool) -> None:
        what = f"RabbitMQ queues at {self.address}"
        if rows > QUEUES_MAX:
            raise BadAnswer(f"{what}: more than {QUEUES_MAX:,} queues, the rest was not read")
        if late:
            raise Unreachable(f"{what}: not all pages were read within {QUEUES_SECONDS:g} s")

    def _web(self, answer_seconds: float) -> Web:
        return Web(
            self._url,
            **self._login,
            connect_seconds=self._connect_seconds,
            answer_seconds=answer_seconds,
        )


def _decode(body: bytes, kind: type[T], what: str) -> T:
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadAnswer(
            f"{what}: the answer is not what a management API promises ({one_line(str(error))})"
        ) from None


def _number(value: int | str | None) -> int | None:
    return value if isinstance(value, int) else None
