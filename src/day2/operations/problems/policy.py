# SPDX-License-Identifier: Apache-2.0
"""The knobs of the known problems."""

from typing import Annotated

import msgspec
from msgspec import Meta


class ProblemPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """Section `problems`, for all clouds or one (`clouds.NAME.problems`)."""

    folder: Annotated[
        str,
        Meta(description="Folder with your own *.yaml of known problems, read before day2's own."),
    ] = ""
    shown_max: Annotated[
        int, Meta(ge=1, description="So many suspects a round and an evidence pack tell of.")
    ] = 5
