# SPDX-License-Identifier: Apache-2.0
"""Database, load balancer and bus when what answers is hostile, broken, slow, or somebody else."""

import json
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from day2.adapters.addresses import address_of, host_and_port, page
from day2.adapters.clock import SystemClock
from day2.adapters.haproxy import LoadBalancer
from day2.adapters.mariadb import DatabaseServer
from day2.adapters.rabbitmq import BusServer
from day2.errors import BadAnswer, BadSettings, Denied, NotDeployed, Unreachable
from day2.model.tables.infrastructure import BusNode
from day2.survey.bus import merged
from tests.unit.adapters import wire

PASSWORD = "pa55-word-of-the-test"
LIMITS: dict[str, Any] = {"connect_seconds": 0.5, "answer_seconds": 0.5}


def database(port: int) -> DatabaseServer:
    return DatabaseServer(f"127.0.0.1:{port}", user="monitor", password=PASSWORD, **LIMITS)


def balancer(port: int) -> LoadBalancer:
    return LoadBalancer(f"http://127.0.0.1:{port}", user="u", password=PASSWORD, **LIMITS)


def bus(port: int, **more: Any) -> BusServer:
    url = f"http://127.0.0.1:{port}"
    return BusServer(url, user="u", password=PASSWORD, **{**LIMITS, **more})


Read = Callable[[int], Any]
READS: dict[str, Read] = {
    "database": lambda port: database(port).read(),
    "balancer": lambda port: balancer(port).read().endpoint,
    "bus": lambda port: bus(port).read().endpoint,
}
every = pytest.mark.parametrize("read", READS.values(), ids=READS)


@pytest.fixture
def closed_port() -> Iterator[int]:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


@every
def test_nobody_there_is_a_row_that_says_so(read: Read, closed_port: int) -> None:
    row = read(closed_port)
    assert (row.reachable, row.error) == (False, "connection refused")


@every
def test_a_hung_server_is_a_row_within_the_time_limit(read: Read) -> None:
    started = time.monotonic()
    with wire.serving(wire.silent) as port:
        row = read(port)
    assert row.reachable is False
    assert row.error == "accepts the connection, but did not answer within 0.5 s"
    assert time.monotonic() - started < 3


@every
def test_a_slow_drip_meets_the_time_limit(read: Read) -> None:
    started = time.monotonic()
    with wire.serving(wire.dripping) as port:
        try:
            row = read(port)
        except BadAnswer:  # the first bytes already told that this is something else
            row = None
    assert row is None or row.reachable is False
    assert time.monotonic() - started < 3


@pytest.mark.parametrize("read", [READS["balancer"], READS["bus"]], ids=["balancer", "bus"])
def test_a_header_that_never_ends_meets_the_time_limit(read: Read) -> None:
    def script(link: socket.socket) -> None:
        wire.request_line(link)
        link.sendall(b"HTTP/1.1 200 OK\r\nX-Long: ")
        wire.dripping(link)

    started = time.monotonic()
    with wire.serving(script) as port:
        assert read(port).reachable is False
    assert time.monotonic() - started < 3


def ssh(link: socket.socket) -> None:
    wire.request_line(link)
    link.sendall(b"SSH-2.0-OpenSSH_9.2\r\n")


@pytest.mark.parametrize("read", [READS["balancer"], READS["bus"]], ids=["balancer", "bus"])
@pytest.mark.parametrize(
    ("script", "error"),
    [
        (wire.http(lambda _line: b"<html>hello</html>"), BadAnswer),
        (wire.http(lambda _line: b"\xff\xfe\x00"), BadAnswer),
        (wire.http(lambda _line: b'{"node": 1}'), BadAnswer),
        (wire.http(lambda _line: b'{"node"', length=500), BadAnswer),
        (wire.http(lambda _line: b"", status="302 Found"), BadAnswer),
        (wire.http(lambda _line: b"", status="401 Unauthorized"), Denied),
        (wire.http(lambda _line: b"", status="403 Forbidden"), Denied),
        (wire.http(lambda _line: b"", status="404 Not Found"), NotDeployed),
    ],
)
def test_something_else_behind_the_url_is_a_gap(
    read: Read, script: wire.Script, error: type[Exception]
) -> None:
    with wire.serving(script) as port, pytest.raises(error) as caught:
        read(port)
    assert f"127.0.0.1:{port}" in str(caught.value)
    assert PASSWORD not in str(caught.value)


