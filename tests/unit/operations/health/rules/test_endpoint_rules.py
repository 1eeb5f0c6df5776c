# SPDX-License-Identifier: Apache-2.0
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from day2.model.finding import Finding
from day2.model.severity import Severity
from day2.model.survey import Gap, Reading, Survey, Tables
from day2.model.tables.infrastructure import ApiProbe, Certificate, TokenIssue
from day2.operations.health.check import Facts
from day2.operations.health.fold import fold
from day2.operations.health.policy import HealthPolicy
from day2.operations.health.rules import certificates, endpoints

NOW = datetime(2026, 5, 4, 9, 0, tzinfo=UTC)
CHECKS = (*endpoints.CHECKS, *certificates.CHECKS)
WELL: dict[str, Any] = {"status": 200, "latency_ms": 5.0}
REFUSED: dict[str, Any] = {"error": "connection refused"}


def probe(service: str, *interfaces: str, url: str = "", **fields: Any) -> ApiProbe:
    return ApiProbe(
        url=url or f"http://{service}/",
        service_type=service,
        interfaces=sorted(interfaces or ("public", "internal")),
        **fields,
    )


def certificate(address: str = "a:443", **fields: Any) -> Certificate:
    given: dict[str, Any] = {
        "names": ["a.test"],
        "subject": "CN=a.test",
        "issuer": "CN=ca",
        "not_before": NOW - timedelta(days=1),
        "not_after": NOW + timedelta(days=90),
        "trusted": True,
        "name_matches": True,
    }
    return Certificate(address=address, **{**given, **fields})


def facts(*, no_token: str = "", policy: HealthPolicy | None = None, **tables: Any) -> Facts:
    gap = Gap(kind="tokens", what="token", error="Unreachable", message=no_token)
    readings = {k: Reading(rows=len(v), requests=1, seconds=0) for k, v in tables.items()}
    if no_token:
        readings["tokens"] = Reading(rows=0, requests=0, seconds=0)
    survey = Survey(
        cloud="c",
        region="r",
        started_at=NOW,
        ended_at=NOW,
        tables=Tables(**tables),
        readings=readings,
        gaps=[gap] if no_token else [],
    )
    return Facts(survey=survey, policy=policy or HealthPolicy(), now=NOW)


def found(given: Facts) -> dict[str, Finding]:
    return {f.key: f for check in CHECKS for f in check.run(given)}


def graded(given: Facts) -> dict[str, str]:
    top, _folded = fold(found(given).values())
    return {f.key: f.severity.value for f in top}


@pytest.mark.parametrize("status", [200, 300, 401, 403, 404, 429])
def test_any_answer_of_its_own_shows_that_an_api_lives(status: int) -> None:
    assert graded(facts(api_probes=[probe("compute", status=status, latency_ms=1.0)])) == {}


@pytest.mark.parametrize("fields", [REFUSED, {"status": 500}, {"status": 503}])
def test_no_answer_or_a_server_error_is_critical(fields: dict[str, Any]) -> None:
    given = facts(api_probes=[probe("compute", **fields)])
    assert graded(given) == {"api.down:service:compute": "critical"}


def test_an_admin_endpoint_that_is_down_is_a_warning() -> None:
    given = facts(api_probes=[probe("compute", "admin", **REFUSED)])
    assert graded(given) == {"api.down:service:compute": "warning"}


def test_a_service_with_two_dead_urls_is_one_finding_that_names_both() -> None:
    given = facts(
        api_probes=[
            probe("compute", "public", url="http://a/", **REFUSED),
            probe("compute", "internal", url="http://b/", status=503),
            probe("image", **WELL),
        ]
    )
    assert graded(given) == {"api.down:service:compute": "critical"}
    summary = found(given)["api.down:service:compute"].summary
    assert "http://a/ (connection refused), http://b/ (HTTP 503)" in summary


def test_a_stopped_keystone_is_one_finding() -> None:
    given = facts(
        no_token="identity at http://k/v3: connection refused",
        api_probes=[probe("identity", **REFUSED)],
    )
    assert graded(given) == {"api.down:service:identity": "critical"}


