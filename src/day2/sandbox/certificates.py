# SPDX-License-Identifier: Apache-2.0
"""The certificate of the TLS port: made when the sandbox goes up, by an authority of its own."""

import ssl
from datetime import datetime
from pathlib import Path

from day2.adapters import authority
from day2.sandbox import place
from day2.sandbox.scenario import Scenario
from day2.sandbox.timing import span

NAME, ADDRESS = "sandbox.example.org", "127.0.0.1"
CA_FILE, CERTIFICATE_FILE = "ca.pem", "tls.pem"


def write(folder: Path, scenario: Scenario, at: datetime) -> ssl.SSLContext:
    """Write the authority's certificate for clients; return what the port is served with."""
    told = scenario.certificate
    not_after = (
        at + span(told.expires_in) if told.expired_for is None else at - span(told.expired_for)
    )
    issued = authority.issue(NAME, ADDRESS, now=at, not_after=not_after)
    place.write_private(folder / CA_FILE, issued.ca)
    own = folder / CERTIFICATE_FILE
    place.write_private(own, issued.certificate + issued.key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(own)
    return context