@every
def test_a_server_of_another_protocol_is_never_well(read: Read) -> None:
    with wire.serving(ssh) as port:
        try:
            row = read(port)
        except BadAnswer:
            row = None
    assert row is None or row.reachable is False


@pytest.mark.parametrize("read", [READS["balancer"], READS["bus"]], ids=["balancer", "bus"])
def test_a_server_error_is_a_row(read: Read) -> None:
    with wire.serving(wire.http(lambda _line: b"", status="503 Busy")) as port:
        assert (read(port).reachable, read(port).error) == (False, "HTTP 503")


# The database's own protocol.


def packet(number: int, payload: bytes) -> bytes:
    return struct.pack("<I", len(payload))[:3] + bytes([number]) + payload


def greeting(plugin: bytes = b"mysql_native_password") -> bytes:
    capabilities = 0x0000 | 0x0200 | 0x8000 | 0x1 | (1 << 19)
    salt = b"saltsalt" + b"\0"
    rest = b"saltsaltsalt\0"
    return packet(
        0,
        b"\x0a5.5.5-10.11.9-MariaDB\0"
        + struct.pack("<I", 7)
        + salt
        + struct.pack("<HBHH", capabilities & 0xFFFF, 45, 2, capabilities >> 16)
        + bytes([21])
        + b"\0" * 10
        + rest
        + plugin
        + b"\0",
    )


def says(*answers: bytes, heard: list[bytes] | None = None) -> wire.Script:
    def script(link: socket.socket) -> None:
        for answer in answers:
            link.sendall(answer)
            heard_now = link.recv(65536)
            if heard is not None:
                heard.append(heard_now)

    return script


def error(number: int, text: bytes, *, packet_number: int = 0) -> bytes:
    return packet(packet_number, b"\xff" + struct.pack("<H", number) + b"#08004" + text)


@pytest.mark.parametrize(
    "garbage",
    [
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        packet(0, b"\x09old"),
        packet(0, b""),
        packet(0, b"\x0a"),
        b"\x00" * 64,
        packet(0, b"\x0a5.5\0" + b"\xff" * 40),
    ],
)
def test_a_garbage_handshake_is_a_gap_or_a_cut_connection(garbage: bytes) -> None:
    with wire.serving(says(garbage)) as port:
        try:
            row = database(port).read()
        except BadAnswer as caught:
            assert PASSWORD not in str(caught)  # noqa: PT017 - either end is right
        else:
            assert row.reachable is False
            assert row.error


def test_a_server_without_a_connection_left_is_full_not_dead() -> None:
    with wire.serving(says(error(1040, b"Too many connections"))) as port:
        row = database(port).read()
    assert (row.reachable, row.full) == (False, True)


@pytest.mark.parametrize("number", [1045, 1130, 1129, 1698])
def test_a_refused_account_is_a_gap(number: int) -> None:
    answers = (greeting(), error(number, b"Access denied", packet_number=2))
    with wire.serving(says(*answers)) as port, pytest.raises(Denied):
        database(port).read()


@pytest.mark.parametrize("plugin", [b"mysql_clear_password", b"dialog", b"caching_sha2_password"])
def test_the_password_is_never_given_away(plugin: bytes) -> None:
    heard: list[bytes] = []
    switch = packet(2, b"\xfe" + plugin + b"\0" + b"Password: ")
    script = says(greeting(), switch, packet(4, b"\x01\x04"), heard=heard)
    with wire.serving(script) as port, pytest.raises(BadAnswer):
        database(port).read()
    assert PASSWORD.encode() not in b"".join(heard)


