# SPDX-License-Identifier: Apache-2.0
"""What guests print: CirrOS and cloud-init speak of the network, others do not."""

import pytest

from day2.operations.smoke.actions.cloud import Word
from day2.operations.smoke.actions.console import word

ADDRESS = "10.0.0.12"
CIRROS = """udhcpc: lease of 10.0.0.12 obtained, lease time 86400
checking http://169.254.169.254/2009-04-04/instance-id
successful after 1/20 tries: up 2.16. iid=i-00000001"""
CLOUD_INIT = """ci-info: | eth0 | True | 10.0.0.12 | 255.255.255.0 | global |
Cloud-init v. 24.1 finished. Datasource DataSourceOpenStackLocal [net,ver=2].  Up 9.1 seconds"""


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (CIRROS, Word(dhcp=True, metadata=True)),
        (CLOUD_INIT, Word(dhcp=True, metadata=True)),
        (
            "udhcpc: lease of 10.0.0.12 obtained\nfailed 20/20: up 32.1.",
            Word(dhcp=True, metadata=False),
        ),
        ("failed 3/20: up 4.1. request failed", Word()),
        ("udhcpc: no lease, failing\nfailed 20/20: up 32.", Word(dhcp=False, metadata=False)),
        ("Cloud-init finished. Datasource DataSourceNone.", Word(metadata=False)),
        # The address of another: 110.0.0.12, 10.0.0.123.
        ("lease of 110.0.0.12, 10.0.0.123", Word()),
        ("FAKE CONSOLE OUTPUT\nANOTHER\nLAST LINE", Word()),
        ("", Word()),
    ],
)
def test_only_the_guests_own_word_counts(text: str, said: Word) -> None:
    assert word(text, ADDRESS) == said
