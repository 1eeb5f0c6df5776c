# SPDX-License-Identifier: Apache-2.0
"""Problems are told apart by their signs, and what another explains comes after it."""

from typing import Any

import pytest

from day2.model.explanation import Cause
from day2.model.finding import Finding, Subject
from day2.model.logs import LogTemplate
from day2.model.problem import KnownProblem, Sign, Suspect
from day2.model.severity import Severity
from day2.model.survey import Gap
from day2.model.tables import compute, others, storage
from day2.operations.problems import knowledge
from day2.operations.problems.clues import Clues, Words, words_of
from day2.operations.problems.find import find
from tests.unit import builders as b

BUS = Subject(type="cluster", id="rabbitmq")


def finding(check: str, subject: Subject = BUS, **more: Any) -> Finding:
    severity = more.pop("severity", Severity.WARNING)
    summary = f"{check} of {subject.label}"
    return Finding(
        key=f"{check}:{subject.id}",
        check=check,
        severity=severity,
        subject=subject,
        summary=summary,
        why="because",
        **more,
    )


def problem(name: str, *signs: Sign, **more: Any) -> KnownProblem:
    return KnownProblem(
        id=name,
        title=f"It is {name}",
        planes=["bus"],
        symptom="s",
        advice="mend it",
        signs=list(signs),
        **more,
    )


def line(text: str, **more: Any) -> LogTemplate:
    hosts = {"h1": 3}
    return LogTemplate(
        key=text, service="nova-api", level="ERROR", template=text, count=3, hosts=hosts, **more
    )


def names(suspects: list[Suspect]) -> list[str]:
    return [suspect.id for suspect in suspects]


def test_all_needs_and_one_sign_must_be_there() -> None:
    known = problem(
        "a",
        Sign(finding="bus.down"),
        Sign(log="AMQP"),
        needs=[Sign(finding="host.*"), Sign(gap="bus_nodes")],
    )
    host = finding("host.down", Subject(type="host", id="h1"))
    gap = Gap(kind="bus_nodes", what="nodes of the bus", error="Unreachable", message="no answer")
    whole = Clues(findings=[host, finding("bus.down")], gaps=[gap])
    assert names(find([known], whole)) == ["a"]
    assert find([known], Clues(findings=[host, finding("bus.down")])) == []
    assert find([known], Clues(findings=[host], gaps=[gap])) == []
    (with_log,) = find([known], Clues(findings=[host], gaps=[gap], templates=[line("AMQP x")]))
    assert with_log.speaks_for == [
        "host.down of h1",
        "not read: nodes of the bus: no answer",
        "nova-api on h1, 3 times: AMQP x",
    ]


@pytest.mark.parametrize(
    ("sign", "fits"),
    [
        (Sign(finding="bus.*"), True),
        (Sign(finding="bus.down", subject="rabbit*"), True),
        (Sign(finding="bus.down", subject="cluster:rabbitmq"), True),
        (Sign(finding="bus.down", subject="maria*"), False),
        (Sign(finding="bus.down", words="^bus.down of"), True),
        (Sign(finding="bus.down", words="partition"), False),
        (Sign(finding="bus.down", where={"nodes": "3"}), True),
        (Sign(finding="bus.down", where={"nodes": "2"}), False),
        (Sign(finding="bus.down", where={"none": "2"}), False),
    ],
)
def test_a_finding_is_narrowed(sign: Sign, *, fits: bool) -> None:
    clues = Clues(findings=[finding("bus.down", evidence={"nodes": 3})])
    assert bool(find([problem("a", sign)], clues)) is fits


def test_what_speaks_against_it_takes_weight_and_is_told() -> None:
    known = [
        problem("a", Sign(finding="bus.down"), against=[Sign(finding="host.down")]),
        problem("b", Sign(finding="bus.down")),
    ]
    clues = Clues(findings=[finding("bus.down"), finding("host.down")])
    second = find(known, clues)[1]
    assert (second.id, second.speaks_against) == ("a", ["host.down of rabbitmq"])


