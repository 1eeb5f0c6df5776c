# SPDX-License-Identifier: Apache-2.0
"""How hard day2 may lean on one cloud; a sick API is not finished off by its doctor."""

from typing import Annotated

import msgspec
from msgspec import Meta


class LoadSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Section `load`: bounds on reading, for all clouds or one (`clouds.NAME.load`)."""

    requests_per_service_max: Annotated[
        int, Meta(ge=1, le=64, description="Requests in flight to one service at the same time.")
    ] = 4
    request_seconds_max: Annotated[
        float, Meta(gt=0, description="Seconds for one whole request, headers and body.")
    ] = 20.0
    kind_seconds_max: Annotated[
        float, Meta(gt=0, description="Seconds for all pages of one list (servers, ports, ...).")
    ] = 45.0
    answer_mib_max: Annotated[
        int, Meta(ge=1, description="Largest answer accepted to one request, unpacked, in MiB.")
    ] = 64
    rows_max: Annotated[
        int,
        Meta(
            ge=1,
            description="Most rows accepted of one list, and objects of one answer: the guard "
            "against endless lists.",
        ),
    ] = 400_000
    page_rows: Annotated[
        int, Meta(ge=1, description="Rows asked for per page where the API pages on request.")
    ] = 1000
    failures_max: Annotated[
        int,
        Meta(
            ge=1, description="Requests that a service may leave unanswered before it is let alone."
        ),
    ] = 2
    per_item_requests_max: Annotated[
        int,
        Meta(ge=0, description="Most requests for a list that needs one per item (quotas, users)."),
    ] = 5000
    migrations_days: Annotated[
        int, Meta(ge=1, description="How far back migrations are listed, in days.")
    ] = 30
