# SPDX-License-Identifier: Apache-2.0
"""Every format that Kolla's services write; marked: from the lab, or made by hand."""

import pytest

from day2.adapters.remote.log_groups import Groups
from day2.adapters.remote.log_scanner import Scanner
from day2.adapters.remote.log_times import Times
from day2.operations.logs import mask, parse
from day2.operations.logs.parse import Event

OSLO = "2026-11-22 12:03:10.123 7 ERROR nova.compute.manager"
NEW = "[None req-6e5ad2be-f97f-459e-bb08-710e827553a2 c06f 17a0 - - default default]"
OLD = "[req-6e5ad2be-f97f-459e-bb08-710e827553a2 c06f 17a0 - - -]"
BOTH = "[req-11111111-1111-1111-1111-111111111111 req-6e5ad2be-f97f-459e-bb08-710e827553a2 c06f -]"
REQUEST = "req-6e5ad2be-f97f-459e-bb08-710e827553a2"
SITE = "/var/lib/kolla/venv/lib/python3.11/site-packages"


def traceback(prefix: str = "") -> str:
    lines = (
        "Traceback (most recent call last):",
        f'  File "{SITE}/nova/compute/manager.py", line 99, in _build',
        "    self.driver.spawn()",
        "    ^^^^^^^^^^^^^^^^^^^",
        f'  File "{SITE}/libvirt.py", line 1, in createXML',
        "    raise libvirtError('no domain')",
        "libvirt.libvirtError: no domain with uuid 5",
    )
    return "\n".join(f"{prefix}{line}" for line in lines)


def scanned(text: str) -> list[tuple[str, int]]:
    groups = Groups(0, 1 << 40)
    scanner = Scanner(groups, Times(1795348800.0))
    scanner.feed(text.encode())
    scanner.close()
    return [(row["text"], row["count"]) for row in groups.listed()]


