# SPDX-License-Identifier: Apache-2.0
"""Settings: where the database, the load balancers and the bus of one cloud are asked.

Each node is asked for itself: behind a virtual address one dead node of three would never be seen.
"""

from typing import Annotated
from urllib.parse import SplitResult, urlsplit

import msgspec
from msgspec import Meta

from day2.adapters.secrets import SecretRef
from day2.errors import BadSettings

DATABASE_PORT = 3306
CONNECT_SECONDS = 3.0
ANSWER_SECONDS = 5.0


class DatabaseSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Section `clouds.NAME.database`: the MariaDB servers of one cluster."""

    nodes: Annotated[
        list[str],
        Meta(
            min_length=1,
            description="Every database node as host:port, each for itself: not the VIP.",
        ),
    ]
    password: Annotated[SecretRef, Meta(description="Where the password of that account lives.")]
    user: Annotated[
        str, Meta(min_length=1, description="An account that may log in; it needs no rights.")
    ] = "monitor"
    ca_file: Annotated[
        str, Meta(description="CA that signed the nodes' certificates; empty: TLS is not required.")
    ] = ""


class ProxySettings(msgspec.Struct, frozen=True, kw_only=True):
    """Section `clouds.NAME.proxy`: the HAProxy in front of APIs and database."""

    statistics: Annotated[
        list[str],
        Meta(
            min_length=1,
            description="URL of the statistics page of every HAProxy; `/;csv` is appended.",
        ),
    ]
    password: Annotated[SecretRef, Meta(description="Where the password of that account lives.")]
    user: Annotated[
        str, Meta(min_length=1, description="The account of the statistics page (`stats auth`).")
    ] = "openstack"
    ca_file: Annotated[
        str, Meta(description="CA of the statistics pages; empty: the system's own authorities.")
    ] = ""


class BusSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Section `clouds.NAME.bus`: the RabbitMQ nodes of one cluster."""

    management: Annotated[
        list[str],
        Meta(min_length=1, description="Management URL of every RabbitMQ node, each for itself."),
    ]
    password: Annotated[SecretRef, Meta(description="Where the password of that account lives.")]
    user: Annotated[
        str, Meta(min_length=1, description="An account with the tag `monitoring`.")
    ] = "monitoring"
    ca_file: Annotated[
        str, Meta(description="CA of the management URLs; empty: the system's own authorities.")
    ] = ""


class MonitoringSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Section `clouds.NAME.monitoring`: Prometheus and Alertmanager."""

    prometheus: Annotated[
        list[str],
        Meta(min_length=1, description="URL of every Prometheus server, each for itself."),
    ]
    alertmanager: Annotated[
        list[str],
        Meta(description="URL of every Alertmanager, each for itself; empty: none is asked."),
    ] = []
    user: Annotated[
        str, Meta(description="The account of the Prometheus servers; empty: they ask for none.")
    ] = ""
    password: Annotated[
        SecretRef | None, Meta(description="Where the password of that account lives.")
    ] = None
    alertmanager_user: Annotated[
        str, Meta(description="The account of the Alertmanagers; empty: they ask for none.")
    ] = ""
    alertmanager_password: Annotated[
        SecretRef | None, Meta(description="Where the password of that account lives.")
    ] = None
    ca_file: Annotated[
        str, Meta(description="CA of these URLs; empty: the system's own authorities.")
    ] = ""
    seconds: Annotated[
        float, Meta(gt=0, description="Seconds that one answer may take; big ones take longest.")
    ] = 10.0
    key_series: Annotated[
        list[str],
        Meta(
            description="Selectors of series that must be fresh, such as `openstack_nova_up`: an "
            "exporter may answer, and have nothing to say."
        ),
    ] = msgspec.field(default_factory=lambda: ["up"])

    def __post_init__(self) -> None:
        for user, password, name in (
            (self.user, self.password, "password"),
            (self.alertmanager_user, self.alertmanager_password, "alertmanager_password"),
        ):
            if user and password is None:
                raise ValueError(f"the account {user!r} needs the setting {name}")


def host_and_port(address: str, *, port: int) -> tuple[str, int]:
    """Split `host`, `host:port` or `[v6]:port`.

    Raises:
        BadSettings: when it is none of these.

    """
    try:
        parts = urlsplit(f"//{address}")
        host, given = parts.hostname, parts.port
        fits = parts.path == "" and parts.username is None and address.split() == [address]
    except ValueError:
        host, given, fits = None, None, False
    if not host or not fits:
        raise BadSettings(
            f"{address!r} is not host:port", hint="write an IPv6 address as [::1]:3306"
        )
    return host, given or port


def page(url: str, path: str = "") -> str:
    """Return the address of a page below a URL of the settings.

    Raises:
        BadSettings: when it is no http(s) URL, or carries an account (settings name that apart).

    """
    parts = _split(url)
    if parts is None or parts.scheme not in {"http", "https"} or not parts.hostname:
        raise BadSettings(f"{url!r} is not an http:// or https:// URL")
    if parts.username is not None:
        raise BadSettings(
            f"the URL of {parts.hostname} carries an account", hint="settings user and password"
        )
    return f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}{path}"


def address_of(url: str) -> str:
    """Return host:port of a URL that `page` made."""
    parts = urlsplit(url)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    return f"{host}:{parts.port or (443 if parts.scheme == 'https' else 80)}"


def _split(url: str) -> SplitResult | None:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    return parts if port != 0 else None
