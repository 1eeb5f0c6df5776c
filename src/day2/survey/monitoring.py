# SPDX-License-Identifier: Apache-2.0
"""What is read of the monitoring: every Prometheus and every Alertmanager asked for itself.

Two Prometheus servers of one cloud read the same targets: their rows stand side by side, each with
its server, and the rules hold them together.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from day2.adapters.addresses import MonitoringSettings
from day2.adapters.secrets import SecretRef
from day2.errors import BadSettings, BadUsage, Day2Error, Unreachable
from day2.model.survey import Gap
from day2.survey.lanes import Job, Result, Rows, gap_of

if TYPE_CHECKING:
    from day2.adapters.alertmanager import AlertRouter
    from day2.adapters.listed import Listed
    from day2.adapters.prometheus import Prometheus

Resolve = Callable[[SecretRef], str]
SERVERS, MANAGERS = "monitoring_servers", "alertmanagers"
KINDS = (
    SERVERS,
    "scrape_targets",
    "alert_rules",
    "alerts",
    "key_series",
    MANAGERS,
    "routed_alerts",
    "silences",
)


class MonitoringReader:
    """Reads all of it once."""

    def __init__(self, settings: MonitoringSettings, *, resolve: Resolve) -> None:
        self._settings = settings
        self._resolve = resolve

    def jobs(self, kinds: Iterable[str]) -> list[Job]:
        """Make a job per server; the lists wait for them, and ask only those that answered."""
        wanted = set(kinds)
        if wanted.isdisjoint(KINDS):
            return []
        made = [
            Job(
                lane="monitoring",
                kinds=(SERVERS,),
                what="Prometheus",
                run=lambda _rows, url=url: self._server(url),  # type: ignore[misc]
            )
            for url in self._settings.prometheus
        ]
        lists: dict[str, Callable[[Prometheus], Result]] = {
            "scrape_targets": lambda server: _result("scrape_targets", server.targets()),
            "alert_rules": lambda server: _result("alert_rules", server.rules()),
            "alerts": lambda server: _result("alerts", server.alerts()),
            "key_series": self._key_series,
        }
        made += [
            self._list(kind, "monitoring", SERVERS, read, self._servers)
            for kind, read in lists.items()
            if kind in wanted
        ]
        return [*made, *self._alerting(wanted)]

    def _alerting(self, wanted: set[str]) -> list[Job]:
        if not self._settings.alertmanager:
            return []
        made = [
            Job(
                lane="alerting",
                kinds=(MANAGERS,),
                what="Alertmanager",
                run=lambda _rows, url=url: self._manager(url),  # type: ignore[misc]
            )
            for url in self._settings.alertmanager
        ]
        lists: dict[str, Callable[[AlertRouter], Result]] = {
            "routed_alerts": lambda router: _result("routed_alerts", router.alerts()),
            "silences": lambda router: _result("silences", router.silences()),
        }
        made += [
            self._list(kind, "alerting", MANAGERS, read, self._managers)
            for kind, read in lists.items()
            if kind in wanted
        ]
        return made

    def _list(
        self,
        kind: str,
        lane: str,
        after: str,
        read: Callable[[Any], Result],
        every: Callable[[], Sequence[Any]],
    ) -> Job:
        """Make the job of one table, which asks every server that answered, one after the other."""
        what = kind.replace("_", " ")

        def run(rows: Rows) -> Result:
            asked = rows.get(after, ())
            answered = {row.address for row in asked if row.reachable and not row.error}
            if not answered:
                name = "Prometheus" if after == SERVERS else "Alertmanager"
                raise Unreachable(
                    f"{what}: no {name} answered",
                    hint=f"section `monitoring`; on its host: docker ps --all --filter "
                    f"name=prometheus_{'server' if after == SERVERS else 'alertmanager'}",
                )
            whole = Result(rows={kind: []})
            for server in every():
                if server.address not in answered:
                    continue
                try:
                    found = read(server)
                except Day2Error as error:
                    whole.gaps.append(gap_of(kind, what, error.bare()))
                else:
                    whole.rows[kind] += found.rows[kind]
                    whole.gaps += found.gaps
                whole.requests += 1
            return whole

        return Job(lane=lane, kinds=(kind,), what=what, after=(after,), run=run)

    def _server(self, url: str) -> Result:
        return Result(rows={SERVERS: [self._prometheus(url).read()]}, requests=5)

    def _manager(self, url: str) -> Result:
        return Result(rows={MANAGERS: [self._router(url).status()]}, requests=2)

    def _servers(self) -> "list[Prometheus]":
        return [self._prometheus(url) for url in self._settings.prometheus]

    def _managers(self) -> "list[AlertRouter]":
        return [self._router(url) for url in self._settings.alertmanager]

    def _prometheus(self, url: str) -> "Prometheus":
        from day2.adapters.prometheus import Prometheus  # noqa: PLC0415 - a client, in its thread

        return Prometheus(
            url,
            user=self._settings.user,
            password=self._password(self._settings.user, self._settings.password),
            ca_file=self._settings.ca_file,
            answer_seconds=self._settings.seconds,
        )

    def _router(self, url: str) -> "AlertRouter":
        from day2.adapters.alertmanager import AlertRouter  # noqa: PLC0415 - a client

        user = self._settings.alertmanager_user
        return AlertRouter(
            url,
            user=user,
            password=self._password(user, self._settings.alertmanager_password),
            ca_file=self._settings.ca_file,
            answer_seconds=self._settings.seconds,
        )

    def _password(self, user: str, reference: SecretRef | None) -> str:
        return self._resolve(reference) if user and reference is not None else ""

    def _key_series(self, server: "Prometheus") -> Result:
        """Ask for each selector; one that is wrong does not hide the others."""
        found = Result(rows={"key_series": []})
        for selector in self._settings.key_series:
            try:
                found.rows["key_series"].append(server.newest(selector))
            except BadUsage as error:
                wrong = BadSettings(str(error), hint="setting clouds.NAME.monitoring.key_series")
                found.gaps.append(gap_of("key_series", "key series", wrong))
        return found


def _result(kind: str, read: "Listed[Any]") -> Result:
    gaps: list[Gap] = [gap_of(kind, kind.replace("_", " "), error) for error in read.failures]
    return Result(rows={kind: [*read.rows]}, gaps=gaps)