@pytest.mark.parametrize(
    ("text", "service", "level", "module", "message"),
    [
        # The lab's.
        (f"{OSLO} {NEW} It broke", "nova-compute", "ERROR", "nova.compute.manager", "It broke"),
        (f"{OSLO} {OLD} It broke", "nova-compute", "ERROR", "nova.compute.manager", "It broke"),
        (f"{OSLO} {BOTH} It broke", "nova-compute", "ERROR", "nova.compute.manager", "It broke"),
        (f"{OSLO} [-] It broke", "nova-compute", "ERROR", "nova.compute.manager", "It broke"),
        (
            "2026-11-22 12:03:10 0 [ERROR] WSREP: gcs/src/gcs_group.cpp: lost",
            "mariadb",
            "ERROR",
            "",
            "WSREP: gcs/src/gcs_group.cpp: lost",
        ),
        (
            "2026-11-25 22:50:12.987333+00:00 [error] <0.735.0> Supervisor died",
            "rabbitmq",
            "ERROR",
            "",
            "Supervisor died",
        ),
        (
            "[ALERT]    (26513) : backend 'api4' has no server available!",
            "haproxy",
            "CRITICAL",
            "haproxy",
            "backend 'api4' has no server available!",
        ),
        # Made by hand.
        (
            f"{OSLO} {NEW} [instance: 5b6c1d4e-0000-0000-0000-000000000000] It broke",
            "nova-compute",
            "ERROR",
            "nova.compute.manager",
            "It broke",
        ),
        (
            "2026-11-22T12:03:10.123Z|00012|jsonrpc|ERR|tcp:10.0.0.1:6641: refused",
            "ovn-controller",
            "ERROR",
            "jsonrpc",
            "tcp:10.0.0.1:6641: refused",
        ),
        (
            "2026-11-22T12:03:10.123Z|00012|util|EMER|assertion failed",
            "ovs-vswitchd",
            "CRITICAL",
            "util",
            "assertion failed",
        ),
        (
            "2026-11-22 12:03:10.123+0000: 2345: error : virNetSocketReadWire:1791 : End of file",
            "libvirtd",
            "ERROR",
            "virNetSocketReadWire",
            "End of file",
        ),
        (
            "Nov 22 12:03:10 ctl1 haproxy[7]: Server nova_api_back/ctl1 is DOWN, reason: refused.",
            "haproxy",
            "ERROR",
            "haproxy",
            "Server nova_api_back/ctl1 is DOWN, reason: refused.",
        ),
        (
            (
                "[Sun Nov 22 12:03:10.123456 2026] [wsgi:error] [pid 23:tid 14] "
                "[remote 10.0.0.1:5] mod_wsgi (pid=23): Exception occurred processing WSGI script"
            ),
            "horizon",
            "ERROR",
            "wsgi",
            "mod_wsgi (pid=23): Exception occurred processing WSGI script",
        ),
        (
            "[2026-11-22T12:03:10,123][ERROR][o.o.c.Node              ] [ctl1] shard failed",
            "opensearch",
            "ERROR",
            "o.o.c.Node",
            "shard failed",
        ),
        ("ERROR:__main__:MissingRequiredSource", "kolla", "ERROR", "__main__", "MissingRequired"),
        (
            '{"level":"fatal","ts":"2026-11-22T12:03:10Z","msg":"etcd: no space"}',
            "etcd",
            "CRITICAL",
            "",
            "etcd: no space",
        ),
        (
            'ts=2026-11-22T12:03:10.1Z caller=main.go:1 level=error msg="no disk" err="full"',
            "prometheus",
            "ERROR",
            "main.go",
            "no disk",
        ),
        (
            "2026-11-22T12:03:10.123+0000 7f1c2b -1 osd.3 heartbeat_check: no reply",
            "ceph-osd",
            "ERROR",
            "",
            "osd.3 heartbeat_check: no reply",
        ),
        ("!!! uWSGI process 7 got Segmentation Fault !!!", "glance", "ERROR", "", "uWSGI process"),
    ],
)
def test_a_line_is_found_and_read(
    text: str, service: str, level: str, module: str, message: str
) -> None:
    ((found, _count),) = scanned(f"{text}\n")
    read = parse.event(found, service)
    assert (read.level, read.module, read.fragment) == (level, module, False)
    assert read.message.startswith(message)
    assert read.request_id == (REQUEST if "req-" in text else "")


@pytest.mark.parametrize(
    "line",
    [
        "2026-11-22 12:03:10.123 7 INFO nova.api [-] server 1 is in status ERROR now",
        "2026-11-22 12:03:10.123 7 WARNING nova.api [-] [ERROR] is a word",
        "2026-11-22 12:03:10 5 [Warning] Aborted connection 5: [ERROR]",
        "2026-11-22 12:03:10.1+00:00 [warning] <0.1.0> the [error] of its ways",
        "Nov 22 12:03:10 ctl1 haproxy[7]: 10.0.0.1:1 [22/Nov/2026] api ERROR 503",
        "[Sun Nov 22 12:03:10.123456 2026] [wsgi:error] [pid 23] DeprecationWarning: old",
        "2026-11-22T12:03:10.123Z|00012|rconn|WARN|refused |ERR| ",
        "plain words about an ERROR",
    ],
)
def test_a_line_that_only_talks_of_errors_is_none(line: str) -> None:
    assert scanned(f"{line}\n") == []


def oslo_event() -> str:
    return f"{OSLO} {NEW} Failed to build\n{traceback(f'{OSLO} ')}\n{OSLO} \n"


