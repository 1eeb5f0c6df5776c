# SPDX-License-Identifier: Apache-2.0
"""A real Prometheus and a real Alertmanager, read, judged, and broken by real means."""

import math
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from day2.adapters.addresses import MonitoringSettings
from day2.adapters.alertmanager import AlertRouter
from day2.adapters.prometheus import Prometheus as Server
from day2.errors import BadUsage, Denied, NotDeployed
from day2.survey.lanes import Job
from day2.survey.monitoring import KINDS, MonitoringReader
from lab.parts import prometheus_history as history
from lab.parts import running
from lab.parts.prometheus import Prometheus
from lab.place import Place
from tests.lab.plane import REFERENCE, settles, surveyed

NODE_DOWN = "monitoring.target.down:target:node/127.0.0.1"
WRONG = "wrong-password-of-the-test"


@pytest.fixture(scope="module")
def part(place: Place) -> Iterator[Prometheus]:
    with running(Prometheus(place)) as made:
        settles(reader(made), {}, set())
        yield made


@pytest.fixture
def lab(part: Prometheus) -> Prometheus:
    """For those that only look: whoever breaks something mends it."""
    return part


@pytest.fixture
def broken(part: Prometheus) -> Iterator[Prometheus]:
    """For those that break something: mended after them, and seen to be well."""
    yield part
    part.restore()
    settles(reader(part), {}, set())


def told(part: Prometheus) -> dict[str, Any]:
    return dict(part.describe())


def reader(part: Prometheus, password: str | None = None, **more: Any) -> Callable[[], list[Job]]:
    known = told(part)
    settings = MonitoringSettings(
        **{
            "prometheus": [known["prometheus_url"]],
            "alertmanager": known["alertmanager_urls"],
            "user": known["user"],
            "password": REFERENCE,
            "alertmanager_user": known["user"],
            "alertmanager_password": REFERENCE,
            "seconds": 2.0,
            **more,
        }
    )
    secret = password or known["password"]
    return lambda: MonitoringReader(settings, resolve=lambda _ref: secret).jobs(KINDS)


def server(part: Prometheus, password: str | None = None) -> Server:
    known = told(part)
    return Server(
        known["prometheus_url"], user=known["user"], password=password or known["password"]
    )


def router(part: Prometheus, password: str | None = None) -> AlertRouter:
    known = told(part)
    return AlertRouter(
        known["alertmanager_urls"][0], user=known["user"], password=password or known["password"]
    )


def alert(part: Prometheus) -> str:
    return f"monitoring.alert.firing:alert:TargetDown/{told(part)['node_exporter']}"


def test_everything_is_read_within_seconds_and_well(lab: Prometheus) -> None:
    started = time.monotonic()
    survey = surveyed(reader(lab)())
    assert time.monotonic() - started < 5
    assert survey.gaps == []
    tables = survey.tables
    (one,) = tables.monitoring_servers
    assert (one.reachable, one.ready, one.config_loaded, one.alertmanagers) == (True,) * 3 + (1,)
    assert one.version.startswith("2.")
    assert one.retention == "500d"
    assert one.series
    assert one.started_at is not None
    assert {(t.job, t.health) for t in tables.scrape_targets} == {
        ("prometheus", "up"),
        ("node", "up"),
        ("alertmanager", "up"),
    }
    assert all(t.last_scrape_at and t.scrape_seconds for t in tables.scrape_targets)
    rules = {rule.name: rule for rule in tables.alert_rules}
    assert set(rules) == {"lab:up:ratio", "Watchdog", "TargetDown", "InstanceDiskFull"}
    assert [name for name, rule in rules.items() if rule.constant] == ["Watchdog"]
    assert {rule.health for rule in rules.values()} == {"ok"}
    (watchdog,) = tables.alerts
    assert (watchdog.name, watchdog.state) == ("Watchdog", "firing")
    (fresh,) = tables.key_series
    assert fresh.age_seconds is not None
    assert fresh.age_seconds < 10
    (manager,) = tables.alertmanagers
    assert (manager.cluster_status, manager.peers) == ("disabled", [])
    assert {r.name: r.integrations for r in manager.receivers} == {
        "default-receiver": 0,
        "hook": 1,
    }
    (routed,) = tables.routed_alerts
    assert (routed.state, routed.receivers) == ("active", ["hook"])
    assert routed.labels["lab"] == str(lab._place.lab_id)  # noqa: SLF001 - the external label


