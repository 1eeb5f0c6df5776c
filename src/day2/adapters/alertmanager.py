# SPDX-License-Identifier: Apache-2.0
"""Ask one Alertmanager (API v2): itself, its alerts, its silences; `silences.py` changes them."""

from datetime import datetime
from typing import Any, TypeVar

import msgspec

from day2.adapters.asked import Asked
from day2.adapters.listed import Listed, decoded, listed, printable
from day2.adapters.reasons import one_line
from day2.adapters.web import NOT_FOUND, Web, require_ok
from day2.errors import BadAnswer, Unreachable
from day2.model.tables.monitoring import Alertmanager, Receiver, RoutedAlert, Silence

ALERTS_MAX, SILENCES_MAX = 5_000, 5_000
PEERS_MAX, RECEIVERS_MAX, MATCHERS_MAX = 64, 200, 32
# Beyond this a configuration is not looked into: reading YAML is slow.
CONFIG_BYTES_MAX = 256 << 10
T = TypeVar("T")


class _Peer(msgspec.Struct):
    name: str = ""


class _Cluster(msgspec.Struct):
    status: str
    name: str = ""
    peers: list[_Peer] | None = None


class _Config(msgspec.Struct):
    original: str = ""


class _Version(msgspec.Struct):
    version: str = ""


class _Status(msgspec.Struct, rename="camel"):
    cluster: _Cluster
    version_info: _Version
    config: _Config = msgspec.field(default_factory=_Config)
    uptime: datetime | None = None


class _Named(msgspec.Struct):
    name: str


class _AlertStatus(msgspec.Struct, rename="camel"):
    state: str
    silenced_by: list[str] = []
    inhibited_by: list[str] = []


class _Alert(msgspec.Struct, rename="camel"):
    fingerprint: str
    labels: dict[str, str]
    status: _AlertStatus
    starts_at: datetime | None = None
    receivers: list[_Named] = []


class _State(msgspec.Struct):
    state: str


class _Matcher(msgspec.Struct, rename="camel"):
    name: str
    value: str
    is_regex: bool = False
    is_equal: bool = True

    def written(self) -> str:
        sign = {(True, False): "=", (False, False): "!=", (True, True): "=~", (False, True): "!~"}
        return f'{one_line(self.name)}{sign[self.is_equal, self.is_regex]}"{one_line(self.value)}"'


class _Silence(msgspec.Struct, rename="camel"):
    id: str
    status: _State
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    created_by: str = ""
    comment: str = ""
    matchers: list[_Matcher] = []


class AlertRouter(Asked):
    """One Alertmanager."""

    def status(self) -> Alertmanager:
        """Return how it is, whom it sees and whom it tells; silence is a row that says so.

        Raises:
            Denied: the account was refused.
            BadAnswer, NotDeployed: what answers there is no Alertmanager with API v2.

        """
        try:
            found = self._ask("/api/v2/status", _Status, "Alertmanager status")
            names = self._ask("/api/v2/receivers", list[_Named], "Alertmanager receivers")
        except Unreachable as error:
            if isinstance(error, BadAnswer):
                raise
            text = str(error).partition(f"{self.address}: ")[2] or str(error)
            return Alertmanager(address=self.address, reachable=False, error=text)
        counts = integrations(found.config.original)
        peers = [one_line(peer.name) for peer in (found.cluster.peers or [])[:PEERS_MAX]]
        return Alertmanager(
            address=self.address,
            reachable=True,
            version=one_line(found.version_info.version),
            started_at=found.uptime,
            cluster_status=one_line(found.cluster.status),
            cluster_name=one_line(found.cluster.name),
            peers=sorted(peers),
            receivers=[
                Receiver(name=one_line(row.name), integrations=counts.get(row.name))
                for row in names[:RECEIVERS_MAX]
            ],
        )

    def alerts(self) -> Listed[RoutedAlert]:
        """List the alerts that it has, silenced and inhibited ones included.

        Raises:
            Unreachable, BadAnswer, Denied, NotDeployed: as everywhere.

        """
        what = "Alertmanager alerts"
        items = self._ask("/api/v2/alerts", list[msgspec.Raw], what)
        return listed(items, _Alert, self._alert, what=f"{what} at {self.address}", most=ALERTS_MAX)

    def silences(self) -> Listed[Silence]:
        """List the silences that hold or will hold; expired ones are dropped.

        Raises:
            Unreachable, BadAnswer, Denied, NotDeployed: as everywhere.

        """
        what = "Alertmanager silences"
        items = self._ask("/api/v2/silences", list[msgspec.Raw], what)
        found = listed(
            items, _Silence, self._silence, what=f"{what} at {self.address}", most=SILENCES_MAX
        )
        found.rows = [row for row in found.rows if row.state != "expired"]
        return found

    def opened(self) -> Web:
        """Return a connection of its own for one question; to be used as a context."""
        return self._web()

    def _alert(self, found: _Alert) -> RoutedAlert:
        return RoutedAlert(
            server=self.address,
            fingerprint=one_line(found.fingerprint),
            name=one_line(found.labels.get("alertname", "")),
            state=one_line(found.status.state),
            labels=printable(found.labels),
            starts_at=found.starts_at,
            silenced_by=[one_line(name) for name in found.status.silenced_by],
            inhibited_by=[one_line(name) for name in found.status.inhibited_by],
            receivers=[one_line(row.name) for row in found.receivers[:RECEIVERS_MAX]],
        )

    def _silence(self, found: _Silence) -> Silence:
        return Silence(
            server=self.address,
            id=one_line(found.id),
            state=one_line(found.status.state),
            starts_at=found.starts_at,
            ends_at=found.ends_at,
            created_by=one_line(found.created_by),
            comment=one_line(found.comment),
            matchers=[matcher.written() for matcher in found.matchers[:MATCHERS_MAX]],
        )

    def _ask(self, path: str, kind: type[T], what: str) -> T:
        where = f"{what} at {self.address}"
        with self._web() as web:
            status, body = web.ask(path, what=what)
        if status == NOT_FOUND:
            require_ok(status, f"{where} (API v2, since 0.16)")
        require_ok(status, where)
        return decoded(body, kind, where)


def integrations(configuration: str) -> dict[str, int]:
    """Count the integrations of each receiver; empty when the text cannot be read.

    The configuration holds addresses that are as good as passwords (chat webhooks): only names and
    numbers leave this function.
    """
    from ruamel.yaml import YAML  # noqa: PLC0415 - start-up time
    from ruamel.yaml.error import YAMLError  # noqa: PLC0415

    if len(configuration) > CONFIG_BYTES_MAX:
        return {}
    try:
        tree: Any = YAML(typ="safe", pure=True).load(configuration)
    except (YAMLError, ValueError, TypeError, RecursionError):
        return {}
    rows = tree.get("receivers") if isinstance(tree, dict) else None
    counts: dict[str, int] = {}
    for row in rows if isinstance(rows, list) else []:
        if isinstance(row, dict) and isinstance(row.get("name"), str):
            counts[row["name"]] = sum(
                len(value)
                for key, value in row.items()
                if str(key).endswith("_configs") and isinstance(value, list)
            )
    return counts