@pytest.mark.parametrize(
    ("name", "text", "exception"),
    [
        ("prefixed", oslo_event(), "libvirt.libvirtError"),
        ("bare", f"{OSLO} {NEW} Failed to build\n{traceback()}\n", "libvirt.libvirtError"),
        ("alone", f"some words\n{traceback()}\nmore words\n", "libvirt.libvirtError"),
        (
            "instance",
            f"{OSLO} {NEW} [instance: 5b6c] Failed\n{traceback(f'{OSLO} [instance: 5b6c] ')}\n",
            "libvirt.libvirtError",
        ),
        (
            "critical",
            f"{OSLO.replace('ERROR', 'CRITICAL')} {NEW} Unhandled\n{traceback(f'{OSLO} ')}\n",
            "libvirt.libvirtError",
        ),
        (
            "chained",
            (
                f"{OSLO} {NEW} Failed\n{traceback(f'{OSLO} ')}\n{OSLO} \n{OSLO} "
                f"During handling of the above exception, another exception occurred:\n{OSLO} \n"
                f"{OSLO} Traceback (most recent call last):\n"
                f'{OSLO}   File "{SITE}/nova/compute/manager.py", line 1, in stop\n'
                f"{OSLO}     raise exception.Worse()\n{OSLO} nova.exception.Worse\n"
            ),
            "nova.exception.Worse",
        ),
        (
            "apache",
            "\n".join(
                f"[Sun Nov 22 12:03:10.1 2026] [wsgi:error] [pid 23] [remote 10.0.0.1:5] {line}"
                for line in traceback().split("\n")
            )
            + "\n",
            "libvirt.libvirtError",
        ),
    ],
)
def test_a_traceback_is_one_event(name: str, text: str, exception: str) -> None:
    after = f"{OSLO.replace('.123', '.999')} [-] Something else\n" if name != "alone" else ""
    found = scanned(text + after)
    assert [count for _text, count in found] == [1] * (2 if after else 1)
    read = parse.event(found[0][0], "nova-compute")
    assert (read.exception, read.fragment) == (exception, False)
    assert read.place.startswith("nova/compute/manager.py:")


def test_two_processes_that_write_between_each_others_lines_are_told_apart() -> None:
    other = OSLO.replace(" 7 ", " 8 ")
    mine, theirs = oslo_event().splitlines(), oslo_event().replace(OSLO, other).splitlines()
    mixed = "".join(f"{a}\n{b}\n" for a, b in zip(mine, theirs, strict=True))
    found = scanned(mixed)
    assert [count for _text, count in found] == [2]
    assert not parse.event(found[0][0], "nova-compute").fragment


def test_the_traceback_of_a_warning_is_no_error() -> None:
    warned = f"{OSLO.replace('ERROR', 'WARNING')} {NEW} Trying again"
    assert scanned(f"{warned}\n{traceback(f'{OSLO} ')}\n") == []


def test_rabbitmq_writes_one_report_in_many_lines() -> None:
    at = "2026-11-25 22:50:12.987333+00:00 [error] <0.735.0>"
    text = f"{at} ** Generic server foo terminating\n{at} ** Last message in was {{x}}\n{at} ** y\n"
    ((found, count),) = scanned(text)
    assert (count, found.count("\n")) == (1, 2)


@pytest.mark.parametrize("size", [1, 7, 64, 1000])
def test_events_do_not_depend_on_where_the_reading_stops(size: int) -> None:
    text = (oslo_event() + f"{OSLO} {NEW} Again\n2026-11-22 12:03:11.000 7 INFO a [-] b\n") * 3
    groups = Groups(0, 1 << 40)
    scanner = Scanner(groups, Times(1795348800.0))
    data = text.encode()
    for at in range(0, len(data), size):
        scanner.feed(data[at : at + size])
    scanner.close()
    assert [(row["text"], row["count"]) for row in groups.listed()] == scanned(text)
    assert scanner.lines == text.count("\n")


