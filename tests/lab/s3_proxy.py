# SPDX-License-Identifier: Apache-2.0
"""A proxy before radosgw that answers badly when it is told to."""

import http.client
import re
import threading
import time
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit


@dataclass
class Fault:
    """What happens to the next `times` requests whose method and path fit.

    `status`: answered so, without asking; `answer_status`: after it was done. `cut_answer`,
    `cut_request`: the connection ends after so many bytes of the body. `seconds`: nothing happens
    for so long. `spoil`: one bit of the body that is on its way to us is another one.
    """

    method: str
    path: str
    times: int = 1
    status: int = 0
    answer_status: int = 0
    cut_answer: int | None = None
    cut_request: int | None = None
    seconds: float = 0.0
    spoil: bool = False


class Proxy:
    """Listens on loopback; `seen` has the method and path of every request."""

    def __init__(self, endpoint: str) -> None:
        self._address = urlsplit(endpoint).netloc
        self.faults: list[Fault] = []
        self.seen: list[tuple[str, str]] = []
        self._lock = threading.Lock()
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_any(self) -> None:
                proxy.forward(self)

            do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = handle_any  # noqa: N815

            def log_message(self, *_words: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def puts(self) -> list[str]:
        """Return the paths of what was sent."""
        return [path for method, path in self.seen if method == "PUT"]

    def forward(self, asked: Any) -> None:
        fault = self._fault(asked.command, asked.path)
        asked.close_connection = True
        length = int(asked.headers.get("Content-Length") or 0)
        if fault.cut_request is not None:
            asked.rfile.read(min(length, fault.cut_request))
            return
        if asked.headers.get("Expect", "").lower() == "100-continue":
            asked.send_response_only(100)
            asked.end_headers()
        body = asked.rfile.read(length)
        time.sleep(fault.seconds)
        if fault.status:
            self._say(asked, fault.status)
            return
        self._pass_on(asked, body, fault)

    def _say(self, asked: Any, status: int) -> None:
        asked.send_response_only(status)
        asked.send_header("Content-Length", "0")
        asked.send_header("Connection", "close")
        asked.end_headers()

    def _pass_on(self, asked: Any, body: bytes, fault: Fault) -> None:
        link = http.client.HTTPConnection(self._address, timeout=30)
        headers = {k: v for k, v in asked.headers.items() if k.lower() != "expect"}
        link.request(asked.command, asked.path, body=body or None, headers=headers)
        answer = link.getresponse()
        told = answer.read()
        if fault.answer_status:
            link.close()
            self._say(asked, fault.answer_status)
            return
        asked.send_response_only(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in {"transfer-encoding", "connection", "content-length"}:
                asked.send_header(name, value)
        size = answer.getheader("Content-Length") if asked.command == "HEAD" else len(told)
        asked.send_header("Content-Length", str(size or 0))
        asked.send_header("Connection", "close")
        asked.end_headers()
        if fault.spoil and told:
            told = bytes([told[0] ^ 1]) + told[1:]
        asked.wfile.write(told[: fault.cut_answer] if fault.cut_answer is not None else told)
        link.close()

    def _fault(self, method: str, path: str) -> Fault:
        with self._lock:
            self.seen.append((method, path))
            for fault in self.faults:
                if fault.times and fault.method == method and re.search(fault.path, path):
                    fault.times -= 1
                    return fault
        return Fault(method, path)
