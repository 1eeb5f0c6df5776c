# SPDX-License-Identifier: Apache-2.0
import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from day2.adapters.clock import SystemClock
from day2.adapters.probe import (
    Address,
    Heard,
    Shown,
    address_of,
    ask,
    matches,
    offset,
    show_certificate,
)
from day2.errors import BadUsage
from lab.parts.certificates import Authority

CLOCK = SystemClock()
NOON = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
Serve = Callable[[socket.socket], None]


@contextlib.contextmanager
def listening(serve: Serve) -> Iterator[int]:
    """Serve every connection on a port of its own."""
    listener = socket.create_server(("127.0.0.1", 0))

    def one(sock: socket.socket) -> None:
        with contextlib.suppress(OSError), sock:
            serve(sock)

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                sock, _address = listener.accept()
                threading.Thread(target=one, args=(sock,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)  # ends the waiting `accept`
        listener.close()


def saying(text: bytes) -> Serve:
    def serve(sock: socket.socket) -> None:
        sock.recv(65536)
        sock.sendall(text)
        sock.shutdown(socket.SHUT_WR)

    return serve


def drip(sock: socket.socket) -> None:
    sock.recv(65536)
    for byte in b"HTTP/1.1 200 OK\r\nX-Slow: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa":
        sock.sendall(bytes([byte]))
        time.sleep(0.05)


def asked(serve: Serve, *, seconds_max: float = 5) -> Heard:
    with listening(serve) as port:
        return ask(address_of(f"http://127.0.0.1:{port}/x"), seconds_max=seconds_max, clock=CLOCK)


@pytest.mark.parametrize("status", [200, 300, 401, 404, 503])
def test_any_status_is_an_answer_and_is_told_as_it_is(status: int) -> None:
    heard = asked(saying(f"HTTP/1.1 {status} X\r\nContent-Length: 0\r\n\r\n".encode()))
    assert (heard.status, heard.error) == (status, "")
    assert heard.latency_ms is not None
    assert heard.clock_offset_seconds is None


def test_a_closed_port_is_refused() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    heard = ask(address_of(f"http://127.0.0.1:{port}"), seconds_max=5, clock=CLOCK)
    assert heard == Heard(error="connection refused")


@pytest.mark.parametrize(
    ("serve", "error"),
    [
        (saying(b""), "the connection was closed without an answer"),
        (saying(b"SSH-2.0-x\r\n"), "the answer is not HTTP"),
        (saying(b"HTTP/1.1 200 OK\r\nX: " + b"a" * 100_000), "the answer is not HTTP"),
        (lambda _sock: time.sleep(3), "no answer in time"),
        (drip, "no answer in time"),
    ],
)
def test_what_is_no_answer_is_an_error_in_time(serve: Serve, error: str) -> None:
    began = time.monotonic()
    assert asked(serve, seconds_max=0.3) == Heard(error=error)
    assert time.monotonic() - began < 2


@pytest.mark.parametrize(
    ("date", "seconds_taken", "expected"),
    [
        (None, 0.1, None),
        ("", 0.1, None),
        ("yesterday", 0.1, None),
        ("Mon, 04 May 2026 12:00:00 GMT", 0.0, 0.0),
        ("Mon, 04 May 2026 11:59:59 GMT", 0.0, 0.0),  # 11:59:59.999 a moment ago
        ("Mon, 04 May 2026 11:59:58 GMT", 0.0, -1.0),
        ("Mon, 04 May 2026 12:00:01 GMT", 1.0, 0.0),  # written when a second had passed
        ("Mon, 04 May 2026 12:00:01 GMT", 0.2, 0.8),
        ("Mon, 04 May 2026 12:00:20 GMT", 20.0, 0.0),  # a slow service is not a wrong clock
        ("Mon, 04 May 2026 12:01:00 GMT", 0.0, 60.0),
        ("Mon, 04 May 2026 11:59:00 GMT", 0.0, -59.0),
        ("Mon, 04 May 2026 14:00:00 +0200", 0.0, 0.0),
        ("Mon, 04 May 99999 12:00:00 GMT", 0.0, None),
    ],
)
def test_the_offset_is_what_second_and_round_trip_cannot_explain(
    date: str | None, seconds_taken: float, expected: float | None
) -> None:
    assert offset(date, NOON, NOON + timedelta(seconds=seconds_taken)) == expected


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("http://a/v3", Address(host="a", port=80, tls=False, path="/v3")),
        ("https://a:5000", Address(host="a", port=5000, tls=True)),
        ("a:8443", Address(host="a", port=8443, tls=True)),
        ("https://[::1]:5000/", Address(host="::1", port=5000, tls=True)),
    ],
)
def test_an_address_is_a_url_or_host_and_port(target: str, expected: Address) -> None:
    assert address_of(target) == expected


