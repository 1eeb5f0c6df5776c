# SPDX-License-Identifier: Apache-2.0
"""`init` and `doctor`: what runs before there are settings, or while they are wrong."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from day2.adapters.clock import SystemClock
from day2.settings import search_path
from day2.wiring.sections import OF_A_CLOUD, SCHEMA, SHARED, CloudSettings
from day2.wiring.site import Site

if TYPE_CHECKING:
    from day2.model.examination import Examination
    from day2.operations.setup.discover import Wanted
    from day2.operations.setup.procedure import Written

Progress = Callable[[str, int, int], None]


def initialise(wanted: "Wanted", *, config: str | None, output: str, force: bool) -> "Written":
    """Find what is there and write the settings file; needs no settings.

    Raises:
        BadSettings, BadUsage: when nothing usable was found, or the file cannot be written.

    """
    from day2.operations.setup import procedure

    return procedure.run(
        wanted,
        path=Path(output or search_path(config, os.environ)[0]).expanduser().absolute(),
        config=config,
        force=force,
        schema=SCHEMA,
        of_a_cloud=OF_A_CLOUD,
        environment=os.environ,
        now=SystemClock().now(),
    )


def examine(config: str | None, cloud: str | None, progress: Progress) -> "Examination":
    """Try everything that day2 needs, for one cloud or all of them; wrong settings are an item."""
    from day2.operations.setup import examination
    from day2.wiring.sandbox import load_settings

    wanted = cloud or os.environ.get("DAY2_CLOUD")
    plan = examination.Plan(
        load=lambda: load_settings(config, wanted, os.environ),
        open_site=lambda settings, name: Site(settings, cloud=name),
        of_a_cloud={**OF_A_CLOUD, "": CloudSettings},
        shared=SHARED,
        looked=search_path(config, os.environ),
        environment=os.environ,
        clock=SystemClock(),
        progress=progress,
    )
    return examination.run(plan, wanted)
