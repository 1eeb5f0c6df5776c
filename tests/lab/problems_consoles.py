# SPDX-License-Identifier: Apache-2.0
"""Known problems of consoles, planted on a real nova-novncproxy that the lab starts for them."""

import hashlib
import socket
import time
from contextlib import ExitStack, suppress

from lab.databases import sql
from lab.processes import listening, wait_for
from tests.lab.hands import Hands
from tests.lab.problem import Planting

NAME, OFFSET = "nova-novncproxy", 120
# Where Nova's fake driver says that consoles are; nobody listens there.
CONSOLES = 6969


def proxy(hands: Hands, undo: ExitStack) -> int:
    """Start the proxy, unless it runs; its port."""
    cloud = hands.cloud
    port = cloud.place.port(OFFSET)
    if listening(port):
        return port
    web = cloud.place.run / "novnc"
    web.mkdir(exist_ok=True)
    (web / "vnc_auto.html").write_text("")
    own = cloud.place.etc / "nova" / "novncproxy.conf"
    own.write_text(
        f"[DEFAULT]\nlog_file = {cloud.place.log}/{NAME}.log\nweb = {web}\n"
        f"[vnc]\nenabled = true\nnovncproxy_host = 127.0.0.1\nnovncproxy_port = {port}\n"
        f"novncproxy_base_url = http://127.0.0.1:{port}/vnc_auto.html\n"
    )
    files = (cloud.place.etc / "nova" / "nova.conf", own)
    argv: list[object] = [cloud.facts.venv / "bin" / NAME]
    argv += [word for file in files for word in ("--config-file", file)]
    cloud.processes.start(NAME, [str(word) for word in argv], env=cloud.facts.environment())
    undo.callback(cloud.processes.stop, [NAME])
    wait_for(lambda: listening(port), NAME, seconds=60)
    return port


def token(hands: Hands, undo: ExitStack, port: int, base: str) -> str:
    """Let Nova know a token of a console at this port, as `console url show` makes it."""
    word = f"planted-{port}-{time.time_ns()}"
    digest = hashlib.sha256(word.encode()).hexdigest()
    with sql(hands.cloud.facts) as cursor:
        cursor.execute(
            "INSERT INTO nova.console_auth_tokens (created_at, token_hash, console_type, host, "
            "port, instance_uuid, expires, access_url_base) "
            "VALUES (NOW(), %s, 'novnc', '127.0.0.1', %s, %s, %s, %s)",
            (digest, port, hands.server("web01").id, int(time.time()) + 3600, base),
        )

    def drop() -> None:
        with sql(hands.cloud.facts) as cursor:
            cursor.execute("DELETE FROM nova.console_auth_tokens WHERE token_hash = %s", (digest,))

    undo.callback(drop)
    return word


def open_console(port: int, word: str, origin: str) -> None:
    """Ask for a console as a browser does; the answer matters to nobody."""
    lines = (
        f"GET /websockify?token={word} HTTP/1.1",
        f"Host: 127.0.0.1:{port}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Protocol: binary",
        f"Origin: {origin}",
        "",
        "",
    )
    with socket.create_connection(("127.0.0.1", port), timeout=20) as client, suppress(OSError):
        client.sendall("\r\n".join(lines).encode())
        client.recv(4096)
        client.recv(4096)


def unknown_token(hands: Hands, undo: ExitStack) -> None:
    port = proxy(hands, undo)
    open_console(port, "planted-of-another-cell", f"http://127.0.0.1:{port}")


def closed_way(hands: Hands, undo: ExitStack) -> None:
    """Let the guest's host not be reached: nobody listens where the token says."""
    port = proxy(hands, undo)
    base = f"http://127.0.0.1:{port}/vnc_auto.html"
    word = token(hands, undo, CONSOLES, base)
    open_console(port, word, f"http://127.0.0.1:{port}")


def other_name(hands: Hands, undo: ExitStack) -> None:
    """Come by another name than the base URL has."""
    port = proxy(hands, undo)
    base = f"http://127.0.0.1:{port}/vnc_auto.html"
    word = token(hands, undo, CONSOLES, base)
    open_console(port, word, "https://console.example.org")


PLANTINGS = (
    Planting(problem="console-token", batch="flavors", plant=unknown_token),
    Planting(problem="console-firewall", batch="flavors", plant=closed_way),
    Planting(problem="console-base-url", batch="flavors", plant=other_name),
)
