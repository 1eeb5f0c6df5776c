# SPDX-License-Identifier: Apache-2.0
"""One HTTP server that speaks enough Keystone, Nova, ... to be surveyed, and lies where told to.

A behaviour is a function that writes whatever bytes it likes to the socket; `HostileCloud.plant`
puts one at a path. Everything else answers as a small healthy cloud does.
"""

import contextlib
import itertools
import json
import socket
import threading
import time
import urllib.parse
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from day2.survey.lists import COLLECTIONS

TOKEN = "gAAAA-the-token-of-the-hostile-cloud"
PASSWORD = "the-password-of-the-hostile-cloud"
PREFIXES = {
    "identity": "/identity/v3",
    "compute": "/compute/v2.1",
    "placement": "/placement",
    "network": "/network",
    "block-storage": "/volume/v3",
    "image": "/image",
}
AUTH = "/identity/v3/auth/tokens"
SERVERS = "/compute/v2.1/servers/detail"
VERSIONS = "/compute/"
HEADERS_BYTES_MAX = 1 << 20


@dataclass(frozen=True)
class Asked:
    """One request as it arrived; header names in lower case."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes = b""


@dataclass
class Wire:
    """The socket to the client, and whether the server is being stopped."""

    sock: socket.socket
    stopped: threading.Event

    def send(self, data: bytes) -> None:
        self.sock.sendall(data)

    def drip(self, data: bytes, *, seconds: float) -> None:
        """Send one byte at a time."""
        for byte in data:
            if self.stopped.wait(seconds):
                return
            self.sock.sendall(bytes([byte]))


Behaviour = Callable[[Asked, Wire], None]


def reply(
    body: bytes | str = b"",
    *,
    status: int = 200,
    content_type: str = "application/json",
    headers: Mapping[str, str] | None = None,
    length: int | None = None,
) -> Behaviour:
    """Answer with these bytes; `length` lies about how many there are."""
    raw = body.encode() if isinstance(body, str) else body

    def behave(_asked: Asked, wire: Wire) -> None:
        wire.send(head(status, content_type, length if length is not None else len(raw), headers))
        wire.send(raw)

    return behave


def head(
    status: int, content_type: str, length: int | None, headers: Mapping[str, str] | None = None
) -> bytes:
    lines = [f"HTTP/1.1 {status} Whatever", f"Content-Type: {content_type}", "Connection: close"]
    if length is not None:
        lines.append(f"Content-Length: {length}")
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def document(found: object, *, status: int = 200) -> Behaviour:
    return reply(json.dumps(found), status=status)


def html(*, status: int = 200) -> Behaviour:
    page = "<!DOCTYPE html><html><body><h1>Welcome to nginx!</h1></body></html>"
    return reply(page, status=status, content_type="text/html")


def truncated(body: str) -> Behaviour:
    """Promise more bytes than are sent, and hang up."""
    return reply(body, length=len(body) + 1000)


def reset(_asked: Asked, wire: Wire) -> None:
    """Close with RST."""
    wire.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
    wire.sock.close()


def hang_up(_asked: Asked, _wire: Wire) -> None:
    """Close without a word."""


def silent(_asked: Asked, wire: Wire) -> None:
    """Never answer."""
    wire.stopped.wait(120)


def header_of(mib: int) -> Behaviour:
    """Send one header line without end."""

    def behave(_asked: Asked, wire: Wire) -> None:
        wire.send(b"HTTP/1.1 200 OK\r\nX-Long: ")
        for _n in range(mib):
            wire.send(b"a" * (1 << 20))
        wire.send(b"\r\nContent-Length: 2\r\n\r\n{}")

    return behave


def headers_many(_asked: Asked, wire: Wire) -> None:
    """Send headers for ever."""
    wire.send(b"HTTP/1.1 200 OK\r\n")
    for number in itertools.count():
        if wire.stopped.is_set():
            return
        wire.send(f"X-{number}: {'b' * 1000}\r\n".encode())


def drip_headers(_asked: Asked, wire: Wire) -> None:
    """One byte of an endless header now and then."""
    wire.send(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    wire.drip(b"a" * 10_000, seconds=0.1)


def drip_body(_asked: Asked, wire: Wire) -> None:
    """One byte of a body now and then."""
    wire.send(head(200, "application/json", 100_000))
    wire.drip(b"[" + b" " * 10_000, seconds=0.1)


def drip_chunks(_asked: Asked, wire: Wire) -> None:
    """A chunked body whose chunks have one byte each, without end."""
    wire.send(
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    while not wire.stopped.wait(0.1):
        wire.send(b"1\r\n \r\n")


def flood(_asked: Asked, wire: Wire) -> None:
    """Send a body without end."""
    wire.send(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n[")
    while not wire.stopped.is_set():
        wire.send(b" " * (1 << 18))


def gzip_bomb(mib: int) -> Behaviour:
    """Send a body that is a thousand times larger once unpacked."""
    packer = zlib.compressobj(9, wbits=31)
    packed = b"".join(packer.compress(b" " * (1 << 20)) for _n in range(mib)) + packer.flush()
    return reply(packed, headers={"Content-Encoding": "gzip"})


def nested(depth: int = 200_000) -> Behaviour:
    return reply("[" * depth)


def same_page_for_ever(key: str, row: Mapping[str, Any]) -> Behaviour:
    """Answer every page with the same rows and another marker."""
    numbers = itertools.count()

    def behave(asked: Asked, wire: Wire) -> None:
        link = {"rel": "next", "href": f"http://{asked.headers['host']}{asked.path}?marker="}
        link["href"] += str(next(numbers))
        document({key: [row], f"{key}_links": [link]})(asked, wire)

    return behave


def new_ids_for_ever(key: str, row: Mapping[str, Any], *, rows: int = 10) -> Behaviour:
    """Answer every page with rows never seen before."""
    numbers = itertools.count()

    def behave(asked: Asked, wire: Wire) -> None:
        page = [{**row, "id": f"new-{next(numbers)}"} for _n in range(rows)]
        link = {"rel": "next", "href": f"{asked.path}?marker={page[-1]['id']}"}
        document({key: page, f"{key}_links": [link]})(asked, wire)

    return behave


def next_page_at(url: str, key: str, row: Mapping[str, Any]) -> Behaviour:
    """Name a stranger's host as the place of the next page; without a next page there."""

    def behave(asked: Asked, wire: Wire) -> None:
        if "marker" in asked.query:
            document({key: []})(asked, wire)
            return
        link = {"rel": "next", "href": f"{url}/servers/detail?marker=2"}
        document({key: [row], f"{key}_links": [link]})(asked, wire)

    return behave


