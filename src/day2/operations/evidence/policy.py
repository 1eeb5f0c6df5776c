# SPDX-License-Identifier: Apache-2.0
"""The knobs of evidence: how much is gathered, and how long it may take."""

from typing import Annotated

import msgspec
from msgspec import Meta


class EvidencePolicy(msgspec.Struct, frozen=True, kw_only=True):
    """Section `evidence`, for all clouds or one (`clouds.NAME.evidence`)."""

    folder: Annotated[
        str,
        Meta(description="Where packs are written; empty: `evidence` in the state folder."),
    ] = ""
    seconds_max: Annotated[
        float,
        Meta(
            ge=5,
            description="Seconds that all reading together may take; what is not read then is told "
            "in its section. A cloud of a thousand hosts needs 240.",
        ),
    ] = 45.0
    host_seconds: Annotated[
        float, Meta(ge=2, description="Seconds that one host has to tell what it has.")
    ] = 25.0
    config_folder: Annotated[
        str,
        Meta(description="Where the hosts keep what Kolla-Ansible wrote (`node_config`)."),
    ] = "/etc/kolla"
    lines: Annotated[
        int, Meta(ge=1, le=500, description="Last lines of each container that is not well.")
    ] = 40
    tails_max: Annotated[
        int, Meta(ge=0, le=50, description="Containers of one host whose last lines are read.")
    ] = 8
    files_max: Annotated[
        int, Meta(ge=10, description="Files of the configuration that one host lists.")
    ] = 1000
    rows_max: Annotated[
        int, Meta(ge=10, description="Rows of one table in a section; that more exist is told.")
    ] = 500
    runs_max: Annotated[int, Meta(ge=1, description="Runs of day2 that are told.")] = 20