def test_a_consequence_comes_after_its_cause_whatever_it_scores() -> None:
    known = [
        problem("third", Sign(log="C", weight=100)),
        problem("second", Sign(log="B", weight=90), explains=["third"]),
        problem("first", Sign(finding="bus.down", weight=1), explains=["second", "not there"]),
    ]
    clues = Clues(findings=[finding("bus.down")], templates=[line("B"), line("C")])
    found = find(known, clues)
    assert names(found) == ["first", "second", "third"]
    assert [one.explained_by for one in found] == [[], ["first"], ["second"]]


def test_what_is_wrong_now_comes_before_a_line_of_the_past_with_the_same_score() -> None:
    known = [
        problem("a-line", Sign(log="lost", weight=55)),
        problem("z-now", Sign(finding="api.down")),
    ]
    clues = Clues(
        findings=[finding("api.down", severity=Severity.CRITICAL)], templates=[line("lost")]
    )
    found = find(known, clues)
    assert names(found) == ["z-now", "a-line"]
    assert {one.score for one in found} == {55}


def test_two_that_explain_each_other_do_not_end_the_program() -> None:
    known = [
        problem("a", Sign(log="A"), explains=["b"]),
        problem("b", Sign(log="B"), explains=["a"]),
    ]
    assert names(find(known, Clues(templates=[line("A"), line("B")]))) == ["a", "b"]


def test_what_is_folded_counts_less_than_what_is_not() -> None:
    known = [problem("a", Sign(finding="x.down")), problem("b", Sign(finding="y.down"))]
    clues = Clues(findings=[finding("y.down")], folded=[finding("x.down")])
    assert names(find(known, clues)) == ["b", "a"]


def test_known_noise_is_no_sign() -> None:
    known = problem("a", Sign(finding="bus.down"), Sign(log="AMQP"))
    clues = Clues(findings=[finding("bus.down", noise="n")], templates=[line("AMQP", noise="n")])
    assert find([known], clues) == []


def test_reasons_and_causes_name_their_subjects() -> None:
    server = Subject(type="server", id="u1", name="web")
    known = [
        problem("words", Sign(text="No valid host", of="server")),
        problem("story", Sign(cause="port.*")),
    ]
    clues = Clues(
        words=[Words(subject=server, text="No valid host was found.")],
        causes=[(server, Cause(code="port.down", text="its port is down"))],
    )
    story, words = find(known, clues)
    assert (story.id, story.subjects) == ("story", [server])
    assert words.speaks_for == ["server web: No valid host was found."]


def test_many_alike_are_counted_and_not_listed() -> None:
    hosts = [Subject(type="host", id=f"h{n}") for n in range(40)]
    clues = Clues(findings=[finding("host.down", host) for host in hosts])
    (found,) = find([problem("a", Sign(finding="host.down"))], clues)
    assert found.speaks_for[-1] == "and 37 more like it"
    assert len(found.subjects) == 20


def test_reasons_are_gathered_from_what_openstack_keeps() -> None:
    own = compute.ServerOwnFault(
        server_id="s2", fault=compute.ServerFault(message="No valid host was found.")
    )
    survey = b.survey(
        servers=[b.server("s1"), b.server("s2", name="two")],
        server_faults=[own],
        stacks=[
            others.Stack(id="k1", stack_status="CREATE_FAILED", stack_status_reason="quota"),
            others.Stack(id="k2", stack_status="CREATE_COMPLETE", stack_status_reason="well"),
        ],
        volume_backups=[storage.VolumeBackup(id="b1", status="error", fail_reason="no room")],
    )
    said = [(words.subject.type, words.subject.id, words.text) for words in words_of(survey)]
    assert said == [
        ("server", "s2", "No valid host was found."),
        ("stack", "k1", "quota"),
        ("volume backup", "b1", "no room"),
    ]


def test_a_number_inside_the_id_of_a_request_is_no_answer_of_keystone() -> None:
    said = (
        'Identity response: {"error": {"code": 500, "title": "Internal Server Error"}}: '
        "(HTTP 500) (Request-ID: req-43271401-2abd-41b8-b302-21d3b57a450b)"
    )
    known = [one for one in knowledge.shipped() if one.id == "password-rotated"]
    assert find(known, Clues(templates=[line(said)])) == []
    refused = said.replace("500", "401")
    assert names(find(known, Clues(templates=[line(refused)]))) == ["password-rotated"]
