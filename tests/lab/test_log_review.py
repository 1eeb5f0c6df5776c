# SPDX-License-Identifier: Apache-2.0
"""The lab's own logs, after whatever other tests did to it: nothing of them stays unread."""

import base64
import json
import zlib
from collections.abc import Iterator
from pathlib import Path

from day2.adapters.logs.cleaning import Cleaner
from day2.adapters.logs.hosts import reading_of
from day2.adapters.remote.day2_logs import Review
from day2.model.logs import LogGroup
from day2.operations.logs import parse
from lab.cloud import Cloud
from lab.parts.nodes_ansible import ansible
from tests.lab.program import Program

PIECES = ("Traceback (most recent", '  File "', "    ", "^^^", "During handling", "The above")


def groups(folder: Path) -> Iterator[LogGroup]:
    answer = Review({"folder": str(folder), "seconds": 60, "source": "files"}).run()
    document = json.loads(zlib.decompress(base64.b64decode(answer["packed"])))
    assert document["errors"] == []
    yield from reading_of("lab", answer, Cleaner()).groups


def test_no_fragment_of_a_traceback_is_an_event_of_its_own(cloud: Cloud) -> None:
    unread = []
    for group in groups(cloud.place.log):
        event = parse.event(group.text, parse.service_of(group.file))
        whole = event.message or event.exception
        if event.fragment or not whole or event.message.startswith(PIECES):
            unread.append((group.file, group.text))
    assert unread == []


def test_every_traceback_names_its_exception_and_place(cloud: Cloud) -> None:
    for group in groups(cloud.place.log):
        if (
            "\nTraceback" not in group.text
            and " Traceback (most recent call last):\n" not in group.text
        ):
            continue
        event = parse.event(group.text, parse.service_of(group.file))
        assert event.exception, group.text
        assert event.place, group.text


def test_a_real_ansible_brings_them(cloud: Cloud, tmp_path: Path) -> None:
    inventory = tmp_path / "inventory"
    inventory.write_text(
        "[baremetal]\nlab ansible_connection=local ansible_python_interpreter=/usr/bin/python3\n"
    )
    program = Program(
        cloud,
        tmp_path,
        kolla={"inventory": str(inventory), "virtualenv": str(ansible(cloud.place).parent)},
        logs={"folder": str(cloud.place.log)},
    )
    first = program.run("log", "review", "-f", "json")
    assert first.code in {0, 10, 11}, first.stderr
    found = first.document
    assert found["gaps"] == []
    assert found["hosts"] == ["lab"]
    assert found["lines"] > 1000
    assert sum(t["count"] for t in found["templates"]) == found["events"]
    again = program.run("log", "review", "-f", "json").document
    known = {t["key"] for t in found["templates"]}
    assert {t["key"] for t in again["templates"] if not t["new"]} >= known & {
        t["key"] for t in again["templates"]
    }