def test_a_flood_of_rows_is_cut() -> None:
    def script(link: socket.socket) -> None:
        link.sendall(greeting())
        link.recv(65536)
        link.sendall(packet(2, b"\0\0\0\2\0\0\0"))
        flood = b"\xff\xff\xff\x01" + b"x" * (1 << 16)
        link.recv(65536)
        for _ in range(4096):
            link.sendall(flood)

    with wire.serving(script) as port:
        try:
            assert database(port).read().reachable is False
        except BadAnswer as caught:
            assert "4 MiB" in str(caught)  # noqa: PT017


def test_a_wrong_address_is_a_matter_of_settings() -> None:
    with pytest.raises(BadSettings):
        DatabaseServer("no host", user="u", password=PASSWORD)


# The bus: pages.


def management(pages: Callable[[int], Any]) -> wire.Script:
    def answer(line: str) -> bytes:
        number = int(line.partition("page=")[2].partition("&")[0])
        return json.dumps(pages(number)).encode()

    return wire.http(answer)


def row(name: str, **more: Any) -> dict[str, Any]:
    return {"vhost": "/", "name": name, "type": "quorum", **more}


def test_every_page_is_read() -> None:
    def pages(number: int) -> dict[str, Any]:
        return {"items": [row(f"q{number}-{n}") for n in range(500)], "page_count": 3}

    with wire.serving(management(pages)) as port:
        found = bus(port).queues(SystemClock())
    assert (len(found.rows), found.requests, found.failure) == (1500, 3, None)


def test_endless_pages_of_the_same_are_a_failure_that_keeps_what_was_read() -> None:
    with wire.serving(
        management(lambda _number: {"items": [row("same")], "page_count": 10**9})
    ) as port:
        found = bus(port).queues(SystemClock())
    assert len(found.rows) == 1
    assert isinstance(found.failure, BadAnswer)
    assert found.requests == 2


def test_endless_pages_of_new_queues_end_at_a_bound() -> None:
    bodies: dict[int, Any] = {}

    def pages(number: int) -> Any:
        return bodies.setdefault(
            number,
            {"items": [row(f"q{number}-{n}") for n in range(20_000)], "page_count": 10**9},
        )

    with wire.serving(management(pages)) as port:
        found = bus(port, page_seconds=20).queues(SystemClock())
    assert isinstance(found.failure, BadAnswer)
    assert len(found.rows) <= 120_000


def test_a_row_of_wrong_types_is_counted_and_the_others_are_kept() -> None:
    items = [row("good"), row("bad", consumers="many"), {"name": 5}, row("null", messages=None)]
    with wire.serving(management(lambda _number: {"items": items, "page_count": 1})) as port:
        found = bus(port).queues(SystemClock())
    assert [r.name for r in found.rows] == ["good", "null"]
    assert found.unreadable == 2


def test_a_hung_queue_list_is_a_failure_not_an_empty_bus() -> None:
    with wire.serving(wire.silent) as port:
        found = bus(port, page_seconds=0.3).queues(SystemClock())
    assert isinstance(found.failure, Unreachable)


def test_members_of_which_it_is_not_told_whether_they_are_online_are_not_offline() -> None:
    members = ["rabbit@ctl1", "rabbit@ctl2", "rabbit@ctl3"]
    items = [row("untold", members=members), row("none", members=members, online=[])]
    with wire.serving(management(lambda _number: {"items": items, "page_count": 1})) as port:
        untold, none = bus(port).queues(SystemClock()).rows
    assert (untold.online, none.online) == (None, [])


def test_hostile_names_are_made_printable() -> None:
    items = [row("x\x1b[31m\r\nred")]
    with wire.serving(management(lambda _number: {"items": items, "page_count": 1})) as port:
        (one,) = bus(port).queues(SystemClock()).rows
    assert one.name.isprintable()


