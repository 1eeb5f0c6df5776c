# SPDX-License-Identifier: Apache-2.0
"""One real MariaDB server, started by the test: alone, with TLS, with a certificate of its own."""

import shutil
import socket
import ssl
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from day2.adapters.haproxy import LoadBalancer
from day2.adapters.mariadb import DatabaseServer
from day2.errors import BadAnswer, BadSettings, Denied
from lab.parts.certificates import Authority

PASSWORD = "pa55-word-of-the-test"


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    # Not below pytest's own folder: the server drops root and could not traverse that.
    with tempfile.TemporaryDirectory(dir="/var/tmp") as made:
        Path(made).chmod(0o755)
        yield Path(made)


def authority(folder: Path) -> Authority:
    folder.mkdir()
    return Authority(folder)


@pytest.fixture(scope="module")
def ours(folder: Path) -> Authority:
    return authority(folder / "ca")


@pytest.fixture(scope="module")
def ca(ours: Authority) -> str:
    return str(ours.ca_file)


@pytest.fixture(scope="module")
def bundle(folder: Path, ours: Authority) -> Path:
    file = folder / "server.pem"
    file.write_bytes(ours.server(["127.0.0.1"], 30))
    shutil.chown(file, "mysql", "mysql")
    return file


@pytest.fixture(scope="module")
def server(folder: Path, bundle: Path) -> Iterator[str]:
    data, tmp = folder / "data", folder / "tmp"
    for each in (data, tmp):
        each.mkdir()
        shutil.chown(each, "mysql", "mysql")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    install = ["mariadb-install-db", "--no-defaults", "--user=mysql", f"--datadir={data}"]
    install += ["--skip-test-db", "--skip-name-resolve", f"--tmpdir={tmp}"]
    subprocess.run(install, check=True, capture_output=True)
    first = folder / "first.sql"
    first.write_text(f"CREATE USER monitor@'%' IDENTIFIED BY '{PASSWORD}';\n")
    first.chmod(0o644)
    options = {
        "user": "mysql",
        "datadir": data,
        "tmpdir": tmp,
        "socket": tmp / "s",
        "pid-file": tmp / "pid",
        "log-error": tmp / "log",
        "bind-address": "127.0.0.1",
        "port": port,
        "init-file": first,
        "innodb-buffer-pool-size": "8M",
        "ssl-cert": bundle,
        "ssl-key": bundle,
    }
    words = ["mariadbd", "--no-defaults", *(f"--{k}={v}" for k, v in options.items())]
    with subprocess.Popen(words, stderr=subprocess.DEVNULL) as process:
        deadline = time.monotonic() + 60
        while socket.socket().connect_ex(("127.0.0.1", port)) and time.monotonic() < deadline:
            time.sleep(0.1)
        yield f"127.0.0.1:{port}"
        process.terminate()


def asked(address: str, *, password: str = PASSWORD, ca_file: str = "") -> DatabaseServer:
    return DatabaseServer(address, user="monitor", password=password, ca_file=ca_file)


def test_a_server_alone_is_read_without_any_right(server: str) -> None:
    node = asked(server).read()
    assert (node.reachable, node.wsrep_on, node.cluster_status) == (True, False, None)
    assert "MariaDB" in node.version
    assert node.connections_max
    assert node.uptime_seconds is not None


def test_a_server_of_the_right_authority_is_read_over_tls(server: str, ca: str) -> None:
    assert asked(server, ca_file=ca).read().reachable


def test_a_server_of_another_authority_is_a_gap_not_a_dead_server(
    server: str, tmp_path: Path
) -> None:
    wrong = authority(tmp_path / "other").ca_file
    with pytest.raises(BadAnswer, match="TLS failed"):
        asked(server, ca_file=str(wrong)).read()


def test_a_certificate_of_another_name_is_a_gap(server: str, ca: str) -> None:
    address = server.replace("127.0.0.1", "localhost")
    with pytest.raises(BadAnswer, match="TLS failed"):
        asked(address, ca_file=ca).read()


def test_a_missing_ca_file_is_a_matter_of_settings(server: str) -> None:
    with pytest.raises(BadSettings):
        asked(server, ca_file="/nowhere/ca.pem").read()


def test_a_wrong_password_is_denied_and_not_repeated(server: str) -> None:
    with pytest.raises(Denied) as caught:
        asked(server, password="wrong-password-of-the-test").read()
    assert "wrong-password" not in str(caught.value)


def test_statistics_over_tls_need_their_authority(bundle: Path, ca: str) -> None:
    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = b"# pxname,svname,status,act,bck,lastchg,type,check_status,\n"
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_words: object) -> None:
            pass

    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(bundle)
    with HTTPServer(("127.0.0.1", 0), Page) as http:
        http.socket = context.wrap_socket(http.socket, server_side=True)
        threading.Thread(target=http.serve_forever, daemon=True).start()
        url = f"https://127.0.0.1:{http.server_port}"
        try:
            with pytest.raises(BadAnswer, match="TLS failed"):
                LoadBalancer(url, user="u", password=PASSWORD).read()
            found = LoadBalancer(url, user="u", password=PASSWORD, ca_file=ca).read()
            assert found.endpoint.reachable
        finally:
            http.shutdown()