def test_a_dead_exporter_is_one_finding_and_its_alert_another(broken: Prometheus) -> None:
    broken.kill("node-exporter")
    expected = {NODE_DOWN: "warning", alert(broken): "critical"}
    survey = settles(reader(broken), expected, seconds=20)
    (down,) = [t for t in survey.tables.scrape_targets if t.job == "node"]
    assert (down.health, down.seen_up) == ("down", True)
    assert "refused" in down.last_error
    (firing,) = [a for a in survey.tables.alerts if a.name == "TargetDown"]
    assert firing.labels["job"] == "node"
    assert firing.summary == f"node of {told(broken)['node_exporter']} is down"


def test_a_silence_hides_the_alert_and_is_told_before_it_ends(broken: Prometheus) -> None:
    broken.kill("node-exporter")
    now = datetime.now(UTC)
    ends = now + timedelta(hours=2)
    key = broken.silence(now.isoformat(), ends.isoformat(), alertname="TargetDown")
    ending = f"alerting.silence.ending:silence:{key}"
    survey = settles(reader(broken), {NODE_DOWN: "warning", ending: "warning"}, seconds=30)
    (silence,) = survey.tables.silences
    assert (silence.state, silence.created_by) == ("active", "lab")
    assert silence.matchers == ['alertname="TargetDown"']
    (routed,) = [a for a in survey.tables.routed_alerts if a.name == "TargetDown"]
    assert (routed.state, routed.silenced_by) == ("suppressed", [key])


def test_a_silence_for_years_is_found_and_an_ended_one_is_gone(broken: Prometheus) -> None:
    now = datetime.now(UTC)
    ends = now + timedelta(days=3650)
    key = broken.silence(now.isoformat(), ends.isoformat(), alertname="NobodyRemembers")
    settles(reader(broken), {f"alerting.silence.endless:silence:{key}": "warning"})
    broken.unsilence()
    settles(reader(broken), {})


def test_a_frozen_server_is_a_finding_and_what_it_hides_are_gaps(broken: Prometheus) -> None:
    broken.freeze("prometheus")
    started = time.monotonic()
    survey = settles(
        reader(broken),
        {f"monitoring.server.down:monitoring:{server(broken).address}": "critical"},
        seconds=0,
    )
    assert time.monotonic() - started < 10
    (one,) = survey.tables.monitoring_servers
    assert one.error == "accepts the connection, but did not answer within 2 s"
    assert {gap.kind for gap in survey.gaps} == {
        "scrape_targets",
        "alert_rules",
        "alerts",
        "key_series",
    }
    assert {gap.message.partition(": ")[2] for gap in survey.gaps} == {"no Prometheus answered"}


def test_one_of_two_servers_that_is_away_costs_nothing_but_itself(lab: Prometheus) -> None:
    dead = f"http://127.0.0.1:{told(lab)['hook_port']}"
    both = reader(lab, prometheus=[dead, told(lab)["prometheus_url"]])
    survey = settles(
        both, {f"monitoring.server.down:monitoring:{dead.removeprefix('http://')}": "warning"}
    )
    assert survey.gaps == []
    assert survey.tables.scrape_targets


def test_a_dead_alertmanager_is_a_finding_of_its_own(broken: Prometheus) -> None:
    broken.kill("alertmanager1")
    survey = surveyed(reader(broken)())
    assert {gap.kind for gap in survey.gaps} == {"routed_alerts", "silences"}
    (manager,) = survey.tables.alertmanagers
    assert (manager.reachable, manager.error) == (False, "connection refused")


def test_a_rule_that_fails_is_found(broken: Prometheus) -> None:
    broken.break_rule()
    survey = settles(reader(broken), {"monitoring.rule.failing:rule:broken/lab:broken": "warning"})
    (rule,) = [r for r in survey.tables.alert_rules if r.name == "lab:broken"]
    assert (rule.type, rule.health) == ("recording", "err")
    assert "duplicate series" in rule.last_error


