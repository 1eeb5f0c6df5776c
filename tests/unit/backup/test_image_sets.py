# SPDX-License-Identifier: Apache-2.0
"""Images: each content once in a chain, checked against its hash while it is read."""

import hashlib
import json
import resource
import socket
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from day2.adapters.clock import SystemClock
from day2.adapters.openstack.clouds import Credentials
from day2.adapters.openstack.images import Images
from day2.adapters.openstack.limits import LoadSettings
from day2.adapters.openstack.session import Session
from day2.errors import BadAnswer, Denied, NotVerified, Unreachable
from day2.model.backup import Found, Kind, Method
from day2.operations.backup import work
from day2.operations.backup.chains import parent_for
from day2.operations.backup.takers.images import ImagesTaker, entries
from tests.unit.adapters.wire import serving
from tests.unit.backup.bare_vault import BareVault, draft

CLOCK = SystemClock()
DAY = timedelta(days=1)


class Glance:
    """Keystone's token and Glance's two pages, over real sockets; a test sets what there is."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []
        self.data: dict[str, bytes] = {}
        self.asked: list[str] = []
        self.status: dict[str, str] = {}
        self.cut: dict[str, int] = {}
        self.port = 0
        self.stop_after: dict[str, int] = {}
        self.refuse_token = ""
        self.tokens = 0

    def image(self, own: str, data: bytes, **fields: Any) -> None:
        told = {"os_hash_algo": "sha512", "os_hash_value": hashlib.sha512(data).hexdigest()}
        row = {"id": own, "name": own, "status": "active", "size": len(data), "os_hidden": False}
        self.rows.append({**row, **told, "os_distro": "debian", "locations": ["x"], **fields})
        self.data[own] = data

    def script(self, link: socket.socket) -> None:
        while head := _head(link):
            line = head.split("\r\n", 1)[0]
            method, target, _protocol = line.split(" ")
            path = target.partition("?")[0]
            if path.endswith("/auth/tokens"):
                self.tokens += 1
                self._say(link, self._token(), more=f"X-Subject-Token: t{self.tokens}\r\n",
                          status="201 Created")  # fmt: skip
            elif path.endswith("/file"):
                self._file(link, path.split("/")[-2], head)
                return
            elif "os_hidden=true" in target:
                self._say(link, {"images": [r for r in self.rows if r["os_hidden"]]})
            elif path == "/image/v2/images":
                self._say(link, {"images": [r for r in self.rows if not r["os_hidden"]]})
            else:
                self._say(link, {}, status="404 Not Found")
            assert method in {"GET", "POST"}

    def _file(self, link: socket.socket, own: str, head: str) -> None:
        self.asked.append(own)
        token = head.partition("X-Auth-Token: ")[2].partition("\r\n")[0]
        if token == self.refuse_token:
            self._say(link, {}, status="401 Unauthorized")
            return
        if own in self.status:
            self._say(link, {"message": "no"}, status=self.status[own])
            return
        data = self.data[own]
        length = len(data)
        if own in self.stop_after:
            data = data[: self.stop_after[own]]
        if own in self.cut:
            data, length = data[: self.cut[own]], self.cut[own]
        link.sendall(f"HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n".encode() + data)

    def _say(
        self, link: socket.socket, body: Any, *, status: str = "200 OK", more: str = ""
    ) -> None:
        raw = b"" if status.startswith("204") else json.dumps(body).encode()
        head = f"HTTP/1.1 {status}\r\n{more}Content-Type: application/json\r\n"
        link.sendall(f"{head}Content-Length: {len(raw)}\r\n\r\n".encode() + raw)

    def _token(self) -> dict[str, Any]:
        root = f"http://127.0.0.1:{self.port}"
        url = {"interface": "public", "region": "r", "region_id": "r", "url": f"{root}/image"}
        expires = datetime.now(UTC) + DAY
        return {
            "token": {
                "methods": ["password"],
                "user": {"id": "u", "name": "u", "domain": {"id": "d", "name": "D"}},
                "expires_at": f"{expires:%Y-%m-%dT%H:%M:%S.000000Z}",
                "issued_at": "2026-01-01T00:00:00.000000Z",
                "audit_ids": ["a"],
                "roles": [{"id": "a", "name": "admin"}],
                "project": {"id": "p", "name": "p", "domain": {"id": "d", "name": "D"}},
                "catalog": [{"type": "image", "name": "glance", "id": "g", "endpoints": [url]}],
            }
        }

    def images(self, **limits: Any) -> Images:
        auth = {"auth_url": f"http://127.0.0.1:{self.port}", "username": "u", "password": "p"}
        credentials = Credentials(
            name="c", auth_type="password", auth={**auth, "project_name": "p"}
        )
        settings = LoadSettings(**{"request_seconds_max": 5, **limits})
        return Images(Session(credentials, limits=settings, clock=CLOCK, lasting=True), CLOCK)


def _head(link: socket.socket) -> str:
    """Read one request, its body too; empty when the client left."""
    data = b""
    while b"\r\n\r\n" not in data:
        part = link.recv(65536)
        if not part:
            return ""
        data += part
    head, _blank, body = data.partition(b"\r\n\r\n")
    text = head.decode()
    length = int(text.lower().partition("content-length: ")[2].partition("\r\n")[0] or 0)
    while len(body) < length:
        body += link.recv(65536)
    return text


@pytest.fixture
def glance() -> Iterator[Glance]:
    found = Glance()
    with serving(found.script) as port:
        found.port = port
        yield found


@pytest.fixture
def vault(tmp_path: Path) -> BareVault:
    return BareVault(tmp_path / "vault")


def silent(_text: str) -> None:
    pass


def take(
    vault: BareVault, glance: Glance, name: str, parent: Found | None = None, **limits: Any
) -> Found:
    taker = ImagesTaker(lambda: glance.images(**limits))
    more: dict[str, Any] = {}
    if parent is not None:
        more = {"method": Method.INCREMENT, "parent": parent.manifest.id}
        more["parent_sha256"] = parent.sha256
    return work.take(vault, taker, draft(Kind.IMAGES, name, **more), CLOCK, silent)


def prove(vault: BareVault, glance: Glance, found: Found, folder: Path) -> dict[str, Any]:
    folder.mkdir(exist_ok=True)
    return ImagesTaker(glance.images).prove(vault, found, folder, silent)


def data_files(found: Found) -> int:
    return sum(artefact.of == "data" for artefact in found.manifest.artefacts)


def test_a_set_holds_each_content_once_and_proves_it(
    vault: BareVault, glance: Glance, tmp_path: Path
) -> None:
    glance.image("a", b"one" * 1000)
    glance.image("b", b"one" * 1000, os_hidden=True)
    glance.image("c", b"two" * 1000)
    glance.image("q", b"", status="queued")
    found = take(vault, glance, "images-1")
    assert sorted(glance.asked) == ["a", "c"]
    assert data_files(found) == 2
    assert [entry.id for entry in entries(found)] == ["a", "b", "c"]
    facts = prove(vault, glance, found, tmp_path / "scratch")
    assert facts == {"images": 3, "contents": 2, "bytes": 6000}
    assert list((tmp_path / "scratch").iterdir()) == []


def test_everything_that_glance_says_is_kept_but_where_the_data_are(
    vault: BareVault, glance: Glance, tmp_path: Path
) -> None:
    glance.image("a", b"one")
    found = take(vault, glance, "images-1")
    (metadata,) = [a for a in found.manifest.artefacts if a.of == "metadata"]
    (row,) = json.loads(vault.fetch(found, metadata, tmp_path).read_bytes())
    assert row["os_distro"] == "debian"
    assert "locations" not in row


def test_an_increment_reads_what_is_new_and_proves_the_whole_chain(
    vault: BareVault, glance: Glance, tmp_path: Path
) -> None:
    glance.image("a", b"one")
    first = take(vault, glance, "images-1")
    glance.asked.clear()
    glance.image("b", b"two")
    second = take(vault, glance, "images-2", first)
    glance.rows.pop(0)
    third = take(vault, glance, "images-3", second)
    assert glance.asked == ["b"]
    assert {entry.id: entry.in_set for entry in entries(second)} == {
        "a": "images-1",
        "b": "images-2",
    }
    assert {entry.id: entry.in_set for entry in entries(third)} == {"b": "images-2"}
    assert prove(vault, glance, second, tmp_path / "s")["contents"] == 2
    assert prove(vault, glance, third, tmp_path / "s")["contents"] == 1


def test_damage_in_an_earlier_set_is_found_by_the_later_one(
    vault: BareVault, glance: Glance, tmp_path: Path
) -> None:
    glance.image("a", b"one" * 100)
    first = take(vault, glance, "images-1")
    second = take(vault, glance, "images-2", first)
    (data,) = [a for a in first.manifest.artefacts if a.of == "data"]
    vault.file(first, data).write_bytes(b"two" * 100)
    with pytest.raises(NotVerified):
        prove(vault, glance, second, tmp_path / "s")


def test_data_that_are_not_what_their_hash_says_are_left_out(
    vault: BareVault, glance: Glance
) -> None:
    glance.image("a", b"one")
    glance.image("b", b"two")
    glance.data["b"] = b"TWO"
    found = take(vault, glance, "images-1")
    assert data_files(found) == 1
    assert found.manifest.source["missing"] == ["image b: its data are not what its sha512 says"]
    assert [entry.id for entry in entries(found)] == ["a"]


@pytest.mark.parametrize(
    ("status", "said"), [("404 Not Found", "HTTP 404"), ("204 No Content", "without any data")]
)
def test_an_image_without_data_is_named(
    vault: BareVault, glance: Glance, tmp_path: Path, status: str, said: str
) -> None:
    glance.image("a", b"one")
    glance.image("b", b"two")
    glance.status["b"] = status
    found = take(vault, glance, "images-1")
    (missing,) = found.manifest.source["missing"]
    assert said in missing
    assert prove(vault, glance, found, tmp_path / "s")["images"] == 1


@pytest.mark.parametrize("way", ["cut", "stop_after"])
def test_a_truncated_answer_is_no_image(vault: BareVault, glance: Glance, way: str) -> None:
    """Both a shorter length that is kept, and a longer one that is not, are found out."""
    glance.image("a", b"one" * 100)
    glance.image("b", b"two" * 100)
    getattr(glance, way)["b"] = 150
    found = take(vault, glance, "images-1")
    assert data_files(found) == 1
    assert glance.asked.count("b") == 2
    assert found.manifest.source["missing"][0].startswith("image b:")


def test_no_set_when_glance_does_not_answer(vault: BareVault, glance: Glance) -> None:
    glance.image("a", b"one")
    glance.image("b", b"two")
    glance.status["b"] = "503 Service Unavailable"
    with pytest.raises(Unreachable, match="503"):
        take(vault, glance, "images-1")
    assert vault.sets() == []
    assert list(vault.folder.iterdir()) == []


def test_no_set_when_the_account_may_not_have_the_data(vault: BareVault, glance: Glance) -> None:
    glance.image("a", b"one")
    glance.status["a"] = "403 Forbidden"
    with pytest.raises(Denied) as refused:
        take(vault, glance, "images-1")
    assert "writing" in refused.value.hint


def test_no_set_of_nothing(vault: BareVault, glance: Glance) -> None:
    glance.image("a", b"one")
    glance.status["a"] = "404 Not Found"
    with pytest.raises(Unreachable, match="no image could be had"):
        take(vault, glance, "images-1")


def test_an_image_without_a_hash_is_known_by_its_id(
    vault: BareVault, glance: Glance, tmp_path: Path
) -> None:
    """Nova's snapshots in Ceph are such images."""
    glance.image("a", b"one", os_hash_algo=None, os_hash_value=None, checksum=None)
    glance.image("b", b"one", os_hash_algo=None, os_hash_value=None, checksum=None)
    first = take(vault, glance, "images-1")
    assert data_files(first) == 2
    (entry, _other) = entries(first)
    assert (entry.told, entry.hash) == (False, hashlib.sha512(b"one").hexdigest())
    second = take(vault, glance, "images-2", first)
    assert data_files(second) == 0
    assert prove(vault, glance, second, tmp_path / "s")["contents"] == 2