@pytest.mark.parametrize("target", ["", "http://", "file:///etc/passwd", "a:b", "https://a:99999"])
def test_anything_else_is_no_address(target: str) -> None:
    with pytest.raises(BadUsage):
        address_of(target)


@pytest.mark.parametrize(
    ("host", "names", "expected"),
    [
        ("a.example", ["a.example"], True),
        ("A.example.", ["a.EXAMPLE"], True),
        ("a.example", ["*.example"], True),
        ("b.a.example", ["*.example"], False),
        ("example", ["*.example"], False),
        ("a.example", ["*"], False),
        ("127.0.0.1", ["127.0.0.1"], True),
        ("127.0.0.1", ["localhost"], False),
        ("::1", ["::1"], True),
        ("0:0:0:0:0:0:0:1", ["::1"], True),
        ("a.example", [], False),
    ],
)
def test_a_wildcard_is_one_label(host: str, names: list[str], *, expected: bool) -> None:
    assert matches(host, names) is expected


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("ca"))


def shown(authority: Authority, bundle: bytes, folder: Path, *, ca: str | bool = "ours") -> Shown:
    file = folder / "server.pem"
    file.write_bytes(bundle)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)

    def serve(sock: socket.socket) -> None:
        with context.wrap_socket(sock, server_side=True) as tls:
            tls.recv(1)

    chosen = str(authority.ca_file) if ca == "ours" else ca
    with listening(serve) as port:
        address = address_of(f"127.0.0.1:{port}")
        return show_certificate(address, ca=chosen, seconds_max=5, clock=CLOCK)


def test_a_good_certificate_is_trusted_and_has_its_names(
    authority: Authority, tmp_path: Path
) -> None:
    found = shown(authority, authority.server(["a.test", "127.0.0.1"], 90), tmp_path)
    assert (found.trusted, found.name_matches, found.error) == (True, True, "")
    assert found.names == ["a.test", "127.0.0.1"]
    assert found.protocol.startswith("TLSv1.")
    assert found.not_after is not None
    assert timedelta(days=89) < found.not_after - CLOCK.now() < timedelta(days=91)


@pytest.mark.parametrize("chain", [True, False])
def test_an_unknown_authority_is_untrusted_and_the_certificate_is_read(
    authority: Authority, tmp_path: Path, *, chain: bool
) -> None:
    bundle = authority.server(["127.0.0.1"], 90, chain=chain)
    found = shown(authority, bundle, tmp_path, ca=True if chain else "ours")
    assert (found.trusted, found.name_matches) == (False, True)
    assert found.names == ["127.0.0.1"]


def test_a_self_signed_certificate_is_untrusted(authority: Authority, tmp_path: Path) -> None:
    found = shown(authority, authority.self_signed(["127.0.0.1"], 90), tmp_path)
    assert (found.trusted, found.subject) == (False, found.issuer)


def test_an_expired_certificate_is_judged_by_its_dates_not_by_its_chain(
    authority: Authority, tmp_path: Path
) -> None:
    found = shown(authority, authority.server(["127.0.0.1"], -1), tmp_path)
    assert found.trusted is None
    assert found.not_after is not None
    assert found.not_after < CLOCK.now()


def test_without_verification_the_chain_is_not_judged(authority: Authority, tmp_path: Path) -> None:
    found = shown(authority, authority.self_signed(["127.0.0.1"], 90), tmp_path, ca=False)
    assert found.trusted is None


def test_an_address_without_tls_is_an_error() -> None:
    with listening(saying(b"HTTP/1.1 400 Bad Request\r\n\r\n")) as port:
        address = address_of(f"127.0.0.1:{port}")
        found = show_certificate(address, ca=True, seconds_max=5, clock=CLOCK)
    assert "TLS failed" in found.error


def test_a_silent_address_is_an_error_in_time() -> None:
    with listening(lambda _sock: time.sleep(3)) as port:
        address = address_of(f"127.0.0.1:{port}")
        began = time.monotonic()
        found = show_certificate(address, ca=True, seconds_max=0.3, clock=CLOCK)
    assert found.error == "no answer in time"
    assert time.monotonic() - began < 2