@pytest.mark.parametrize(
    ("file", "service"),
    [
        ("/var/log/kolla/nova/nova-compute.log", "nova-compute"),
        ("/var/log/kolla/nova/nova-compute.log.1", "nova-compute"),
        ("/var/log/kolla/nova/nova-compute.log.2.gz", "nova-compute"),
        ("/var/log/kolla/nova/nova-api.log-20261122", "nova-api"),
        ("/var/log/kolla/rabbitmq/rabbit@ctl1.log", "rabbitmq"),
        ("/var/log/kolla/keystone/keystone-apache-public-error.log", "keystone"),
        ("/var/log/kolla/haproxy/haproxy_latest.log", "haproxy"),
        ("/var/log/kolla/mariadb/mariadb.err", "mariadb"),
        ("nova_libvirt", "nova-libvirt"),
    ],
)
def test_a_file_names_its_service(file: str, service: str) -> None:
    assert parse.service_of(file) == service


@pytest.mark.parametrize(
    ("message", "template"),
    [
        ("Instance 5b6c1d4e-aaaa-bbbb-cccc-0123456789ab gone", "Instance <*> gone"),
        ("No host 'compute-01' at 10.0.0.1:8774", "No host <*> at <*>"),
        ("GET https://ctl1:5000/v3?x=1 gave 500", "GET <*> gave <*>"),
        ("port fa:16:3e:00:11:22 on fe80::1%eth0", "port <*> on <*>"),
        ("can't open /var/lib/nova/x.log: isn't there", "can't open <*>: isn't there"),
        ("took 3.5 seconds on compute01.example.org", "took <*> seconds on <*>"),
        ("bad <Foo object at 0x7f12ab> in 0xdeadbeef", "bad <*> in <*>"),
    ],
)
def test_values_become_one_sign(message: str, template: str) -> None:
    assert mask.values(message) == template


def test_a_remote_error_is_known_by_what_was_raised_there() -> None:
    read = Event(level="ERROR", exception="oslo.RemoteError", said="Remote error: DBError down")
    assert parse.identity(read) == "RemoteError(DBError)"


def test_a_process_of_rabbitmq_that_died_is_one_event_with_its_reason() -> None:
    head = "2026-11-26 07:30:45.506078+00:00 [error] <0.596.0> "
    lines = (
        "  crasher:",
        "    initial call: cowboy_stream_h:request_process/3",
        "    pid: <0.596.0>",
        "    exception exit: {{noproc,",
        "  neighbours:",
    )
    found = parse.event("\n".join(head + line for line in lines), "rabbitmq")
    assert found.message == (
        "crasher; initial call: cowboy_stream_h:request_process/3; exception exit: {{noproc,"
    )
    assert not found.fragment


@pytest.mark.parametrize(
    "line",
    [
        "2026-11-22 12:03:11.000 7 WARNING keystone.server [req-1 - - - - -] The password is old",
        "2026-11-22 12:03:11.000 7 INFO keystone.server [req-1 - - - - -] The password is old",
        "2026-11-22 12:03:11.000 [warning] <0.1.0> The password is old",
        "2026-11-22 12:03:11 0 [Warning] The password is old",
        "2026-11-22T12:03:11.000Z|00001|dpif|WARN|The password is old",
    ],
)
def test_a_marked_line_is_read_whatever_its_level(line: str) -> None:
    other = line.replace("The password is old", "All is well").replace("03:11", "03:10")
    groups = Groups(0, 1 << 40)
    scanner = Scanner(groups, Times(1795348800.0), [b"password is old"])
    scanner.feed(f"{other}\n{line}\n{other}\n".encode())
    scanner.close()
    assert [row["text"] for row in groups.listed()] == [line]
    assert scanned(f"{other}\n{line}\n{other}\n") == []
    assert parse.event(line, "keystone").level == "WARNING"


def test_a_mark_in_a_line_without_a_level_is_enough() -> None:
    groups = Groups(0, 1 << 40)
    scanner = Scanner(groups, Times(1795348800.0), [b"dnsmasq: no address range"])
    scanner.feed(b"Nov 22 12:03:11 h1 dnsmasq: no address range available\n")
    scanner.close()
    assert [row["count"] for row in groups.listed()] == [1]
