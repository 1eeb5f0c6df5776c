# SPDX-License-Identifier: Apache-2.0
"""What becomes of a review: findings that are few, keyed stably, and graded by the policy."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from day2.errors import BadSettings
from day2.model.finding import Finding
from day2.model.logs import LogGroup, LogReading, LogReview, LogTemplate
from day2.model.severity import Severity
from day2.model.survey import Gap
from day2.operations.logs import known, review, rules
from day2.operations.logs.known import Noise, Problem, Tables
from day2.operations.logs.policy import LogPolicy
from day2.operations.logs.review import Span

NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)
TABLES = Tables(
    noise=[Noise(id="hum", match="hums", note="n", reference="r")],
    problems=[Problem(id="gone", match="gone away", title="It is gone", advice="look")],
)
GAP = Gap(kind="logs", what="logs of a", error="Unreachable", message="no answer")


def template(key: str = "k", **fields: Any) -> LogTemplate:
    given = {"service": "nova-compute", "level": "ERROR", "template": "It broke", "count": 10}
    return LogTemplate(**{"key": key, "hosts": {"a": 10}, "new": True, **given, **fields})


def made(*templates: LogTemplate, **fields: Any) -> LogReview:
    span = {"since": NOW - timedelta(hours=24), "until": NOW, "at": NOW}
    return LogReview(cloud="c", region="", templates=list(templates), **{**span, **fields})


def judged(
    *templates: LogTemplate, earlier: tuple[LogReview, ...] = (), **policy: Any
) -> list[Finding]:
    return rules.judge(made(*templates), earlier, TABLES, LogPolicy(**policy))


@pytest.mark.parametrize(
    ("fields", "policy", "severity"),
    [
        ({}, {}, Severity.WARNING),
        ({"count": 2}, {}, Severity.INFO),
        ({"count": 2}, {"count_min": 1}, Severity.WARNING),
        ({"count": 1, "level": "CRITICAL"}, {}, Severity.WARNING),
        ({"level": "CRITICAL"}, {"critical_severity": "critical"}, Severity.CRITICAL),
        ({"new": False, "known_since": NOW}, {}, Severity.INFO),
        ({"noise": "hum"}, {}, Severity.INFO),
        ({"noise": "hum", "level": "CRITICAL"}, {}, Severity.INFO),
    ],
)
def test_how_bad_a_template_is(
    fields: dict[str, Any], policy: dict[str, Any], severity: Severity
) -> None:
    (found,) = judged(template(**fields), **policy)
    assert found.severity is severity
    assert found.key == "logs.template:template:k"
    assert found.noise == fields.get("noise", "")


def test_a_new_error_keeps_its_key_when_it_is_known_tomorrow() -> None:
    (today,), (tomorrow,) = judged(template()), judged(template(new=False))
    assert today.key == tomorrow.key
    assert (today.severity, tomorrow.severity) == (Severity.WARNING, Severity.INFO)


def test_one_known_problem_is_one_finding_whoever_suffers() -> None:
    some = [template(f"k{n}", service=f"s{n}", problem="gone") for n in range(6)]
    (found,) = judged(*some)
    assert found.key == "logs.problem:problem:gone"
    assert found.evidence["count"] == 60
    assert "s0, s1, s2, s3 and 2 more" in found.summary


@pytest.mark.parametrize(
    ("count", "before", "burst"),
    [(500, 10, True), (60, 10, True), (500, 400, False), (40, 1, False), (60, 0, True)],
)
def test_a_burst_is_held_against_earlier_reviews(count: int, before: int, *, burst: bool) -> None:
    earlier = made(*([template(count=before, new=False)] if before else []))
    found = judged(template(count=count, new=False), earlier=(earlier, earlier))
    assert ("logs.burst:template:k" in {f.key for f in found}) is burst


def test_a_review_with_gaps_is_no_measure_for_bursts() -> None:
    gapped = made(template(count=1, new=False), gaps=[GAP])
    found = judged(template(count=500, new=False), earlier=(gapped,))
    assert [f.check for f in found] == ["logs.template"]


def test_the_findings_are_few_and_the_worst() -> None:
    some = [template(f"k{n:02}", count=n + 1) for n in range(40)]
    noisy = [template(f"n{n}", noise="hum") for n in range(5)]
    found = judged(*noisy, *some, findings_max=7)
    assert len(found) == 8
    assert found[0].subject.id == "k39"
    assert found[-1].key == "logs.others:logs:others"
    assert "38 further kinds" in found[-1].summary
    assert found[-1].severity is Severity.WARNING


def test_gone_is_only_what_is_logged_no_more_in_a_review_without_gaps() -> None:
    before = {
        "logs.template:template:k1": "logs.template",
        "logs.template:template:k2": "logs.template",
        "logs.problem:problem:gone": "logs.problem",
        "host.down:host:a": "host.down",
    }
    here = made(template("k1"), template("k9", problem="gone"))
    # k1 is logged, though it is only told together with others.
    assert rules.gone(here, [], before) == (["logs.template:template:k2"], [])
    gapped = msgspec.structs.replace(here, gaps=[GAP])
    assert rules.gone(gapped, [], before) == ([], ["logs.template:template:k2"])


def test_a_storm_of_new_kinds_makes_nothing_gone_and_later_nothing_a_burst() -> None:
    old = [group(LINE.format(0, "It is old"))]
    (first,) = reviewed(*old).templates
    storm = [group(LINE.format(0, f"{chr(97 + n)} is new {chr(97 + n)}")) for n in range(20)]
    reading = LogReading(source="files", groups=[*storm, *old], hosts=["a"], lines=9)
    crowded = review.make(
        reading,
        Span(cloud="c", region="", since=NOW - timedelta(hours=24), until=NOW),
        known={first.key: NOW},
        templates=[],
        tables=TABLES,
        policy=LogPolicy(templates_max=10),
    )
    assert (len(crowded.templates), crowded.left_out) == (10, 11)
    assert first.key not in {one.key for one in crowded.templates}
    key = f"logs.template:template:{first.key}"
    assert rules.gone(crowded, [], {key: "logs.template"}) == ([], [key])
    again = template(first.key, new=False, count=100)
    assert [f.check for f in judged(again, earlier=(crowded,))] == ["logs.template"]


def group(text: str, **fields: Any) -> LogGroup:
    given = {"host": "a", "file": "/var/log/kolla/nova/nova-api.log", "text": text}
    return LogGroup(**{**given, **fields})


LINE = "2026-11-22 08:00:00.000 7 ERROR nova.api [None req-{0} - - -] {1}"


def reviewed(*groups: LogGroup, known_keys: dict[str, datetime] | None = None) -> LogReview:
    reading = LogReading(source="files", groups=list(groups), hosts=["a"], lines=9)
    span = Span(cloud="c", region="", since=NOW - timedelta(hours=24), until=NOW)
    return review.make(
        reading, span, known=known_keys or {}, templates=[], tables=TABLES, policy=LogPolicy()
    )


def test_a_review_counts_over_hosts_and_does_not_depend_on_the_order() -> None:
    groups = [
        group(LINE.format("aa11", "Server 1 broke"), count=3, first_at=NOW, last_at=NOW),
        group(
            LINE.format("bb22", "Server 2 broke"),
            host="b",
            count=4,
            first_at=NOW - timedelta(hours=2),
            last_at=NOW - timedelta(hours=1),
        ),
        group(LINE.format("cc33", "It hums")),
    ]
    here = reviewed(*groups)
    assert here == reviewed(*reversed(groups))
    broke, hums = here.templates
    assert (broke.count, broke.hosts) == (7, {"a": 3, "b": 4})
    assert (broke.first_seen_at, broke.last_seen_at) == (NOW - timedelta(hours=2), NOW)
    assert broke.template == "nova.api: Server <*> broke"
    assert broke.request_id == "req-aa11"
    assert hums.noise == "hum"
    assert here.events == 8


def test_new_ones_come_first_and_noise_last() -> None:
    lines = [group(LINE.format("aa11", text), count=9) for text in ("It hums", "Old", "Elder")]
    first = reviewed(*lines)
    old = {t.key: NOW for t in first.templates if t.template.endswith(("Old", "Elder"))}
    again = reviewed(*lines, group(LINE.format("aa11", "Rare")), known_keys=old)
    assert again.templates[0].template == "nova.api: Rare"
    assert [t.new for t in again.templates] == [True, False, False, True]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("- {id: a, match: '(', note: n, reference: r}", "entry 1: match is no regular expression"),
        ("- {id: a}", "entry 1: Object missing required field"),
        ("- {id: a, match: b, note: n, reference: r, more: x}", "entry 1: Object contains unknown"),
        ("a: b", "holds no list"),
        ("[", "is not YAML"),
    ],
)
def test_a_wrong_table_is_named(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "noise.yaml").write_text(text)
    with pytest.raises(BadSettings, match=r"noise.yaml") as error:
        known.load(str(tmp_path))
    assert said in str(error.value)


def test_own_tables_come_before_those_of_day2(tmp_path: Path) -> None:
    (tmp_path / "noise.yaml").write_text("- {id: mine, match: DBDeadlock, note: n, reference: r}")
    tables = known.load(str(tmp_path))
    assert tables.noise_of("nova-api", "x DBDeadlock") == "mine"
    (tmp_path / "problems.yaml").write_text("[]")
    with pytest.raises(BadSettings, match="no longer read from there"):
        known.load(str(tmp_path))
    with pytest.raises(BadSettings, match="does not exist"):
        known.load(str(tmp_path / "none"))
