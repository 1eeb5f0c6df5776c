# SPDX-License-Identifier: Apache-2.0
"""Hosts by a scripted Ansible that runs the real program, and a scripted OpenSearch."""

import ast
import base64
import gzip
import json
import os
import time
import zlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from day2.adapters.ansible import Ansible
from day2.adapters.clock import SystemClock
from day2.adapters.kolla.inventory import Inventory
from day2.adapters.kolla.settings import KollaSettings
from day2.adapters.kolla.virtualenv import Virtualenv
from day2.adapters.logs.cleaning import Cleaner
from day2.adapters.logs.hosts import PROGRAM, HostLogs, reading_of
from day2.adapters.logs.opensearch import SearchLogs
from day2.adapters.logs.settings import LogSettings, OpenSearchSettings
from day2.adapters.remote import day2_logs
from day2.errors import BadAnswer, BadUsage
from day2.model.logs import LogReading
from day2.operations.logs import mask, parse
from tests.ansible import say, scripted
from tests.unit.adapters.wire import serving

NOW = datetime.now(UTC).replace(microsecond=0)
SINCE = NOW - timedelta(hours=24)
SECRET = "Cloud-Secret-1"


def stamp(hours: float) -> str:
    return f"{(NOW - timedelta(hours=hours)).astimezone():%Y-%m-%d %H:%M:%S}.000"


def error(hours: float, words: str) -> str:
    return f"{stamp(hours)} 7 ERROR nova.api [None req-aa11 - - -] {words}\n"


def source(folder: Path, hosts: tuple[str, ...] = ("a",), **fields: Any) -> HostLogs:
    kolla = KollaSettings(**scripted(folder, hosts))
    virtualenv = Virtualenv(str(folder / "venv"), {"PATH": os.environ["PATH"]})
    ansible = Ansible(kolla, virtualenv, Inventory(kolla, virtualenv))
    settings = LogSettings(folder=str(folder / "log"), **fields)
    return HostLogs(settings, kolla, ansible, Cleaner([SECRET]))


def log(folder: Path, name: str, text: str | bytes) -> Path:
    file = folder / "log" / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    return file


def read(logs: HostLogs | SearchLogs, **words: Any) -> LogReading:
    return logs.read(SINCE, NOW, **words)


def words_of(reading: LogReading) -> list[str]:
    return sorted(group.text.rpartition("] ")[2] for group in reading.groups)


def test_files_of_every_host_are_read_and_only_errors_come_back(tmp_path: Path) -> None:
    well = f"{stamp(2)} 7 INFO nova.api [-] all is well, no ERROR\n"
    log(tmp_path, "nova/nova-api.log", well * 50 + error(1, "It broke") + well)
    log(tmp_path, "nova/nova-api.log.2.gz", gzip.compress(error(20, "Packed").encode()))
    log(tmp_path, "nova/nova-api-access.log", error(1, "Somebody asked"))
    found = read(source(tmp_path, ("a", "b")))
    assert words_of(found) == ["It broke", "It broke", "Packed", "Packed"]
    assert (found.source, found.hosts, found.lines, found.gaps) == ("files", ["a", "b"], 106, [])
    one = next(g for g in found.groups if g.text.endswith("It broke"))
    assert one.first_at == one.last_at == NOW - timedelta(hours=1)


def test_what_is_older_is_left_out(tmp_path: Path) -> None:
    log(tmp_path, "nova/nova-api.log", error(30, "Old") + error(1, "Young") + error(-1, "Future"))
    old = log(tmp_path, "nova/nova-old.log", error(1, "Never written to again"))
    os.utime(old, (0, 0))
    assert words_of(read(source(tmp_path))) == ["Young"]


def test_a_large_file_is_read_from_where_the_time_begins(tmp_path: Path) -> None:
    line = "{} 7 INFO nova.api [-] " + "x" * 150 + "\n"
    hours = [100 - n / 200 for n in range(20_000)]
    text = "".join(line.format(stamp(h)) for h in hours) + error(0.1, "Late")
    log(tmp_path, "nova/nova-api.log", text)
    found = read(source(tmp_path))
    assert words_of(found) == ["Late"]
    assert 4_800 < found.lines < 13_000