def redirect(url: str, *, status: int = 302) -> Behaviour:
    return reply(b"", status=status, headers={"Location": url})


def refused_on_page_two(key: str, row: Mapping[str, Any]) -> Behaviour:
    """Refuse the token in the middle of a list."""

    def behave(asked: Asked, wire: Wire) -> None:
        if "marker" in asked.query:
            document({"error": {"message": "token expired"}}, status=401)(asked, wire)
            return
        link = {"rel": "next", "href": f"{asked.path}?marker=2"}
        document({key: [row], f"{key}_links": [link]})(asked, wire)

    return behave


@dataclass
class HostileCloud:
    """The server; a context manager. `asked` holds every request in the order of arrival."""

    planted: dict[str, Behaviour] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port: int = self._listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._stopped = threading.Event()
        self._healthy = _healthy(self.url)

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stopped.set()
        # Closing alone would not end an `accept` that waits in another thread.
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def plant(self, path: str, behaviour: Behaviour) -> None:
        """Make this path behave so from now on."""
        self.planted[path] = behaviour

    def service_paths(self, service: str) -> list[str]:
        """List the healthy paths of one service."""
        prefix = PREFIXES[service].partition("/v")[0] + "/"
        return [path for path in self._healthy if path.startswith(prefix)]

    def settings(self, folder: Path) -> Path:
        """Write clouds.yaml and the settings file that name this cloud; return the latter."""
        clouds = folder / "clouds.yaml"
        clouds.write_text(
            json.dumps(
                {
                    "clouds": {
                        "hostile": {
                            "region_name": "RegionOne",
                            "auth": {
                                "auth_url": f"{self.url}/identity/v3",
                                "username": "u",
                                "password": PASSWORD,
                                "project_name": "p",
                            },
                        }
                    }
                }
            )
        )
        clouds.chmod(0o600)
        file = folder / "day2.yaml"
        account = {"cloud": "hostile", "clouds_file": str(clouds)}
        file.write_text(json.dumps({"clouds": {"hostile": {"openstack": account}}}))
        return file

    def _accept(self) -> None:
        while not self._stopped.is_set():
            try:
                sock, _address = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock: socket.socket) -> None:
        # Whatever a client does to its side is its own affair: hanging up is what it should do.
        with contextlib.suppress(OSError), sock:
            sock.settimeout(30)
            asked = _read(sock)
            if asked is None:
                return
            self.asked.append(asked)
            behaviour = self.planted.get(asked.path) or self._healthy.get(asked.path)
            if behaviour is None:
                behaviour = document({"error": {"message": "not here"}}, status=404)
            behaviour(asked, Wire(sock, self._stopped))
            # Without this the kernel may drop what was sent (RST) when unread bytes wait.
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_WR)