@pytest.mark.full
def test_a_configuration_that_cannot_be_loaded_is_found(broken: Prometheus) -> None:
    broken.break_configuration()
    settles(
        reader(broken),
        {f"monitoring.server.config:monitoring:{server(broken).address}": "warning"},
    )


def test_receivers_that_tell_nobody_are_found(broken: Prometheus) -> None:
    broken.without_integrations()
    settles(reader(broken), {"alerting.receiver.empty:receiver:default-receiver": "warning"})


def test_a_series_that_does_not_come_is_stale_and_a_wrong_one_a_gap(lab: Prometheus) -> None:
    jobs = reader(lab, key_series=["up", "openstack_nova_up", "sum("])
    survey = settles(
        jobs,
        {f"monitoring.series.stale:series:openstack_nova_up:{server(lab).address}": "warning"},
    )
    (gap,) = survey.gaps
    assert (gap.kind, gap.error) == ("key_series", "BadSettings")
    assert "parse error" in gap.message
    assert gap.hint == "setting clouds.NAME.monitoring.key_series"


def test_wrong_passwords_are_gaps_and_no_finding(lab: Prometheus) -> None:
    survey = settles(reader(lab, WRONG), {})
    assert {(g.kind, g.error) for g in survey.gaps} >= {
        ("monitoring_servers", "Denied"),
        ("alertmanagers", "Denied"),
    }
    assert WRONG not in str(survey)
    with pytest.raises(Denied):
        server(lab, WRONG).query("up")
    with pytest.raises(Denied):
        router(lab, WRONG).silences()


def test_questions_of_every_kind_are_answered(lab: Prometheus) -> None:
    asked = server(lab)
    up = asked.query("up")
    assert {s.labels["job"] for s in up.series} == {"prometheus", "node", "alertmanager"}
    assert all(s.last == 1 for s in up.series)
    (scalar,) = asked.query("42").series
    assert (scalar.labels, scalar.values) == ({}, [42.0])
    assert math.isnan(asked.query("0/0").series[0].last)
    assert asked.query("1/0").series[0].last == math.inf
    assert asked.query("-1/0").series[0].last == -math.inf
    assert len(asked.query("up[20s]").series[0].values) > 1
    assert asked.query("no_such_metric").series == []
    with pytest.raises(BadUsage, match=r"bad_data: .*unclosed left parenthesis"):
        asked.query("up(")
    with pytest.raises(BadUsage, match=r"execution: found duplicate series"):
        asked.query("up * on () up")
    with pytest.raises(BadUsage, match="11,000 points"):
        now = datetime.now(UTC)
        asked.query_range("up", now - timedelta(days=90), now, timedelta(seconds=1))


def test_what_is_no_alertmanager_is_not_deployed(lab: Prometheus) -> None:
    known = told(lab)
    wrong = AlertRouter(known["prometheus_url"], user=known["user"], password=known["password"])
    with pytest.raises(NotDeployed):
        wrong.status()


def test_a_past_of_weeks_is_put_in_within_seconds_and_read_back(broken: Prometheus) -> None:
    made = broken.backfill(30, 2, step_seconds=3600)
    first, last = (datetime.fromtimestamp(float(str(made[k])), UTC) for k in ("first", "last"))
    found = server(broken).query_range(history.METRIC, first, last, timedelta(hours=1))
    assert [s.labels["series"] for s in found.series] == ["0", "1"]
    for number, series in enumerate(found.series):
        assert len(series.values) == 30 * 24 + 1
        assert series.times[0] == first.timestamp()
        late = 20 * history.DAY
        assert series.values[20 * 24] == history.value_at(late, number)


@pytest.mark.full
def test_alertmanagers_that_lose_each_other_are_found(place: Place, lab: Prometheus) -> None:
    lab.down()
    pair = Prometheus(place, alertmanagers=2)
    try:
        pair.up()
        survey = settles(reader(pair), {}, set())
        assert [len(m.peers) for m in survey.tables.alertmanagers] == [2, 2]
        pair.separate("alertmanager2")
        settles(reader(pair), {"alerting.cluster.split:alerting:alertmanager": "warning"})
    finally:
        pair.down()
        lab.up()
