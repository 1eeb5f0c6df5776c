# SPDX-License-Identifier: Apache-2.0
"""How long what was seen is kept."""

from typing import Annotated

import msgspec
from msgspec import Meta


class MemorySettings(msgspec.Struct, frozen=True, kw_only=True):
    """Section `memory`: how long what was seen is kept."""

    survey_retention_days: Annotated[
        int, Meta(ge=1, description="Days that whole surveys are kept; the newest is always kept.")
    ] = 30
    round_retention_days: Annotated[
        int, Meta(ge=1, description="Days that the reports of rounds are kept.")
    ] = 800
