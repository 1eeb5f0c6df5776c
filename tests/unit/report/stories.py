# SPDX-License-Identifier: Apache-2.0
"""Stories for HTML reports: one that is rich, one whose every name is hostile, one that is huge."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from day2.model.finding import Finding, Subject
from day2.model.logs import LogReview, LogTemplate
from day2.model.round import Compared, Report, Tally
from day2.model.severity import Severity
from day2.model.survey import Gap
from day2.model.usage import Usage
from day2.report.html.story import Story

AT = datetime(2026, 5, 4, 9, 0, tzinfo=UTC)
DAY = timedelta(days=1)
HOSTILE = (
    "<script>window.hit=1</script>",
    "]]><img src=x onerror=window.hit=1>",
    "</title></style></svg></pre><script>window.hit=1</script>",
    '" onload="window.hit=1" x=\'',
    "{{ 7*7 }}{% raw %}",
    '$\\frac{1}$ @@0@@ @@99@@ #c0ffe1 url(#x) id="y"',
    "\x1b[2J\x1b]0;evil\x07\u202e\u2028\x00\x85",
    "javascript:window.hit=1",
    "日本語 🙂 " + "x" * 5000,
    "&lt;b&gt;&amp;",
)


def finding(key: str, severity: Severity = Severity.WARNING, **fields: object) -> Finding:
    given = {
        "key": key,
        "check": key.split(":", maxsplit=1)[0],
        "severity": severity,
        "subject": Subject(type="host", id=key),
        "summary": f"{key} is not well",
        "why": "health.x = 1",
        "advice": "look at it",
        "evidence": {"since": "2026-05-04T07:00:00Z", "servers": 31, "zones": ["az1", "az2"]},
        **fields,
    }
    return Finding(**given)  # type: ignore[arg-type]


def report(findings: Sequence[Finding] = (), **fields: object) -> Report:
    given = {
        "kind": "weekly",
        "cloud": "prod",
        "region": "RegionOne",
        "at": AT,
        "severity": Severity.CRITICAL,
        "findings": list(findings),
        "compared_with": Compared(id=99, at=AT - DAY),
        "checks": 84,
        "objects": 12345,
        "seconds": 23.4,
        "id": 100,
        **fields,
    }
    return Report(**given)  # type: ignore[arg-type]


def usage(name: str, ratio: float, scope: str = "aggregate") -> list[Usage]:
    return [
        Usage(scope=scope, name=name, resource=r, allocated=ratio * size, usable=size, providers=4)
        for r, size in (("VCPU", 500.0), ("MEMORY_MB", 1e6), ("DISK_GB", 2e4))
    ]


def tally(number: int) -> Tally:
    return Tally(
        id=100 - number,
        kind="weekly" if number % 7 == 0 else "daily",
        at=AT - number * DAY,
        severity=Severity.CRITICAL if number < 3 else Severity.WARNING,
        counts={Severity.CRITICAL: int(number < 3), Severity.WARNING: 3 + number % 5},
        gaps=int(number == 9),
    )


def review(number: int, names: Sequence[str] = ("nova-compute", "neutron-server")) -> LogReview:
    at = AT - number * DAY
    return LogReview(
        cloud="prod",
        region="RegionOne",
        at=at,
        since=at - DAY,
        until=at,
        hosts=["compute01", "compute02"],
        lines=1_843_233,
        events=2000 + number,
        templates=[
            LogTemplate(
                key=f"k{place}",
                service=name,
                level="ERROR",
                template=f"Instance <*> failed to spawn: {name}",
                count=1200 - place,
                hosts={name: 3},
                new=place == 0,
                example=f"ERROR {name}\nTraceback (most recent call last):\n  {name}",
                request_id="req-9c8d",
            )
            for place, name in enumerate(names)
        ],
    )


def rich() -> Story:
    children = [finding(f"server.error:server:{n}") for n in range(30)]
    dead = finding(
        "compute.down:host:compute03",
        Severity.CRITICAL,
        consequences=[child.key for child in children],
    )
    found = [
        dead,
        finding("database.unknown:db:1", Severity.UNKNOWN),
        *(finding(f"volume.stuck:volume:{n}") for n in range(6)),
        finding("image.unused:image:1", Severity.INFO),
    ]
    gaps = [
        Gap(kind="agents", what="agents", error="Denied", message="agents: 403", hint="role admin"),
        Gap(kind="hosts", what="hosts", error="Unreachable", message="hosts: no answer"),
    ]
    rows = [
        *usage("prod", 0.6, "cloud"),
        *(row for n, name in enumerate(("general", "gpu", "edge")) for row in usage(name, n / 2)),
    ]
    return Story(
        report=report(
            found,
            folded=children,
            gaps=gaps,
            new=[dead.key],
            gone=["server.stuck:server:9"],
            unjudged=["agent.down:agent:1"],
            usage=rows,
            usage_notes=["disabled: compute07"],
        ),
        usage=rows,
        tallies=[tally(n) for n in range(30)],
        logs=[review(n) for n in range(14)],
        version="1.2.3",
        made_at=AT,
    )


def hostile() -> Story:
    found = [
        finding(
            name,
            Severity.CRITICAL if place % 2 else Severity.INFO,
            check=name,
            summary=name,
            why=name,
            advice=name,
            plan=name,
            noise=name,
            evidence={name: name, "list": [name], "map": {name: [name]}},
            consequences=[name],
        )
        for place, name in enumerate(HOSTILE)
    ]
    gaps = [Gap(kind=n, what=n, error=n, message=n, hint=n) for n in HOSTILE]
    rows = [
        row
        for scope in ("aggregate", "zone", "project", "pool")
        for name in HOSTILE
        for row in usage(name, 0.5, scope)
    ]
    rows += [
        Usage(scope="aggregate", name=n, resource=n, allocated=1, usable=2, label=n)
        for n in HOSTILE
    ]
    return Story(
        report=report(
            found,
            cloud=HOSTILE[0],
            region=HOSTILE[1],
            gaps=gaps,
            new=list(HOSTILE),
            gone=list(HOSTILE),
            unjudged=list(HOSTILE),
            usage=rows,
            usage_notes=list(HOSTILE),
        ),
        usage=rows,
        tallies=[tally(n) for n in range(3)],
        logs=[review(n, HOSTILE) for n in range(3)],
        version="1.2.3",
        made_at=AT,
    )


def huge(count: int = 5000) -> Story:
    found = [
        finding(
            f"check{n % 40}.x:server:{n}",
            Severity.CRITICAL if n < 20 else Severity.WARNING,
            summary=f"server {n} {'name ' * 30}",
            evidence={f"field{k}": "value " * 20 for k in range(10)},
        )
        for n in range(count)
    ]
    keys = [f.key for f in found]
    return Story(
        report=report(found, new=keys, gone=keys),
        tallies=[tally(n) for n in range(30)],
        version="1.2.3",
        made_at=AT,
    )
