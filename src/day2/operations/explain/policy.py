# SPDX-License-Identifier: Apache-2.0
"""The knobs of explaining."""

from typing import Annotated

import msgspec
from msgspec import Meta

# Nova's own default since 2023.1; Kolla-Ansible sets none.
FILTERS = (
    "ComputeFilter",
    "ComputeCapabilitiesFilter",
    "ImagePropertiesFilter",
    "ServerGroupAntiAffinityFilter",
    "ServerGroupAffinityFilter",
)


class ExplainPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """Section `explain`, for all clouds or one (`clouds.NAME.explain`)."""

    scheduler_filters: Annotated[
        list[str],
        Meta(
            description="Filters that nova-scheduler has enabled ([filter_scheduler] "
            "enabled_filters of nova.conf); no API tells them. The default is Nova's own."
        ),
    ] = msgspec.field(default_factory=lambda: list(FILTERS))
    events_max: Annotated[
        int, Meta(ge=1, description="Moments of a story that are shown, the newest.")
    ] = 20
    log_hours: Annotated[
        int,
        Meta(
            ge=1,
            description="Hours of logs that a request is looked for in, where nothing says "
            "when it was.",
        ),
    ] = 24
    log_lines_max: Annotated[
        int, Meta(ge=1, description="Lines of the requests of a story that one host gives at most.")
    ] = 1000
    requests_max: Annotated[
        int, Meta(ge=1, description="Requests of one story that are followed through the logs.")
    ] = 8
