# SPDX-License-Identifier: Apache-2.0
"""A change is sent once: whatever becomes of it, it is never repeated by itself."""

import json
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from day2.adapters.clock import SystemClock
from day2.adapters.openstack.clouds import Credentials
from day2.adapters.openstack.compute import Compute
from day2.adapters.openstack.limits import LoadSettings
from day2.adapters.openstack.session import Session
from day2.adapters.openstack.single import Said
from day2.errors import BadAnswer, Day2Error, Denied, NotDeployed, Unreachable
from tests.unit.adapters.wire import serving

Asked = list[str]
TOKEN = {
    "token": {
        "methods": ["password"],
        "user": {"id": "u", "name": "admin", "domain": {"id": "default", "name": "Default"}},
        "project": {"id": "p", "name": "admin", "domain": {"id": "default", "name": "Default"}},
        "roles": [{"id": "r", "name": "admin"}],
        "expires_at": "2999-01-01T00:00:00.000000Z",
        "issued_at": "2020-01-01T00:00:00.000000Z",
    }
}


def reply(status: str, body: str = "", *more: str) -> bytes:
    head = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *more]
    return ("\r\n".join(head) + f"\r\n\r\n{body}").encode()


@contextmanager
def compute(
    answer: Callable[[str], bytes | None], *, version: str = "2.96", role: str = "admin"
) -> Iterator[tuple[Compute, Asked]]:
    """Serve identity and compute; `answer` says what a request line gets, None: a closed door."""
    asked: Asked = []
    tokens = iter(range(100))

    def script(link: socket.socket) -> None:
        while data := _request(link):
            line = data.split(b"\r\n", 1)[0].decode().removesuffix(" HTTP/1.1")
            port = link.getsockname()[1]
            if line.startswith("POST /v3/auth/tokens"):
                found = json.loads(json.dumps(TOKEN))
                found["token"]["roles"][0]["name"] = role
                url = f"http://127.0.0.1:{port}/v2.1"
                endpoint = {"interface": "public", "region": "R", "region_id": "R", "url": url}
                entry = {"type": "compute", "name": "nova", "endpoints": [endpoint]}
                found["token"]["catalog"] = [entry]
                token = f"X-Subject-Token: t{next(tokens)}"
                link.sendall(reply("201 Created", json.dumps(found), token))
                continue
            if line == "GET /":
                rows = [{"id": "v2.1", "version": version, "status": "CURRENT"}]
                link.sendall(reply("200 OK", json.dumps({"versions": rows})))
                continue
            asked.append(line)
            said = answer(line)
            if said is None:
                return
            link.sendall(said)

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
        yield Compute(session, SystemClock()), asked


def _request(link: socket.socket) -> bytes:
    data = b""
    while b"\r\n\r\n" not in data:
        part = link.recv(65536)
        if not part:
            return b""
        data += part
    head, _blank, body = data.partition(b"\r\n\r\n")
    wanted = next(
        (int(row.split(b":")[1]) for row in head.split(b"\r\n") if row.startswith(b"Content-Len")),
        0,
    )
    while len(body) < wanted:
        body += link.recv(65536)
    return head


MOVE = "POST /v2.1/servers/s/action"


@pytest.mark.parametrize(
    ("answer", "failure"),
    [
        (None, Unreachable),
        (reply("503 Service Unavailable"), Unreachable),
        (reply("429 Too Many Requests"), Unreachable),
        (b"garbage\r\n\r\n", BadAnswer),
        (reply("302 Found", "", "Location: /elsewhere"), BadAnswer),
        (reply("403 Forbidden", '{"forbidden": {"message": "no"}}'), Denied),
    ],
)
def test_a_change_that_fails_is_sent_once(answer: bytes | None, failure: type[Day2Error]) -> None:
    with compute(lambda _line: answer) as (nova, asked):
        with pytest.raises(failure) as caught:
            nova.act("s", "migrate")
        assert asked == [MOVE]
        assert "secret" not in str(caught.value)


def test_silence_ends_in_time() -> None:
    with compute(lambda _line: b"") as (nova, asked), pytest.raises(Unreachable, match="in time"):
        nova.act("s", "migrate")
    assert asked == [MOVE]


def test_a_refused_token_is_renewed_because_the_service_has_seen_nothing() -> None:
    answers = iter([reply("401 Unauthorized"), reply("202 Accepted")])
    with compute(lambda _line: next(answers)) as (nova, asked):
        assert nova.act("s", "migrate").ok
    assert asked == [MOVE, MOVE]