def test_the_same_error_many_times_is_one_group(tmp_path: Path) -> None:
    text = "".join(error(2 - n / 1000, f"Server {n} broke") for n in range(1000))
    log(tmp_path, "nova/nova-api.log", text)
    (one,) = read(source(tmp_path)).groups
    assert one.count == 1000
    assert one.first_at == NOW - timedelta(hours=2)


def test_neither_secret_nor_escape_sequence_passes(tmp_path: Path) -> None:
    lines = (
        f"login with {SECRET} failed",
        "mysql+pymysql://nova:hunter2@10.0.0.1/nova refused",
        "X-Auth-Token: gAAAAABmabcdefghijklmnopqrstuvwxyz0123456789==",
        "{'password': 'hunter2', 'token': 'abc123def'}",
        "-----BEGIN RSA PRIVATE KEY-----\nMIIhunter2\n-----END RSA PRIVATE KEY-----",
        "admin_pass=hunter2 secret_key: hunter2",
        "\x1b[2Jcleared \x07",
    )
    text = "".join(error(1, line) for line in lines)
    log(tmp_path, "nova/nova-api.log", text)
    found = read(source(tmp_path))
    said = "\n".join(group.text for group in found.groups)
    assert len(found.groups) == len(lines)
    assert "hunter2" not in said
    assert SECRET not in said
    assert "abc123def" not in said
    assert "gAAAA" not in said
    assert "\x1b" not in said
    assert "\x07" not in said


def test_only_some_services_and_hosts(tmp_path: Path) -> None:
    log(tmp_path, "nova/nova-api.log", error(1, "Nova"))
    log(tmp_path, "neutron/neutron-server.log", error(1, "Neutron"))
    logs = source(tmp_path, ("a", "b"))
    found = read(logs, services=["neutron"], hosts=["b"])
    assert [(g.host, g.text.rpartition("] ")[2]) for g in found.groups] == [("b", "Neutron")]
    with pytest.raises(BadUsage, match="no host c"):
        read(logs, hosts=["c"])


def packed(document: Any) -> dict[str, Any]:
    text = base64.b64encode(zlib.compress(json.dumps(document).encode())).decode()
    return {"source": "files", "lines": 1, "packed": text}


@pytest.mark.parametrize(
    ("event", "result", "kind", "said"),
    [
        ("unreachable", {"msg": "No route to host"}, "Unreachable", "No route to host"),
        ("failed", {"msg": "MODULE FAILURE", "module_stderr": "no python"}, "BadAnswer", "python"),
        ("ok", {"day2": {"packed": "&&&"}}, "BadAnswer", "unknown form"),
        ("ok", {"day2": [1]}, "BadAnswer", "unknown form"),
        ("ok", {"day2": packed({"files": 5})}, "BadAnswer", "unknown form"),
        (
            "ok",
            {"day2": packed({"errors": [{"kind": "denied", "what": "/x\x1b", "why": "no"}]})},
            "Denied",
            r"/x\?: no",
        ),
        (
            "ok",
            {"day2": packed({"errors": [{"kind": "late", "what": "/x", "why": "late"}]})},
            "Unreachable",
            "late",
        ),
    ],
)
def test_what_a_host_cannot_say_is_a_gap(
    tmp_path: Path, event: str, result: dict[str, Any], kind: str, said: str
) -> None:
    log(tmp_path, "nova/nova-api.log", error(1, "It broke"))
    say(tmp_path, "a", event, **result)
    found = read(source(tmp_path, ("a", "b")))
    ((gap_kind, message),) = [(gap.error, gap.message) for gap in found.gaps]
    assert gap_kind == kind
    assert said.replace("\\", "") in message
    assert words_of(found) == ["It broke"]


def test_a_folder_that_is_not_there_and_a_limit_that_is_met_are_told(tmp_path: Path) -> None:
    (gap,) = read(source(tmp_path, source="files")).gaps
    assert "there is no such folder" in gap.message