def test_a_hash_that_is_none_is_not_believed(vault: BareVault, glance: Glance) -> None:
    glance.image("a", b"one", os_hash_value="../../etc/passwd")
    glance.image("b", b"two", os_hash_algo="shake_128")
    found = take(vault, glance, "images-1")
    assert [entry.content for entry in entries(found)] == ["id:a", "id:b"]


def test_a_token_that_is_refused_meanwhile_is_renewed(vault: BareVault, glance: Glance) -> None:
    glance.image("a", b"one")
    glance.refuse_token = "t1"
    found = take(vault, glance, "images-1")
    assert glance.asked == ["a", "a"]
    assert data_files(found) == 1


def test_an_image_is_never_whole_in_memory(glance: Glance) -> None:
    glance.image("a", bytes(1 << 20) * 96)
    glance.image("b", b"two")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    took = [len(part) for part in glance.images(answer_mib_max=1).data("a", 96 << 20)]
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert sum(took) == 96 << 20
    assert max(took) <= 1 << 20
    # KiB; the server of this test is in the same process, and has its copy already.
    assert after - before < 160 << 10
    with pytest.raises(BadAnswer, match="more than"):
        list(glance.images().data("b", 2))


def chained(vault: BareVault, glance: Glance, count: int) -> Callable[[int], Found | None]:
    glance.image("a", b"one")
    found: Found | None = None
    for number in range(count):
        found = take(vault, glance, f"images-{number}", found)
    return lambda longest: parent_for(vault.sets(), Kind.IMAGES, longest)


def test_a_chain_ends_after_its_last_increment(vault: BareVault, glance: Glance) -> None:
    parent = chained(vault, glance, 3)
    assert parent(0) is None
    assert parent(2) is None
    found = parent(3)
    assert found is not None
    assert found.manifest.id == "images-2"


def test_nothing_is_built_on_a_chain_that_does_not_hold(vault: BareVault, glance: Glance) -> None:
    parent = chained(vault, glance, 2)
    (vault.folder / "images-0" / "manifest.json").unlink()
    assert parent(8) is None
