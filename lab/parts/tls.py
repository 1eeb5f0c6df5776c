# SPDX-License-Identifier: Apache-2.0
"""TLS in front of any services: an HAProxy whose certificate can be changed while it runs."""

import socket
import ssl
from collections.abc import Mapping
from datetime import datetime

from lab.parts.certificates import Authority, leaf
from lab.parts.haproxy import HAProxy
from lab.parts.tools import home, passwords, template
from lab.place import Place
from lab.processes import wait_for

NAMES = ("localhost", "internal.lab.test", "cloud.lab.test", "127.0.0.1")
DAYS = 90.0
FIRST, LAST, STATS = 40, 58, 59


class Tls:
    """HAProxy on ports 40 to 58 of the lab's range, one per backend, in the given order."""

    name = "tls"

    def __init__(self, place: Place, backends: Mapping[str, tuple[str, int]] | None = None) -> None:
        """Choose the backends, by name; at most 19."""
        self._place = place
        self._home = home(place, "tls")
        if backends is None:
            # The lab core's APIs, in the order of its ports.
            backends = {f"api{n}": ("127.0.0.1", place.port(n)) for n in range(7)}
        if len(backends) > LAST - FIRST + 1:
            message = f"at most {LAST - FIRST + 1} backends"
            raise ValueError(message)
        self.backends = dict(backends)
        self.ports = {name: place.port(FIRST + number) for number, name in enumerate(self.backends)}
        self._authority = Authority(self._home)
        self.ca_file = self._authority.ca_file
        self._bundle = self._home / "server.pem"
        self.haproxy = HAProxy(place, "tls-haproxy")

    def up(self) -> None:
        """Start with a good certificate of 90 days."""
        self.use()

    def down(self) -> None:
        """Stop HAProxy."""
        self.haproxy.stop()

    def ready(self) -> bool:
        """Tell whether every port serves a certificate that a client trusts (backends aside)."""
        return all(self._trusted(port) for port in self.ports.values())

    def restore(self) -> None:
        """Start what was killed, serve a good certificate again, enable every server."""
        self.use()
        for name in self.backends:
            self.haproxy.set_server(name, name, "ready")
        wait_for(self.ready, "the TLS ports", seconds=10)

    def describe(self) -> dict[str, object]:
        """Return the CA file, the ports, and where HAProxy is asked."""
        return {
            "ca_file": str(self.ca_file),
            "certificate": str(self._bundle),
            "names": list(NAMES),
            "host": "localhost",
            "ports": self.ports,
            "urls": {name: f"https://localhost:{port}" for name, port in self.ports.items()},
            "haproxy": self.haproxy.describe()
            | {
                "stats_url": f"http://127.0.0.1:{self._place.port(STATS)}/;csv",
                "stats_user": "openstack",
                "stats_password": self._secret(),
            },
        }

    def use(
        self,
        *,
        days_left: float = DAYS,
        names: tuple[str, ...] = NAMES,
        chain: bool = True,
        self_signed: bool = False,
    ) -> datetime:
        """Serve another certificate from now on; returns its last moment.

        Args:
            days_left: negative for one that has expired.
            names: e.g. `("other.lab.test",)` for one with the wrong name.
            chain: False leaves the intermediate out, which clients need to reach the root.
            self_signed: one that the CA did not sign.

        """
        wanted = list(names)
        bundle = (
            self._authority.self_signed(wanted, days_left)
            if self_signed
            else self._authority.server(wanted, days_left, chain=chain)
        )
        self._bundle.touch(mode=0o600)
        self._bundle.write_bytes(bundle)
        self._start()
        certificate = leaf(bundle)
        served = certificate.serial_number
        wait_for(lambda: self._serials() == {served}, "the new certificate", seconds=10)
        return certificate.not_valid_after_utc

    def expired(self) -> datetime:
        """Serve a certificate that expired yesterday."""
        return self.use(days_left=-1)

    def wrong_name(self) -> datetime:
        """Serve a certificate for another host."""
        return self.use(names=("other.lab.test",))

    def incomplete_chain(self) -> datetime:
        """Serve the certificate without the intermediate."""
        return self.use(chain=False)

    def kill(self) -> None:
        """`kill -9` HAProxy."""
        self.haproxy.kill()

    def _secret(self) -> str:
        return passwords(self._home / "passwords.json", ("stats",))["stats"]

    def _start(self) -> None:
        sections = "\n".join(
            f"frontend {name}_front\n"
            f"    bind 127.0.0.1:{self.ports[name]} ssl crt {self._bundle}\n"
            "    http-request set-header X-Forwarded-Proto https\n"
            f"    default_backend {name}\n"
            f"backend {name}\n"
            f"    server {name} {host}:{port} check inter 1s rise 1 fall 2\n"
            for name, (host, port) in self.backends.items()
        )
        text = template(
            "tls-haproxy.cfg",
            socket=self.haproxy.socket,
            sections=sections,
            stats_port=self._place.port(STATS),
            stats_password=self._secret(),
        )
        running = bool(self.haproxy.rows())
        self.haproxy.start(text)
        if running:
            self.haproxy.reload()

    def _serials(self) -> set[int]:
        serials = set()
        for port in self.ports.values():
            try:
                pem = ssl.get_server_certificate(("127.0.0.1", port), timeout=5)
            except OSError:
                return set()
            serials.add(leaf(pem.encode()).serial_number)
        return serials

    def _trusted(self, port: int) -> bool:
        context = ssl.create_default_context(cafile=str(self.ca_file))
        try:
            with (
                socket.create_connection(("127.0.0.1", port), timeout=5) as plain,
                context.wrap_socket(plain, server_hostname=NAMES[0]) as secured,
            ):
                return secured.version() is not None
        except OSError:
            return False