def test_more_kinds_than_fit_are_told_and_the_rare_one_is_kept(tmp_path: Path) -> None:
    given = {"since": SINCE.timestamp(), "until": NOW.timestamp(), "folder": str(tmp_path / "log")}
    words = [
        f"{chr(97 + n % 26)}{chr(97 + n // 26 % 26)}{chr(97 + n // 676)} failed"
        for n in range(3000)
    ]
    text = "".join(error(1, word) for word in words) + error(1, "The rare one")
    log(tmp_path, "nova/nova-api.log", text)
    found = day2_logs.Review(given).run()
    document = json.loads(zlib.decompress(base64.b64decode(found["packed"])))
    assert "errors of too many kinds" in document["errors"][0]["why"]
    assert len(document["files"][0]["groups"]) == 800
    small = day2_logs.Review({**given, "answer_bytes": 5000}).run()
    assert len(small["packed"]) <= 5200


@pytest.mark.parametrize(
    "document",
    [
        b'{"files": [' + b" " * (100 << 20) + b"]}",
        b'{"files": [{"name": "a", "groups": [' + b'{"count":1,"text":""},' * 99_999
        + b'{"count":1,"text":""}]}]}',
        b'{"errors": [' + b'{"kind":"","what":"","why":""},' * 99_999
        + b'{"kind":"","what":"","why":""}]}',
        b'{"files": [' + b'{"name":"","groups":[]},' * 99_999 + b'{"name":"","groups":[]}]}',
    ],
    ids=["large", "groups", "errors", "files"],
)  # fmt: skip
def test_no_host_takes_the_memory_of_all_with_an_answer_that_is_small(document: bytes) -> None:
    packed = base64.b64encode(zlib.compress(document)).decode()
    assert len(packed) < 2 << 20
    with pytest.raises(BadAnswer, match="more than a host has to say"):
        reading_of("a", {"packed": packed}, Cleaner())


def test_what_a_host_answers_is_small_unpacked_as_well(tmp_path: Path) -> None:
    words = [f"{'x' * 500} {chr(97 + n % 26)}{chr(97 + n // 26)} failed" for n in range(600)]
    for name in ("a", "b"):
        log(tmp_path, f"nova/{name}.log", "".join(error(1, word) for word in words))
    given = {"since": SINCE.timestamp(), "until": NOW.timestamp(), "folder": str(tmp_path / "log")}
    found = day2_logs.Review({**given, "plain_bytes": 100_000}).run()
    assert len(zlib.decompress(base64.b64decode(found["packed"]))) <= 101_000
    assert "did not fit" in zlib.decompress(base64.b64decode(found["packed"])).decode()


def test_too_many_bytes_and_too_little_time_are_told(tmp_path: Path) -> None:
    given = {"since": SINCE.timestamp(), "until": NOW.timestamp(), "folder": str(tmp_path / "log")}
    log(tmp_path, "nova/nova-api.log", error(1, "It broke") * 40_000)
    for limits, said in (
        ({"read_bytes": 1000}, "too many bytes"),
        ({"seconds": -1}, "not read in"),
    ):
        found = day2_logs.Review({**given, **limits}).run()
        document = json.loads(zlib.decompress(base64.b64decode(found["packed"])))
        assert said in document["errors"][0]["why"]


def of_containers(folder: Path, logs: str, **given: Any) -> dict[str, Any]:
    docker = folder / "bin" / "docker"
    docker.parent.mkdir()
    docker.write_text(f'#!/bin/sh\ncase "$1" in ps) echo nova_api;; logs) {logs};; esac\n')
    docker.chmod(0o755)
    asked = {"since": SINCE.timestamp(), "folder": str(folder / "none"), "engine": "docker"}
    before = os.environ["PATH"]
    os.environ["PATH"] = f"{docker.parent}:{before}"
    try:
        return day2_logs.Review({**asked, **given}).run()
    finally:
        os.environ["PATH"] = before


def test_an_engine_that_hangs_costs_no_more_than_the_time_it_has(tmp_path: Path) -> None:
    told = error(1, "It broke").rstrip()
    began = time.monotonic()
    found = of_containers(tmp_path, f'echo "{told}"; exec sleep 8', seconds=1)
    assert time.monotonic() - began < 4
    document = json.loads(zlib.decompress(base64.b64decode(found["packed"])))
    assert document["files"][0]["groups"][0]["text"].endswith("It broke")
    assert [problem["kind"] for problem in document["errors"]] == ["late"]


