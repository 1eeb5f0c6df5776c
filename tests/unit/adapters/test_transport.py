# SPDX-License-Identifier: Apache-2.0
"""A kept connection of TLS that ends, in an orderly way or not, costs a read nothing."""

import logging
import socket
import ssl
import struct
from pathlib import Path

import pytest

from day2.adapters.openstack.limits import LoadSettings
from day2.adapters.openstack.transport import Requests, Transport
from lab.parts.certificates import Authority
from tests.unit.adapters.wire import request_line, serving

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
RESET = struct.pack("ii", 1, 0)


@pytest.mark.parametrize("reset", [False, True], ids=["closed", "reset"])
def test_a_read_goes_out_once_more_over_tls(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, *, reset: bool
) -> None:
    authority, bundle = Authority(tmp_path), tmp_path / "server.pem"
    bundle.write_bytes(authority.server(["127.0.0.1"], 90))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(bundle)
    asked: list[str] = []

    def script(link: socket.socket) -> None:
        with context.wrap_socket(link, server_side=True) as tls:
            asked.append(request_line(tls))
            tls.sendall(ANSWER)
            asked.append(request_line(tls))
            if reset:
                tls.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)

    with serving(script) as port, Requests() as session:
        session.mount("https://", Transport(LoadSettings(request_seconds_max=5)))
        for _read in range(2):
            url = f"https://127.0.0.1:{port}/x"
            answer = session.get(url, verify=str(authority.ca_file))
            assert answer.status_code == 200
        # The third was the second one again; an end without a request is the client's own.
        assert [line for line in asked if line] == ["GET /x HTTP/1.1"] * 3
    # What the libraries warn of is on the operator's terminal.
    assert not [line for line in caplog.records if line.levelno >= logging.WARNING]
