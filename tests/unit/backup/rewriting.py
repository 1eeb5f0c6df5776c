# SPDX-License-Identifier: Apache-2.0
"""Stands between day2 and a sandbox, and changes what some pages say on their way."""

import contextlib
import http.client
import json
import socket
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from tests.unit.adapters.wire import serving

Change = Callable[[dict[str, Any]], None]
PASSED = {"x-auth-token", "x-subject-token", "content-type", "accept", "openstack-api-version"}


@contextlib.contextmanager
def rewriting(port: int, changes: Mapping[str, Change]) -> Iterator[int]:
    """Yield the port of a server that answers as the one behind it does, but for these paths."""
    own: list[int] = []

    def script(link: socket.socket) -> None:
        reader = link.makefile("rb")
        while line := reader.readline():
            method, target, _protocol = line.decode().split(" ")
            headers = http.client.parse_headers(reader)
            body = reader.read(int(headers.get("content-length", 0)))
            behind = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
            kept = {name: text for name, text in headers.items() if name.lower() in PASSED}
            behind.request(method, target, body, kept)
            answer = behind.getresponse()
            # The catalogue must lead here, too.
            said = answer.read().replace(f":{port}/".encode(), f":{own[0]}/".encode())
            change = changes.get(target.partition("?")[0])
            if change is not None:
                document = json.loads(said)
                change(document)
                said = json.dumps(document).encode()
            token = answer.getheader("X-Subject-Token")
            more = f"X-Subject-Token: {token}\r\n" if token else ""
            head = f"HTTP/1.1 {answer.status} X\r\n{more}Content-Length: {len(said)}\r\n\r\n"
            link.sendall(head.encode() + said)
            behind.close()

    with serving(script) as here:
        own.append(here)
        yield here
