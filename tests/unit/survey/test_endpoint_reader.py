# SPDX-License-Identifier: Apache-2.0
import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import msgspec
import pytest

from day2.adapters.clock import SystemClock
from day2.adapters.openstack.clouds import Credentials
from day2.adapters.openstack.limits import LoadSettings
from day2.adapters.openstack.session import Session
from day2.adapters.tls import TlsSettings
from day2.survey.endpoints import Endpoint, EndpointReader, _merged, root_of
from day2.survey.read import SurveySettings, read
from lab.parts.certificates import Authority


@pytest.mark.parametrize(
    ("url", "root"),
    [
        ("http://h:5000/v3", "http://h:5000/"),
        ("http://h:5000", "http://h:5000/"),
        ("http://h/identity/v3/", "http://h/identity/"),
        ("http://h:8774/v2.1/", "http://h:8774/"),
        ("http://h:8774/v2.1/0123abc", "http://h:8774/"),
        ("http://h:8776/v3/%(tenant_id)s", "http://h:8776/"),
        ("http://h:8776/v3/$(project_id)s", "http://h:8776/"),
        ("http://h/volume/v3/%(project_id)s", "http://h/volume/"),
        ("http://h:8780", "http://h:8780/"),
        ("http://h/placement", "http://h/placement/"),
        ("http://h:8080/swift/v1/AUTH_%(project_id)s", "http://h:8080/swift/"),
        ("http://h:9292/AUTH_%(project_id)s", "http://h:9292/"),
        ("http://h:9311?x=1#y", "http://h:9311/"),
        ("http://h/vault", "http://h/vault/"),
    ],
)
def test_the_root_has_neither_version_nor_project(url: str, root: str) -> None:
    assert root_of(url) == root


def test_interfaces_and_services_that_share_a_url_are_one_address() -> None:
    known = [
        ("compute_legacy", "public", "http://h:1/v2/p"),
        ("compute", "public", "http://h:1/v2.1"),
        ("compute", "internal", "http://h:1/v2.1/%(tenant_id)s"),
        ("compute", "admin", "http://other:1/v2.1"),
    ]
    assert _merged(known) == [
        Endpoint(url="http://h:1/", service_type="compute", interfaces=["internal", "public"]),
        Endpoint(url="http://other:1/", service_type="compute", interfaces=["admin"]),
    ]


@pytest.mark.parametrize(("named", "trusted"), [("", False), ("ca_file", True)])
@pytest.mark.parametrize("account", ["its own", "the usual"])
def test_an_address_of_the_catalogue_may_have_the_authority_of_the_settings(
    tmp_path: Path, named: str, account: str, *, trusted: bool
) -> None:
    folders = [tmp_path / "public", tmp_path / "internal"]
    for folder in folders:
        folder.mkdir()
    public, internal = map(Authority, folders)
    bundle = tmp_path / "server.pem"
    bundle.write_bytes(public.server(["127.0.0.1"], 90))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(bundle)
    server = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    credentials = Credentials(
        name="c",
        auth_type="password",
        auth={
            "auth_url": f"https://127.0.0.1:{server.server_port}/v3",
            "username": "u",
            "password": "p",
        },
        verify=str(internal.ca_file) if account == "its own" else True,
    )
    load, clock = LoadSettings(request_seconds_max=3), SystemClock()
    tls = TlsSettings(ca_file=str(public.ca_file) if named else "")
    reader = EndpointReader(Session(credentials, limits=load, clock=clock), tls=tls, clock=clock)
    jobs = [msgspec.structs.replace(job, after=()) for job in reader.jobs(["certificates"])]
    try:
        found = read(jobs, cloud="c", region="", clock=clock, load=load, settings=SurveySettings())
    finally:
        server.shutdown()
        server.server_close()
    assert [row.trusted for row in found.tables.certificates] == [trusted]
