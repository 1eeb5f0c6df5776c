# SPDX-License-Identifier: Apache-2.0
"""The knobs of counting usage."""

from typing import Annotated

import msgspec
from msgspec import Meta


class UsagePolicy(msgspec.Struct, frozen=True, kw_only=True):
    """Section `usage`, for all clouds or one (`clouds.NAME.usage`)."""

    disabled_hosts: Annotated[
        str,
        Meta(
            pattern="^(apart|counted)$",
            description="Hosts whose compute service is disabled take no new servers. apart: they "
            "are left out of usable and allocated and shown beside them; counted: they count like "
            "any other.",
        ),
    ] = "apart"