def test_views_of_one_cluster_become_one_row_per_node() -> None:
    from day2.adapters.rabbitmq import BusView
    from tests.unit.carriers import endpoint

    views = [
        BusView(
            endpoint=endpoint(1),
            nodes=[
                BusNode(name="rabbit@ctl1", running=True),
                BusNode(name="rabbit@ctl2", running=False),
                BusNode(name="rabbit@ctl3", running=False),
            ],
        ),
        BusView(
            endpoint=endpoint(2),
            nodes=[
                BusNode(name="rabbit@ctl1", running=True, partitions=["rabbit@ctl2"]),
                BusNode(name="rabbit@ctl2", running=True, memory_alarm=True),
            ],
        ),
    ]
    one, two, three = merged(views)
    assert (one.running, one.partitions, one.missed_by) == (True, ["rabbit@ctl2"], [])
    assert (two.running, two.missed_by, two.memory_alarm) == (True, ["rabbit@ctl1"], True)
    assert (three.running, three.missed_by) == (False, [])


# HAProxy's CSV.

HEAD = "# pxname,svname,status,weight,act,bck,lastchg,type,check_status,\n"


def csv(*lines: str) -> wire.Script:
    return wire.http(lambda _line: (HEAD + "".join(lines)).encode())


def test_servers_and_backends_are_read_frontends_are_not() -> None:
    lines = (
        "api,FRONTEND,OPEN,,,,,0,,\n",
        'api,"a,b",UP 1/2,1,1,0,77,2,L4OK,\n',
        "api,BACKEND,UP,1,1,0,,1,,\n",
        f"api,c,UP,1,1,0,{'9' * 5000},2,L4OK,\n",
    )
    with wire.serving(csv(*lines)) as port:
        found = balancer(port).read()
    assert [(s.server, s.status, s.last_change_seconds) for s in found.servers] == [
        ("a,b", "UP 1/2", 77),
        ("BACKEND", "UP", None),
        ("c", "UP", None),
    ]


@pytest.mark.parametrize("lines", [("api,BACK",), ('api,"open quote,DOWN,1,1,0,5,2,L4OK,\n',)])
def test_a_csv_that_breaks_off_is_a_gap(lines: tuple[str, ...]) -> None:
    with wire.serving(csv(*lines)) as port, pytest.raises(BadAnswer):
        balancer(port).read()


# Settings and what is shown of them.


def test_no_repr_shows_the_password() -> None:
    for shown in (repr(database(1)), repr(balancer(2)), repr(bus(3))):
        assert PASSWORD not in shown
        assert "***" in shown


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("db1", ("db1", 3306)),
        ("db1:3307", ("db1", 3307)),
        ("[fd00::1]:3308", ("fd00::1", 3308)),
        ("10.0.0.1", ("10.0.0.1", 3306)),
    ],
)
def test_addresses(address: str, expected: tuple[str, int]) -> None:
    assert host_and_port(address, port=3306) == expected


@pytest.mark.parametrize("address", ["", "db1:x", "db1/x", "me@db1", "fd00::1", "db1:99999"])
def test_wrong_addresses(address: str) -> None:
    with pytest.raises(BadSettings):
        host_and_port(address, port=3306)


@pytest.mark.parametrize("url", ["", "db1", "ftp://x", "http://", "http://u:p@x", "http://x:y"])
def test_wrong_urls(url: str) -> None:
    with pytest.raises(BadSettings) as caught:
        page(url)
    assert "u:p" not in str(caught.value)


def test_urls() -> None:
    assert page("https://x:15671/rabbit/", "/api") == "https://x:15671/rabbit/api"
    assert address_of("https://x/api") == "x:443"
    assert address_of("http://[::1]:8080/") == "[::1]:8080"


def test_threads_end_with_their_reads(closed_port: int) -> None:
    before = threading.active_count()
    for read in READS.values():
        read(closed_port)
    assert threading.active_count() <= before + 1
