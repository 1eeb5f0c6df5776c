# SPDX-License-Identifier: Apache-2.0
"""The knobs of the log review: what is worth a finding, and how many there may be."""

from typing import Annotated

import msgspec
from msgspec import Meta


class LogPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """Section `log_review`, for all clouds or one (`clouds.NAME.log_review`)."""

    since_hours: Annotated[
        float, Meta(gt=0, le=744, description="Hours that the daily round looks back.")
    ] = 24.0
    count_min: Annotated[
        int, Meta(ge=1, description="A new error that was logged less often is info, not warning.")
    ] = 3
    critical_severity: Annotated[
        str,
        Meta(
            pattern="^(warning|critical)$",
            description="What a line of level CRITICAL is: services log so what only they regard "
            "as grave.",
        ),
    ] = "warning"
    burst_ratio: Annotated[
        float,
        Meta(gt=1, description="A known error that is this many times as frequent is a burst."),
    ] = 5.0
    burst_count_min: Annotated[
        int, Meta(ge=1, description="An error that was logged less often is never a burst.")
    ] = 50
    burst_reviews: Annotated[
        int, Meta(ge=1, description="How many earlier reviews a burst is held against.")
    ] = 7
    findings_max: Annotated[
        int, Meta(ge=1, description="More findings than this are told together, in one.")
    ] = 10
    templates_max: Annotated[
        int, Meta(ge=10, description="Templates that one review keeps, worst and newest first.")
    ] = 500
    known_folder: Annotated[
        str,
        Meta(description="Folder with your own noise.yaml, read before day2's own."),
    ] = ""
