# SPDX-License-Identifier: Apache-2.0
"""A past for Prometheus: series of many days, made into blocks by promtool."""

import math
import time
from collections.abc import Iterator
from pathlib import Path

from lab.parts.tools import run

METRIC = "lab_history_used_ratio"
DAY = 86_400
# Blocks of two hours reread the whole text for each of them; weeks are made in one go.
BLOCK = "168h"
QUIET_SECONDS = 3 * 3600
"""The past ends this long ago: the running server's own newest samples must not meet it."""


def value_at(seconds: float, number: int) -> float:
    """Return the value of one series so many seconds after the beginning of its history.

    It grows by one percent of itself a day, and breathes by the week.
    """
    week = math.sin(2 * math.pi * seconds / (7 * DAY))
    return round((0.2 + 0.01 * number) * (1 + 0.01 * seconds / DAY) + 0.02 * week, 6)


def write(file: Path, *, days: int, series: int, step_seconds: int) -> tuple[float, float]:
    """Write the OpenMetrics text; returns the first and the last moment."""
    last = int((time.time() - QUIET_SECONDS) // step_seconds * step_seconds)
    first = last - days * DAY
    with file.open("w") as text:
        text.writelines(_lines(first, last, series, step_seconds))
    return float(first), float(last)


def _lines(first: int, last: int, series: int, step_seconds: int) -> Iterator[str]:
    yield f"# TYPE {METRIC} gauge\n"
    for number in range(series):
        label = f'{METRIC}{{series="{number}"}}'
        for moment in range(first, last + 1, step_seconds):
            yield f"{label} {value_at(moment - first, number)} {moment}\n"
    yield "# EOF\n"


def make_blocks(file: Path, folder: Path) -> None:
    """Turn the text into blocks inside a server's folder; the server must not run."""
    run(
        [
            *("promtool", "tsdb", "create-blocks-from", "openmetrics"),
            *(f"--max-block-duration={BLOCK}", "--quiet", file, folder),
        ]
    )
