# SPDX-License-Identifier: Apache-2.0
"""Certificates that HAProxy really serves, endpoints of services that are really stopped."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from day2.adapters.openstack.clouds import Credentials
from day2.adapters.openstack.limits import LoadSettings
from day2.adapters.openstack.session import Session
from day2.adapters.tls import TlsSettings
from day2.survey.endpoints import EndpointReader
from day2.survey.lanes import Job
from lab.cloud import Cloud
from lab.facts import PORTS
from lab.parts import running
from lab.parts.tls import Tls
from lab.place import Place
from lab.processes import listening, wait_for
from tests.lab.lean import each
from tests.lab.plane import CLOCK, settles
from tests.lab.program import Program, grave

# The lab starts daemons that outlive it, and asks servers that are not there yet.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

SERVICES = {
    "keystone": ("identity", "servers"),
    "placement": ("placement", "providers"),
    "nova-api": ("compute", "servers"),
    "neutron-server": ("network", "ports"),
    "glance-api": ("image", "images"),
    "cinder-api": ("block-storage", "volumes"),
    "heat-api": ("orchestration", "stacks"),
}


@pytest.fixture(scope="module")
def part(place: Place) -> Iterator[Tls]:
    with running(Tls(place)) as tls:
        yield tls


@pytest.fixture
def tls(part: Tls) -> Iterator[Tls]:
    yield part
    part.restore()


def reader(part: Tls) -> Callable[[], list[Job]]:
    """Look at the addresses alone: without an account, so that no catalogue is read."""
    told: dict[str, Any] = dict(part.describe())
    addresses = [f"{told['host']}:{port}" for port in told["ports"].values()]
    settings = TlsSettings(addresses=addresses, ca_file=told["ca_file"])
    account = {"auth_url": "http://127.0.0.1:9", "username": "nobody", "password": "none"}
    nobody = Credentials(name="lab", auth_type="password", auth=account)

    def jobs() -> list[Job]:
        session = Session(nobody, limits=LoadSettings(), clock=CLOCK)
        return EndpointReader(session, tls=settings, clock=CLOCK).jobs(("certificates",))

    return jobs


def test_good_certificates_are_well(tls: Tls) -> None:
    survey = settles(reader(tls), {}, set())
    assert len(survey.tables.certificates) == len(tls.ports)
    for certificate in survey.tables.certificates:
        assert (certificate.trusted, certificate.name_matches) == (True, True)
        assert "localhost" in certificate.names


@pytest.mark.parametrize(
    ("days", "severity"), [(20.0, "warning"), (3.0, "critical"), (-1.0, "critical")]
)
def test_one_short_certificate_on_every_port_is_one_finding(
    tls: Tls, days: float, severity: str
) -> None:
    tls.use(days_left=days)
    settles(reader(tls), {"certificate.expires:certificate:localhost": severity}, set())


def test_a_certificate_for_another_host_is_one_finding(tls: Tls) -> None:
    tls.wrong_name()
    key = "certificate.name_mismatch:certificate:other.lab.test"
    settles(reader(tls), {key: "critical"}, set())


def test_a_certificate_without_its_chain_is_untrusted(tls: Tls) -> None:
    tls.incomplete_chain()
    settles(reader(tls), {"certificate.untrusted:certificate:localhost": "critical"}, set())


def test_a_certificate_that_nobody_signed_is_untrusted(tls: Tls) -> None:
    tls.use(self_signed=True)
    settles(reader(tls), {"certificate.untrusted:certificate:localhost": "critical"}, set())


@pytest.fixture
def killed(cloud: Cloud, request: pytest.FixtureRequest) -> Iterator[str]:
    name = str(request.param)
    cloud.kill(name)
    yield name
    cloud.start(name)
    port = cloud.place.port(PORTS[name])
    wait_for(lambda: listening(port), f"{name} to listen again", seconds=60)
    wait_for(cloud.ready, "the cloud to be whole again", seconds=60, every=1)


@pytest.mark.parametrize("killed", each(SERVICES), indirect=True)
def test_a_stopped_service_is_one_critical_finding_and_gaps(killed: str, program: Program) -> None:
    service, kind = SERVICES[killed]
    report = program.report()
    # Where all of the lab shares two processors, those that answer may be slow, and that is told.
    told = [key for key in grave(report) if not key.startswith("api.slow:")]
    assert told == [f"api.down:service:{service}"]
    assert grave(report)[f"api.down:service:{service}"]["severity"] == "critical"
    assert kind in {gap["kind"] for gap in report["gaps"]}
    if killed == "keystone":
        folded = {finding["key"] for finding in report["folded"]}
        assert "identity.token.failed:service:identity" in folded