def test_a_keystone_that_answers_and_issues_no_token_is_a_finding_of_its_own() -> None:
    given = facts(
        no_token="identity at http://k/v3: HTTP 500", api_probes=[probe("identity", **WELL)]
    )
    assert graded(given) == {"identity.token.failed:service:identity": "critical"}


def test_a_certificate_that_is_refused_explains_the_missing_token() -> None:
    given = facts(
        no_token="identity at https://k/v3: TLS failed (certificate has expired)",
        api_probes=[probe("identity", **WELL)],
        certificates=[certificate(trusted=None, not_after=NOW - timedelta(days=1))],
    )
    assert graded(given) == {"certificate.expires:certificate:a.test": "critical"}


def test_slow_apis_and_tokens_are_warnings_by_policy() -> None:
    policy = HealthPolicy(api_latency_warning_ms=100)
    given = facts(
        policy=policy,
        api_probes=[probe("image", status=200, latency_ms=101), probe("network", **WELL)],
        tokens=[TokenIssue(latency_ms=150)],
    )
    assert graded(given) == {
        "api.slow:service:image": "warning",
        "identity.token.slow:service:identity": "warning",
    }
    assert "health.api_latency_warning_ms = 100" in found(given)["api.slow:service:image"].why


@pytest.mark.parametrize(
    ("offset", "severity"),
    [(None, ""), (0.0, ""), (1.9, ""), (-2.5, "warning"), (2.5, "warning"), (-31.0, "critical")],
)
def test_a_clock_is_judged_only_where_it_was_measured(offset: float | None, severity: str) -> None:
    given = facts(api_probes=[probe("image", clock_offset_seconds=offset, **WELL)])
    expected = {"api.clock.offset:service:image": severity} if severity else {}
    assert graded(given) == expected


@pytest.mark.parametrize(
    ("days", "severity", "said"),
    [
        (31, "", ""),
        (29, "warning", "expires in 29 d"),
        (6, "critical", "expires in 6 d"),
        (-3, "critical", "expired 3 d ago"),
    ],
)
def test_a_certificate_is_judged_by_the_days_left(days: int, severity: str, said: str) -> None:
    given = facts(certificates=[certificate(not_after=NOW + timedelta(days=days))])
    key = "certificate.expires:certificate:a.test"
    assert graded(given) == ({key: severity} if severity else {})
    if severity:
        assert said in found(given)[key].summary


def test_one_certificate_on_many_ports_is_one_finding() -> None:
    soon = NOW + timedelta(days=3)
    given = facts(certificates=[certificate(f"a:{n}", not_after=soon) for n in range(5)])
    assert graded(given) == {"certificate.expires:certificate:a.test": "critical"}
    assert len(found(given)["certificate.expires:certificate:a.test"].evidence["addresses"]) == 5


@pytest.mark.parametrize(
    ("fields", "check"),
    [
        ({"trusted": False}, "certificate.untrusted"),
        ({"name_matches": False}, "certificate.name_mismatch"),
        ({"not_before": NOW + timedelta(days=1)}, "certificate.not_yet_valid"),
    ],
)
def test_what_clients_refuse_is_critical(fields: dict[str, Any], check: str) -> None:
    given = facts(certificates=[certificate(**fields)])
    assert graded(given) == {f"{check}:certificate:a.test": "critical"}


def test_what_was_not_judged_is_no_finding() -> None:
    unread = certificate(
        names=[], not_before=None, not_after=None, trusted=None, name_matches=None, error="refused"
    )
    assert graded(facts(certificates=[unread])) == {}


def test_every_finding_says_why_and_what_to_do() -> None:
    given = facts(
        no_token="no",
        api_probes=[probe("a", **REFUSED), probe("b", status=200, latency_ms=9e9)],
        certificates=[certificate(trusted=False, name_matches=False, not_after=NOW)],
    )
    for one in found(given).values():
        assert one.why
        assert one.advice
        assert one.severity in {Severity.WARNING, Severity.CRITICAL}


def test_a_certificate_that_is_good_for_weeks_explains_no_failed_token() -> None:
    given = facts(
        no_token="identity at https://k/v3: TLS failed (unsupported protocol)",
        certificates=[certificate(not_after=NOW + timedelta(days=25))],
    )
    assert graded(given) == {
        "certificate.expires:certificate:a.test": "warning",
        "identity.token.tls:service:identity": "critical",
    }
