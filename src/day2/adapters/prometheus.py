# SPDX-License-Identifier: Apache-2.0
"""Ask one Prometheus server: itself, its targets, rules and alerts, and any question in PromQL."""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, TypeVar

import msgspec

from day2.adapters.asked import Asked
from day2.adapters.listed import Listed, decoded, listed, printable, spoken
from day2.adapters.promql import Answer, Envelope, Result, answer_of, refusal
from day2.adapters.reasons import one_line
from day2.adapters.web import FORBIDDEN, UNAUTHORIZED, require_ok
from day2.errors import BadAnswer, Day2Error, Unreachable
from day2.model.tables.monitoring import Alert, AlertRule, KeySeries, MonitoringServer, ScrapeTarget

NOT_READY = 503
TARGETS_MAX, RULES_MAX, ALERTS_MAX = 50_000, 20_000, 5_000
WARNINGS_MAX = 5
LOOK_BACK = "24h"
T = TypeVar("T")
# A rule of a number alone fires always.
_CONSTANT = re.compile(r"[(\s]*(vector\s*\(\s*)?[0-9.]+[)\s]*$")
# What Go says of a failed scrape repeats the URL, with whatever secret its query carries.
_QUERY_STRING = re.compile(r"\?[^\s\"']*")
_ACCOUNT = re.compile(r"//[^/\s\"'@]*@")


class _Build(msgspec.Struct):
    version: str = ""


class _Runtime(msgspec.Struct, rename="camel"):
    start_time: datetime | None = None
    reload_config_success: bool | None = None
    last_config_time: datetime | None = None
    storage_retention: str = ""


class _Head(msgspec.Struct, rename="camel"):
    num_series: int | None = None


class _Tsdb(msgspec.Struct, rename="camel"):
    head_stats: _Head


class _Managers(msgspec.Struct, rename="camel"):
    active_alertmanagers: list[dict[str, Any]]


class _Targets(msgspec.Struct, rename="camel"):
    active_targets: list[msgspec.Raw]


class _Target(msgspec.Struct, rename="camel"):
    labels: dict[str, str]
    health: str
    last_error: str = ""
    last_scrape: datetime | None = None
    last_scrape_duration: float | None = None


class _Group(msgspec.Struct):
    name: str
    rules: list[msgspec.Raw] = []


class _Groups(msgspec.Struct):
    groups: list[_Group]


class _Rule(msgspec.Struct, rename="camel"):
    name: str
    type: str
    query: str = ""
    health: str = "unknown"
    last_error: str = ""
    state: str = ""
    last_evaluation: datetime | None = None


class _Alerts(msgspec.Struct):
    alerts: list[msgspec.Raw]


class _Alert(msgspec.Struct, rename="camel"):
    labels: dict[str, str]
    state: str
    annotations: dict[str, str] = {}
    active_at: datetime | None = None


