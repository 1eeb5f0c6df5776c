# SPDX-License-Identifier: Apache-2.0
"""The wire below a session: every read meets one deadline, every body one size limit.

The libraries above bound each wait for the next byte, not the whole: a server that sends one byte
of a header every second is alive to them for ever. Here the socket itself counts down.
"""

import http.client
import io
import os
import socket
import threading
import urllib.parse
from collections.abc import Mapping
from typing import Any

import requests
import urllib3
from keystoneauth1.session import TCPKeepAliveAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from day2.adapters.clock import Clock, SystemClock
from day2.adapters.openstack.limits import LoadSettings
from day2.errors import BadAnswer, Unreachable

CHUNK_BYTES = 1 << 16
MIB = 1 << 20
# A token with the largest catalogue is some 100 KB; it is decoded by a library without types.
TOKEN_MIB_MAX = 4
LARGE_MIB = 4
# Services that may share one address, a path each: each has its own requests in flight.
SERVICES_MAX = 16
# A socket's time is the machine's, whatever clock a test holds.
_CLOCK: Clock = SystemClock()
_THREAD = threading.local()


class BoundedResponse(http.client.HTTPResponse):
    """An answer whose status, headers, and body must all arrive before one moment."""

    def __init__(self, sock: socket.socket, *args: Any, **options: Any) -> None:  # noqa: ANN401
        super().__init__(_Countdown(sock), *args, **options)  # type: ignore[arg-type]


class _Countdown:
    """Stands in for the socket that an `HTTPResponse` reads from."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock

    def makefile(self, _mode: str) -> io.BufferedReader:
        """Return the reading side; the deadline is the socket's timeout from this moment on."""
        return io.BufferedReader(_TimedReader(self._sock))


class _TimedReader(io.RawIOBase):
    """Reads a socket until its time is up; each wait gets what the earlier ones left."""

    def __init__(self, sock: socket.socket) -> None:
        seconds = sock.gettimeout()
        self._sock = sock
        self._inner = sock.makefile("rb", buffering=0)
        self._ends = None if seconds is None else _CLOCK.monotonic() + seconds

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:  # noqa: ANN401 - a writable buffer
        if self._ends is not None:
            left = self._ends - _CLOCK.monotonic()
            if left <= 0:
                raise TimeoutError("timed out")
            self._sock.settimeout(left)
        return self._inner.readinto(buffer)

    def close(self) -> None:
        self._inner.close()
        super().close()


class _Stale(ConnectionResetError):
    """A connection that had been kept ended as the next request went out: it was not answered."""


class _Kept:
    """Knows whether its connection has brought an answer before."""

    _answered = False

    def connect(self) -> None:
        self._answered = False
        super().connect()  # type: ignore[misc]

    def getresponse(self) -> Any:  # noqa: ANN401 - urllib3's response
        try:
            response = super().getresponse()  # type: ignore[misc]
        except ConnectionError as error:
            if self._answered:
                raise _Stale(*error.args) from error
            raise
        self._answered = True
        return response


class _Connection(_Kept, HTTPConnection):
    response_class = BoundedResponse


class _TlsConnection(_Kept, HTTPSConnection):
    response_class = BoundedResponse


class _Choosing:
    """Connects anew for a thread that wants it: kept connections all end at the same time."""

    def _get_conn(self, timeout: float | None = None) -> Any:  # noqa: ANN401 - urllib3's own
        # Taken from the pool all the same: one that was opened beside it has no place to return to.
        connection = super()._get_conn(timeout)  # type: ignore[misc]
        if getattr(_THREAD, "wants_new", False):
            connection.close()
        return connection


class _Pool(_Choosing, HTTPConnectionPool):
    ConnectionCls = _Connection


class _TlsPool(_Choosing, HTTPSConnectionPool):
    ConnectionCls = _TlsConnection


_POOLS: dict[str, type[HTTPConnectionPool]] = {"http": _Pool, "https": _TlsPool}


class Requests(requests.Session):
    """Asks the environment once per address for proxies, certificates and netrc.

    The library asks again at each request: of several thousand small ones that was a quarter of
    the time.
    """

    def __init__(self) -> None:
        super().__init__()
        self.trust_env = False
        self._proxies: dict[str, dict[str, str]] = {}
        self._accounts: dict[str, tuple[str, str] | None] = {}

    def merge_environment_settings(
        self,
        url: str,
        proxies: Any,  # noqa: ANN401
        stream: Any,  # noqa: ANN401
        verify: Any,  # noqa: ANN401
        cert: Any,  # noqa: ANN401
    ) -> dict[str, Any]:
        place = urllib.parse.urlsplit(url).netloc
        if place not in self._proxies:
            self._proxies[place] = requests.utils.get_environ_proxies(url)
        if verify is True or verify is None:
            bundle = os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE")
            verify = bundle or verify
        merged = {**self._proxies[place], **(proxies or {})}
        found: dict[str, Any] = super().merge_environment_settings(
            url, merged, stream, verify, cert
        )
        return found

    def prepare_request(self, request: requests.Request) -> requests.PreparedRequest:
        url = str(request.url)
        place = urllib.parse.urlsplit(url).netloc
        if place not in self._accounts:
            self._accounts[place] = requests.utils.get_netrc_auth(url)
        request.auth = request.auth or self._accounts[place]
        return super().prepare_request(request)