def test_a_refusal_is_an_answer() -> None:
    body = '{"badRequest": {"code": 400, "message": "No valid host was found."}}'
    with compute(lambda _line: reply("400 Bad Request", body)) as (nova, _asked):
        said = nova.act("s", "migrate")
    assert said == Said(status=400, message="No valid host was found.")
    assert (said.ok, str(said)) == (False, "HTTP 400 (No valid host was found.)")


def test_gone_is_said_by_the_service_itself() -> None:
    absent = '{"itemNotFound": {"code": 404, "message": "Instance s could not be found."}}'
    with compute(lambda _line: reply("404 Not Found", absent)) as (nova, _asked):
        assert nova.server("s") is None
    page = '{"message": "The resource could not be found.", "code": "404 Not Found"}'
    for body in (page, "<html>haproxy</html>", ""):
        with (
            compute(lambda _line, body=body: reply("404 Not Found", body)) as (nova, _asked),  # type: ignore[misc]
            pytest.raises(NotDeployed),
        ):
            nova.server("s")


def test_to_who_may_not_see_it_a_404_proves_nothing() -> None:
    absent = '{"itemNotFound": {"code": 404, "message": "Instance s could not be found."}}'
    with (
        compute(lambda _line: reply("404 Not Found", absent), role="reader") as (nova, _asked),
        pytest.raises(Denied, match="whether it is there is not known"),
    ):
        nova.server("s")


def test_a_server_of_a_dead_cell_is_not_read() -> None:
    body = '{"server": {"id": "s", "status": "UNKNOWN", "tenant_id": "p"}}'
    with (
        compute(lambda _line: reply("200 OK", body)) as (nova, _asked),
        pytest.raises(Unreachable, match="its cell does not answer"),
    ):
        nova.server("s")


def test_the_servers_of_a_host_in_a_dead_cell_are_not_none() -> None:
    service = '{"services": [{"binary": "nova-compute", "host": "h", "status": "UNKNOWN"}]}'
    with (
        compute(lambda _line: reply("200 OK", service)) as (nova, asked),
        pytest.raises(Unreachable, match="cell"),
    ):
        nova.servers_on("h")
    assert len(asked) == 1


def test_an_older_cloud_is_not_changed() -> None:
    with (
        compute(lambda _line: reply("202 Accepted"), version="2.93") as (nova, asked),
        pytest.raises(NotDeployed, match=r"2\.95"),
    ):
        nova.act("s", "migrate")
    assert asked == []


def test_an_id_cannot_leave_its_place_in_the_path() -> None:
    with compute(lambda _line: reply("202 Accepted")) as (nova, asked):
        nova.act("../os-services/x?y=1", "migrate")
    assert asked == ["POST /v2.1/servers/..%2Fos-services%2Fx%3Fy%3D1/action"]


READ = "GET /v2.1/servers/s"


def test_a_read_that_met_the_end_of_a_kept_connection_is_asked_on_a_new_one() -> None:
    """Seen on a busy service: it closed what was idle just as the next request came in."""
    told = {"id": "s", "status": "ACTIVE", "tenant_id": "p", "OS-EXT-STS:vm_state": "active"}
    body = json.dumps({"server": told})
    answers = iter([None, reply("200 OK", body)])
    with compute(lambda _line: next(answers)) as (nova, asked):
        found = nova.server("s")
    assert found is not None
    assert found.status == "ACTIVE"
    assert asked == [READ, READ]


def test_a_new_connection_that_ends_without_an_answer_is_not_tried_again() -> None:
    with (
        compute(lambda _line: None) as (nova, asked),
        pytest.raises(Unreachable, match="closed without an answer"),
    ):
        nova.server("s")
    assert asked == [READ, READ]


def test_when_all_kept_connections_have_ended_one_new_one_is_enough() -> None:
    body = '{"server": {"id": "s", "status": "ACTIVE", "OS-EXT-STS:vm_state": "active"}}'
    both = threading.Barrier(2)
    # Each connection has a thread of its own: it answers one read, and ends with the next.
    mine = threading.local()

    def answer(_line: str) -> bytes | None:
        if getattr(mine, "answered", False):
            return None
        mine.answered = True
        if not both.broken and len(asked) <= 2:
            both.wait(timeout=5)
        return reply("200 OK", body)

    with compute(answer) as (nova, asked):
        with ThreadPoolExecutor(2) as pool:
            first = [pool.submit(nova.server, "s") for _ in range(2)]
            assert all(one.result() for one in first)
        assert nova.server("s") is not None
    assert len(asked) == 4