class Prometheus(Asked):
    """One server; may be asked from several threads, each question has its own connection."""

    def read(self) -> MonitoringServer:
        """Return how the server is; one that does not answer is a row that says so.

        Raises:
            Denied: the account was refused.
            BadAnswer, NotDeployed: what answers there is no Prometheus.

        """
        try:
            with self._web() as web:
                status, _body = web.ask("/-/ready", what="Prometheus")
            if status == NOT_READY:
                return MonitoringServer(
                    address=self.address,
                    reachable=True,
                    ready=False,
                    error="not ready: it still reads its own log, as after a start",
                )
            require_ok(status, f"Prometheus at {self.address}")
            build, _ = self._ask("/api/v1/status/buildinfo", _Build, "version")
            runtime, _ = self._ask("/api/v1/status/runtimeinfo", _Runtime, "runtime")
            managers, _ = self._ask("/api/v1/alertmanagers", _Managers, "Alertmanagers")
        except Unreachable as error:
            if isinstance(error, BadAnswer):
                raise
            text = str(error).partition(f"{self.address}: ")[2] or str(error)
            return MonitoringServer(address=self.address, reachable=False, error=text)
        return MonitoringServer(
            address=self.address,
            reachable=True,
            ready=True,
            version=one_line(build.version),
            started_at=runtime.start_time,
            retention=one_line(runtime.storage_retention),
            series=self._series(),
            config_loaded=runtime.reload_config_success,
            config_at=runtime.last_config_time,
            alertmanagers=len(managers.active_alertmanagers),
        )

    def query(self, promql: str, at: datetime | None = None) -> Answer:
        """Ask for one moment; None is now. A scalar is one series without labels.

        Raises:
            BadUsage: the server refuses the question itself, and says why.
            Unreachable, BadAnswer, Denied, NotDeployed: as everywhere.

        """
        words = {"query": promql, **({"time": _moment(at)} if at else {})}
        return self._questioned("/api/v1/query", words)

    def query_range(self, promql: str, start: datetime, end: datetime, step: timedelta) -> Answer:
        """Ask for a span; the server gives at most 11,000 points of each series.

        Raises:
            BadUsage: the server refuses the question itself, and says why.
            Unreachable, BadAnswer, Denied, NotDeployed: as everywhere.

        """
        words = {
            "query": promql,
            "start": _moment(start),
            "end": _moment(end),
            "step": f"{step.total_seconds():.3f}",
        }
        return self._questioned("/api/v1/query_range", words)

    def targets(self) -> Listed[ScrapeTarget]:
        """List what it reads; for what is down also whether it was up within a day.

        Raises:
            Unreachable, BadAnswer, Denied, NotDeployed: as everywhere.

        """
        what = "Prometheus targets"
        data, _ = self._ask("/api/v1/targets", _Targets, what, {"state": "active"})
        found = listed(
            data.active_targets,
            _Target,
            self._target,
            what=f"{what} at {self.address}",
            most=TARGETS_MAX,
        )
        if any(target.health == "down" for target in found.rows):
            found.rows = self._with_past(found.rows)
        return found

    def rules(self) -> Listed[AlertRule]:
        """List recording and alerting rules, and how the last evaluation of each went.

        Raises:
            Unreachable, BadAnswer, Denied, NotDeployed: as everywhere.

        """
        what = "Prometheus rules"
        data, _ = self._ask("/api/v1/rules", _Groups, what, {"exclude_alerts": "true"})
        whole: Listed[AlertRule] = Listed()
        for group in data.groups:
            name = one_line(group.name)
            left = RULES_MAX - len(whole.rows)
            found = listed(
                group.rules,
                _Rule,
                lambda rule, name=name: self._rule(rule, name),  # type: ignore[misc]
                what=f"{what} at {self.address}, group {name}",
                most=max(left, 0),
            )
            whole.rows += found.rows
            whole.failures += found.failures
            if len(group.rules) > left:
                break
        return whole

    def alerts(self) -> Listed[Alert]:
        """List the alerts that are pending or firing.

        Raises:
            Unreachable, BadAnswer, Denied, NotDeployed: as everywhere.

        """
        what = "Prometheus alerts"
        data, _ = self._ask("/api/v1/alerts", _Alerts, what)
        return listed(
            data.alerts, _Alert, self._alert, what=f"{what} at {self.address}", most=ALERTS_MAX
        )

    def newest(self, selector: str) -> KeySeries:
        """Return how old the newest sample is that a selector finds within an hour.

        Raises:
            BadUsage: it is no selector.
            BadAnswer: the server says that its answer is not whole.
            Unreachable, Denied, NotDeployed: as everywhere.

        """
        # Nearly always there is one within the usual five minutes, which costs next to nothing.
        for question in (
            f"time() - max(timestamp({selector}))",
            f"time() - max(max_over_time(timestamp({selector})[1h:1m]))",
        ):
            answer = self.query(question)
            self._require_whole(answer)
            if answer.series:
                return KeySeries(
                    server=self.address,
                    selector=one_line(selector),
                    age_seconds=max(answer.series[0].last, 0.0),
                )
        return KeySeries(server=self.address, selector=one_line(selector))

    def _require_whole(self, answer: Answer) -> None:
        if answer.warnings:
            said = "; ".join(answer.warnings)
            raise BadAnswer(f"Prometheus at {self.address} answered in part: {said}")

    def _with_past(self, rows: list[ScrapeTarget]) -> list[ScrapeTarget]:
        question = (
            f"max by (job, instance) (max_over_time(up[{LOOK_BACK}])) "
            "and on (job, instance) (up == 0)"
        )
        answer = self.query(question)
        self._require_whole(answer)
        once = {
            (s.labels.get("job", ""), s.labels.get("instance", "")): s.last > 0
            for s in answer.series
        }
        return [
            msgspec.structs.replace(row, seen_up=once.get((row.job, row.instance)))
            if row.health == "down"
            else row
            for row in rows
        ]

    def _target(self, found: _Target) -> ScrapeTarget:
        return ScrapeTarget(
            server=self.address,
            job=one_line(found.labels.get("job", "")),
            instance=one_line(found.labels.get("instance", "")),
            health=one_line(found.health),
            last_error=one_line(_without_secrets(found.last_error)),
            last_scrape_at=_after_year_one(found.last_scrape),
            scrape_seconds=found.last_scrape_duration,
        )

    def _rule(self, found: _Rule, group: str) -> AlertRule:
        return AlertRule(
            server=self.address,
            group=group,
            name=one_line(found.name),
            type=one_line(found.type),
            health=one_line(found.health),
            last_error=one_line(found.last_error),
            state=one_line(found.state),
            evaluated_at=_after_year_one(found.last_evaluation),
            constant=_CONSTANT.match(found.query.strip()) is not None,
        )

    def _alert(self, found: _Alert) -> Alert:
        return Alert(
            server=self.address,
            name=one_line(found.labels.get("alertname", "")),
            state=one_line(found.state),
            labels=printable(found.labels),
            summary=spoken(found.annotations),
            active_at=_after_year_one(found.active_at),
        )

    def _series(self) -> int | None:
        """Count the series in memory; on a large server that may take too long, and is left out."""
        try:
            found, _ = self._ask("/api/v1/status/tsdb", _Tsdb, "series", {"limit": "1"})
        except Day2Error:
            return None
        return found.head_stats.num_series

    def _questioned(self, path: str, words: Mapping[str, str]) -> Answer:
        limit = {"timeout": f"{self._answer_seconds:g}s"}
        what = "Prometheus query"
        data, warnings = self._ask(path, Result, what, {**words, **limit})
        return answer_of(data, warnings, f"{what} at {self.address}")

    def _ask(
        self, path: str, kind: type[T], what: str, query: Mapping[str, str] | None = None
    ) -> tuple[T, list[str]]:
        """Return the data of one answer and its warnings; an error of the API is one of ours."""
        said = what if what.startswith("Prometheus") else f"Prometheus {what}"
        where = f"{said} at {self.address}"
        with self._web() as web:
            status, body = web.ask(path, what=said, query=query)
        if status in {UNAUTHORIZED, FORBIDDEN}:
            require_ok(status, where)
        try:
            envelope = msgspec.json.decode(body, type=Envelope)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            require_ok(status, where)
            raise BadAnswer(f"{where}: the answer is not what this API promises") from None
        if envelope.status != "success":
            raise refusal(envelope, where)
        require_ok(status, where)
        warnings = [one_line(text) for text in envelope.warnings[:WARNINGS_MAX]]
        return decoded(envelope.data, kind, where), warnings


def _without_secrets(text: str) -> str:
    return _ACCOUNT.sub("//…@", _QUERY_STRING.sub("?…", text))


def _after_year_one(moment: datetime | None) -> datetime | None:
    """Return None for the year 1, with which Go says never."""
    return None if moment is None or moment.year <= 1 else moment


def _moment(moment: datetime) -> str:
    return f"{moment.timestamp():.3f}"