def _read(sock: socket.socket) -> Asked | None:
    raw = b""
    while b"\r\n\r\n" not in raw:
        part = sock.recv(65536)
        if not part or len(raw) > HEADERS_BYTES_MAX:
            return None
        raw += part
    top, _blank, body = raw.partition(b"\r\n\r\n")
    first, *lines = top.decode("latin-1").split("\r\n")
    method, target, _version = first.split(" ")
    headers = {k.lower(): v.strip() for k, _c, v in (line.partition(":") for line in lines)}
    while len(body) < int(headers.get("content-length", 0)):
        body += sock.recv(65536)
    parts = urllib.parse.urlsplit(target)
    return Asked(method, parts.path, dict(urllib.parse.parse_qsl(parts.query)), headers, body)


def _healthy(url: str) -> dict[str, Behaviour]:
    """Make the answers of a cloud with one compute service, disabled without a reason."""
    made: dict[str, Behaviour] = {AUTH: reply(token(url), status=201, headers=TOKEN_HEADERS)}
    for collection in COLLECTIONS:
        prefix = PREFIXES.get(collection.service)
        if prefix is not None:
            path = prefix + collection.path.format(project_id="p1")
            made[path] = document({collection.key: []})
    made["/compute/v2.1/os-services"] = document({"services": [SERVICE]})
    made["/network/v2.0/agents"] = document({"agents": [AGENT]})
    for service, version in (("compute", "2.96"), ("placement", "1.39"), ("volume", "3.71")):
        made[f"/{service}/"] = document({"versions": [{"id": "v1", "version": version}]})
    for service in ("identity", "network", "image"):
        made[f"/{service}/"] = document({"versions": [{"id": "v1"}]}, status=300)
    return made


TOKEN_HEADERS = {"X-Subject-Token": TOKEN}
SERVICE = {"id": "s1", "binary": "nova-compute", "host": "c1", "status": "disabled", "state": "up"}
AGENT = {"id": "a1", "binary": "neutron-l3-agent", "host": "c1", "alive": True}
SERVER = {"id": "one", "status": "ACTIVE", "tenant_id": "p1"}


def token(url: str) -> str:
    """Make the body of a token with its catalogue."""
    catalog = [
        {
            "type": service,
            "name": service,
            "id": service,
            "endpoints": [
                {
                    "id": f"{service}-{interface}",
                    "interface": interface,
                    "region_id": "RegionOne",
                    "region": "RegionOne",
                    "url": f"{url}{prefix}",
                }
                for interface in ("public", "internal")
            ],
        }
        for service, prefix in PREFIXES.items()
    ]
    expires = time.strftime("%Y-%m-%dT%H:%M:%S.000000Z", time.gmtime(time.time() + 3600))
    user = {"id": "u1", "name": "u", "domain": {"id": "default", "name": "Default"}}
    project = {"id": "p1", "name": "p", "domain": {"id": "default", "name": "Default"}}
    return json.dumps(
        {
            "token": {
                "methods": ["password"],
                "user": user,
                "project": project,
                "roles": [{"id": "r1", "name": "admin"}],
                "catalog": catalog,
                "issued_at": expires,
                "expires_at": expires,
            }
        }
    )


@contextlib.contextmanager
def running(**planted: Behaviour) -> Iterator[HostileCloud]:
    """Run one for a `with` block."""
    with HostileCloud(planted=dict(planted)) as cloud:
        yield cloud
