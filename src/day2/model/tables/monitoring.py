# SPDX-License-Identifier: Apache-2.0
"""What watches the cloud: Prometheus and Alertmanager as they answer, and what they say."""

from datetime import datetime

from day2.model.tables import Row


class MonitoringServer(Row, frozen=True, kw_only=True):
    """One Prometheus server, asked for itself.

    `ready` False while it still reads its own log after a start: it then answers no question.
    `alertmanagers` counts those that it sends alerts to. `config_loaded` False means that it goes
    on with an older configuration than its file has.
    """

    address: str
    reachable: bool
    error: str = ""
    ready: bool | None = None
    version: str = ""
    started_at: datetime | None = None
    retention: str = ""
    series: int | None = None
    config_loaded: bool | None = None
    config_at: datetime | None = None
    alertmanagers: int | None = None


class ScrapeTarget(Row, frozen=True, kw_only=True):
    """One address that a Prometheus server reads.

    `health` is up, down, or unknown before the first try. `seen_up` tells whether it was up at any
    moment of the last 24 hours; asked for targets that are down only.
    """

    server: str
    job: str
    instance: str
    health: str
    last_error: str = ""
    last_scrape_at: datetime | None = None
    scrape_seconds: float | None = None
    seen_up: bool | None = None


class AlertRule(Row, frozen=True, kw_only=True):
    """One rule of a Prometheus server; `type` is alerting or recording, `health` ok, err, unknown.

    `constant` when its expression is a number: such a rule fires always, to prove that alerts
    arrive.
    """

    server: str
    group: str
    name: str
    type: str
    health: str
    last_error: str = ""
    state: str = ""
    evaluated_at: datetime | None = None
    constant: bool = False


class Alert(Row, frozen=True, kw_only=True):
    """One alert as Prometheus has it: `state` is pending or firing."""

    server: str
    name: str
    state: str
    labels: dict[str, str] = {}
    summary: str = ""
    active_at: datetime | None = None


class KeySeries(Row, frozen=True, kw_only=True):
    """The newest sample of one selector of `monitoring.key_series` on one server.

    `age_seconds` is measured by the server's own clock; None when there was no sample within an
    hour.
    """

    server: str
    selector: str
    age_seconds: float | None = None


class Receiver(Row, frozen=True, kw_only=True):
    """One receiver of Alertmanager; `integrations` None when that could not be learnt."""

    name: str
    integrations: int | None = None


class Alertmanager(Row, frozen=True, kw_only=True):
    """One Alertmanager, asked for itself.

    `cluster_status` is ready, settling or disabled; `peers` are the names of all members that it
    sees, itself included.
    """

    address: str
    reachable: bool
    error: str = ""
    version: str = ""
    started_at: datetime | None = None
    cluster_status: str = ""
    cluster_name: str = ""
    peers: list[str] = []
    receivers: list[Receiver] = []


class RoutedAlert(Row, frozen=True, kw_only=True):
    """One alert as Alertmanager has it: `state` is active, suppressed or unprocessed."""

    server: str
    fingerprint: str
    name: str
    state: str
    labels: dict[str, str] = {}
    starts_at: datetime | None = None
    silenced_by: list[str] = []
    inhibited_by: list[str] = []
    receivers: list[str] = []


class Silence(Row, frozen=True, kw_only=True):
    """One silence: `state` is pending, active or expired; `matchers` as Alertmanager writes them.

    Expired ones are kept by Alertmanager for some days, and not by us.
    """

    server: str
    id: str
    state: str
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    created_by: str = ""
    comment: str = ""
    matchers: list[str] = []