class Transport(TCPKeepAliveAdapter):
    """Sends one request and reads its whole answer, within `load.request_seconds_max`."""

    def __init__(self, limits: LoadSettings) -> None:
        self._limits = limits
        self._large = threading.Lock()
        super().__init__(pool_maxsize=SERVICES_MAX * limits.requests_per_service_max)

    def init_poolmanager(self, *args: Any, **options: Any) -> None:  # noqa: ANN401
        super().init_poolmanager(*args, **options)
        self.poolmanager.pool_classes_by_scheme = _POOLS

    def proxy_manager_for(self, proxy: str, **options: Any) -> urllib3.ProxyManager:  # noqa: ANN401
        manager: urllib3.ProxyManager = super().proxy_manager_for(proxy, **options)
        manager.pool_classes_by_scheme = _POOLS
        return manager

    def send(
        self,
        request: requests.PreparedRequest,
        stream: bool = False,  # noqa: FBT001, FBT002 - the library's own signature
        timeout: object = None,
        verify: bool | str = True,  # noqa: FBT001, FBT002
        cert: Any = None,  # noqa: ANN401
        proxies: dict[str, str] | None = None,
    ) -> requests.Response:
        """Send it; the body is read here, so that no library above reads it without a bound."""
        del stream, timeout
        whole: Any = urllib3.Timeout(total=self._limits.request_seconds_max)
        options = {"timeout": whole, "verify": verify, "cert": cert, "proxies": proxies}
        response = self._ask(request, options)
        mib_max = self._limits.answer_mib_max
        with response:
            body = self._read(
                response.raw, min(mib_max, TOKEN_MIB_MAX) if request.method == "POST" else mib_max
            )
        response.raw = body
        return response

    def _ask(
        self, request: requests.PreparedRequest, options: Mapping[str, Any]
    ) -> requests.Response:
        """Send it; a read whose kept connection just ended goes out once more, on a new one.

        Servers close what is idle (Apache after five seconds, HAProxy after ten), a busy one just
        as the next request is there. That is no silence of a service. Changes are never repeated.
        """
        try:
            return super().send(request, stream=True, **options)
        except requests.ConnectionError as error:
            if request.method != "GET" or not _was_stale(error):
                raise
        _THREAD.wants_new = True
        try:
            return super().send(request, stream=True, **options)
        finally:
            _THREAD.wants_new = False

    def _read(self, raw: Any, mib_max: int) -> io.BytesIO:  # noqa: ANN401 - urllib3's response
        """Read the body as it arrives, unpacked.

        Large ones are read one at a time, the others wait: what many services send at once must
        fit into memory as well.
        """
        body = io.BytesIO()  # grows in place: a list of parts would be held twice when joined
        ends = _CLOCK.monotonic() + self._limits.request_seconds_max
        alone = False
        try:
            while part := raw.read1(CHUNK_BYTES, decode_content=True):
                body.write(part)
                size = body.tell()
                if size > mib_max * MIB:
                    raise BadAnswer(
                        f"the answer is larger than {mib_max} MiB",
                        hint="setting load.answer_mib_max",
                    )
                if size > LARGE_MIB * MIB and not alone:
                    alone = self._large.acquire(timeout=max(ends - _CLOCK.monotonic(), 0))
                    if not alone:
                        raise TimeoutError  # noqa: TRY301 - told below, as every lateness
        except (urllib3.exceptions.TimeoutError, TimeoutError):
            raise Unreachable(
                f"the answer was still arriving after {self._limits.request_seconds_max:g} s",
                hint="setting load.request_seconds_max",
            ) from None
        finally:
            if alone:
                self._large.release()
        body.seek(0)
        return body


def _was_stale(error: BaseException) -> bool:
    """Tell whether a kept connection ended; the libraries wrap what happened in two of theirs."""
    inner: BaseException | None = error
    while inner is not None and not isinstance(inner, _Stale):
        inner = next((arg for arg in inner.args if isinstance(arg, BaseException)), None)
    return inner is not None