def test_containers_are_read_where_there_is_no_folder(tmp_path: Path) -> None:
    told = error(1, "It broke").rstrip()
    found = of_containers(tmp_path, f'echo "{told}"; echo well >&2')
    document = json.loads(zlib.decompress(base64.b64decode(found["packed"])))
    assert found["source"] == "containers"
    assert document["errors"] == []
    assert document["files"][0]["name"] == "nova_api"


@pytest.mark.parametrize(
    "words",
    [
        "a-" * 50_000,
        "a" * 100_000,
        "password" * 10_000,
        "'" * 50_000,
        "/a" * 50_000,
        "://a:" * 20_000,
        "1:" * 50_000,
        "<*> " * 20_000,
        "[" * 50_000,
        '{"level": ' * 10_000,
        "token: " * 10_000,
        "x.Y." * 20_000,
        "-----BEGIN PRIVATE KEY-----" * 3_000,
        "mysql-" * 20_000,
        "eyJ-" * 20_000,
        "password: '" * 10_000,
        'token="\\\\' * 10_000,
    ],
)
def test_a_hostile_line_costs_no_more_than_another(tmp_path: Path, words: str) -> None:
    log(tmp_path, "nova/nova-api.log", error(1, words) + error(1, f"{words}\n{words}"))
    given = {"since": SINCE.timestamp(), "until": NOW.timestamp(), "folder": str(tmp_path / "log")}
    began = time.process_time()
    answer = day2_logs.Review(given).run()
    for group in reading_of("a", answer, Cleaner()).groups:
        found = parse.event(group.text, "nova-api")
        mask.values(found.message)
    assert time.process_time() - began < 1.5


@pytest.mark.parametrize("moment", ["2026-02-30 10:00:00Z", "2026-13-45T99:99:99+00:00"])
def test_a_line_of_a_day_that_never_was_hides_no_other(tmp_path: Path, moment: str) -> None:
    log(tmp_path, "nova/nova-api.log", error(1, "It broke") + f"{moment} ERROR x\n")
    found = read(source(tmp_path))
    assert found.gaps == []
    assert any(group.text.endswith("It broke") for group in found.groups)


def test_the_carried_program_is_one_file_in_which_no_name_means_two_things() -> None:
    # The oldest Python that hosts of supported releases may have as their own.
    tree = ast.parse(PROGRAM.text, feature_version=(3, 6))
    named: list[str] = []
    for node in tree.body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            named.append(node.name)
        elif isinstance(node, ast.Assign):
            named += [n.id for t in node.targets for n in ast.walk(t) if isinstance(n, ast.Name)]
    assert sorted(named) == sorted(set(named))
    assert b"from day2" not in PROGRAM.text
    assert PROGRAM.text.startswith(b"#!/usr/bin/python\n")


# OpenSearch.


def document(words: str, **fields: Any) -> dict[str, Any]:
    given = {
        "@timestamp": (NOW - timedelta(hours=1)).isoformat(),
        "Hostname": "ctl1",
        "programname": "nova-api",
        "log_level": "ERROR",
        "python_module": "nova.api",
        "request_id": "aa11",
        "Pid": "7",
        "Payload": words,
    }
    return {"_source": {**given, **fields}}


class Search:
    """Answers one page after the other, and keeps what was asked."""

    def __init__(self, *pages: list[dict[str, Any]], status: str = "200 OK", **beside: Any) -> None:
        self.pages = list(pages)
        self.beside = beside
        self.status = status
        self.asked: list[tuple[str, dict[str, Any], str]] = []

    def script(self, link: Any) -> None:
        data = b""
        while True:
            while b"\r\n\r\n" not in data:
                part = link.recv(65536)
                if not part:
                    return
                data += part
            head, _end, body = data.partition(b"\r\n\r\n")
            size = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
            while len(body) < size:
                body += link.recv(65536)
            data = body[size:]
            line = head.split(b"\r\n")[0].decode()
            self.asked.append((line, json.loads(body[:size]), head.decode()))
            page = self.pages.pop(0) if self.pages else []
            told = {"_scroll_id": "s1", "hits": {"hits": page}, **self.beside}
            answer = json.dumps(told).encode()
            link.sendall(
                f"HTTP/1.1 {self.status}\r\nContent-Length: {len(answer)}\r\n\r\n".encode() + answer
            )


