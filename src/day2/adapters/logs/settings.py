# SPDX-License-Identifier: Apache-2.0
"""Settings: where the services' logs of one cloud are read."""

from typing import Annotated

import msgspec
from msgspec import Meta

from day2.adapters.secrets import SecretRef


class OpenSearchSettings(msgspec.Struct, frozen=True, kw_only=True):
    """OpenSearch or Elasticsearch, as Kolla's central logging fills it."""

    address: Annotated[
        str, Meta(description="Its URL, https://VIP:9200; empty: there is no central logging.")
    ] = ""
    user: Annotated[str, Meta(description="Empty: without an account.")] = ""
    password: Annotated[
        SecretRef | None, Meta(description="Where the password of that account lives.")
    ] = None
    ca_file: Annotated[
        str, Meta(description="CA of the address; empty: the system's own authorities.")
    ] = ""
    index: Annotated[
        str,
        Meta(
            pattern="^[^/?#\\s]+$",
            description="The indices of Kolla's logs (`opensearch_log_index_prefix`).",
        ),
    ] = "flog-*"
    events_max: Annotated[
        int, Meta(ge=1, description="Error lines read at most; that there were more is a gap.")
    ] = 50_000


class LogSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Section `clouds.NAME.logs`."""

    source: Annotated[
        str,
        Meta(
            pattern="^(auto|files|containers|opensearch|none)$",
            description="auto: OpenSearch where an address is set, else the files of every host, "
            "or what its containers printed where the folder does not exist; none: no review.",
        ),
    ] = "auto"
    folder: Annotated[
        str, Meta(description="Where the hosts keep the files of Kolla's services.")
    ] = "/var/log/kolla"
    seconds_max: Annotated[
        float,
        Meta(gt=0, description="Seconds for all hosts, or for OpenSearch; the rest is a gap."),
    ] = 45.0
    host_seconds: Annotated[
        float, Meta(gt=0, description="Seconds that one host reads; the files left are a gap.")
    ] = 30.0
    host_read_mib_max: Annotated[
        int, Meta(ge=1, description="MiB of logs that one host reads at most.")
    ] = 4096
    host_answer_kib_max: Annotated[
        int, Meta(ge=16, le=8192, description="KiB, packed, that one host answers at most.")
    ] = 2048
    opensearch: OpenSearchSettings = msgspec.field(default_factory=OpenSearchSettings)

    @property
    def from_opensearch(self) -> bool:
        """Tell whether the logs come from OpenSearch."""
        return self.source == "opensearch" or (
            self.source == "auto" and bool(self.opensearch.address)
        )
