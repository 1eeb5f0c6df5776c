# SPDX-License-Identifier: Apache-2.0
"""recorded: Masakari's API in the shapes that it documents, by a scripted server."""

import json
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from day2.adapters.clock import SystemClock
from day2.adapters.openstack.clouds import Credentials
from day2.adapters.openstack.instance_ha import InstanceHa
from day2.adapters.openstack.limits import LoadSettings
from day2.adapters.openstack.session import Session
from day2.errors import Unreachable
from day2.model.finding import Subject
from day2.model.outcome import Ending
from day2.model.plan import Step
from day2.operations.hosts.actions.protections import Maintenance
from tests.scenarios.hosts.direct import Direct, Killed
from tests.unit.adapters.test_sends import TOKEN, reply
from tests.unit.adapters.wire import serving

SEGMENTS = [{"uuid": "seg-1", "name": "az1", "id": 1}, {"uuid": "seg-2", "name": "az2", "id": 2}]


class Masakari:
    """Two segments; `cmp1` is in the second one. What was asked is kept."""

    def __init__(self, *, refuses: bool = False) -> None:
        self.asked: list[str] = []
        self.refuses = refuses
        self.broken = False
        self.host: dict[str, Any] = {
            "uuid": "h-1",
            "name": "cmp1",
            "on_maintenance": False,
            "reserved": False,
            "type": "COMPUTE",
            "failover_segment_id": "seg-2",
        }

    def answer(self, line: str, body: bytes) -> bytes:
        self.asked.append(line)
        if self.broken:
            return reply("500 Oops")
        match line.split():
            case ["GET", "/v1/segments"]:
                return reply("200 OK", json.dumps({"segments": SEGMENTS}))
            case ["GET", "/v1/segments/seg-1/hosts"]:
                return reply("200 OK", json.dumps({"hosts": []}))
            case ["GET", "/v1/segments/seg-2/hosts"]:
                return reply("200 OK", json.dumps({"hosts": [self.host]}))
            case ["PUT", "/v1/segments/seg-2/hosts/h-1"]:
                if self.refuses:
                    said = {"conflictingRequest": {"code": 409, "message": "in recovery"}}
                    return reply("409 Conflict", json.dumps(said))
                self.host |= json.loads(body)["host"]
                return reply("200 OK", json.dumps({"host": self.host}))
        return reply("404 Not Found")

    @contextmanager
    def action(self) -> Iterator[Maintenance]:
        def script(link: socket.socket) -> None:
            while data := _whole(link):
                head, _gap, body = data.partition(b"\r\n\r\n")
                line = head.split(b"\r\n", 1)[0].decode().removesuffix(" HTTP/1.1")
                port = link.getsockname()[1]
                if line.startswith("POST /v3/auth/tokens"):
                    link.sendall(_token(port))
                else:
                    link.sendall(self.answer(line, body))

        with serving(script) as port:
            account = Credentials(
                name="c",
                auth_type="password",
                auth={
                    "auth_url": f"http://127.0.0.1:{port}/v3",
                    "username": "admin",
                    "password": "secret",
                    "project_name": "admin",
                },
            )
            limits = LoadSettings(request_seconds_max=2)
            session = Session(account, limits=limits, clock=SystemClock())
            yield Maintenance(InstanceHa(session, SystemClock()))


def _token(port: int) -> bytes:
    found = json.loads(json.dumps(TOKEN))
    url = f"http://127.0.0.1:{port}/v1"
    endpoint = {"interface": "public", "region": "R", "region_id": "R", "url": url}
    entry = {"type": "instance-ha", "name": "masakari", "endpoints": [endpoint]}
    found["token"]["catalog"] = [entry]
    return reply("201 Created", json.dumps(found), "X-Subject-Token: t")


def _whole(link: socket.socket) -> bytes:
    data = b""
    while b"\r\n\r\n" not in data:
        part = link.recv(65536)
        if not part:
            return b""
        data += part
    length = re.search(rb"(?i)content-length: (\d+)", data)
    wanted = data.index(b"\r\n\r\n") + 4 + (int(length[1]) if length else 0)
    while len(data) < wanted:
        data += link.recv(65536)
    return data


def step(host: str = "cmp1", *, on: bool = True) -> Step:
    subject = Subject(type="host", id=host, host=host)
    arguments = {"host": host, "on": on}
    return Step(
        n=1, action=Maintenance.name, subject=subject, why="a test", arguments=arguments, undo="…"
    )


def test_the_flag_is_set_and_taken_away_by_who_set_it() -> None:
    masakari = Masakari()
    with masakari.action() as action:
        assert action.look(step()).already == ""
        result = action.perform(step(), Direct(SystemClock()))
        assert (result.ending, masakari.host["on_maintenance"]) == (Ending.DONE, True)
        assert action.look(step()).already == "is under maintenance already"
        back = action.undo(step(), result.facts)
        assert back is not None
        assert back.arguments == {"host": "cmp1", "on": False}
        assert action.perform(back, Direct(SystemClock())).ending is Ending.DONE
        assert masakari.host["on_maintenance"] is False
    assert sum(line.startswith("PUT") for line in masakari.asked) == 2


def test_a_flag_that_was_there_before_is_not_taken_away() -> None:
    masakari = Masakari()
    masakari.host["on_maintenance"] = True
    with masakari.action() as action:
        result = action.perform(step(), Direct(SystemClock()))
        assert result.ending is Ending.DONE
        assert action.undo(step(), result.facts) is None
    assert not any(line.startswith("PUT") for line in masakari.asked)


def test_killed_after_the_change_it_still_knows_that_it_made_it() -> None:
    masakari = Masakari()
    with masakari.action() as action:
        first = Direct(SystemClock(), kill_after=1)
        with pytest.raises(Killed):
            action.perform(step(), first)
        assert masakari.host["on_maintenance"] is True
        result = action.perform(step(), Direct(SystemClock(), given=first.records))
        assert (result.ending, result.facts["changed"]) == (Ending.DONE, True)
    assert sum(line.startswith("PUT") for line in masakari.asked) == 1


def test_a_host_that_is_not_watched_needs_nothing() -> None:
    with Masakari().action() as action:
        assert action.look(step("cmp9")).already == "Masakari does not watch it"


def test_a_refusal_is_told_in_its_words() -> None:
    with Masakari(refuses=True).action() as action:
        result = action.perform(step(), Direct(SystemClock()))
    assert result.ending is Ending.FAILED
    assert "in recovery" in result.detail
    assert action.undo(step(), result.facts) is None


def test_a_list_that_is_not_read_is_not_an_unwatched_host() -> None:
    masakari = Masakari()
    with masakari.action() as action:
        masakari.broken = True
        with pytest.raises(Unreachable):
            action.look(step())