def searched(search: Search, make: Callable[..., Any] = read, **fields: Any) -> LogReading:
    with serving(search.script) as port:
        opensearch = OpenSearchSettings(address=f"http://127.0.0.1:{port}", user="u", **fields)
        logs = SearchLogs(
            LogSettings(opensearch=opensearch),
            password=SECRET,
            clock=SystemClock(),
            cleaner=Cleaner([SECRET]),
        )
        assert SECRET not in repr(logs)
        found: LogReading = make(logs)
        return found


def test_opensearch_is_asked_page_by_page_and_its_documents_are_lines_again() -> None:
    first = [document(f"Server {n} broke") for n in range(1000)]
    frame = '  File "/x/nova/a.py", line 1, in f'
    traced = f"Failed\nTraceback (most recent call last):\n{frame}\nnova.Bad: x"
    silent = document(
        f"{NOW - timedelta(hours=1):%Y-%m-%d %H:%M:%S} 5 [ERROR] Galera left",
        programname="mariadb",
        log_level=None,
        python_module=None,
    )
    search = Search(first, [document(traced), silent])
    found = searched(search)
    assert [line.split("?")[0] for line, _body, _head in search.asked] == [
        "POST /flog-*/_search",
        "POST /_search/scroll HTTP/1.1",
    ]
    assert "authorization: Basic" in search.asked[0][2].replace("Authorization", "authorization")
    assert (found.lines, found.hosts, found.gaps) == (1002, ["ctl1"], [])
    counts = {group.file: group.count for group in found.groups if "Traceback" not in group.text}
    assert counts == {"nova-api": 1000, "mariadb": 1}
    assert sum("nova.Bad" in group.text for group in found.groups) == 1


@pytest.mark.parametrize(
    "words",
    ["2026-02-30 10:00:00Z ERROR req-aa11", "[Sun Dec 99 10:00:00 9999] [core:error] req-aa11"],
)
def test_a_document_of_a_day_that_never_was_hides_no_other(words: str) -> None:
    pages = [document("It broke"), document(words, log_level=None)]
    assert "It broke" in words_of(searched(Search(pages)))
    found = searched(
        Search(pages), lambda logs: logs.follow(["req-aa11"], SINCE, NOW, lines_max=10)
    )
    assert [group.first_at is None for group in found.groups] == [False, True]


def test_more_than_may_be_read_is_a_gap_and_what_was_read_is_kept() -> None:
    pages = [[document("It broke")] * 1000] * 5
    found = searched(Search(*pages), events_max=2000)
    assert found.groups[0].count == 2000
    assert "more than 2,000 error lines" in found.gaps[0].message


@pytest.mark.parametrize(
    ("beside", "said"),
    [
        ({"_shards": {"total": 5, "successful": 3, "failed": 0}}, "2 of 5 shards did not answer"),
        ({"timed_out": True}, "it ran out of time"),
    ],
)
def test_an_answer_without_some_shards_is_a_gap(beside: dict[str, Any], said: str) -> None:
    for page in ([document("It broke")], []):
        found = searched(Search(page, **beside))
        (gap,) = found.gaps
        assert said in gap.message
        assert words_of(found) == ["It broke"] * len(page)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        ("401 Unauthorized", "Denied"),
        ("503 Unavailable", "Unreachable"),
        ("400 Bad", "BadAnswer"),
        ("404 Not Found", "NotDeployed"),
    ],
)
def test_an_opensearch_that_refuses_is_a_gap(status: str, kind: str) -> None:
    (gap,) = searched(Search(status=status)).gaps
    assert gap.error == kind
    assert SECRET not in gap.message


def test_an_opensearch_that_is_not_there_is_a_gap() -> None:
    opensearch = OpenSearchSettings(address="http://127.0.0.1:1")
    logs = SearchLogs(
        LogSettings(opensearch=opensearch), password="", clock=SystemClock(), cleaner=Cleaner()
    )
    began = time.monotonic()
    assert [gap.error for gap in read(logs).gaps] == ["Unreachable"]
    assert time.monotonic() - began < 5
