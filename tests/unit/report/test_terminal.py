# SPDX-License-Identifier: Apache-2.0
from datetime import UTC, datetime

from day2.model.finding import Finding, Subject
from day2.model.round import Compared, Report
from day2.model.severity import Severity
from day2.model.survey import Gap
from day2.report import terminal
from day2.report.today import Today, render

AT = datetime(2026, 5, 4, 9, 0, tzinfo=UTC)


def finding(name: str, severity: Severity = Severity.WARNING, **fields: object) -> Finding:
    given = {
        "key": f"c:host:{name}",
        "check": "c",
        "severity": severity,
        "subject": Subject(type="host", id=name),
        "summary": f"{name} is not well",
        "why": "health.x = 1",
        **fields,
    }
    return Finding(**given)  # type: ignore[arg-type]


def report(*findings: Finding, **fields: object) -> Report:
    given = {
        "kind": "daily",
        "cloud": "prod",
        "region": "R1",
        "at": AT,
        "severity": Severity.CRITICAL,
        "findings": list(findings),
        "checks": 12,
        "objects": 1234,
        "seconds": 2.5,
        **fields,
    }
    return Report(**given)  # type: ignore[arg-type]


WHOLE = """\
daily round of prod (R1), 2026-05-04 09:00:00 UTC
CRITICAL: 1 critical, 1 info
12 checks over 1,234 objects in 2.5 s; against round 7 of 2026-05-04 09:00: 1
new, 1 gone

CRITICAL NEW  compute01 is not well
    why: health.x = 1
    do:  look there
    explains 1 more finding:
      - web is not well
    key: c:host:compute01

Worth knowing
  - compute02 is not well

Not seen
  - ports, routers: HTTP 500 [Unreachable]
    do: try again

Gone since round 7
  - c:host:old
"""


def test_a_whole_report_reads_so() -> None:
    child = finding("web")
    cause = finding(
        "compute01", Severity.CRITICAL, advice="look there", consequences=["c:host:web"]
    )
    gaps = [
        Gap(kind=k, what=k, error="Unreachable", message=f"{k}: HTTP 500", hint="try again")
        for k in ("ports", "routers")
    ]
    text = terminal.report(
        report(
            cause,
            finding("compute02", Severity.INFO),
            folded=[child],
            gaps=gaps,
            new=["c:host:compute01"],
            gone=["c:host:old"],
            compared_with=Compared(id=7, at=AT),
        )
    )
    assert text == WHOLE


def test_hostile_names_cannot_steer_the_terminal() -> None:
    text = terminal.report(report(finding("\x1b[2Jevil\x07\r\n\u202e")), colour=True)
    assert "\x1b[2J" not in text
    assert "\x07" not in text
    assert "\u202e" not in text


def test_no_line_is_wider_than_80_columns() -> None:
    long = finding("compute-" + "long words " * 40)
    assert max(map(len, terminal.report(report(long)).splitlines())) <= 80


def test_today_never_needs_more_than_ten_lines() -> None:
    many = [finding(f"host{i}", summary="x" * 200) for i in range(50)]
    seen = Today(cloud="prod", now=AT, latest=report(*many), due=["a", "b", "c"])
    lines = render(seen).splitlines()
    assert len(lines) <= 10
    assert max(map(len, lines)) <= 80


def test_today_without_a_round_says_what_to_do() -> None:
    assert "day2 round daily" in render(Today(cloud="prod", now=AT))
