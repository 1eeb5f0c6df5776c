# SPDX-License-Identifier: Apache-2.0
"""Requests followed through logs: found in bytes, put into order, told with what failed first."""

from datetime import UTC, datetime, timedelta

import pytest

from day2.adapters.remote.log_finder import Finder
from day2.adapters.remote.log_times import Times
from day2.model.explanation import Event, Explanation
from day2.model.finding import Subject
from day2.model.logs import Followed, LogGroup, LogLine, LogReading
from day2.operations.explain import asked, follow
from day2.operations.logs import lines

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
REQUEST = "req-8e3f0b52-6c1e-4c3a-9d1b-0a6f5b0d7a11"
OTHER = "req-00000000-0000-4000-8000-000000000000"


@pytest.mark.parametrize(
    ("text", "form"),
    [
        (REQUEST, asked.Form.REQUEST),
        ("8e3f0b52-6c1e-4c3a-9d1b-0a6f5b0d7a11", asked.Form.ID),
        ("8e3f0b526c1e4c3a9d1b0a6f5b0d7a11", asked.Form.ID),
        ("10.0.0.5", asked.Form.ADDRESS),
        ("2001:db8::5", asked.Form.ADDRESS),
        ("fa:16:3e:00:00:01", asked.Form.MAC),
        ("No valid host was found", asked.Form.TEXT),
        ("web-01", asked.Form.NAME),
        ("req-short", asked.Form.NAME),
        ("compute01.example.org", asked.Form.NAME),
    ],
)
def test_the_form_of_a_text_tells_what_it_may_be(text: str, form: asked.Form) -> None:
    assert asked.form(text) is form


def written(second: int, level: str, message: str, request: str = REQUEST) -> bytes:
    stamp = f"2026-05-01 10:00:{second:02}.000"
    return f"{stamp} 7 {level} nova.api [None {request} - - - - - -] {message}\n".encode()


def finder(most: int = 10) -> Finder:
    times = Times(NOW.timestamp())
    return Finder([REQUEST.encode()], times, 0.0, NOW.timestamp() + 86400, most)


def test_lines_are_found_across_windows_and_nothing_else() -> None:
    log = written(1, "INFO", "asked") + written(2, "ERROR", "other", OTHER)
    log += written(3, "DEBUG", "went on") + written(4, "ERROR", "failed")
    found = finder()
    for place in range(0, len(log), 37):
        found.feed(log[place : place + 37])
    found.close()
    assert [str(row["text"]).rpartition("] ")[2] for row in found.rows] == [
        "asked",
        "went on",
        "failed",
    ]
    assert (found.lines, found.dropped) == (4, 0)


def test_what_is_too_much_is_counted_and_what_is_secret_is_masked() -> None:
    found = finder(most=1)
    found.feed(written(1, "INFO", "password='hunter22'") + written(2, "INFO", "more"))
    found.close()
    assert (len(found.rows), found.dropped) == (1, 1)
    assert "hunter22" not in str(found.rows)


def test_lines_of_all_hosts_get_into_one_order() -> None:
    groups = [
        LogGroup(
            host=host,
            file=f"nova/{service}.log",
            text=written(second, level, message).decode().rstrip(),
            first_at=NOW + timedelta(seconds=second),
        )
        for host, service, second, level, message in (
            ("cmp1", "nova-compute", 9, "ERROR", "no disk"),
            ("ctl1", "nova-api", 1, "INFO", "asked"),
            ("ctl2", "nova-scheduler", 5, "INFO", "chose cmp1"),
        )
    ]
    made = lines.followed(LogReading(source="files", groups=groups, hosts=["ctl1"]), [REQUEST])
    assert [line.service for line in made.found] == ["nova-api", "nova-scheduler", "nova-compute"]
    assert [line.level for line in made.found] == ["INFO", "INFO", "ERROR"]
    assert {line.request_id for line in made.found} == {REQUEST}
    story = follow.explain(REQUEST, made, lambda _service, _words: None)
    assert [link.subject.name for link in story.links] == [
        "nova-api",
        "nova-scheduler",
        "nova-compute",
    ]
    assert "first error is that of nova-compute on cmp1" in story.summary
    assert [cause.code for cause in story.causes] == ["first-error"]
    known = follow.explain(REQUEST, made, lambda _service, _words: ("disk-full", "A disk", "Clean"))
    assert [cause.code for cause in known.causes] == ["disk-full"]


def line(second: int, level: str = "INFO", service: str = "nova-api") -> LogLine:
    return LogLine(
        host="ctl1", service=service, at=NOW + timedelta(seconds=second), level=level, text="x"
    )


def test_of_many_lines_failures_and_ends_are_kept() -> None:
    many = [line(n) for n in range(500)]
    many[300] = line(300, "ERROR")
    many[400] = line(400, service="nova-compute")
    shown = follow.chosen(many, most=50)
    assert len(shown) == 50
    assert many[300] in shown
    assert many[400] in shown
    assert many[499] in shown


def test_lines_stand_among_the_moments_of_a_story() -> None:
    story = Explanation(
        subject=Subject(type="server", id="s1"),
        state="ERROR",
        summary="",
        events=[Event(at=NOW + timedelta(seconds=5), what="create", request_id=REQUEST)],
    )
    merged = follow.merge(story, Followed(found=[line(1), line(9, "ERROR")]))
    assert [(event.service, event.failed) for event in merged.events] == [
        ("nova-api", False),
        ("", False),
        ("nova-api", True),
    ]


def test_silence_is_told_from_what_was_not_read() -> None:
    nothing = follow.explain(REQUEST, Followed(hosts=["a"], lines=9), lambda _s, _w: None)
    assert nothing.summary.startswith("None of 9 lines of 1 hosts names it")
