# SPDX-License-Identifier: Apache-2.0
"""Vault's key/value API over a real socket, from a server that speaks what is asked for."""

import json
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import msgspec
import pytest

from day2.adapters.hashicorp import Vault, VaultSettings
from day2.adapters.secrets import SecretRef
from day2.errors import BadAnswer, BadSettings, Day2Error, Denied, Unreachable

TOKEN, SECRET_ID = "t0ken", "s3cret-id"


class Handler(BaseHTTPRequestHandler):
    def log_message(self, *_words: Any) -> None:
        pass

    def do_GET(self) -> None:
        if self.headers["X-Vault-Namespace"] == "sealed":
            self.reply(503, {"errors": ["Vault is sealed"]})
        elif self.headers["X-Vault-Token"] != TOKEN or self.path.endswith("/secretive"):
            self.reply(403, {"errors": ["permission denied"]})
        elif self.path == "/v1/secret/data/kolla/db":
            self.reply(200, {"data": {"data": {"password": "p2"}, "metadata": {"version": 3}}})
        elif self.path == "/v1/old/kolla/db":
            self.reply(200, {"data": {"password": "p1", "number": 5}})
        elif self.path.endswith("/html"):
            self.reply(200, b"<html>not Vault</html>")
        else:
            self.reply(404, {"errors": []})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        known = body == {"role_id": "day2", "secret_id": SECRET_ID}
        if self.path == "/v1/auth/approle/login" and known:
            self.reply(200, {"auth": {"client_token": TOKEN}})
        else:
            self.reply(400, {"errors": ["invalid role or secret ID"]})

    def reply(self, status: int, body: dict[str, Any] | bytes) -> None:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def vault(address: str, **fields: Any) -> Vault:
    given = {"address": address, "token": {"env": "VAULT"}}
    settings = msgspec.convert({**given, **fields}, VaultSettings)
    more = {"LINE": f"{TOKEN}\n", "ODD": f"{TOKEN}\x07{TOKEN}", "FOREIGN": f"{TOKEN}\xe9"}
    return Vault(settings, {"VAULT": TOKEN, "SECRET_ID": SECRET_ID, "OLD": "expired", **more})


def test_both_versions_of_the_engine_are_read(address: str) -> None:
    assert vault(address).get("kolla/db#password") == "p2"
    assert vault(address, kv_version=1, mount="old").get("kolla/db#password") == "p1"


def test_a_token_may_live_in_a_file(address: str, tmp_path: Path) -> None:
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    found = vault(address, token={"file": str(tmp_path / "token")}).get("kolla/db#password")
    assert found == "p2"


def test_an_approle_logs_in(address: str) -> None:
    fields = {"token": None, "role_id": "day2", "secret_id": {"env": "SECRET_ID"}}
    assert vault(address, **fields).get("kolla/db#password") == "p2"


@pytest.mark.parametrize(
    ("fields", "reference", "error"),
    [
        ({}, "kolla/none#password", BadSettings),
        ({}, "kolla/db#user", BadSettings),
        ({"kv_version": 1, "mount": "old"}, "kolla/db#number", BadSettings),
        ({}, "kolla/secretive#password", Denied),
        ({"token": {"env": "OLD"}}, "kolla/db#password", Denied),
        ({"namespace": "sealed"}, "kolla/db#password", Unreachable),
        ({}, "kolla/html#password", BadAnswer),
        ({"token": {"kolla": "vault_token"}}, "kolla/db#password", BadSettings),
        ({"token": None}, "kolla/db#password", BadSettings),
        ({"token": None, "role_id": "x", "secret_id": {"env": "OLD"}}, "a#b", Denied),
        ({"ca_file": "/nowhere.pem"}, "a#b", BadSettings),
        ({"token": {"env": "ODD"}}, "a#b", BadSettings),
        ({"token": {"env": "FOREIGN"}}, "a#b", BadSettings),
        ({"address": "vault.example"}, "a#b", BadSettings),
        ({"address": "https://vault:port"}, "a#b", BadSettings),
    ],
)
def test_a_refusal_has_a_name_and_tells_no_secret(
    address: str, fields: dict[str, Any], reference: str, error: type[Day2Error]
) -> None:
    with pytest.raises(error) as raised:
        vault(**{"address": address, **fields}).get(reference)
    told = f"{raised.value} {raised.value.hint}"
    assert not any(secret in told for secret in (TOKEN, SECRET_ID, "p2", "p1", "expired"))


def test_the_end_of_a_line_is_no_part_of_a_token(address: str) -> None:
    assert vault(address, token={"env": "LINE"}).get("kolla/db#password") == "p2"


def test_a_vault_that_is_not_there_is_unreachable() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        with pytest.raises(Unreachable):
            vault(f"http://127.0.0.1:{free.getsockname()[1]}").get("a#b")


def test_a_setting_shows_references_only() -> None:
    settings = VaultSettings(address="https://v", token=SecretRef(env="VAULT"))
    assert TOKEN not in repr(settings)
