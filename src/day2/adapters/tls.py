# SPDX-License-Identifier: Apache-2.0
"""Settings: TLS addresses that no catalogue names."""

from typing import Annotated

import msgspec
from msgspec import Meta


class TlsSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Section `clouds.NAME.tls`: addresses to shake hands with besides those of the catalogue."""

    addresses: Annotated[
        list[str], Meta(description="More TLS addresses to look at, as host:port.")
    ] = []
    ca_file: Annotated[
        str,
        Meta(
            description="CA that must have signed them; empty: the account's cacert. For the "
            "addresses of the catalogue it is as good as that one."
        ),
    ] = ""
