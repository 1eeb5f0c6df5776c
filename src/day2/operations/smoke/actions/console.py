# SPDX-License-Identifier: Apache-2.0
"""What the console of a guest says of DHCP and metadata; only CirrOS and cloud-init speak of it.

The text is the guest's: it is looked through, never kept and never shown.
"""

import re

from day2.operations.smoke.actions.cloud import Word

# CirrOS: `successful after 1/20 tries: up 2.16. iid=i-00000001`, and `failed 20/20: up 32.1.`
_CIRROS = re.compile(r"successful after \d+/\d+ tries: up")
_CIRROS_FAILED = re.compile(r"failed (\d+)/\1: up|no results found for mode=net")
# cloud-init names its source; without metadata it falls back to none at all.
_CLOUD_INIT = re.compile(r"Datasource DataSource(?:OpenStack|Ec2)\w*")
_CLOUD_INIT_FAILED = re.compile(r"Datasource DataSourceNone")
_NO_LEASE = re.compile(r"(?i)no lease, failing|dhcp failed|DHCPDISCOVER.*giving up")


def word(text: str, address: str) -> Word:
    """Read a console; `address` is the one that DHCP should have brought."""
    lease: bool | None = None
    if address and re.search(rf"(?<![\d.]){re.escape(address)}(?![\d.])", text):
        lease = True
    elif _NO_LEASE.search(text):
        lease = False
    metadata: bool | None = None
    if _CIRROS.search(text) or _CLOUD_INIT.search(text):
        metadata = True
    elif _CIRROS_FAILED.search(text) or _CLOUD_INIT_FAILED.search(text):
        metadata = False
    return Word(dhcp=lease, metadata=metadata)
